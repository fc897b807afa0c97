"""Requests as a server remembers them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from decoct.testing.manner import Body
from decoct.testing.wire import Headers, Received


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came.

    Attributes:
        method: such as `POST`.
        path: with its query.
        headers: found whatever their case.
        body: the JSON object that it holds, empty where it holds none.
        at_s: seconds after the server's start.
    """

    method: str
    path: str
    headers: Headers
    body: Body
    at_s: float


def read(received: Received, at_s: float) -> Recorded:
    """Return what a request says."""
    try:
        body = json.loads(received.body) if received.body else {}
    except ValueError:  # a form, or no JSON
        body = {}
    return Recorded(
        received.method,
        received.target,
        received.headers,
        body if isinstance(body, dict) else {},
        at_s,
    )

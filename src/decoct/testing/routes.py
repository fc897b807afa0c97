"""Which endpoint a path means, in OpenAI's form and in Azure's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote

from decoct.testing.faults import Fault, status

_PLACE = re.compile(
    r"(?P<root>/v1|/openai/v1|/openai)"
    r"(?:/deployments/(?P<deployment>[^/]+))?"
    r"/(?P<kind>chat/completions|files|batches)"
    r"(?:/(?P<id>[^/]+)(?:/(?P<action>content|cancel))?)?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes.

    Attributes:
        kind: the endpoint.
        deployment: Azure's name for the model, where the path has it.
        id: of a file or a batch, else empty.
        action: what is to be done with it, else empty.
        query: what stands behind the question mark.
    """

    kind: Literal["chat/completions", "files", "batches"]
    deployment: str = ""
    id: str = ""
    action: str = ""
    query: dict[str, str] = field(default_factory=dict)


_CHAT = Place("chat/completions")


def find(target: str) -> Place | Fault:
    """Return the place that a request's target means, or the 404 of one that means none."""
    if target == "/v1/chat/completions":
        return _CHAT
    path, _, query = target.partition("?")
    found = _PLACE.fullmatch(path)
    asked = dict(parse_qsl(query))
    if found is None or not _is_whole(found, asked):
        return status(404, message="no such path")
    return Place(
        found["kind"],  # type: ignore[arg-type]  # one of the three, as the pattern says
        unquote(found["deployment"] or ""),
        unquote(found["id"] or ""),
        found["action"] or "",
        asked,
    )


def _is_whole(found: re.Match[str], query: dict[str, str]) -> bool:
    """Whether the parts fit: Azure's own paths need an `api-version`, and a deployment for chat."""
    is_chat = found["kind"] == "chat/completions"
    if found["root"] == "/openai":
        needs_deployment = is_chat == (found["deployment"] is not None)
        return needs_deployment and "api-version" in query and not (is_chat and found["id"])
    return found["deployment"] is None and not (is_chat and found["id"])

"""What one misbehavior is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One misbehavior; without arguments, none.

    Attributes:
        status: HTTP status of the answer.
        body: what is sent, as JSON unless it is bytes; None = the protocol's answer.
        headers: sent with it.
        hang_s: seconds before answering.
        reset: cut the connection (RST) instead of answering.
        patch: keys laid over the first choice of the protocol's answer.
        message_patch: keys laid over its message.
        unless: does the request satisfy the server? Then it is answered as if there were no fault.
            For `standing` faults of chat requests.
        answer_patch: keys laid over the whole of the protocol's answer.
        rewrite: what becomes of the handler's content.
        cut: send the headers and half of the body, then close the connection.
        length_off: added to the `Content-Length` that the body has.
        retry_at_s: send a `Retry-After` with the date that is so many seconds from the answer.
        for_s: in force only so many seconds from the server's start; it hangs no longer than that.
        refuse: with `for_s`, do not even listen.
        name: what it is counted under.
    """

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    reset: bool = False
    patch: Mapping[str, Any] = field(default_factory=dict)
    message_patch: Mapping[str, Any] = field(default_factory=dict)
    unless: Callable[[Mapping[str, Any]], bool] | None = None
    answer_patch: Mapping[str, Any] = field(default_factory=dict)
    rewrite: Callable[[str], str] | None = None
    cut: bool = False
    length_off: int = 0
    retry_at_s: float | None = None
    for_s: float | None = None
    refuse: bool = False
    name: str = ""

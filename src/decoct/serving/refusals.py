"""What the server says when it does not do what it is asked: one shape for all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping


class Refusal(Exception):
    """An answer that is not what was asked for; it may be raised anywhere below a request.

    Args:
        status: of HTTP.
        code: a short word for programs.
        message: a line for people, with the way out.
        field: path of what is wrong in the body, such as `documents.3.text`.
        document: the id of the document that it is in.
        retry_after_s: when to come again.
        headers: more of them.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        document: str | None = None,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.document = document
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> bytes:
        """Return the JSON that a client gets."""
        told = {
            "code": self.code,
            "message": self.message,
            "field": self.field,
            "document": self.document,
            "request_id": request_id,
        }
        left = {name: value for name, value in told.items() if value is not None}
        return json.dumps({"error": left}, ensure_ascii=False).encode("utf-8", "replace")


class ClientGoneError(Exception):
    """The client has hung up: there is nobody to answer."""


def busy(retry_after_s: int) -> Refusal:
    """Return the answer of a server that has all the work that it takes."""
    return Refusal(
        503,
        "busy",
        f"too much is waiting already; ask again in {retry_after_s} s",
        retry_after_s=retry_after_s,
    )


def stopping() -> Refusal:
    """Return the answer of a server that is about to end."""
    return Refusal(
        503,
        "stopping",
        "the server is shutting down; ask another one, or this one when it is back",
        retry_after_s=5,
        headers={"connection": "close"},
    )


def not_loaded(what: str, flag: str) -> Refusal:
    """Return the answer of a server that has no such model."""
    return Refusal(
        404, "not_loaded", f"no {what} is loaded; start the server with decoct serve {flag} FOLDER"
    )

"""What is asked of endpoints in tests, and what must not be seen in any error."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from decoct.errors import TeacherError
from decoct.tasks.base import Prompt
from decoct.teacher.backends.openai import OpenAIBackend, OpenAISettings
from decoct.teacher.base import Completion, Request
from decoct.testing import FakeOpenAI

SECRET = "sk-planted-key-1234567890"
TEXT = "Mrs. Quillfeather took zonkomycin and lost her hearing."
SCHEMA = {"type": "object", "properties": {"relations": {"type": "array"}}}

E = TypeVar("E", bound=TeacherError)


def ask(text: str = TEXT, **more: object) -> Request:
    turns = more.pop("turns", ())
    prompt = Prompt("Label the text.", text, turns)  # type: ignore[arg-type]
    return Request("d1", text, "ade", prompt, SCHEMA, **more)  # type: ignore[arg-type]


def make(server: FakeOpenAI, **options: object) -> OpenAIBackend:
    settings = OpenAISettings.model_validate({"base_url": server.base_url, **options})
    return OpenAIBackend("gpt-fake", settings)


def complete(backend: OpenAIBackend, *requests: Request) -> list[Completion]:
    """Ask one after the other, in an event loop of their own."""

    async def run() -> list[Completion]:
        try:
            return [await backend.complete(request) for request in requests or (ask(),)]
        finally:
            await backend.aclose()

    return asyncio.run(run())


def check_says_nothing(error: BaseException) -> None:
    """See that neither key nor text is in an error, its cause or its traceback."""
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert SECRET not in shown
    assert "Quillfeather" not in shown
    assert "\n" not in str(error)


def fail(backend: OpenAIBackend, kind: type[E], request: Request | None = None) -> E:
    """Return the error of one attempt, having checked that it says nothing that it must not."""
    with pytest.raises(kind) as caught:
        complete(backend, request or ask())
    assert caught.type is kind
    check_says_nothing(caught.value)
    return caught.value


@contextmanager
def connections_counted() -> Iterator[list[socket.socket]]:
    """Yield a list that gets the socket of each connection that is opened."""
    opened: list[socket.socket] = []
    connect = socket.socket.connect

    def counted(self: socket.socket, address: object) -> object:
        opened.append(self)
        return connect(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", counted)
        yield opened

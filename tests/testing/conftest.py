"""A client of the fake server, and a server that it talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest

from decoct.testing import FakeOpenAI

Serve = Callable[..., AbstractContextManager["Client"]]


class Client:
    """What a test asks the server with: new connections unless it is told otherwise."""

    def __init__(self, server: FakeOpenAI) -> None:
        self.server = server
        self.http = httpx.Client(trust_env=False, timeout=10)

    def chat(self, text: str = "Rash.", **changes: Any) -> httpx.Response:
        return self.http.post(
            f"{self.server.base_url}/chat/completions", json=body(text, **changes)
        )

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.http.get(f"{self.server.base_url}/{path}", params=query)

    def post(self, path: str, json: object = None) -> httpx.Response:
        return self.http.post(f"{self.server.base_url}/{path}", json=json)


def body(text: str = "Rash.", **changes: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Label it."}, {"role": "user", "content": text}]
    return {"model": "m", "messages": messages, **changes}


@pytest.fixture
def serve() -> Serve:
    """Start a server, with the arguments of `FakeOpenAI`, and a client of it."""

    @contextmanager
    def start(*args: Any, **options: Any) -> Iterator[Client]:
        with FakeOpenAI(*args, **options) as server:
            client = Client(server)
            try:
                yield client
            finally:
                client.http.close()

    return start


@pytest.fixture
def client(serve: Serve) -> Iterator[Client]:
    """A client of a server that always gives the same answer."""
    with serve(lambda messages: '{"drugs": []}') as made:
        yield made

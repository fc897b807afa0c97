"""A real server in a thread, and a student that waits until it is let go."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from decoct.serving.app import build_app
from decoct.serving.models import Models
from decoct.serving.server import Server, address_of, bind
from decoct.serving.settings import ServeKey, ServeSettings
from decoct.serving.state import State
from decoct.student.student import Student


class Served:
    """A server that listens, and what it has logged."""

    def __init__(self, models: Models, key: str | None = None, **settings: Any) -> None:
        self.log: list[str] = []
        self.settings = ServeSettings.model_validate({"port": 0, **settings})
        listening = bind(self.settings)
        self.url = address_of(listening)
        self.address = listening.getsockname()[:2]
        made = ServeKey(key) if key else None
        app = build_app(models, self.settings, made, self.log.append)
        self.state: State = app.state.decoct
        self.server = Server(app, listening)
        self.is_clean: bool | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.is_clean = self.server.run()

    def start(self) -> None:
        self._thread.start()
        eventually(lambda: self.state.is_ready)

    def stop(self) -> None:
        self.server.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30, **options)

    def post(self, path: str, json: Any, **options: Any) -> httpx.Response:
        with self.client() as client:
            return client.post(path, json=json, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        with self.client() as client:
            return client.get(path, **options)

    def told(self, answers: list[httpx.Response]) -> list[dict[str, Any]]:
        """Return the log's lines about requests; a line comes after its answer."""

        def lines() -> dict[str, dict[str, Any]]:
            return {line["id"]: line for line in map(json.loads, list(self.log)) if "id" in line}

        ids = [answer.headers["x-request-id"] for answer in answers]
        eventually(lambda: lines().keys() >= set(ids))
        return [lines()[one] for one in ids]

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=30)


@contextmanager
def served(models: Models, key: str | None = None, **settings: Any) -> Iterator[Served]:
    """Run a server as long as the block runs; settings are those of `ServeSettings`."""
    made = Served(models, key, **settings)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def eventually(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.01)


class HeldStudent(Student):
    """A student that begins its work only when `go` is set.

    Attributes:
        go: lets it work.
        batches: the ids of the documents of each batch, in the order in which they came.
    """

    def __init__(self, student: Student) -> None:
        super().__init__(student.card, student._reader)
        self.go = threading.Event()
        self.batches: list[list[str]] = []

    def extract(self, documents: Any, *, given_subjects: bool = False) -> Any:
        asked = list(documents)
        self.batches.append([document.id for document in asked])
        assert self.go.wait(30)
        return super().extract(asked, given_subjects=given_subjects)

    @property
    def fingerprint(self) -> str:
        return "held"

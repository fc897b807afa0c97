"""What all requests of a server share."""

from __future__ import annotations

import asyncio
import json
import secrets
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from decoct.errors import DecoctError
from decoct.serving.batching import Batcher
from decoct.serving.metrics import Metrics, rss_bytes
from decoct.serving.models import Models
from decoct.serving.refusals import Refusal
from decoct.serving.settings import ServeKey, ServeSettings

Log = Callable[[str], None]
_PATIENCE_S = 2.0  # for bodies that are on their way when the server ends


class State:
    """What all requests of a server share.

    Args:
        models: what is loaded.
        settings: how much is taken.
        key: that clients must show; None for none.
        log: takes a line of JSON; no text of a document is in one.

    Attributes:
        n_open: requests under way.
        n_working: of them, those that are no question about the server itself.
        held_bytes: of their bodies.
    """

    def __init__(
        self, models: Models, settings: ServeSettings, key: ServeKey | None, log: Log
    ) -> None:
        self.models = models
        self.settings = settings
        self.key = key
        self.metrics = Metrics()
        self.n_open = 0
        self.n_working = 0
        self.held_bytes = 0
        self._log = log
        self._id_prefix, self._numbers = secrets.token_hex(4), count(1)
        self._batcher: Batcher | None = None
        self._deadlines: set[asyncio.Timeout] = set()
        self._stops_at: float | None = None
        watch = self.metrics.watch
        watch("decoct_open_requests", "Requests under way.", lambda: self.n_open)
        watch("decoct_held_bytes", "Bytes of their bodies.", lambda: self.held_bytes)
        watch("decoct_resident_memory_bytes", "Resident memory.", rss_bytes)
        watch("decoct_waiting_documents", "Documents not done.", lambda: self._waiting()[0])
        watch("decoct_waiting_characters", "Their characters.", lambda: self._waiting()[1])

    def new_id(self) -> str:
        """Return an id that no other request has, of this process or, most probably, another."""
        return f"{self._id_prefix}{next(self._numbers):08x}"

    def start(self) -> None:
        """Begin to take work; called in the event loop."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unhandled)
        self._batcher = Batcher(self.settings, self.models.n_runners, self.metrics, self.refused_by)

    def stop(self) -> None:
        """End the runners."""
        self.batcher.close()

    @property
    def batcher(self) -> Batcher:
        """What gives documents their answers."""
        assert self._batcher is not None, "start() comes first"
        return self._batcher

    @property
    def is_ready(self) -> bool:
        """Whether the server has begun and has not been told to stop."""
        return self._batcher is not None and self._stops_at is None

    @property
    def takes_work(self) -> bool:
        """Whether new work is accepted; for a while after the server was told to stop it is."""
        return self._stops_at is None or asyncio.get_running_loop().time() < self._stops_at

    @property
    def is_over(self) -> bool:
        """Whether the server is to end and waits no longer for what clients send."""
        now = asyncio.get_running_loop().time()
        return self._stops_at is not None and now > self._stops_at + _PATIENCE_S

    def drain(self) -> None:
        """Say that the server is not ready; what was accepted goes on. Called in the loop."""
        if self._stops_at is None:
            now = asyncio.get_running_loop().time()
            self._stops_at = now + self.settings.drain_s
            for deadline in self._deadlines:
                self._shorten(deadline, self._stops_at + _PATIENCE_S)

    def deadline(self, seconds: float) -> asyncio.Timeout:
        """Return a time limit for something that a client sends; it is shorter when all ends."""
        when = asyncio.get_running_loop().time() + seconds
        limit = asyncio.timeout_at(when)
        if self._stops_at is not None:
            limit = asyncio.timeout_at(min(when, self._stops_at + _PATIENCE_S))
        return limit

    def watch(self, deadline: asyncio.Timeout) -> None:
        """Have a time limit made shorter when the server ends."""
        self._deadlines.add(deadline)

    def unwatch(self, deadline: asyncio.Timeout) -> None:
        """Forget a time limit."""
        self._deadlines.discard(deadline)

    def log(self, **facts: object) -> None:
        """Write a line; the caller sees to it that no text of a document is in it."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._log(json.dumps({"time": now, **facts}))

    def refused_by(self, error: Exception) -> Refusal:
        """Return the answer to a request in which something was raised.

        What decoct raises on purpose tells the client what is wrong. Of anything else the log gets
        the kind and the place, as its message may quote a text.
        """
        if isinstance(error, DecoctError):
            return Refusal(422, "not_possible", str(error))
        self.log(event="fault", kind=type(error).__name__, at=_place(error))
        return Refusal(500, "fault", "a fault in the server; its log has the kind and the place")

    def _waiting(self) -> tuple[int, int]:
        found = self._batcher
        return (found.n_documents, found.n_chars) if found else (0, 0)

    def _shorten(self, deadline: asyncio.Timeout, when: float) -> None:
        if not deadline.expired():
            deadline.reschedule(min(when, deadline.when() or when))

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """Log what nobody handled: not its message, which may quote a text."""
        del loop
        error = context.get("exception")
        if isinstance(error, Exception):
            self.log(event="fault", kind=type(error).__name__, at=_place(error))


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"

"""The server's log: lines of JSON, written by a thread of its own.

Whoever reads them may stop to, and a pipe that is full must not stop the server.
"""

from __future__ import annotations

import json
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import IO

_MAX_LINES = 10_000
_AT_ONCE_LINES = 1000
_CLOSING_S = 2.0


class LineLog:
    """Writes lines in order, and says how many it lost where they came faster than they went.

    Args:
        out: where they go.
    """

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._lines: Queue[str | None] = Queue(_MAX_LINES)
        self._n_lost = 0
        self._lock = Lock()
        self._thread = Thread(target=self._write, name="decoct-log", daemon=True)
        self._thread.start()

    def __call__(self, line: str) -> None:
        """Take a line; it never waits."""
        try:
            self._lines.put_nowait(line)
        except Full:
            with self._lock:
                self._n_lost += 1

    def close(self) -> None:
        """Write what is left, unless nobody reads it."""
        try:
            self._lines.put(None, timeout=_CLOSING_S)
        except Full:
            return
        self._thread.join(_CLOSING_S)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            some = [line, *self._waiting()]
            with self._lock:
                n_lost, self._n_lost = self._n_lost, 0
            if n_lost:
                some.append(json.dumps({"event": "lost", "lines": n_lost}))
            try:
                self._out.write("".join(f"{one}\n" for one in some))
                self._out.flush()
            except (OSError, ValueError):  # closed; the server goes on without a log
                return

    def _waiting(self) -> list[str]:
        """Return the lines that wait too, to be written at one go; the end is left there."""
        found: list[str] = []
        try:
            while (
                len(found) < _AT_ONCE_LINES
                and self._lines.queue
                and self._lines.queue[0] is not None
            ):
                line = self._lines.get_nowait()
                assert line is not None
                found.append(line)
        except Empty:
            pass
        return found

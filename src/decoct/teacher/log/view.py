"""Looking at a call log without writing to it, also while a run does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from decoct.errors import StoreError
from decoct.teacher.log import schema
from decoct.teacher.log.calls import SeenCall
from decoct.teacher.log.filters import Filters
from decoct.teacher.log.older import FIRST_VERSION
from decoct.teacher.log.schema import log_errors, read_version
from decoct.teacher.log.summary import LogSummary, read_summary

_IDS = """
    SELECT calls.id FROM calls CROSS JOIN prompts ON prompts.id = prompt_id
    WHERE {condition} ORDER BY {order} LIMIT ?
"""
_COUNT = """
    SELECT COUNT(*) FROM calls CROSS JOIN prompts ON prompts.id = prompt_id WHERE {condition}
"""
_NEWEST = "calls.changed_at DESC, calls.id DESC"
# a recording answers with its first line about a document: an answer goes before a refusal, what
# was asked again before what did not fit, the newest before an older one, packs come last
_RECORDING = """
    EXISTS (SELECT 1 FROM parts WHERE whole = calls.key), calls.state = 'open',
    calls.state, calls.sample, calls.n_turns DESC, calls.changed_at DESC, calls.id DESC
"""
_CALL = """
    SELECT key, document_id, task, backend, prompts.model AS asked_model,
        COALESCE(answered_model, prompts.model) AS model, sample, pack, part_of, n_turns,
        COALESCE(answered_prompt_hash, prompt_hash) AS prompt_hash, asked_at, changed_at, state,
        refusal, detail, waiting_in, finish_reason, latency_s, prompt_tokens, completion_tokens,
        cached_prompt_tokens {words}
    FROM calls JOIN prompts ON prompts.id = prompt_id WHERE calls.id = ?
"""
_WORDS = ", system, user, turns, schema, parameters, content"
_ATTEMPTS = """
    SELECT started_at, latency_s, outcome, error, prompt_tokens, completion_tokens,
        cached_prompt_tokens
    FROM attempts WHERE call_id = ? ORDER BY number
"""


class LogView:
    """A call log as it is at one moment; nothing is made, brought up to date or written.

    Args:
        path: the file, of this version or an older one.

    Raises:
        StoreError: it is missing, no call log, of a newer decoct, or can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            raise StoreError(f"{path}: is a folder; name the call log in it")
        if not path.exists():
            raise StoreError(f"{path}: no such call log; name the file that decoct label keeps")
        with log_errors(path, "read"):
            self._db = _connect(path.resolve())
        try:
            with log_errors(path, "read"):
                self._begin()
        except StoreError:
            self._db.close()
            raise

    def calls(
        self, filters: Filters, limit: int | None = None, *, words: bool = False
    ) -> Iterator[SeenCall]:
        """Yield calls, the newest first.

        Args:
            filters: which.
            limit: how many at most; None for all.
            words: with what was said in them.
        """
        return self._calls(filters, _NEWEST, limit, words)

    def recording(self, filters: Filters, limit: int | None = None) -> Iterator[SeenCall]:
        """Yield calls with what was said, in an order in which they can be replayed."""
        return self._calls(filters, _RECORDING, limit, words=True)

    def count(self, filters: Filters) -> int:
        """Return how many calls there are."""
        condition, values = filters.to_sql()
        return int(self._read(_COUNT.format(condition=condition), *values)[0][0])

    def summary(self, filters: Filters) -> LogSummary:
        """Count calls by model and state, attempts, failures and tokens."""
        return read_summary(self._read, filters)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self) -> None:
        """See that this is a call log, and keep to what it holds now."""
        version = read_version(self._db, self.path)
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master")}
        if version == 0 or "calls" not in tables:
            raise StoreError(
                f"{self.path}: holds no call log; name the file that decoct label keeps"
            )
        if version == 1:
            for view in FIRST_VERSION:
                self._db.execute(view)
        self._db.execute("PRAGMA query_only = ON")
        self._db.execute("BEGIN")

    def _calls(
        self, filters: Filters, order: str, limit: int | None, words: bool
    ) -> Iterator[SeenCall]:
        condition, values = filters.to_sql()
        query = _IDS.format(condition=condition, order=order)
        with log_errors(self.path, "read"):
            for row in self._db.execute(query, (*values, -1 if limit is None else limit)):
                yield self._call(row["id"], words)

    def _call(self, call_id: int, words: bool) -> SeenCall:
        (row,) = self._read(_CALL.format(words=_WORDS if words else ""), call_id)
        return SeenCall.from_row(row, self._read(_ATTEMPTS, call_id))

    def _read(self, query: str, *values: object) -> list[Any]:
        with log_errors(self.path, "read"):
            return self._db.execute(query, values).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    """Open a log for reading, leaving no file behind.

    Beside a log that somebody writes to, or died while writing to, lies its journal: it is opened
    as read-only. A closed one is opened as for writing, for else SQLite leaves a journal there;
    and where that is not allowed, as a file that nobody changes.
    """
    if path.with_name(f"{path.name}-wal").exists():
        return _open(path, "ro")
    try:
        return _open(path, "rw")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise
        return _open(path, "ro&immutable=1")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.as_uri()}?mode={mode}"
    db = sqlite3.connect(address, uri=True, timeout=schema.BUSY_S, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db

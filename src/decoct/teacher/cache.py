"""The call log: every answer that was paid for, in one SQLite file, so that none is paid twice."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from decoct.errors import RefusedError, StoreError
from decoct.teacher.base import Backend, Completion, Request, Usage, prompt_hash

BUSY_S = 30.0

# One statement each; its place is its number. Append only: files in the field count on the order.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE calls (
        key TEXT PRIMARY KEY,
        document_id TEXT NOT NULL,
        task TEXT NOT NULL,
        backend TEXT NOT NULL,
        model TEXT NOT NULL,
        parameters TEXT NOT NULL,
        prompt_hash TEXT NOT NULL,
        system TEXT NOT NULL,
        user TEXT NOT NULL,
        schema TEXT NOT NULL,
        sample INTEGER NOT NULL,
        content TEXT,
        answered_model TEXT,
        prompt_tokens INTEGER NOT NULL DEFAULT 0,
        completion_tokens INTEGER NOT NULL DEFAULT 0,
        finish_reason TEXT,
        latency_s REAL NOT NULL DEFAULT 0,
        answered_prompt_hash TEXT,
        refusal TEXT,
        created_at TEXT NOT NULL,
        CHECK ((content IS NULL) <> (refusal IS NULL))
    )
    """,
)


@dataclass(frozen=True, slots=True)
class Logged:
    """How a call ended: with a completion, or with a refusal's reason; never both."""

    completion: Completion | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class LogCounts:
    """What a log holds.

    Attributes:
        n_completions: calls that were answered.
        refusals: reason -> how many calls were refused for it.
        prompt_tokens: billed for all completions together.
        completion_tokens: likewise.
    """

    n_completions: int
    refusals: Mapping[str, int]
    prompt_tokens: int
    completion_tokens: int

    @property
    def n_refusals(self) -> int:
        """Calls that were refused."""
        return sum(self.refusals.values())


class CallLog:
    """Every answered call by its key; see `request_key`.

    Each `put` is committed before it returns, so a killed process loses nothing (a power cut may
    lose the last moments, never the file). Threads may share one log and processes one file; where
    two put the same key, the first stays. It holds documents' text: keep it where they are kept.

    Args:
        path: the file; it and its folders are made if missing.

    Raises:
        StoreError: it can't be opened or written, is no SQLite file, or comes from a newer decoct.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, CallLog(Path(folder) / "calls.db") as log:
        ...     log.get("no such key"), log.counts().n_completions
        (None, 0)
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StoreError(f"{self.path}: can't make its folder: {reason}") from None
        with self._errors("opened"):
            # Autocommit: each statement is its own transaction.
            self._db = sqlite3.connect(
                self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
        try:
            with self._errors("opened"):
                _enter_wal(self._db)
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._migrate()
        except StoreError:
            self._db.close()
            raise

    def get(self, key: str) -> Logged | None:
        """Return how the call of that key ended, or None when it was never logged."""
        with self._lock, self._errors("read"):
            row = self._db.execute(
                "SELECT content, answered_model, prompt_tokens, completion_tokens, finish_reason,"
                " latency_s, answered_prompt_hash, refusal FROM calls WHERE key = ?",
                (key,),
            ).fetchone()
        if row is None:
            return None
        content, model, prompt_tokens, completion_tokens, finish_reason, latency_s, hashed, why = (
            row
        )
        if why is not None:
            return Logged(refusal=why)
        usage = Usage(prompt_tokens, completion_tokens)
        return Logged(Completion(content, model, usage, finish_reason, latency_s, hashed))

    def put(
        self, key: str, backend: Backend, request: Request, outcome: Completion | RefusedError
    ) -> None:
        """Log how a call ended, for good; a `TransientError` is no end and is not logged.

        Args:
            key: from `request_key`.
            backend: who was asked.
            request: what was asked.
            outcome: the answer, or the refusal as it was raised.
        """
        row = {"key": key, **_asked(backend, request), **_ended(outcome)}
        row["created_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        values = [_storable(value) for value in row.values()]
        marks = ", ".join("?" * len(row))
        insert = f"INSERT INTO calls ({', '.join(row)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        with self._lock, self._errors("written"):
            self._db.execute(insert, values)

    def counts(self) -> LogCounts:
        """Count what the log holds."""
        with self._lock, self._errors("read"):
            rows = self._db.execute(
                "SELECT refusal, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens)"
                " FROM calls GROUP BY refusal ORDER BY refusal"
            ).fetchall()
        return LogCounts(
            n_completions=sum(n for refusal, n, _, _ in rows if refusal is None),
            refusals={refusal: n for refusal, n, _, _ in rows if refusal is not None},
            prompt_tokens=sum(prompt for _, _, prompt, _ in rows),
            completion_tokens=sum(completion for _, _, _, completion in rows),
        )

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        with self._lock, self._errors("closed"):
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

    def _migrate(self) -> None:
        """Bring the schema up to date; the write lock also proves that the file can be written."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if found > len(MIGRATIONS):
                raise StoreError(
                    f"{self.path}: written by a newer decoct (schema {found}, this one reads up to "
                    f"{len(MIGRATIONS)}): upgrade decoct, or name another file"
                )
            for script in MIGRATIONS[found:]:
                self._db.execute(script)
            self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: call log can't be {verb}: {_way_out(error)}") from None


def _asked(backend: Backend, request: Request) -> dict[str, Any]:
    return {
        "document_id": request.document_id,
        "task": request.task,
        "backend": backend.name,
        "model": backend.model,
        "parameters": json.dumps(dict(backend.parameters), ensure_ascii=False, sort_keys=True),
        "prompt_hash": prompt_hash(request.prompt.system, request.schema),
        "system": request.prompt.system,
        "user": request.prompt.user,
        "schema": json.dumps(dict(request.schema), ensure_ascii=False, sort_keys=True),
        "sample": request.sample,
    }


def _ended(outcome: Completion | RefusedError) -> dict[str, Any]:
    if isinstance(outcome, RefusedError):
        return {"refusal": outcome.reason}
    return {
        "content": outcome.content,
        "answered_model": outcome.model,
        "prompt_tokens": outcome.usage.prompt_tokens,
        "completion_tokens": outcome.usage.completion_tokens,
        "finish_reason": outcome.finish_reason,
        "latency_s": outcome.latency_s,
        "answered_prompt_hash": outcome.prompt_hash,
    }


def _enter_wal(db: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite fails at once, without waiting, where two do so."""
    deadline = time.monotonic() + BUSY_S
    while db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return  # a file system without shared memory stays with what it has
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _storable(value: Any) -> Any:  # noqa: ANN401 (whatever a column holds)
    """SQLite's text is UTF-8, which has no lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return value


def _way_out(error: sqlite3.Error) -> str:
    ways = {
        "not a database": "move it away, or name another file",
        "malformed": "recover it with `sqlite3 FILE .recover`, or move it away",
        "locked": f"another process held it for {BUSY_S:g} s; stop that one, or name another file",
        "full": "free some disk space and run again",
        "readonly": "make it writable, or name another file",
        "unable to open": "name a file in a folder that can be written to",
    }
    hint = next((way for word, way in ways.items() if word in str(error)), "name another file")
    return f"{error}; {hint}"

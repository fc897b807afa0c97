"""The call log: each question and each answer in one SQLite file, so that none is paid for twice.

Its tables are in `log/schema.py`; `log/view.py` looks at a log without writing to it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from decoct.errors import RefusedError, StoreError
from decoct.teacher.base import Backend, Completion, Request, Usage, prompt_hash
from decoct.teacher.log import schema
from decoct.teacher.log.records import Attempt, History, LogCounts, Logged, StoredRequest
from decoct.teacher.log.rows import (
    ASKED,
    PUT_ATTEMPT,
    PUT_CALL,
    PUT_PART,
    PUT_PROMPT,
    attempt_row,
    call_row,
    prompt_row,
    read_request,
)
from decoct.teacher.log.schema import log_errors, prepare, prompt_key
from decoct.teacher.log.totals import read_counts, read_history

__all__ = ["Attempt", "CallLog", "History", "LogCounts", "Logged", "StoredRequest"]

_KEYS_AT_ONCE = 1000


class CallLog:
    """Every call by its key (see `request_key`): what was asked, each attempt, how it ended.

    Each `put` is committed before it returns, so a killed process loses nothing (a power cut may
    lose the last moments, never the file). Threads may share one log and processes one file; where
    two put the same key's end, the first stays. It holds documents' text: keep it where they are.

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
        self._lock = threading.RLock()
        self._prompt_ids: dict[str, int] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StoreError(f"{self.path}: can't make its folder: {reason}") from None
        with log_errors(self.path, "opened"):
            # Autocommit: a statement outside of `transaction` is its own transaction.
            self._db = sqlite3.connect(
                self.path,
                timeout=schema.BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            with log_errors(self.path, "opened"):
                prepare(self._db, self.path)
        except StoreError:
            self._db.close()
            raise

    def get(self, key: str) -> Logged | None:
        """Return how the call of that key ended, or None where it has not, or was never asked."""
        rows = self._read(
            "SELECT content, answered_model, finish_reason, latency_s, answered_prompt_hash,"
            " refusal, detail, prompt_tokens, completion_tokens, cached_prompt_tokens"
            " FROM calls WHERE key = ? AND state <> 'open'",
            key,
        )
        if not rows:
            return None
        content, model, finish_reason, latency_s, hashed, refusal, detail, *tokens = rows[0]
        usage = Usage(*tokens)
        if refusal is not None:
            return Logged(refusal=refusal, detail=detail, usage=usage)
        completion = Completion(content, model, usage, finish_reason, latency_s, hashed)
        return Logged(completion, usage=usage)

    def put(
        self,
        key: str,
        backend: Backend,
        request: Request,
        outcome: Completion | RefusedError | None,
        attempt: Attempt | None = None,
        part_of: str | None = None,
    ) -> None:
        """Log a question and, as far as there are, an attempt at it and how it ended, for good.

        An attempt is added whatever the log holds of that key: it was paid for.

        Args:
            key: from `request_key`.
            backend: who was asked.
            request: what was asked.
            outcome: the answer, or the refusal as it was raised; None leaves the call open.
            attempt: the sending that this came of; None for an answer that came in another call,
                or a question that is not sent yet.
            part_of: key of that other call; a pack's items are put in its order.
        """
        with self.transaction(), log_errors(self.path, "written"):
            prompt_id = self._prompt_id(backend, request)
            self._insert(PUT_CALL, call_row(key, prompt_id, request, outcome, attempt, part_of))
            if attempt is not None:
                self._insert(PUT_ATTEMPT, attempt_row(attempt, outcome), key)
            if part_of is not None:
                self._db.execute(PUT_PART, {"whole": part_of, "item": key})

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all puts of the block together, or none where it raises; don't await in it.

        Other threads wait until it ends. One within another is a part of that.
        """
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            try:
                with log_errors(self.path, "written"):
                    self._db.execute("BEGIN IMMEDIATE")
                yield
                with log_errors(self.path, "written"):
                    self._db.execute("COMMIT")
            except BaseException:
                self._prompt_ids.clear()  # those that were new are gone again
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def open_request(self, key: str) -> StoredRequest | None:
        """Return what was asked in a call that has not ended; None where it has, or is unknown."""
        rows = self._read(f"{ASKED} WHERE key = ? AND state = 'open'", key)
        return read_request(rows[0]) if rows else None

    def parts(self, key: str) -> list[StoredRequest]:
        """Return what a packed call asks, item by item in its order, ended or not."""
        where = "JOIN parts ON item_id = calls.id WHERE whole = ? ORDER BY number"
        return [read_request(row) for row in self._read(f"{ASKED} {where}", key)]

    def mark_waiting(self, keys: Iterable[str], where: str | None) -> int:
        """Note where open calls are to be answered, such as a batch's id.

        Args:
            keys: of calls; those that have ended, or were never put, stay as they are.
            where: one word; None for nowhere any more.

        Returns:
            How many calls were marked.
        """
        mark = "UPDATE calls SET waiting_in = ? WHERE key = ? AND state = 'open'"
        with self.transaction(), log_errors(self.path, "written"):
            return sum(self._db.execute(mark, (where, key)).rowcount for key in keys)

    def waiting_in(self, key: str) -> str | None:
        """Return where the call of that key is to be answered; None where it waits nowhere."""
        rows = self._read("SELECT waiting_in FROM calls WHERE key = ?", key)
        return rows[0][0] if rows else None

    def waiting(self) -> dict[str, int]:
        """Return how many calls wait, by where."""
        return dict(
            self._read(
                "SELECT waiting_in, COUNT(*) FROM calls WHERE waiting_in IS NOT NULL"
                " GROUP BY waiting_in ORDER BY waiting_in"
            )
        )

    def keys_waiting(self, where: str) -> Iterator[str]:
        """Yield the keys of the calls that wait there; they may be put while this goes on."""
        last = -1
        while rows := self._read(
            "SELECT id, key FROM calls WHERE waiting_in = ? AND id > ? ORDER BY id LIMIT ?",
            *(where, last, _KEYS_AT_ONCE),
        ):
            yield from (key for _, key in rows)
            last = rows[-1][0]

    def clear_waiting(self, where: str) -> int:
        """Have no call wait there any more, and return how many did."""
        with self._lock, log_errors(self.path, "written"):
            clear = "UPDATE calls SET waiting_in = NULL WHERE waiting_in = ?"
            return self._db.execute(clear, (where,)).rowcount

    def history(self, prompt_hash: str, model: str) -> History | None:
        """Return what the last answers to a prompt took; None where there are none.

        Args:
            prompt_hash: from `base.prompt_hash`.
            model: the model that was asked.
        """
        return read_history(self._read, prompt_hash, model)

    def counts(self) -> LogCounts:
        """Count what the log holds."""
        return read_counts(self._read)

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        with self._lock, log_errors(self.path, "closed"):
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

    def _read(self, query: str, *values: object) -> list[Any]:
        with self._lock, log_errors(self.path, "read"):
            return self._db.execute(query, values).fetchall()

    def _prompt_id(self, backend: Backend, request: Request) -> int:
        """Return the id of what this question shares with others, and log that where it is new."""
        row = prompt_row(backend, request)
        hashed = prompt_key(*row.values())
        if hashed not in self._prompt_ids:
            known_by = prompt_hash(request.prompt.system, request.schema)
            self._insert(PUT_PROMPT, row | {"hash": hashed, "prompt_hash": known_by})
            found = self._db.execute("SELECT id FROM prompts WHERE hash = ?", (hashed,))
            self._prompt_ids[hashed] = found.fetchone()[0]
        return self._prompt_ids[hashed]

    def _insert(self, statement: str, row: Mapping[str, object], *more: object) -> None:
        marks = ", ".join("?" * len(row))
        statement = statement.format(columns=", ".join(row), marks=marks)
        self._db.execute(statement, (*row.values(), *more))

"""The call log's tables, by numbered migrations, and what SQLite's errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from decoct.errors import StoreError
from decoct.store import sha256_json

BUSY_S = 30.0

# A migration's place is its number. Append only: files in the field count on the order.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
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
    ),
    # What is the same for thousands of calls apart; attempts; calls that have not ended.
    (
        "ALTER TABLE calls RENAME TO calls_1",
        """
        CREATE TABLE prompts (
            id INTEGER PRIMARY KEY,
            hash TEXT NOT NULL UNIQUE,
            task TEXT NOT NULL,
            backend TEXT NOT NULL,
            model TEXT NOT NULL,
            prompt_hash TEXT NOT NULL,
            parameters TEXT NOT NULL,
            system TEXT NOT NULL,
            schema TEXT NOT NULL
        )
        """,
        # the long columns come last, so that a look at the others does not read them
        """
        CREATE TABLE calls (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            prompt_id INTEGER NOT NULL REFERENCES prompts (id),
            document_id TEXT NOT NULL,
            sample INTEGER NOT NULL,
            pack INTEGER NOT NULL DEFAULT 0,
            part_of TEXT,
            n_turns INTEGER NOT NULL DEFAULT 0,
            asked_at TEXT NOT NULL,
            changed_at TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'refused')),
            waiting_in TEXT,
            answered_model TEXT,
            prompt_tokens INTEGER NOT NULL DEFAULT 0,
            completion_tokens INTEGER NOT NULL DEFAULT 0,
            cached_prompt_tokens INTEGER NOT NULL DEFAULT 0,
            finish_reason TEXT,
            latency_s REAL NOT NULL DEFAULT 0,
            answered_prompt_hash TEXT,
            refusal TEXT,
            detail TEXT NOT NULL DEFAULT '',
            user TEXT NOT NULL,
            turns TEXT NOT NULL DEFAULT '[]',
            content TEXT,
            CHECK ((content IS NOT NULL) = (state = 'answered')),
            CHECK ((refusal IS NOT NULL) = (state = 'refused')),
            CHECK (waiting_in IS NULL OR state = 'open')
        )
        """,
        """
        CREATE TABLE attempts (
            call_id INTEGER NOT NULL REFERENCES calls (id),
            number INTEGER NOT NULL,
            started_at TEXT NOT NULL,
            latency_s REAL NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('answered', 'refused', 'failed')),
            error TEXT,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            cached_prompt_tokens INTEGER NOT NULL,
            PRIMARY KEY (call_id, number)
        ) WITHOUT ROWID
        """,
        # which calls a packed one answers, in its order; an item may have been in several
        """
        CREATE TABLE parts (
            whole TEXT NOT NULL,
            number INTEGER NOT NULL,
            item_id INTEGER NOT NULL REFERENCES calls (id),
            PRIMARY KEY (whole, number)
        ) WITHOUT ROWID
        """,
        """
        INSERT OR IGNORE INTO prompts (
            hash, task, backend, model, prompt_hash, parameters, system, schema
        )
        SELECT prompt_key(task, backend, model, parameters, system, schema), *
        FROM (
            SELECT DISTINCT task, backend, model, prompt_hash, parameters, system, schema
            FROM calls_1
        )
        """,
        """
        INSERT INTO calls (
            key, prompt_id, document_id, sample, asked_at, changed_at, state, answered_model,
            prompt_tokens, completion_tokens, finish_reason, latency_s, answered_prompt_hash,
            refusal, user, content
        )
        SELECT old.key, prompts.id, old.document_id, old.sample, old.created_at, old.created_at,
            CASE WHEN old.content IS NULL THEN 'refused' ELSE 'answered' END, old.answered_model,
            old.prompt_tokens, old.completion_tokens, old.finish_reason, old.latency_s,
            old.answered_prompt_hash, old.refusal, old.user, old.content
        FROM calls_1 AS old JOIN prompts USING (task, backend, model, parameters, system, schema)
        ORDER BY old.rowid
        """,
        """
        INSERT INTO attempts
        SELECT id, 1, asked_at, latency_s, state, NULL, prompt_tokens, completion_tokens, 0
        FROM calls
        """,
        "DROP TABLE calls_1",
        "CREATE INDEX calls_by_change ON calls (changed_at, prompt_id)",
        "CREATE INDEX calls_by_wait ON calls (waiting_in) WHERE waiting_in IS NOT NULL",
    ),
)


def prompt_key(*parts: str) -> str:
    """Return what tells a row of `prompts` from another.

    Args:
        parts: task, backend, model, parameters, system, schema; as they are stored.
    """
    return sha256_json(parts)[:32]


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make a log of an empty file, or bring an older log's tables up to date.

    The write lock that this takes also proves that the file can be written.

    Raises:
        StoreError: it comes from a newer decoct.
        sqlite3.Error: it can't be written, or is no SQLite file.
    """
    _enter_wal(db)
    db.execute("PRAGMA synchronous = NORMAL")
    db.create_function("prompt_key", 6, prompt_key, deterministic=True)
    db.execute("BEGIN IMMEDIATE")
    try:
        found = read_version(db, path)
        for statement in (part for migration in MIGRATIONS[found:] for part in migration):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def read_version(db: sqlite3.Connection, path: Path) -> int:
    """Return how many migrations a file has had.

    Raises:
        StoreError: more than there are here.
    """
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > len(MIGRATIONS):
        raise StoreError(
            f"{path}: written by a newer decoct (schema {found}, this one reads up to "
            f"{len(MIGRATIONS)}): upgrade decoct, or name another file"
        )
    return found


@contextmanager
def log_errors(path: Path, verb: str) -> Iterator[None]:
    """Turn SQLite's errors into one line that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: call log can't be {verb}: {_way_out(error)}") from None


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

"""Call logs to look at: of today's make, and of the first version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from decoct.errors import RefusedError
from decoct.tasks.base import Prompt
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Request, Usage, prompt_hash
from decoct.teacher.cache import Attempt, CallLog
from decoct.teacher.log.schema import MIGRATIONS

BACKEND = ScriptedBackend(lambda _: "", {"temperature": 0.5})
SCHEMA = {"type": "object"}
# words that no one must see who has not asked for text
SECRETS = ("SYSTEM-SECRET", "USER-SECRET", "TURN-SECRET", "ANSWER-SECRET")


def request(
    document_id: str = "d1", user: str = "USER-SECRET", system: str = "SYSTEM-SECRET", **more: Any
) -> Request:
    """A question whose words are all secret."""
    turns = more.pop("turns", ())
    prompt = Prompt(system, user, turns)
    return Request(document_id, user, more.pop("task", "ade"), prompt, SCHEMA, **more)


def completion(content: str = "ANSWER-SECRET", **more: Any) -> Completion:
    more = {"usage": Usage(330, 17, 128), "finish_reason": "stop", "latency_s": 0.8, **more}
    return Completion(content, "gpt-5-2025", **more)


def write_log(path: Path) -> Path:
    """A log of six calls: answered, answered at last, refused, open, asked again, waiting."""
    with CallLog(path) as log:
        answered = Attempt(0.8, Usage(330, 17, 128))
        log.put("k1", BACKEND, request("d1"), completion(), answered)
        log.put("k2", BACKEND, request("d2"), None, Attempt(30.0, error="timed out after 30 s"))
        log.put("k2", BACKEND, request("d2"), completion(), answered)
        refused = RefusedError("content_filter", "by the endpoint", 5)
        log.put("k3", BACKEND, request("d3", task="phi"), refused, Attempt(1.5, Usage(5)))
        log.put("k4", BACKEND, request("d4"), None, Attempt(2.0, error="429 Too Many Requests"))
        again = request("d1", turns=(("TURN-SECRET", "not JSON: TURN-SECRET"),), sample=1)
        log.put("k5", BACKEND, again, completion(), answered)
        log.put("k6", BACKEND, request("d6"), None)
        log.mark_waiting(["k6"], "batch_6")
    return path


def write_first_version(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A log as the first version of decoct made it."""
    given = {
        "document_id": "d1",
        "task": "ade",
        "backend": "scripted",
        "model": "scripted",
        "parameters": '{"temperature": 0.5}',
        "prompt_hash": prompt_hash("SYSTEM-SECRET", SCHEMA),
        "system": "SYSTEM-SECRET",
        "user": "USER-SECRET",
        "schema": '{"type": "object"}',
        "sample": 0,
        "created_at": "2026-05-09T10:00:00+00:00",
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        for statement in MIGRATIONS[0]:
            db.execute(statement)
        for row in ({**given, **more} for more in rows):
            marks = ", ".join("?" * len(row))
            db.execute(f"INSERT INTO calls ({', '.join(row)}) VALUES ({marks})", (*row.values(),))
        db.execute("PRAGMA user_version = 1")
    return path


def check_integrity(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)

"""Between what the engine knows and what a row of the call log holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from decoct.errors import RefusedError
from decoct.tasks.base import Prompt
from decoct.teacher.base import Backend, Completion, Request
from decoct.teacher.log.records import Attempt, StoredRequest

Outcome = Completion | RefusedError | None
_LINE_CHARS = 500

PUT_PROMPT = "INSERT OR IGNORE INTO prompts ({columns}) VALUES ({marks})"
# what has ended stays as it is
PUT_CALL = """
    INSERT INTO calls ({columns}) VALUES ({marks}) ON CONFLICT (key) DO UPDATE SET
        part_of = CASE excluded.state WHEN 'open' THEN COALESCE(excluded.part_of, part_of)
                  ELSE excluded.part_of END,
        waiting_in = CASE excluded.state WHEN 'open' THEN waiting_in END,
        changed_at = excluded.changed_at, state = excluded.state,
        answered_model = excluded.answered_model, prompt_tokens = excluded.prompt_tokens,
        completion_tokens = excluded.completion_tokens,
        cached_prompt_tokens = excluded.cached_prompt_tokens,
        finish_reason = excluded.finish_reason, latency_s = excluded.latency_s,
        answered_prompt_hash = excluded.answered_prompt_hash,
        refusal = excluded.refusal, detail = excluded.detail, content = excluded.content
    WHERE state = 'open'
"""
PUT_ATTEMPT = """
    INSERT INTO attempts ({columns}, call_id, number)
    SELECT {marks}, id, 1 + (SELECT COUNT(*) FROM attempts WHERE call_id = calls.id)
    FROM calls WHERE key = ?
"""
PUT_PART = """
    INSERT INTO parts (whole, number, item_id)
    SELECT :whole, 1 + (SELECT COUNT(*) FROM parts WHERE whole = :whole), id
    FROM calls WHERE key = :item
    AND NOT EXISTS (SELECT 1 FROM parts WHERE whole = :whole AND item_id = calls.id)
"""
ASKED = """
    SELECT key, task, backend, model, parameters, system, schema, document_id, user, turns, sample,
        pack
    FROM calls JOIN prompts ON prompts.id = prompt_id
"""


def prompt_row(backend: Backend, request: Request) -> dict[str, str]:
    """Return what a question shares with others, in the order in which `prompt_key` takes it."""
    row = {
        "task": request.task,
        "backend": backend.name,
        "model": backend.model,
        "parameters": _to_json(dict(backend.parameters)),
        "system": request.prompt.system,
        "schema": _to_json(dict(request.schema)),
    }
    return {column: _storable(value) for column, value in row.items()}


def call_row(
    key: str,
    prompt_id: int,
    request: Request,
    outcome: Outcome,
    attempt: Attempt | None,
    part_of: str | None,
) -> dict[str, Any]:
    """Return a row of `calls`."""
    now = datetime.now(UTC)
    row = {
        "key": key,
        "prompt_id": prompt_id,
        "document_id": _storable(request.document_id),
        "sample": request.sample,
        "pack": request.pack,
        "part_of": part_of,
        "n_turns": len(request.prompt.turns),
        "asked_at": _started_at(attempt, now),
        "changed_at": _iso(now),
        "user": _storable(request.prompt.user),
        "turns": _storable(_to_json(request.prompt.turns)),
    }
    return row | _ended(outcome, attempt)


def attempt_row(attempt: Attempt, outcome: Outcome) -> dict[str, Any]:
    """Return a row of `attempts`, but for its call and number."""
    failed = attempt.error is not None or outcome is None
    ended = "refused" if isinstance(outcome, RefusedError) else "answered"
    return {
        "started_at": _started_at(attempt, datetime.now(UTC)),
        "latency_s": attempt.latency_s,
        "outcome": "failed" if failed else ended,
        "error": None if attempt.error is None else _one_line(attempt.error),
        "prompt_tokens": attempt.usage.prompt_tokens,
        "completion_tokens": attempt.usage.completion_tokens,
        "cached_prompt_tokens": attempt.usage.cached_prompt_tokens,
    }


def read_request(row: Sequence[Any]) -> StoredRequest:
    """Return the question that a row of `ASKED` holds."""
    key, task, backend, model, parameters, system, schema, *own = row
    document_id, user, turns, sample, pack = own
    told = tuple((answer, complaint) for answer, complaint in json.loads(turns))
    prompt = Prompt(system, user, told)
    request = Request(document_id, "", task, prompt, json.loads(schema), sample, pack, key)
    return StoredRequest(request, backend, model, json.loads(parameters))


def _ended(outcome: Outcome, attempt: Attempt | None) -> dict[str, Any]:
    if outcome is None:
        return {"state": "open"}
    if isinstance(outcome, RefusedError):
        return {
            "state": "refused",
            "refusal": _storable(outcome.reason),
            "detail": _one_line(outcome.detail),
            "latency_s": attempt.latency_s if attempt else 0.0,
            "prompt_tokens": outcome.prompt_tokens,
            "completion_tokens": outcome.completion_tokens,
        }
    return {
        "state": "answered",
        "content": _storable(outcome.content),
        "answered_model": _storable(outcome.model),
        "prompt_tokens": outcome.usage.prompt_tokens,
        "completion_tokens": outcome.usage.completion_tokens,
        "cached_prompt_tokens": outcome.usage.cached_prompt_tokens,
        "finish_reason": outcome.finish_reason,
        "latency_s": outcome.latency_s,
        "answered_prompt_hash": outcome.prompt_hash,
    }


def _started_at(attempt: Attempt | None, now: datetime) -> str:
    if attempt is None:
        return _iso(now)
    return attempt.started_at or _iso(now - timedelta(seconds=attempt.latency_s))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _one_line(message: str) -> str:
    return _storable(" ".join(message.split()))[:_LINE_CHARS]


def _storable(text: str) -> str:
    """SQLite's text is UTF-8, which has no lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")

"""Which calls of a log are meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

# each with the values of its marks, all of them of one filter
_CONDITIONS = {
    "document": "calls.document_id = ?",
    "task": "prompts.task = ?",
    "model": "? IN (prompts.model, calls.answered_model, prompts.backend || ':' || prompts.model)",
    "state": "calls.state = ?",
    "reason": "? IN (calls.refusal, calls.waiting_in) OR EXISTS (SELECT 1 FROM attempts"
    " WHERE call_id = calls.id AND INSTR(LOWER(error), LOWER(?)))",
    "since": "calls.changed_at >= ?",
    "until": "calls.changed_at < ?",
    "min_attempts": "(SELECT COUNT(*) FROM attempts WHERE call_id = calls.id) >= ?",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which calls are meant: those that everything given here is true of.

    Attributes:
        document: id of the document.
        task: name of the task.
        model: as it was asked for, as it said it answered, or as `BACKEND:MODEL`.
        state: answered, refused or open.
        reason: of a refusal, where it waits, or a word out of an attempt's error.
        since: ended or last tried at this time or later.
        until: before this time.
        min_attempts: sent so many times or more.
    """

    document: str | None = None
    task: str | None = None
    model: str | None = None
    state: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_attempts: int | None = None

    def to_sql(self) -> tuple[str, list[str | int]]:
        """Return a condition on `calls` and `prompts`, and the values of its marks."""
        conditions, values = ["TRUE"], []
        for name, condition in _CONDITIONS.items():
            value = getattr(self, name)
            if value is not None:
                conditions.append(f"({condition})")
                values += [_stored(value)] * condition.count("?")
        return " AND ".join(conditions), values


def _stored(value: str | int | datetime) -> str | int:
    """Return a time as the log has it; whole seconds come before their own fractions."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return value

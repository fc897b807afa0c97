"""A call as the log holds it, for people and machines to look at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from decoct.teacher.base import NO_USAGE, Usage

# a refusal in the words of an endpoint, as a recording has them
_FINISH_REASONS = {"truncated": "length", "content_filter": "content_filter"}


@dataclass(frozen=True, slots=True)
class Sending:
    """One attempt at a call.

    Attributes:
        started_at: ISO 8601 in UTC.
        latency_s: seconds until it had ended.
        outcome: answered, refused or failed.
        error: one line, where it failed.
        usage: tokens that it was billed for.
    """

    started_at: str
    latency_s: float
    outcome: str
    error: str | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class Words:
    """What was said in a call: it holds the document's text.

    Attributes:
        system: the standing instructions.
        user: the document's part.
        turns: earlier answers and what was wrong with them.
        schema: JSON schema of the answer.
        parameters: of the backend.
        content: the answer as it came; None where there is none.
    """

    system: str
    user: str
    turns: list[list[str]]
    schema: Mapping[str, Any]
    parameters: Mapping[str, Any]
    content: str | None


@dataclass(frozen=True, slots=True)
class SeenCall:
    """One call.

    Attributes:
        key: from `request_key`.
        document_id: which document it is about.
        task: the task's name.
        backend: who was asked, ...
        asked_model: ... for which model, ...
        model: ... and the model that says it answered.
        sample: which opinion.
        pack: 0, or the most documents in one prompt.
        part_of: key of the packed call that it was answered in.
        n_turns: how often it had been asked before, without an answer that fits.
        prompt_hash: of the prompt that the answer was made under.
        asked_at: when it was first put, ISO 8601 in UTC.
        changed_at: when it ended, or was last tried.
        state: answered, refused or open.
        refusal: why it was refused.
        detail: one line more.
        waiting_in: where an open call is to be answered.
        finish_reason: the endpoint's word for why it stopped.
        latency_s: seconds from request to answer.
        usage: tokens of the answer; of a packed call's item its share.
        attempts: each sending; an item of a packed call has none of its own.
        words: what was said, where it was asked for.
    """

    key: str
    document_id: str
    task: str
    backend: str
    asked_model: str
    model: str
    sample: int
    pack: int
    part_of: str | None
    n_turns: int
    prompt_hash: str
    asked_at: str
    changed_at: str
    state: str
    refusal: str | None
    detail: str
    waiting_in: str | None
    finish_reason: str | None
    latency_s: float
    usage: Usage
    attempts: tuple[Sending, ...]
    words: Words | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], attempts: Iterable[Mapping[str, Any]]) -> Self:
        """Make one of a row of calls and prompts, and the rows of its attempts."""
        found = dict(row)
        usage = _take_usage(found)
        sendings = []
        for attempt in map(dict, attempts):
            billed = _take_usage(attempt)
            sendings.append(Sending(usage=billed, **attempt))
        words = None
        if "user" in found:
            said = {name: found.pop(name) for name in ("system", "user", "content")}
            read = {name: json.loads(found.pop(name)) for name in ("turns", "schema", "parameters")}
            words = Words(**said, **read)
        return cls(usage=usage, attempts=tuple(sendings), words=words, **found)

    @property
    def paid(self) -> Usage:
        """Tokens of all attempts; of a packed call's item its share."""
        return (
            sum((sent.usage for sent in self.attempts), NO_USAGE) if self.attempts else self.usage
        )

    @property
    def last_latency_s(self) -> float:
        """Seconds that the last attempt took."""
        return self.attempts[-1].latency_s if self.attempts else self.latency_s

    @property
    def remark(self) -> str:
        """Why it was refused, where it waits, or what went wrong last."""
        if self.refusal is not None:
            return f"{self.refusal}: {self.detail}" if self.detail else self.refusal
        if self.waiting_in is not None:
            return f"waits in {self.waiting_in}"
        return next((sent.error for sent in reversed(self.attempts) if sent.error), "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, in the shape of a recording (see `backends/replay.py`)."""
        data = asdict(self)
        words = data.pop("words") or {}
        finish_reason = self.finish_reason or _FINISH_REASONS.get(self.refusal or "")
        return {"id": data.pop("document_id"), **data, "finish_reason": finish_reason, **words}


def _take_usage(row: dict[str, Any]) -> Usage:
    names = ("prompt_tokens", "completion_tokens", "cached_prompt_tokens")
    return Usage(**{name: row.pop(name) for name in names})

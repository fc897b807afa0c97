"""What a log's calls come to: by model and state, attempts, failures, tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from decoct.teacher.base import Usage
from decoct.teacher.log.filters import Filters

_MOST_ERRORS = 20

_CALLS = """
    SELECT backend, model, TOTAL(state = 'answered'), TOTAL(state = 'refused'),
        TOTAL(state = 'open'), MIN(asked_at), MAX(changed_at)
    FROM calls CROSS JOIN prompts ON prompts.id = prompt_id
    WHERE {condition} GROUP BY backend, model ORDER BY backend, model
"""
_ATTEMPTS = """
    SELECT backend, model, COUNT(*), TOTAL(outcome = 'failed'), TOTAL(attempts.prompt_tokens),
        TOTAL(attempts.completion_tokens), TOTAL(attempts.cached_prompt_tokens)
    FROM calls CROSS JOIN prompts ON prompts.id = prompt_id
        CROSS JOIN attempts ON call_id = calls.id
    WHERE {condition} GROUP BY backend, model
"""
_REFUSALS = """
    SELECT refusal, COUNT(*) FROM calls CROSS JOIN prompts ON prompts.id = prompt_id
    WHERE refusal IS NOT NULL AND {condition} GROUP BY refusal ORDER BY COUNT(*) DESC, refusal
"""
_WAITING = """
    SELECT waiting_in, COUNT(*) FROM calls CROSS JOIN prompts ON prompts.id = prompt_id
    WHERE waiting_in IS NOT NULL AND {condition} GROUP BY waiting_in ORDER BY waiting_in
"""
_ERRORS = """
    SELECT COALESCE(error, ''), COUNT(*) FROM calls CROSS JOIN prompts ON prompts.id = prompt_id
        CROSS JOIN attempts ON call_id = calls.id
    WHERE outcome = 'failed' AND {condition} GROUP BY error ORDER BY COUNT(*) DESC, error LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What was asked of one model.

    Attributes:
        backend: the word before the colon of `--teacher`.
        model: as it was asked for.
        n_answered: calls that were answered, ...
        n_refused: ... refused, ...
        n_open: ... and have not ended.
        n_attempts: questions sent, each time they were.
        n_failed: those of them that were neither answered nor refused.
        usage: tokens of all attempts.
        first_at: when it was first asked, ISO 8601 in UTC.
        last_at: when the last call ended or was tried.
    """

    backend: str
    model: str
    n_answered: int
    n_refused: int
    n_open: int
    n_attempts: int
    n_failed: int
    usage: Usage
    first_at: str
    last_at: str


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What a log's calls come to.

    Attributes:
        models: what was asked of each.
        refusals: reason -> calls refused for it, the most frequent first.
        errors: error -> failed attempts, the most frequent ones alone.
        waiting: where -> open calls that are to be answered there.
    """

    models: tuple[ModelSummary, ...]
    refusals: Mapping[str, int]
    errors: Mapping[str, int]
    waiting: Mapping[str, int]

    @property
    def n_calls(self) -> int:
        """Calls in all."""
        return sum(of.n_answered + of.n_refused + of.n_open for of in self.models)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {"n_calls": self.n_calls, **asdict(self)}


def read_summary(read: Callable[..., list[Any]], filters: Filters) -> LogSummary:
    """Count what the calls come to.

    Args:
        read: takes a query and its values, returns rows.
        filters: which calls.
    """
    condition, values = filters.to_sql()

    def rows(query: str, *more: object) -> list[Any]:
        return read(query.format(condition=condition), *values, *more)

    sent = {(backend, model): map(int, numbers) for backend, model, *numbers in rows(_ATTEMPTS)}
    models = []
    for backend, model, answered, refused, still_open, first_at, last_at in rows(_CALLS):
        n_attempts, n_failed, *tokens = sent.get((backend, model), [0] * 5)
        models.append(
            ModelSummary(
                backend,
                model,
                int(answered),
                int(refused),
                int(still_open),
                n_attempts,
                n_failed,
                Usage(*tokens),
                first_at,
                last_at,
            )
        )
    return LogSummary(
        tuple(models),
        refusals=dict(map(tuple, rows(_REFUSALS))),
        errors=dict(map(tuple, rows(_ERRORS, _MOST_ERRORS))),
        waiting=dict(map(tuple, rows(_WAITING))),
    )

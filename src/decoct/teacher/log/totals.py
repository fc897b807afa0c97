"""What the call log comes to as a whole: counts, and what the last answers took."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from decoct.teacher.log.records import History, LogCounts

Read = Callable[..., list[Any]]
_LATEST = 1000

_CALLS = "SELECT state, refusal, COUNT(*) FROM calls GROUP BY state, refusal ORDER BY refusal"
_ATTEMPTS = """
    SELECT COUNT(*), TOTAL(outcome = 'failed'), TOTAL(prompt_tokens), TOTAL(completion_tokens),
        TOTAL(cached_prompt_tokens)
    FROM attempts
"""
# from the index over changed_at and prompt_id, so that nothing is sorted
_ANSWERED = """
    SELECT attempts.prompt_tokens, attempts.completion_tokens, attempts.latency_s
    FROM calls CROSS JOIN attempts ON attempts.call_id = calls.id AND outcome = 'answered'
    WHERE prompt_id IN (SELECT id FROM prompts WHERE prompt_hash = ? AND model = ?)
    ORDER BY changed_at DESC, prompt_id DESC, calls.id DESC LIMIT ?
"""


def read_counts(read: Read) -> LogCounts:
    """Count what a log holds.

    Args:
        read: takes a query and its values, returns rows.
    """
    calls = read(_CALLS)
    n_attempts, n_failed, *tokens = map(int, read(_ATTEMPTS)[0])
    sent, received, cached = tokens
    return LogCounts(
        n_completions=sum(n for state, _, n in calls if state == "answered"),
        refusals={refusal: n for state, refusal, n in calls if state == "refused"},
        prompt_tokens=sent,
        completion_tokens=received,
        cached_prompt_tokens=cached,
        n_attempts=n_attempts,
        n_failed_attempts=n_failed,
        n_open=sum(n for state, _, n in calls if state == "open"),
    )


def read_history(read: Read, prompt_hash: str, model: str) -> History | None:
    """Return what the last answers to a prompt took; None where there are none.

    Args:
        read: as in `read_counts`.
        prompt_hash: from `base.prompt_hash`.
        model: the model that was asked.
    """
    rows = read(_ANSWERED, prompt_hash, model, _LATEST)
    if not rows:
        return None
    sent, received, latencies = zip(*rows, strict=True)
    n = len(rows)
    return History(n, sum(sent) / n, sum(received) / n, statistics.median(latencies))

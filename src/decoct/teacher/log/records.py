"""What goes into the call log and comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from decoct.teacher.base import NO_USAGE, Completion, Request, Usage


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a question; a question may take several.

    Attributes:
        latency_s: seconds until it was answered, refused or had failed.
        usage: tokens that it was billed for, also where its answer was no use.
        error: one line where it failed; None where it was answered or refused.
        started_at: ISO 8601 in UTC, with milliseconds; empty for `latency_s` ago.
    """

    latency_s: float = 0.0
    usage: Usage = NO_USAGE
    error: str | None = None
    started_at: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """How a call ended: with a completion, or with a refusal's reason; never both.

    Attributes:
        completion: the answer.
        refusal: the reason why there is none.
        detail: a refusal's one line more.
        usage: tokens of the one or the other.
    """

    completion: Completion | None = None
    refusal: str | None = None
    detail: str = ""
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A question as the log has it.

    Attributes:
        request: what was asked; its `text` is empty, for the log keeps the prompt alone.
        backend: who was asked: the word before the colon of `--teacher`, ...
        model: ... what stands behind it, ...
        parameters: ... and all else that the answer depends on.
    """

    request: Request
    backend: str
    model: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    """What the last answers to a prompt took.

    Attributes:
        n: how many answers this is drawn from.
        mean_prompt_tokens: of an answer.
        mean_completion_tokens: likewise.
        median_latency_s: seconds.
    """

    n: int
    mean_prompt_tokens: float
    mean_completion_tokens: float
    median_latency_s: float


@dataclass(frozen=True, slots=True)
class LogCounts:
    """What a log holds.

    Attributes:
        n_completions: calls that were answered.
        refusals: reason -> how many calls were refused for it.
        prompt_tokens: billed for all attempts together, whatever came of them.
        completion_tokens: likewise.
        cached_prompt_tokens: those of `prompt_tokens` that came from the endpoint's own cache.
        n_attempts: questions sent, each time they were.
        n_failed_attempts: those of them that were neither answered nor refused.
        n_open: calls that are recorded and have not ended.
    """

    n_completions: int
    refusals: Mapping[str, int]
    prompt_tokens: int
    completion_tokens: int
    cached_prompt_tokens: int = 0
    n_attempts: int = 0
    n_failed_attempts: int = 0
    n_open: int = 0

    @property
    def n_refusals(self) -> int:
        """Calls that were refused."""
        return sum(self.refusals.values())

"""What a run will send, cost and take, said before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from decoct.teacher.base import Usage
from decoct.teacher.prices import Price, dollars

BATCH_HOURS = 24


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will send, cost and take.

    Attributes:
        n_documents: documents in all.
        n_calls: requests to send.
        n_cached: documents that are answered from the log.
        prompt_tokens: of all requests together.
        completion_tokens: of all answers together.
        usd: US dollars; None where nobody knows the price.
        seconds: None where nobody knows how long an answer takes, and for a batch.
        price: what tokens cost, and since when that is known.
        batch: whether requests go as a batch.
        assumptions: what the figures rest on, in sentences.
    """

    n_documents: int
    n_calls: int
    n_cached: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None
    seconds: float | None
    price: Price | None
    batch: bool = False
    assumptions: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "n_documents": self.n_documents,
            "n_calls": self.n_calls,
            "n_cached": self.n_cached,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "usd": None if self.usd is None else round(self.usd, 6),
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "price": None if self.price is None else _told(self.price),
            "batch": self.batch,
            "assumptions": list(self.assumptions),
        }

    def lines(self, noun: str = "documents") -> Iterator[str]:
        """Yield it as people read it.

        Args:
            noun: what is asked about, in the plural.
        """
        yield f"{noun:<9}  {self.n_documents:,}, {self.n_cached:,} of them answered in the log"
        yield f"requests   {self.n_calls:,}"
        yield f"tokens     {self.prompt_tokens:,} to send, {self.completion_tokens:,} to come back"
        yield f"cost       {self._cost}"
        yield f"time       {self._time}"
        yield from (f"assumed    {sentence}" for sentence in self.assumptions)

    @property
    def _cost(self) -> str:
        if self.price is None or self.usd is None:
            return "unknown: no price for this model; give it with --prices FILE.toml"
        if self.price.is_free:
            return str(self.price)
        of_it = f", times {self.price.batch_factor:g} as a batch" if self.batch else ""
        return f"{dollars(self.usd)}: {self.price}{of_it}"

    @property
    def _time(self) -> str:
        if self.batch and self.n_calls:
            return f"within {BATCH_HOURS} h, as a batch"
        return "unknown" if self.seconds is None else f"about {_about(self.seconds)}"


def estimate(
    *,
    n_documents: int,
    n_cached: int,
    n_calls: int,
    prompt_tokens: int,
    answer_tokens: float,
    price: Price | None,
    batch: bool = False,
    concurrency: int = 8,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    latency_s: float | None = None,
    assumptions: Sequence[str] = (),
) -> Plan:
    """Make a plan of what is known.

    Args:
        n_documents: documents in all.
        n_cached: those that are answered from the log.
        n_calls: requests to send.
        prompt_tokens: of all requests together.
        answer_tokens: of one answer, on average.
        price: None where nobody knows it.
        batch: whether they go as a batch.
        concurrency: requests under way at once.
        requests_per_minute: the limit; None for none.
        tokens_per_minute: the limit, of what is sent and comes back; None for none.
        latency_s: seconds that an answer takes; None where nobody knows.
        assumptions: what these figures rest on, in sentences.
    """
    usage = Usage(prompt_tokens, round(n_calls * answer_tokens))
    told = list(assumptions)
    seconds = None if n_calls else 0.0
    if n_calls and latency_s is not None and not batch:
        n_at_once = max(1, min(concurrency, n_calls))
        n_tokens = usage.prompt_tokens + usage.completion_tokens
        seconds = max(
            n_calls * latency_s / n_at_once,
            60 * n_calls / (requests_per_minute or math.inf),
            60 * n_tokens / (tokens_per_minute or math.inf),
        )
    if price is not None and price.cache_write_usd is not None:
        told.append("every prompt token is written to the endpoint's cache, at its higher price")
    return Plan(
        n_documents=n_documents,
        n_calls=n_calls,
        n_cached=n_cached,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        usd=None if price is None else price.cost(usage, batch),
        seconds=seconds,
        price=price,
        batch=batch,
        assumptions=tuple(told),
    )


def _told(price: Price) -> dict[str, Any]:
    known = {"input_usd": price.input_usd, "output_usd": price.output_usd, "source": price.source}
    return known if price.is_free else known | {"as_of": price.as_of.isoformat()}


def _about(seconds: float) -> str:
    for unit, length_s in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length_s:
            return f"{seconds / length_s:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"

"""What a labelling run came to: how many, how well, how much."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pydantic_core import to_jsonable_python

from decoct.teacher.base import NO_USAGE, Tally, Usage
from decoct.teacher.budget import Budget
from decoct.teacher.outcome import Outcome


@dataclass(slots=True)
class Cost:
    """What was sent in one run; answers that were in the log already cost nothing.

    Attributes:
        n_calls: requests that were answered or refused; a packed one counts once.
        usage: tokens that were billed.
        usd: US dollars, None where nobody knows the price.
        failures: attempts that failed and were made again, by what was said.
    """

    n_calls: int = 0
    usage: Usage = NO_USAGE
    usd: float | None = None
    failures: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class LabelSummary:
    """What a labelling run came to.

    Attributes:
        n_documents: documents put to the teacher.
        n_silver: documents with a usable answer.
        n_relations: relations in them.
        n_cached: documents for which nothing had to be sent.
        n_outvoted: annotations that too few samples agreed on.
        refusals: documents without a usable answer, by reason.
        ungrounded: stated relations that are not in the text, by reason.
        n_lost_subjects: subjects stated without a relation that are not in the text.
        prompt_tokens: of all answers, those from the log too.
        completion_tokens: likewise.
        cost: of this run alone.
        log_usd: what the answers from the log cost when they were asked, at today's price.
    """

    n_documents: int = 0
    n_silver: int = 0
    n_relations: int = 0
    n_cached: int = 0
    n_outvoted: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    ungrounded: Counter[str] = field(default_factory=Counter)
    n_lost_subjects: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Cost = field(default_factory=Cost)
    log_usd: float | None = None

    def add(self, outcome: Outcome) -> None:
        """Count one document."""
        self.n_documents += 1
        self.n_cached += outcome.cached
        self.n_outvoted += outcome.n_outvoted
        self.ungrounded.update(outcome.ungrounded)
        self.n_lost_subjects += outcome.lost_subjects
        self.prompt_tokens += outcome.usage.prompt_tokens
        self.completion_tokens += outcome.usage.completion_tokens
        if outcome.refusal:
            self.refusals[outcome.refusal] += 1
        if outcome.silver is not None:
            self.n_silver += 1
            self.n_relations += len(outcome.silver.relations)

    def close(self, tally: Tally, budget: Budget) -> None:
        """Add what was sent; a batch's price is known by what came back."""
        usd = budget.spent_usd
        if budget.batch and budget.price:
            usd = budget.price.cost(tally.usage, batch=True)
        self.cost = Cost(tally.n_sent, tally.usage, usd, tally.failures)
        earlier = Usage(
            max(0, self.prompt_tokens - tally.usage.prompt_tokens),
            max(0, self.completion_tokens - tally.usage.completion_tokens),
        )
        self.log_usd = budget.price.cost(earlier, budget.batch) if budget.price else None

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        plain: dict[str, object] = to_jsonable_python(self)
        return plain

"""What a judging run came to: how many, how they were chosen, how much."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from decoct.teacher.summary import LabelSummary

NO_CANDIDATES = "no_candidates"


@dataclass(slots=True)
class JudgeSummary:
    """What a judging run came to.

    Attributes:
        n_documents: documents that were read.
        n_written: those with a mention that was judged.
        n_mentions: mentions in them.
        n_judged: mentions with a usable answer.
        n_nil: those of them that are none of their candidates.
        n_first: those of them that are their first candidate.
        n_recorded: mentions whose candidates are a recording's own, whatever else is given.
        n_without_candidates: mentions that there was nothing to ask about.
        asking: what was asked, from the log or anew, and what it cost; its documents are mentions.
    """

    n_documents: int = 0
    n_written: int = 0
    n_mentions: int = 0
    n_judged: int = 0
    n_nil: int = 0
    n_first: int = 0
    n_recorded: int = 0
    n_without_candidates: int = 0
    asking: LabelSummary = field(default_factory=LabelSummary)

    @property
    def nil_share(self) -> float | None:
        """Share of the judged mentions that are none of their candidates; None without any."""
        return self.n_nil / self.n_judged if self.n_judged else None

    @property
    def first_share(self) -> float | None:
        """Share of the judged mentions that are their first candidate; None without any."""
        return self.n_first / self.n_judged if self.n_judged else None

    @property
    def refusals(self) -> Counter[str]:
        """Mentions without a usable answer, by reason."""
        found = Counter(self.asking.refusals)
        if self.n_without_candidates:
            found[NO_CANDIDATES] += self.n_without_candidates
        return found

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        asking = self.asking.to_dict()
        return {
            "n_documents": self.n_documents,
            "n_written": self.n_written,
            "n_mentions": self.n_mentions,
            "n_judged": self.n_judged,
            "n_cached": self.asking.n_cached,
            "n_nil": self.n_nil,
            "nil_share": self.nil_share,
            "n_first": self.n_first,
            "first_share": self.first_share,
            "n_recorded": self.n_recorded,
            "refusals": dict(self.refusals),
            "n_outvoted": self.asking.n_outvoted,
            "prompt_tokens": self.asking.prompt_tokens,
            "completion_tokens": self.asking.completion_tokens,
            "cost": asking["cost"],
            "log_usd": self.asking.log_usd,
        }

"""Where the candidates of mentions come from: a recording, an index, or the mentions' own links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from decoct.kb.base import Query
from decoct.records import Candidate, Span

Search = Callable[[Sequence[Query], int], list[tuple[Candidate, ...]]]
Recorded = Callable[[str], tuple[Candidate, ...] | None]
_SCORED = 100  # so far down an index is looked for the scores of recorded candidates


@dataclass(frozen=True, slots=True)
class Found:
    """What a mention may mean.

    Attributes:
        candidates: best first, each entity once.
        recorded: whether they are a recording's own.
    """

    candidates: tuple[Candidate, ...]
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class CandidateSource:
    """Finds candidates.

    Attributes:
        k: how many of them.
        search: an index; None where there is none.
        recorded: what a recording had, by the mention as it is written; it goes before all else,
            for its choices are among its own candidates.
    """

    k: int
    search: Search | None = None
    recorded: Recorded | None = None

    def find(self, mentions: Sequence[tuple[Span, Query]]) -> list[Found]:
        """Return the candidates of each mention.

        Those of a recording are all returned, scored by the index where there is one; else the
        index's are, and where there is none those that a mention's link names.
        """
        recorded = [self.recorded(span.text) if self.recorded else None for span, _ in mentions]
        depth = max(self.k, _SCORED) if any(recorded) else self.k
        searched = self.search([query for _, query in mentions], depth) if self.search else None
        found = []
        for place, (span, _) in enumerate(mentions):
            known = recorded[place]
            if known is not None:
                found.append(Found(_scored(known, searched[place] if searched else ()), True))
            elif searched is not None:
                found.append(Found(_once(searched[place])[: self.k]))
            else:
                linked = span.link.candidates if span.link else ()
                found.append(Found(_once(linked)[: self.k]))
        return found


def _scored(recorded: Sequence[Candidate], searched: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return recorded candidates in their own order, with the scores that an index gives them."""
    by_id = {candidate.id: candidate for candidate in searched}
    return tuple(
        candidate.model_copy(update={"score": found.score, "scores": found.scores})
        if (found := by_id.get(candidate.id))
        else candidate
        for candidate in _once(recorded)
    )


def _once(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    by_id: dict[str, Candidate] = {}
    for candidate in candidates:
        by_id.setdefault(candidate.id, candidate)
    return tuple(by_id.values())

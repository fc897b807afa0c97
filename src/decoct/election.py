"""Several annotations of one text: whose boundaries are taken, and who says what in them.

Nothing is decided here on what is kept; that differs between samples of one teacher and the labels
of several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from decoct.records import Mark, Relation, Span

Link = tuple[str, Mark, Mark]  # label, subject, object
Said = TypeVar("Said")
_Variant = tuple[int, Mark]  # a voter's number, and a span of it


class Annotation(Protocol):
    """What has spans and relations, such as a document."""

    @property
    def spans(self) -> tuple[Span, ...]: ...

    @property
    def relations(self) -> tuple[Relation, ...]: ...


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one voter says, in the elected boundaries.

    Attributes:
        marks: its spans; a discontinuous one is the stretch from its first to its last piece.
        links: its relations, between `marks`.
    """

    marks: frozenset[Mark]
    links: frozenset[Link]


def elect(voters: Sequence[Annotation]) -> list[Ballot]:
    """Return the ballot of each voter.

    Spans of one label that overlap are variants of one another. The boundaries that most voters
    have are elected (of equals the earliest voter's), and each voter without them votes for them
    with its variant that overlaps them most. Each span votes, and once. The order of the voters
    decides nothing but ties.

    Args:
        voters: what each says of the same text.
    """
    choices = _choices(voters)
    return [
        Ballot(frozenset(choice.values()), _links(voter, choice))
        for voter, choice in zip(voters, choices, strict=True)
    ]


def poll(votes: Sequence[Iterable[Said]], min_share: float) -> tuple[dict[Said, float], int]:
    """Return what a share of the voters says, each with its share, and how much else there is.

    Args:
        votes: what each voter says.
        min_share: share of the voters, above 0 to 1, that it takes.
    """
    counts = Counter(said for ballot in votes for said in dict.fromkeys(ballot))
    shares = {said: count / len(votes) for said, count in counts.items()}
    kept = {said: share for said, share in shares.items() if share >= min_share}
    return kept, len(shares) - len(kept)


def _links(voter: Annotation, choice: Mapping[Mark, Mark]) -> frozenset[Link]:
    elected = {span.id: choice[_mark(span)] for span in voter.spans}
    return frozenset(
        (one.label, elected[one.subject], elected[one.object]) for one in voter.relations
    )


def _choices(voters: Sequence[Annotation]) -> list[dict[Mark, Mark]]:
    """Return, for each voter, which elected span each of its spans votes for."""
    choices: list[dict[Mark, Mark]] = [{} for _ in voters]
    variants = {(n, _mark(span)) for n, voter in enumerate(voters) for span in voter.spans}
    for area in _areas(variants):
        while area:
            elected = _winner(area)
            for number in {number for number, _ in area}:
                own = [mark for n, mark in area if n == number and _shared(mark, elected)]
                if own:
                    nearest = max(own, key=lambda mark: _nearness(mark, elected))
                    choices[number][nearest] = elected
                    area.remove((number, nearest))
    return choices


def _areas(variants: Iterable[_Variant]) -> Iterator[set[_Variant]]:
    """Cut the variants where no span reaches over, each label by itself."""
    area: set[_Variant] = set()
    label, reached = "", 0
    for variant in sorted(variants, key=lambda variant: (variant[1][2], variant[1])):
        start, end, own_label = variant[1]
        if area and (own_label != label or start >= reached):
            yield area
            area, reached = set(), 0
        area.add(variant)
        label, reached = own_label, max(reached, end)
    if area:
        yield area


def _winner(area: Iterable[_Variant]) -> Mark:
    """Return the span that most voters have to the letter."""
    voters_of: dict[Mark, list[int]] = {}
    for number, mark in area:
        voters_of.setdefault(mark, []).append(number)
    return min(voters_of, key=lambda mark: (-len(voters_of[mark]), min(voters_of[mark]), mark))


def _shared(mark: Mark, other: Mark) -> bool:
    return mark[0] < other[1] and other[0] < mark[1]


def _nearness(mark: Mark, elected: Mark) -> tuple[int, int, int]:
    """Order variants: the most in common, then the least beside it, then the first."""
    n_shared = min(mark[1], elected[1]) - max(mark[0], elected[0])
    return n_shared, mark[0] - mark[1], -mark[0]


def _mark(span: Span) -> Mark:
    return span.start, span.end, span.label

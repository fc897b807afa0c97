"""Several samples of one document become one annotation, each part with the share that has it.

What a sampled model says each time it is sure of, and what it says now and then it is not: the
share of samples is the confidence (self-consistency).

Source: Wang et al. 2023 (arXiv 2203.11171), who vote on whole answers; here spans and relations are
voted on one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from decoct.records import Mark, Relation, Span, number_annotations
from decoct.teacher.grounding import Grounded, Ungrounded

Ballot = tuple[int, Mark]  # a sample's number, and a span of it
Link = tuple[str, Mark, Mark]  # label, subject, object
Said = TypeVar("Said")


@dataclass(frozen=True, slots=True)
class Elected:
    """What the samples agree on.

    Attributes:
        spans: with `confidence`, the share of the samples that have them; ids `T1`, `T2`...
        relations: likewise.
        ungrounded: claims not in the text that as large a share of the samples makes.
        lost_subjects: subjects not in the text that as large a share names.
        document_confidence: share of the samples whose relations are exactly the elected ones.
        n_outvoted: spans, relations and strings not in the text that too few samples have.
    """

    spans: tuple[Span, ...]
    relations: tuple[Relation, ...]
    ungrounded: tuple[Ungrounded, ...]
    lost_subjects: tuple[str, ...]
    document_confidence: float
    n_outvoted: int


def vote(text: str, samples: Sequence[Grounded], min_agreement: float = 0.5) -> Elected:
    """Elect the spans and relations that enough samples have.

    Spans of one label that overlap are variants of one another. The boundaries that most samples
    have are elected (of equals the earliest sample's), and each sample without them votes for them
    with its variant that overlaps them most. A relation is voted on between elected spans, so one
    that is kept keeps its spans. The order of the samples decides nothing but ties.

    Args:
        text: the document's text.
        samples: the usable ones; each has one vote on everything.
        min_agreement: share of the samples, above 0 to 1, that it takes to be kept.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("there are no samples to vote")
    choices = _choices(samples)
    links = [_links(sample, choice) for sample, choice in zip(samples, choices, strict=True)]
    kept_marks, n_marks = _poll([choice.values() for choice in choices], min_agreement)
    kept_links, n_links = _poll(links, min_agreement)
    claims, n_claims = _poll([sample.ungrounded for sample in samples], min_agreement)
    subjects, n_subjects = _poll([sample.lost_subjects for sample in samples], min_agreement)
    spans, relations = number_annotations(text, kept_marks, kept_links)
    return Elected(
        spans=spans,
        relations=relations,
        ungrounded=tuple(claims),
        lost_subjects=tuple(subjects),
        document_confidence=sum(stated == set(kept_links) for stated in links) / len(samples),
        n_outvoted=n_marks + n_links + n_claims + n_subjects,
    )


def _poll(votes: Sequence[Iterable[Said]], min_agreement: float) -> tuple[dict[Said, float], int]:
    """Return what enough samples say, with their share, and how much else there is."""
    counts = Counter(said for ballot in votes for said in dict.fromkeys(ballot))
    shares = {said: count / len(votes) for said, count in counts.items()}
    kept = {said: share for said, share in shares.items() if share >= min_agreement}
    return kept, len(shares) - len(kept)


def _links(sample: Grounded, choice: Mapping[Mark, Mark]) -> set[Link]:
    elected = {span.id: choice[_mark(span)] for span in sample.spans}
    return {(one.label, elected[one.subject], elected[one.object]) for one in sample.relations}


def _choices(samples: Sequence[Grounded]) -> list[dict[Mark, Mark]]:
    """Return, for each sample, which elected span each of its spans votes for."""
    choices: list[dict[Mark, Mark]] = [{} for _ in samples]
    ballots = {(n, _mark(span)) for n, sample in enumerate(samples) for span in sample.spans}
    for area in _areas(ballots):
        while area:
            elected = _winner(area)
            for number in {number for number, _ in area}:
                own = [mark for n, mark in area if n == number and _shared(mark, elected)]
                if own:
                    nearest = max(own, key=lambda mark: _nearness(mark, elected))
                    choices[number][nearest] = elected
                    area.remove((number, nearest))
    return choices


def _areas(ballots: Iterable[Ballot]) -> Iterator[set[Ballot]]:
    """Cut the ballots where no span reaches over, each label by itself."""
    area: set[Ballot] = set()
    label, reached = "", 0
    for ballot in sorted(ballots, key=lambda ballot: (ballot[1][2], ballot[1])):
        start, end, own_label = ballot[1]
        if area and (own_label != label or start >= reached):
            yield area
            area, reached = set(), 0
        area.add(ballot)
        label, reached = own_label, max(reached, end)
    if area:
        yield area


def _winner(area: Iterable[Ballot]) -> Mark:
    """Return the span that most samples have to the letter."""
    samples_of: dict[Mark, list[int]] = {}
    for number, mark in area:
        samples_of.setdefault(mark, []).append(number)
    return min(samples_of, key=lambda mark: (-len(samples_of[mark]), min(samples_of[mark]), mark))


def _shared(mark: Mark, other: Mark) -> bool:
    return mark[0] < other[1] and other[0] < mark[1]


def _nearness(mark: Mark, elected: Mark) -> tuple[int, int, int]:
    """Order variants: the most in common, then the least beside it, then the first."""
    n_shared = min(mark[1], elected[1]) - max(mark[0], elected[0])
    return n_shared, mark[0] - mark[1], -mark[0]


def _mark(span: Span) -> Mark:
    return span.start, span.end, span.label

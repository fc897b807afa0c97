"""Several samples of one document become one annotation, each part with the share that has it.

What a sampled model says each time it is sure of, and what it says now and then it is not: the
share of samples is the confidence (self-consistency).

Source: Wang et al. 2023 (arXiv 2203.11171), who vote on whole answers; here spans and relations are
voted on one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from decoct.election import elect, poll
from decoct.records import Relation, Span, number_annotations
from decoct.teacher.grounding import Grounded, Ungrounded


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

    A relation is voted on between elected spans (see `elect`), so one that is kept keeps its spans.

    Args:
        text: the document's text.
        samples: the usable ones; each has one vote on everything.
        min_agreement: share of the samples, above 0 to 1, that it takes to be kept.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("there are no samples to vote")
    ballots = elect(samples)
    kept_marks, n_marks = poll([ballot.marks for ballot in ballots], min_agreement)
    kept_links, n_links = poll([ballot.links for ballot in ballots], min_agreement)
    claims, n_claims = poll([sample.ungrounded for sample in samples], min_agreement)
    subjects, n_subjects = poll([sample.lost_subjects for sample in samples], min_agreement)
    spans, relations = number_annotations(text, kept_marks, kept_links)
    n_right = sum(ballot.links == kept_links.keys() for ballot in ballots)
    return Elected(
        spans=spans,
        relations=relations,
        ungrounded=tuple(claims),
        lost_subjects=tuple(subjects),
        document_confidence=n_right / len(samples),
        n_outvoted=n_marks + n_links + n_claims + n_subjects,
    )

"""Several samples of one document become one annotation, each part with the share that has it.

What a sampled model says each time it is sure of, and what it says now and then it is not: the
share of samples is the confidence (self-consistency).

Source: Wang et al. 2023 (arXiv 2203.11171), who vote on whole answers; here spans and relations are
voted on one by one, and a document's label as they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

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
        document_confidence: share of the samples whose relations, and label, are exactly the
            elected ones; where they say how sure they are, times the mean of that.
        n_outvoted: spans, relations, strings not in the text and labels that too few samples have.
        label: the class of the document; None where none has enough samples, or nobody gives one.
    """

    spans: tuple[Span, ...]
    relations: tuple[Relation, ...]
    ungrounded: tuple[Ungrounded, ...]
    lost_subjects: tuple[str, ...]
    document_confidence: float
    n_outvoted: int
    label: str | None = None


def vote(text: str, samples: Sequence[Grounded], min_agreement: float = 0.5) -> Elected:
    """Elect the spans and relations that enough samples have, and the label that most have.

    A relation is voted on between elected spans (see `elect`), so one that is kept keeps its spans.
    Of labels with as many votes the surer samples' is taken, then the earliest sample's.

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
    label, n_labels = _elect_label(samples, min_agreement)
    right = [
        sample
        for sample, ballot in zip(samples, ballots, strict=True)
        if ballot.links == kept_links.keys() and sample.label == label
    ]
    said = [sample.confidence for sample in right if sample.confidence is not None]
    sureness = mean(said) if said else 1.0
    return Elected(
        spans=spans,
        relations=relations,
        ungrounded=tuple(claims),
        lost_subjects=tuple(subjects),
        document_confidence=len(right) / len(samples) * sureness,
        n_outvoted=n_marks + n_links + n_claims + n_subjects + n_labels,
        label=label,
    )


def _elect_label(samples: Sequence[Grounded], min_agreement: float) -> tuple[str | None, int]:
    """Return the label that most samples have, if they are enough, and how many others lost."""
    sureness: dict[str, list[float]] = {}
    for sample in samples:
        if sample.label is not None:
            sureness.setdefault(sample.label, []).append(sample.confidence or 0.0)
    if not sureness:
        return None, 0
    first = max(sureness, key=lambda label: (len(sureness[label]), sum(sureness[label])))
    if len(sureness[first]) / len(samples) < min_agreement:
        return None, len(sureness)
    return first, len(sureness) - 1

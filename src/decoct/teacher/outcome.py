"""What came of one document: silver, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from decoct.records import Document, Relation, Span
from decoct.teacher.base import NO_USAGE, Usage
from decoct.teacher.grounding import Grounded, Ungrounded
from decoct.teacher.vote import vote

OPEN = frozenset({"unavailable", "waiting", "over_budget"})  # refusals that another run may lift


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample's answer, read.

    Attributes:
        grounded: what of it stands in the text; None where there is no usable answer.
        refusal: why there is none: `content_filter`, `truncated`, `invalid_answer`...
        detail: one line more, without text of the document.
        meta: what silver says of its origin: model and prompt hash.
        cached: whether nothing had to be sent for it.
        usage: tokens of all that was sent for it, now or before.
    """

    grounded: Grounded | None = None
    refusal: str | None = None
    detail: str = ""
    meta: Mapping[str, Any] | None = None
    cached: bool = False
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one document.

    Attributes:
        document_id: which.
        silver: the annotated document, or None where there is no usable answer.
        refusal: why there is none: `content_filter`, `truncated`, `invalid_answer`...
        detail: one line more, without text of the document.
        ungrounded: reasons of the claims that could not be placed.
        lost_subjects: subjects named without a claim that are not in the text.
        n_outvoted: annotations that too few samples agreed on.
        cached: whether nothing had to be sent for it.
        usage: tokens of its answers, those in the log already too.
    """

    document_id: str
    silver: Document | None = None
    refusal: str | None = None
    detail: str = ""
    ungrounded: tuple[str, ...] = ()
    lost_subjects: int = 0
    n_outvoted: int = 0
    cached: bool = False
    usage: Usage = NO_USAGE


def conclude(
    document: Document, backend: str, readings: Sequence[Reading], min_agreement: float
) -> Outcome:
    """Make an outcome of a document's samples; more than one are put to the vote.

    Where none of their labels has votes enough, that is a refusal, `no_agreement`.

    Args:
        document: what was asked about.
        backend: who was asked.
        readings: one for each sample. Half of them at least must be usable.
        min_agreement: share of the usable samples that an annotation needs.
    """
    usable = [reading for reading in readings if reading.grounded is not None]
    usage = sum((reading.usage for reading in readings), NO_USAGE)
    cached = all(reading.cached for reading in readings)
    if not usable or 2 * len(usable) < len(readings):
        refused = [reading for reading in readings if reading.grounded is None]
        told = next((one for one in refused if one.refusal in OPEN), refused[0])
        return Outcome(
            document.id, refusal=told.refusal, detail=told.detail, cached=cached, usage=usage
        )
    answers = [reading.grounded for reading in usable if reading.grounded is not None]
    spans: tuple[Span, ...] = answers[0].spans
    relations: tuple[Relation, ...] = answers[0].relations
    ungrounded: tuple[Ungrounded, ...] = answers[0].ungrounded
    lost_subjects = answers[0].lost_subjects
    label, confidence, n_outvoted = answers[0].label, answers[0].confidence, 0
    if len(readings) > 1:
        elected = vote(document.text, answers, min_agreement)
        spans, relations, ungrounded = elected.spans, elected.relations, elected.ungrounded
        lost_subjects = elected.lost_subjects
        confidence, n_outvoted = elected.document_confidence, elected.n_outvoted
        label = elected.label
        if label is None and any(answer.label is not None for answer in answers):
            return Outcome(
                document.id,
                refusal="no_agreement",
                detail=f"{len(answers)} answers, and none has votes enough",
                n_outvoted=n_outvoted,
                cached=cached,
                usage=usage,
            )
    meta = {**document.bare().meta, "backend": backend, **(usable[0].meta or {})}
    meta["confidence"] = confidence
    if ungrounded:
        meta["ungrounded"] = [claim.to_dict() for claim in ungrounded]
    silver = Document(
        id=document.id,
        text=document.text,
        source="silver",
        spans=spans,
        relations=relations,
        label=label,
        meta=meta,
    )
    return Outcome(
        document.id,
        silver=silver,
        ungrounded=tuple(claim.reason for claim in ungrounded),
        lost_subjects=len(lost_subjects),
        n_outvoted=n_outvoted,
        cached=cached,
        usage=usage,
    )

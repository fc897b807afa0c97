"""Grounding: a teacher's strings become spans and relations with offsets, or are named as lost.

Every occurrence of a named subject becomes a span (a drug is a drug each time it is named); a
claimed relation links the nearest sensible pair of occurrences. What can't be found is kept and
counted. A label of the whole document needs no place in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

from decoct.records import Relation, Span, number_annotations
from decoct.tasks.base import Answer, Claim, RelationTask, Task
from decoct.text.align import Place, find_quote, nearest_pair


@dataclass(frozen=True, slots=True)
class Ungrounded:
    """A claim whose strings are not in the text.

    Attributes:
        claim: what the teacher said.
        reason: `subject_not_in_text`, `object_not_in_text` or `neither_in_text`.
    """

    claim: Claim
    reason: str

    def to_dict(self) -> dict[str, str]:
        """Return the form kept in a silver document's `meta["ungrounded"]`."""
        return {
            "label": self.claim.label,
            "subject": self.claim.subject,
            "object": self.claim.object,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Grounded:
    """What of an answer stands in the text, and what does not.

    Attributes:
        spans: in order of place, ids `T1`, `T2`...
        relations: each claim once.
        ungrounded: claims that could not be placed.
        lost_subjects: subjects without a claim that could not be placed.
        label: the class of the document, for tasks that ask for one.
        confidence: how sure of it the teacher says that it is.
    """

    spans: tuple[Span, ...] = ()
    relations: tuple[Relation, ...] = ()
    ungrounded: tuple[Ungrounded, ...] = ()
    lost_subjects: tuple[str, ...] = ()
    label: str | None = None
    confidence: float | None = None


def ground(task: Task, text: str, answer: Answer) -> Grounded:
    """Find an answer's strings in the text and link them; a label is passed on.

    Args:
        task: gives the labels of spans; one without spans has none to find.
        text: the document's text.
        answer: a parsed answer.
    """
    if not isinstance(task, RelationTask):
        return Grounded(label=answer.label, confidence=answer.confidence)
    find = cache(partial(find_quote, text))
    claimed = {claim.subject for claim in answer.claims}
    subject_places = {place for subject in answer.subjects for place in find(subject)}
    lost = [subject for subject in answer.subjects if subject not in claimed and not find(subject)]

    links: dict[tuple[str, Place, Place], None] = {}
    ungrounded: list[Ungrounded] = []
    for claim in dict.fromkeys(answer.claims):
        subjects, objects = find(claim.subject), find(claim.object)
        subject_places.update(subjects)
        pair = nearest_pair(text, subjects, objects)
        if pair is None:
            ungrounded.append(Ungrounded(claim, _reason(subjects, objects)))
        else:
            links[claim.label, *pair] = None

    return _assemble(task, text, subject_places, list(links), ungrounded, lost)


def _reason(subjects: list[Place], objects: list[Place]) -> str:
    if subjects:
        return "object_not_in_text"
    return "subject_not_in_text" if objects else "neither_in_text"


def _assemble(
    task: RelationTask,
    text: str,
    subject_places: set[Place],
    links: list[tuple[str, Place, Place]],
    ungrounded: list[Ungrounded],
    lost: list[str],
) -> Grounded:
    linked = {subject for _, subject, _ in links}
    keep = _drop_nested(subject_places, linked)
    marks = {place.labelled(task.subject_label): None for place in keep}
    marks |= {target.labelled(task.object_labels[label]): None for label, _, target in links}
    numbered = {
        (
            label,
            subject.labelled(task.subject_label),
            target.labelled(task.object_labels[label]),
        ): None
        for label, subject, target in links
    }
    spans, relations = number_annotations(text, marks, numbered)
    return Grounded(spans, relations, tuple(ungrounded), tuple(lost))


def _drop_nested(places: set[Place], linked: set[Place]) -> set[Place]:
    """Drop a subject inside a longer subject, unless a relation starts from it.

    `interferon` is also found inside every `interferon alfa`.
    """
    kept: set[Place] = set()
    reached = -1
    for place in sorted(places, key=lambda place: (place.start, -place.end)):
        if place.end > reached or place in linked:
            kept.add(place)
        reached = max(reached, place.end)
    return kept

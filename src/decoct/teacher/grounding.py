"""Grounding: a teacher's strings become spans and relations with offsets, or are named as lost.

Every occurrence of a named mention becomes a span (a drug is a drug each time it is named); a
claimed relation links the nearest sensible pair of occurrences. What can't be found is kept and
counted. A label of the whole document needs no place in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

from decoct.records import Relation, Span, number_annotations
from decoct.tasks.base import Answer, Claim, RelationType, SpanTask, Task
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
            "label": self.claim.type.label,
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
        lost_subjects: mentions without a claim that could not be placed.
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
    if not isinstance(task, SpanTask):
        return Grounded(label=answer.label, confidence=answer.confidence)
    find = cache(partial(find_quote, text))
    claimed = {claim.subject for claim in answer.claims}
    named = {(label, place) for label, mention in answer.mentions for place in find(mention)}
    lost = dict.fromkeys(
        mention for _, mention in answer.mentions if mention not in claimed and not find(mention)
    )

    links: dict[tuple[RelationType, Place, Place], None] = {}
    ungrounded: list[Ungrounded] = []
    for claim in dict.fromkeys(answer.claims):
        subjects, objects = find(claim.subject), find(claim.object)
        if claim.type.subject in task.tagged:
            named.update((claim.type.subject, place) for place in subjects)
        pair = nearest_pair(text, subjects, objects)
        if pair is None:
            ungrounded.append(Ungrounded(claim, _reason(subjects, objects)))
        else:
            links[claim.type, *pair] = None

    return _assemble(task, text, named, list(links), ungrounded, list(lost))


def _reason(subjects: list[Place], objects: list[Place]) -> str:
    if subjects:
        return "object_not_in_text"
    return "subject_not_in_text" if objects else "neither_in_text"


def _assemble(
    task: SpanTask,
    text: str,
    named: set[tuple[str, Place]],
    links: list[tuple[RelationType, Place, Place]],
    ungrounded: list[Ungrounded],
    lost: list[str],
) -> Grounded:
    linked = {(kind.subject, subject) for kind, subject, _ in links}
    linked |= {(kind.object, target) for kind, _, target in links}
    by_label = [{one for one in named if one[0] == label} for label in task.tagged]
    keep = linked.union(
        *(_drop_nested(some, linked) for some in ([named] if task.exclusive else by_label))
    )
    marks = {place.labelled(label): None for label, place in keep}
    numbered = {
        (kind.label, subject.labelled(kind.subject), target.labelled(kind.object)): None
        for kind, subject, target in links
    }
    spans, relations = number_annotations(text, marks, numbered)
    return Grounded(spans, relations, tuple(ungrounded), tuple(lost))


def _drop_nested(
    named: set[tuple[str, Place]], linked: set[tuple[str, Place]]
) -> set[tuple[str, Place]]:
    """Drop a mention inside a longer one, unless a relation holds it.

    `interferon` is also found inside every `interferon alfa`.
    """
    kept: set[tuple[str, Place]] = set()
    reached = -1
    for label, place in sorted(named, key=lambda one: (one[1].start, -one[1].end, one[0])):
        if place.end > reached or (label, place) in linked:
            kept.add((label, place))
        reached = max(reached, place.end)
    return kept

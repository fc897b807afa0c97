"""Labels that a student contradicts which did not learn from them.

A student that has read the other documents knows the teacher's rule; where it is sure and a label
says otherwise, the label is more often a slip than the rule.

Source: Northcutt et al. 2021, Confident Learning (arXiv 1911.00068), from which the idea is taken:
out-of-sample probabilities, and as threshold of a class the mean confidence of what is labelled so.
There a label is one of several classes and the joint of given and true labels is estimated; here a
relation is there or not, and what is below a student's own threshold counts as surely not there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from decoct.records import Document, Relation, Span
from decoct.student.silver.caveats import add_doubtful, unknown_subjects, weigh
from decoct.student.silver.edits import fresh_ids
from decoct.student.silver.prepare import Prepared
from decoct.student.silver.settings import SilverSettings
from decoct.text.align import Place

Pair = tuple[Relation, Span, Span]  # with its subject and its object


def doubt(
    silver: Sequence[Document], predicted: Sequence[Document], settings: SilverSettings
) -> Prepared:
    """Find what is doubtful in silver, and do about it what `settings.doubt` says.

    Two relations agree that have one label and whose subjects and objects overlap. A relation of
    silver is doubtful where the student is sure that there is none: one, less the confidence of the
    surest relation that agrees with it, reaches the threshold. So is a predicted relation whose
    confidence reaches it and that silver lacks, unless its subject's objects are not known.

    With `drop`, nothing is learnt from the words of their objects, nor from those of a subject that
    only the student has, or of which it is as sure that it is none. With `weigh`, a document counts
    the share of relations, of both sides, that are not doubtful; predicted ones that nobody shares
    and the student is unsure of are left out. With `adopt`, a document gets the relations that the
    student is sure of and the teacher left out, between spans of the teacher's where these overlap.

    Args:
        silver: documents as they are to be learnt from.
        predicted: the same, by students that did not learn from them (see `out_of_fold`), in any
            order. A confidence that is not there is taken for 1.
        settings: `doubt`, `doubt_confidence` and `min_weight`.

    Returns:
        The documents in their order, those without a prediction as they were, and the counts
        `judged` documents, `agreeing` relations of silver, `missed` ones, `invented` relations, and
        `doubtful_documents`, which have any of the last two.
    """
    by_key = {(document.id, document.text): document for document in predicted}
    pairs = [(one, by_key.get((one.id, one.text))) for one in silver]
    thresholds = _thresholds([(s, p) for s, p in pairs if p is not None], settings)
    counts = Counter(judged=0, agreeing=0, missed=0, invented=0, doubtful_documents=0)
    documents = []
    for one, other in pairs:
        if other is not None:
            verdict = _judge(one, other, thresholds)
            counts.update(verdict.counts)
            one = _act(one, verdict, settings)
        documents.append(one)
    return Prepared(tuple(documents), dict(counts))


@dataclass(slots=True)
class _Verdict:
    """What is doubtful in one document, and how much there is in all."""

    n_relations: int = 0
    n_doubtful: int = 0
    places: list[Place] = field(default_factory=list)
    invented: list[Pair] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, target: Span, subject: Span | None) -> None:
        self.counts[kind] += 1
        self.n_doubtful += 1
        self.places += [Place(span.start, span.end) for span in (target, subject) if span]


def _thresholds(
    judged: Sequence[tuple[Document, Document]], settings: SilverSettings
) -> Mapping[str, float]:
    """Return for each relation label how sure a student has to be; others can't be doubted."""
    agreeing: defaultdict[str, list[float]] = defaultdict(list)
    labels: set[str] = set()
    for silver, predicted in judged:
        labels |= {one.label for one in (*silver.relations, *predicted.relations)}
        for pair in predicted.pairs():
            if any(_agree(pair, other) for other in silver.pairs()):
                agreeing[pair[0].label].append(_sure(pair[0]))
    if settings.doubt_confidence is not None:
        return dict.fromkeys(labels, settings.doubt_confidence)
    return {label: sum(found) / len(found) for label, found in agreeing.items()}


def _judge(silver: Document, predicted: Document, thresholds: Mapping[str, float]) -> _Verdict:
    verdict = _Verdict(counts=Counter(judged=1))
    known, found = silver.pairs(), predicted.pairs()
    for pair in known:
        relation, subject, target = pair
        least = thresholds.get(relation.label, 2.0)
        support = max((_sure(other[0]) for other in found if _agree(pair, other)), default=0.0)
        verdict.n_relations += 1
        if 1 - support >= least:
            lost = 1 - _surest(subject, predicted) >= least
            verdict.add("missed", target, subject if lost else None)
        else:
            verdict.counts["agreeing"] += 1
    unknown = [span for span in silver.spans if span.id in unknown_subjects(silver)]
    for pair in found:
        relation, subject, target = pair
        least = thresholds.get(relation.label, 2.0)
        if any(_agree(pair, other) for other in known):
            verdict.n_relations += 1
        elif _sure(relation) >= least and not any(_overlap(subject, one) for one in unknown):
            verdict.n_relations += 1
            fresh = not any(_overlap(subject, one) for one in silver.spans)
            verdict.add("invented", target, subject if fresh else None)
            verdict.invented.append(pair)
    verdict.counts["doubtful_documents"] = int(verdict.n_doubtful > 0)
    return verdict


def _act(document: Document, verdict: _Verdict, settings: SilverSettings) -> Document:
    if settings.doubt == "keep" or not verdict.n_doubtful:
        return document
    if settings.doubt == "drop":
        return add_doubtful(document, verdict.places)
    if settings.doubt == "adopt":
        return _adopt(document, verdict.invented)
    share = 1 - verdict.n_doubtful / verdict.n_relations
    return weigh(document, max(share, settings.min_weight))


def _adopt(document: Document, pairs: Sequence[Pair]) -> Document:
    """Add pairs to a document, with a span of its own for what overlaps none that it has."""
    spans, relations = list(document.spans), list(document.relations)
    fresh = fresh_ids(document, "A")

    def place(span: Span) -> str:
        known = next((one for one in spans if _overlap(span, one)), None)
        if known is None:
            known = span.model_copy(update={"id": next(fresh)})
            spans.append(known)
        return known.id

    for relation, subject, target in pairs:
        ends = {"subject": place(subject), "object": place(target)}
        relations.append(relation.model_copy(update=ends))
    return document.model_copy(update={"spans": tuple(spans), "relations": tuple(relations)})


def _agree(pair: Pair, other: Pair) -> bool:
    return (
        pair[0].label == other[0].label
        and _overlap(pair[1], other[1])
        and _overlap(pair[2], other[2])
    )


def _overlap(span: Span, other: Span) -> bool:
    return span.label == other.label and span.overlaps(other)


def _surest(span: Span, document: Document) -> float:
    """Return the confidence of the surest span that overlaps, 0 where there is none."""
    return max((_sure(one) for one in document.spans if _overlap(span, one)), default=0.0)


def _sure(annotation: Span | Relation) -> float:
    return 1.0 if annotation.confidence is None else annotation.confidence

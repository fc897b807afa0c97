"""From annotated documents to what a student learns, counting what can't be expressed."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoct.inference.decode import BEGIN, END, INSIDE, N_TAGS, OUTSIDE, SINGLE
from decoct.inference.tokenize import Piece, WordTokenizer
from decoct.records import Document, Relation, Span
from decoct.student.settings import StudentCard
from decoct.student.silver import document_weight, doubtful_places, unknown_subjects
from decoct.tasks.base import RelationType

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """One piece, its targets, and how much each of them counts.

    Targets are probabilities: 0 and 1, or a teacher's confidence where `silver.soft_targets` is on
    (an annotation without one counts as sure). Weights are the document's own, and 0 where nothing
    is learnt: on words in doubtful places, on those that another window owns, where a subject is
    another window's, and where its objects are not known.

    Attributes:
        piece: the encoder's input.
        tags: (n_words, n_tagged, 5) float32, outside, begin, inside, end, single of a span of each
            tagged label; they sum to 1.
        tag_weights: (n_words,) float32.
        subjects: (first, last) word positions of each subject, last exclusive.
        objects: (n_subjects, n_words, n_relations, 5) float32, as `tags`, of a subject's objects;
            those of a type that share words are one, from the first's start to the last's end.
        object_weights: (n_subjects, n_words, n_relations) float32, 0 for types that do not start
            from a span of the subject's label.
        object_spans: (relation type, first, last) of each span that may be an object of that type,
            whether or not it is one.
        links: (n_subjects, n_object_spans) float32, that it is one of that subject's.
        object_tags: (n_words, n_relations, 5) float32, as `tags`, of such spans.
        object_tag_weights: (n_words, n_relations) float32; beside a subject whose objects are not
            known, 0 outside of spans, where one of its objects may be.
    """

    piece: Piece
    tags: Floats
    tag_weights: Floats
    subjects: tuple[tuple[int, int], ...]
    objects: Floats
    object_weights: Floats
    object_spans: tuple[tuple[int, int, int], ...]
    links: Floats
    object_tags: Floats
    object_tag_weights: Floats


@dataclass(slots=True)
class Examples:
    """Training examples, and what of the annotations could not be put into them.

    Attributes:
        items: the examples.
        unexpressed: counts by reason: `overlapping_span` (with one of its own label),
            `relation_across_windows`, `discontinuous_span`, `other_label`, `other_relation`.
    """

    items: list[Example] = field(default_factory=list)
    unexpressed: Counter[str] = field(default_factory=Counter)


def make_examples(
    documents: Iterable[Document], tokenizer: WordTokenizer, card: StudentCard
) -> Examples:
    """Cut documents into pieces and mark subjects and objects on their words."""
    examples = Examples()
    for document in documents:
        n_relations = _n_relations(document, card)
        examples.unexpressed["other_relation"] += len(document.relations) - n_relations
        examples.unexpressed["other_label"] += sum(
            span.label not in card.labels for span in document.spans
        )
        examples.unexpressed["discontinuous_span"] += sum(
            span.fragments is not None for span in document.spans
        )
        # windows may overlap, so what is placed or overlapping is told apart by what it is
        placed: set[int] = set()
        overlapping: set[str] = set()
        for piece in tokenizer.pieces(document.text):
            examples.items.append(_example(document, piece, card, placed, overlapping))
        examples.unexpressed["overlapping_span"] += len(overlapping)
        examples.unexpressed["relation_across_windows"] += n_relations - len(placed)
    examples.unexpressed = +examples.unexpressed
    return examples


def word_range(span: Span, piece: Piece) -> tuple[int, int] | None:
    """Return the (first, last) words that a span covers, or None if not wholly in the piece."""
    if span.start < piece.window.start or span.end > piece.window.end:
        return None
    first = bisect.bisect_right(piece.words, span.start, key=lambda word: word.start) - 1
    first = max(first, 0)
    if piece.words[first].end <= span.start:
        first += 1
    last = bisect.bisect_left(piece.words, span.end, key=lambda word: word.start)
    return (first, last) if first < last else None


def _n_relations(document: Document, card: StudentCard) -> int:
    return sum(_kind(*pair, card) is not None for pair in document.pairs())


def _kind(relation: Relation, subject: Span, target: Span, card: StudentCard) -> int | None:
    """Return the place of a relation's type among the card's, or None if it is none of them."""
    kind = RelationType(relation.label, subject.label, target.label)
    return card.relation_types.index(kind) if kind in card.relation_types else None


def _example(
    document: Document, piece: Piece, card: StudentCard, placed: set[int], overlapping: set[str]
) -> Example:
    """Make an example, adding relations (by position) and spans (by id) to the two sets."""
    soft = card.settings.silver.soft_targets
    n_words = len(piece.words)
    weights = _word_weights(document, piece)
    owned = weights * np.array([piece.owns(word.start) for word in piece.words], dtype=np.float32)
    tags = _all_outside(n_words, len(card.tagged))
    subjects: list[tuple[tuple[int, int], list[Span]]] = []
    for column, label in enumerate(card.tagged):
        spans = _by_words(document, piece, label)
        tags[:, column], untagged = _tag(n_words, spans, soft)
        overlapping |= untagged
        if label in card.subject_labels:
            subjects += spans.items()
    unknown = unknown_subjects(document)
    mine = [piece.owns(same[0].start) for _, same in subjects]
    known = np.array([any(one.id not in unknown for one in same) for _, same in subjects], bool)
    starts = np.array(
        [[kind.subject == same[0].label for kind in card.relation_types] for _, same in subjects],
        dtype=bool,
    ).reshape(len(subjects), len(card.relation_types))
    candidates = [_by_words(document, piece, kind.object) for kind in card.relation_types]
    object_tags = _all_outside(n_words, len(card.relation_types))
    for column, spans in enumerate(candidates):
        object_tags[:, column], _ = _tag(n_words, spans, soft)
    object_spans = tuple((kind, *place) for kind, spans in enumerate(candidates) for place in spans)
    objects, links = _objects(
        document, piece, card, [same for _, same in subjects], object_spans, mine, placed
    )
    may_be_object = (object_tags[:, :, OUTSIDE] == 1.0) & (not known.all())
    learnt = (known & np.array(mine, dtype=bool))[:, None] & starts
    object_weights = learnt[:, None, :] * weights[None, :, None]
    return Example(
        piece=piece,
        tags=tags,
        tag_weights=owned,
        subjects=tuple(place for place, _ in subjects),
        objects=objects,
        object_weights=object_weights.astype(np.float32),
        object_spans=object_spans,
        links=links,
        object_tags=object_tags,
        object_tag_weights=np.where(may_be_object, 0.0, owned[:, None]).astype(np.float32),
    )


def _word_weights(document: Document, piece: Piece) -> Floats:
    """Return (n_words,), the document's weight, 0 on words that touch a doubtful place."""
    doubtful = doubtful_places(document)
    weight = document_weight(document)
    return np.array(
        [0.0 if any(map(word.overlaps, doubtful)) else weight for word in piece.words],
        dtype=np.float32,
    )


def _by_words(document: Document, piece: Piece, label: str) -> dict[tuple[int, int], list[Span]]:
    """Return the spans of a label by the words they cover, longer ones first.

    Two on the same words are one, which has the objects of both.
    """
    found: dict[tuple[int, int], list[Span]] = {}
    for span in sorted(document.spans, key=lambda span: (span.start - span.end, span.start)):
        place = word_range(span, piece) if span.label == label else None
        if place is not None:
            found.setdefault(place, []).append(span)
    return found


def _tag(
    n_words: int, spans: Mapping[tuple[int, int], Sequence[Span]], soft: bool
) -> tuple[Floats, set[str]]:
    """Return tags (n_words, 5), and the ids of spans that overlap one tagged before them."""
    tags = _all_outside(n_words)
    taken = np.zeros(n_words, dtype=bool)
    untagged: set[str] = set()
    for (first, last), same in spans.items():
        if taken[first:last].any():
            untagged.add(same[0].id)
            continue
        taken[first:last] = True
        confidence = max(_target(span, soft) for span in same)
        _tag_one(tags, first, last, np.full(last - first, confidence))
    return tags, untagged


def _tag_one(tags: Floats, first: int, last: int, confidences: NDArray[np.float64]) -> None:
    """Write one span into tags (n_words, 5), with a confidence for each of its words."""
    own = np.full(last - first, INSIDE)
    own[0], own[-1] = BEGIN, END
    if len(own) == 1:
        own[0] = SINGLE
    tags[first:last, OUTSIDE] = 1.0 - confidences
    tags[np.arange(first, last), own] = confidences


def _all_outside(*shape: int) -> Floats:
    tags = np.zeros((*shape, N_TAGS), dtype=np.float32)
    tags[..., OUTSIDE] = 1.0
    return tags


def _objects(
    document: Document,
    piece: Piece,
    card: StudentCard,
    subjects: Sequence[Sequence[Span]],
    object_spans: Sequence[tuple[int, int, int]],
    mine: Sequence[bool],
    placed: set[int],
) -> tuple[Floats, Floats]:
    """Return `objects` and `links` of an `Example`, adding the relations learnt by it to a set.

    A subject inside another has no tag of its own, but its objects are learnt all the same. A word
    of several objects is as sure as the surest of them.
    """
    soft = card.settings.silver.soft_targets
    row_of = {span.id: row for row, same in enumerate(subjects) for span in same}
    found: dict[tuple[int, int], dict[tuple[int, int], float]] = defaultdict(dict)
    links = np.zeros((len(subjects), len(object_spans)), dtype=np.float32)
    for position, (relation, subject, target) in enumerate(document.pairs()):
        row, place = row_of.get(subject.id), word_range(target, piece)
        kind = _kind(relation, subject, target, card)
        if row is None or place is None or kind is None:
            continue
        known = found[row, kind]
        known[place] = max(known.get(place, 0.0), _target(relation, soft))
        if (kind, *place) in object_spans:
            links[row, object_spans.index((kind, *place))] = known[place]
        if mine[row]:
            placed.add(position)
    objects = _all_outside(len(subjects), len(piece.words), len(card.relation_types))
    for (row, kind), places in found.items():
        _tag_merged(objects[row, :, kind], places)
    return objects, links


def _tag_merged(tags: Floats, places: Mapping[tuple[int, int], float]) -> None:
    """Write spans with their confidences into tags (n_words, 5), those that share words as one."""
    confidences = np.zeros(len(tags))
    merged: list[tuple[int, int]] = []
    for first, last in sorted(places):
        part = confidences[first:last]
        np.maximum(part, places[first, last], out=part)
        if merged and first < merged[-1][1]:
            first, last = merged[-1][0], max(last, merged.pop()[1])
        merged.append((first, last))
    for first, last in merged:
        _tag_one(tags, first, last, confidences[first:last])


def _target(annotation: Span | Relation, soft: bool) -> float:
    """Return the probability that is learnt for an annotation."""
    return annotation.confidence if soft and annotation.confidence is not None else 1.0


def split_dev(
    documents: Sequence[Document], share: float, seed: int
) -> tuple[list[Document], list[Document]]:
    """Split silver documents into (train, dev) by chance; each has at least one, the order is kept.

    Documents of the same text go to the same side. Where two texts or more have a relation, the dev
    part has one of them, or where none has a relation, but two a span: without any, finding nothing
    would score best.
    """
    texts = list(dict.fromkeys(document.text for document in documents))
    order = [texts[place] for place in np.random.default_rng(seed).permutation(len(texts))]
    n_dev = min(max(1, round(len(texts) * share)), max(1, len(texts) - 1))
    dev_texts = set(order[:n_dev])
    related = {document.text for document in documents if document.relations}
    related = related or {document.text for document in documents if document.spans}
    if len(related) > 1 and not dev_texts & related:
        dev_texts.remove(order[0])
        dev_texts.add(next(text for text in order if text in related))
    train = [document for document in documents if document.text not in dev_texts]
    return train, [document for document in documents if document.text in dev_texts]

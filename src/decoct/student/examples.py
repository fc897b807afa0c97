"""From annotated documents to what the two heads learn, counting what they can't express."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoct.inference.decode import BEGIN, INSIDE, OUTSIDE
from decoct.inference.tokenize import Piece, WordTokenizer
from decoct.records import Document, Span
from decoct.student.settings import StudentCard
from decoct.student.silver import unknown_subjects


@dataclass(frozen=True, slots=True)
class Example:
    """One piece and its targets.

    Attributes:
        piece: the encoder's input.
        tags: (n_words,) int64, outside, begin or inside of a subject.
        subjects: (first, last) word positions of each subject, last exclusive.
        objects: (n_subjects, n_words, n_relations) float32, 1 on words in an object.
        known: (n_subjects,) bool, whether that subject's objects are known; where not, nothing is
            learnt from its row of `objects`.
    """

    piece: Piece
    tags: NDArray[np.int64]
    subjects: tuple[tuple[int, int], ...]
    objects: NDArray[np.float32]
    known: NDArray[np.bool_]


@dataclass(slots=True)
class Examples:
    """Training examples, and what of the annotations could not be put into them.

    Attributes:
        items: the examples.
        unexpressed: counts by reason: `overlapping_subject`, `relation_across_windows`,
            `discontinuous_span`, `other_label`.
    """

    items: list[Example] = field(default_factory=list)
    unexpressed: Counter[str] = field(default_factory=Counter)


def make_examples(
    documents: Iterable[Document], tokenizer: WordTokenizer, card: StudentCard
) -> Examples:
    """Cut documents into pieces and mark subjects and objects on their words."""
    examples = Examples()
    for document in documents:
        wanted = {card.subject_label, *card.object_labels}
        examples.unexpressed["other_label"] += sum(
            span.label not in wanted for span in document.spans
        )
        examples.unexpressed["discontinuous_span"] += sum(
            span.fragments is not None for span in document.spans
        )
        # windows may overlap, so what is placed or overlapping is told apart by what it is
        placed: set[int] = set()
        overlapping: set[str] = set()
        for piece in tokenizer.pieces(document.text):
            examples.items.append(_example(document, piece, card, placed, overlapping))
        examples.unexpressed["overlapping_subject"] += len(overlapping)
        examples.unexpressed["relation_across_windows"] += _n_relations(document, card) - len(
            placed
        )
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
    return sum(relation.label in card.relation_labels for relation in document.relations)


def _example(
    document: Document, piece: Piece, card: StudentCard, placed: set[int], overlapping: set[str]
) -> Example:
    """Make an example, adding relations (by position) and subjects (by id) to the two sets."""
    tags = np.full(len(piece.words), OUTSIDE, dtype=np.int64)
    subjects: dict[str, int] = {}
    ranges: list[tuple[int, int]] = []
    unknown = unknown_subjects(document)
    known: list[bool] = []
    # longer subjects first, so that of two that overlap the fuller name is kept
    for span in sorted(document.spans, key=lambda span: (span.start - span.end, span.start)):
        place = word_range(span, piece) if span.label == card.subject_label else None
        if place is None:
            continue
        if place in ranges:  # annotated twice: one subject, which has the objects of both
            subjects[span.id] = ranges.index(place)
            known[subjects[span.id]] |= span.id not in unknown
            continue
        if (tags[slice(*place)] != OUTSIDE).any():
            overlapping.add(span.id)
        else:
            tags[slice(*place)] = INSIDE
            tags[place[0]] = BEGIN
        # a subject inside another has no tag of its own, but its objects are learnt all the same
        subjects[span.id] = len(ranges)
        ranges.append(place)
        known.append(span.id not in unknown)
    objects = np.zeros((len(ranges), len(piece.words), len(card.relation_labels)), dtype=np.float32)
    for position, (relation, subject, target) in enumerate(document.pairs()):
        place = word_range(target, piece)
        if (
            relation.label not in card.relation_labels
            or subject.id not in subjects
            or place is None
        ):
            continue
        objects[subjects[subject.id], slice(*place), card.relation_labels.index(relation.label)] = (
            1.0
        )
        placed.add(position)
    return Example(piece, tags, tuple(ranges), objects, np.array(known, dtype=np.bool_))


def split_dev(
    documents: Sequence[Document], share: float, seed: int
) -> tuple[list[Document], list[Document]]:
    """Split silver documents into (train, dev) by chance; each has at least one, the order is kept.

    Documents of the same text go to the same side. Where two texts or more have a relation, the dev
    part has one of them: without any, finding nothing would score best.
    """
    texts = list(dict.fromkeys(document.text for document in documents))
    order = [texts[place] for place in np.random.default_rng(seed).permutation(len(texts))]
    n_dev = min(max(1, round(len(texts) * share)), max(1, len(texts) - 1))
    dev_texts = set(order[:n_dev])
    related = {document.text for document in documents if document.relations}
    if len(related) > 1 and not dev_texts & related:
        dev_texts.remove(order[0])
        dev_texts.add(next(text for text in order if text in related))
    train = [document for document in documents if document.text not in dev_texts]
    return train, [document for document in documents if document.text in dev_texts]

"""What is right in each document: the counts that every precision, recall and F1 is made of.

Two readings of "the same", which are reported side by side and never mixed:

- by offsets: a span is its place in the text. Strict = same start, end, fragments and label;
  lenient = at least one character in common and the same label.
- by surface: a span is its string, case-folded and with white space collapsed. Strict = equal
  strings; lenient = one contains the other, or they share a word of three letters or more.

A pair is right when its relation label, its subject and its object are. Precision counts predicted
items and recall counts gold items: leniently, one predicted pair may be right about two gold pairs
and the reverse, so the two are counted apart. Identical items of a document count once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from decoct.errors import EvaluationError
from decoct.evaluation import items
from decoct.records import Document

Match = Literal["strict", "lenient"]
By = Literal["offsets", "surface"]

Item = TypeVar("Item", items.Place, items.PlacePair, items.Surface, items.SurfacePair)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What is right, predicted and gold in each document of a corpus.

    Attributes:
        correct_predicted: (n_documents,) int64, predicted items that agree with a gold one.
        predicted: (n_documents,) int64, predicted items.
        correct_gold: (n_documents,) int64, gold items that agree with a predicted one.
        gold: (n_documents,) int64, gold items.
    """

    correct_predicted: NDArray[np.int64]
    predicted: NDArray[np.int64]
    correct_gold: NDArray[np.int64]
    gold: NDArray[np.int64]

    @property
    def n_documents(self) -> int:
        """How many documents were counted."""
        return len(self.gold)

    def to_matrix(self) -> NDArray[np.int64]:
        """Return (n_documents, 4) int64, columns in the order of the attributes."""
        return np.stack(
            [self.correct_predicted, self.predicted, self.correct_gold, self.gold], axis=1
        )

    def __repr__(self) -> str:
        return (
            f"Counts({self.n_documents} documents, {self.predicted.sum()} predicted of which "
            f"{self.correct_predicted.sum()} right, {self.gold.sum()} gold of which "
            f"{self.correct_gold.sum()} found)"
        )


def count_relations(
    gold: Sequence[Document], predicted: Sequence[Document], *, match: Match, by: By
) -> Counts:
    """Count right, predicted and gold pairs per document.

    A prediction's `meta["ungrounded"]`, the pairs a teacher stated in strings that are not in the
    text, are predicted pairs too: always wrong by offsets, and compared like any other by surface.

    Args:
        gold: human annotations; their own `ungrounded` is ignored.
        predicted: predictions for the same documents in the same order, as `align` gives them.
        match: strict or lenient.
        by: offsets or surface.

    Raises:
        EvaluationError: `meta["ungrounded"]` is not a list of label, subject and object strings.
    """
    documents = _zip(gold, predicted)
    if by == "offsets":
        agree = items.place_pairs_agree if match == "lenient" else None
        return _tally(
            _count(
                items.place_pairs(g), items.place_pairs(p) | items.ungrounded_place_pairs(p), agree
            )
            for g, p in documents
        )
    alike = items.surface_pairs_agree if match == "lenient" else None
    return _tally(
        _count(
            items.surface_pairs(g),
            items.surface_pairs(p) | items.ungrounded_surface_pairs(p),
            alike,
        )
        for g, p in documents
    )


def count_spans(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    *,
    match: Match,
    by: By,
    label: str | None = None,
) -> Counts:
    """Count right, predicted and gold spans per document.

    Ungrounded strings have no span, so they take no part here.

    Args:
        gold: human annotations.
        predicted: predictions for the same documents in the same order, as `align` gives them.
        match: strict or lenient.
        by: offsets or surface.
        label: count spans of this label only; None counts all, each against its own label.
    """
    documents = _zip(gold, predicted)
    if by == "offsets":
        agree = items.places_agree if match == "lenient" else None
        return _tally(
            _count(items.places(g, label), items.places(p, label), agree) for g, p in documents
        )
    alike = items.surfaces_agree if match == "lenient" else None
    return _tally(
        _count(items.surfaces(g, label), items.surfaces(p, label), alike) for g, p in documents
    )


def _zip(
    gold: Sequence[Document], predicted: Sequence[Document]
) -> Iterator[tuple[Document, Document]]:
    if len(gold) != len(predicted):
        raise EvaluationError(
            f"{len(gold)} gold documents against {len(predicted)} predicted; join them with align()"
        )
    return zip(gold, predicted, strict=True)


def _tally(rows: Iterator[tuple[int, int, int, int]]) -> Counts:
    return Counts(*np.array(list(rows), dtype=np.int64).reshape(-1, 4).T)


def _count(
    gold: set[Item], predicted: set[Item], agree: Callable[[Item, Item], bool] | None
) -> tuple[int, int, int, int]:
    return (
        _n_found(predicted, gold, agree),
        len(predicted),
        _n_found(gold, predicted, agree),
        len(gold),
    )


def _n_found(
    sought: set[Item], among: set[Item], agree: Callable[[Item, Item], bool] | None
) -> int:
    """Count the items that are in `among` or, leniently, agree with something there."""
    if agree is None:
        return len(sought & among)
    return sum(item in among or any(agree(item, other) for other in among) for item in sought)

"""Which class gold and a system give each document, as counts that can be resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.errors import EvaluationError
from decoct.evaluation.align import align
from decoct.evaluation.scores import precision_recall_f1
from decoct.records import Document
from decoct.store import sha256_json

NONE = "(none)"  # stands for no prediction, which gold never has
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def hash_labels(gold: Sequence[Document]) -> str:
    """Return eight hex digits that name gold classes: ids, texts and labels, in any order."""
    return sha256_json(sorted([one.id, one.text, one.label or ""] for one in gold))[:8]


@dataclass(frozen=True, slots=True)
class Answers:
    """Gold and predicted classes of the same documents.

    Attributes:
        labels: gold's, sorted, then others that are predicted, then `NONE`.
        n_gold_labels: how many are gold's.
        cells: (n_documents, n_labels ** 2) int64, one 1 in each row, at the place of gold's label
            times n_labels and the predicted one.
        positive: the place of the positive class, if there is one.
        missing: gold documents without a predicted label.
        unknown: predictions without gold.
        gold_hash: names the gold data.
    """

    labels: tuple[str, ...]
    n_gold_labels: int
    cells: Counts
    positive: int | None
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    gold_hash: str

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.labels), len(self.labels)

    def accuracy(self, totals: Counts) -> Floats:
        """Return the share that is right, (...), of summed cells (..., n_labels ** 2)."""
        table = self._table(totals)
        right = np.trace(table, axis1=-2, axis2=-1)
        share: Floats = right / np.maximum(table.sum(axis=(-2, -1)), 1)
        return share

    def scores(self, totals: Counts) -> Floats:
        """Return precision, recall and F1 of each class, (..., n_labels, 3)."""
        table = self._table(totals)
        right = np.diagonal(table, axis1=-2, axis2=-1)
        said, gold = table.sum(axis=-2), table.sum(axis=-1)
        return precision_recall_f1(np.stack([right, said, right, gold], axis=-1))

    def main(self, totals: Counts) -> Floats:
        """Return precision, recall and F1, (..., 3), of the positive class or the mean."""
        scores = self.scores(totals)
        if self.positive is not None:
            found: Floats = scores[..., self.positive, :]
            return found
        mean: Floats = scores[..., : self.n_gold_labels, :].mean(axis=-2)
        return mean

    def mcc(self, totals: Counts) -> Floats:
        """Return Matthews correlation, (...); 0 where one side has one class alone."""
        table = self._table(totals).astype(np.float64)
        n = table.sum(axis=(-2, -1))
        right = np.trace(table, axis1=-2, axis2=-1)
        gold, said = table.sum(axis=-1), table.sum(axis=-2)
        above = right * n - (gold * said).sum(axis=-1)
        spread = (n**2 - (gold**2).sum(axis=-1)) * (n**2 - (said**2).sum(axis=-1))
        found: Floats = np.where(
            spread > 0, above / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0
        )
        return found

    def _table(self, totals: Counts) -> Counts:
        return np.asarray(totals).reshape(*np.shape(totals)[:-1], *self.shape)


def join(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    positive: str | None,
    more_labels: Sequence[str] = (),
) -> Answers:
    """Join gold documents that have a label with predictions.

    Args:
        gold: human annotations.
        predicted: a system's.
        positive: the class to look at; None for all.
        more_labels: further classes that the table is to have room for.

    Raises:
        EvaluationError: they can't be joined, gold has no label, or `positive` is none of them.
    """
    labelled = [document for document in gold if document.label is not None]
    if not labelled:
        raise EvaluationError("no gold document has a label; check the gold file")
    ids = {document.id for document in gold} - {document.id for document in labelled}
    aligned = align(labelled, [one for one in predicted if one.id not in ids])
    truth = [str(document.label) for document in aligned.gold]
    said = [NONE if one.label is None else one.label for one in aligned.predicted]
    of_gold = sorted(set(truth))
    others = sorted({*said, *more_labels} - {*of_gold, NONE})
    labels = (*of_gold, *others, NONE)
    if positive is not None and positive not in of_gold:
        raise EvaluationError(
            f"no gold document is {positive!r}; gold's labels are {', '.join(of_gold)}"
        )
    place = {label: at for at, label in enumerate(labels)}
    cells = np.zeros((len(truth), len(labels) ** 2), dtype=np.int64)
    for row, (one, other) in enumerate(zip(truth, said, strict=True)):
        cells[row, place[one] * len(labels) + place[other]] = 1
    return Answers(
        labels=labels,
        n_gold_labels=len(of_gold),
        cells=cells,
        positive=None if positive is None else place[positive],
        missing=tuple(
            one.id for one, other in zip(aligned.gold, said, strict=True) if other == NONE
        ),
        unknown=aligned.unknown,
        gold_hash=hash_labels(aligned.gold),
    )

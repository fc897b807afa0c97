"""Classes in tables: for a terminal, and for the HTML report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from decoct.evaluation.calibration import Calibration
from decoct.evaluation.label_counts import NONE
from decoct.evaluation.label_metrics import LabelComparison, LabelMetrics
from decoct.records import Document

SYSTEMS_HEADER = ("system", "accuracy", "MCC", "without a label")
MAX_WRONG = 30
_MAX_CHARS = 600


class Wrong(NamedTuple):
    """A document whose class a system got wrong."""

    document_id: str
    text: str
    gold: str
    predicted: str


@dataclass(frozen=True, slots=True)
class LabelSection:
    """What a report says of classes.

    Attributes:
        systems: name -> metrics, in the order to show.
        calibrations: name -> what its confidences are worth, for those that give any.
        comparison: the paired test, where there are two.
        wrong: documents that the first system got wrong.
    """

    systems: Mapping[str, LabelMetrics]
    calibrations: Mapping[str, Calibration]
    comparison: LabelComparison | None = None
    wrong: Sequence[Wrong] = ()


def system_rows(systems: Mapping[str, LabelMetrics]) -> list[tuple[str, ...]]:
    """Return a row for each system, under `SYSTEMS_HEADER` and the name of the main score."""
    return [
        (
            name,
            metrics.accuracy.percent,
            f"{100 * metrics.mcc.value:.1f}",
            str(len(metrics.missing)),
            metrics.main.f1.percent,
        )
        for name, metrics in systems.items()
    ]


def confusion_rows(metrics: LabelMetrics) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the header and rows of a confusion matrix, gold below and predicted across."""
    said = [*metrics.labels, *([NONE] if metrics.missing else [])]
    gold = [label for label in metrics.labels if metrics.classes[label].n_gold]
    rows = [
        (label, *(str(metrics.confusion.get((label, other), 0)) for other in said))
        for label in gold
    ]
    return ("gold", *said), rows


def find_wrong(
    gold: Sequence[Document], predicted: Sequence[Document], limit: int = MAX_WRONG
) -> list[Wrong]:
    """Return the first documents, in gold's order, that a system gives another class."""
    by_id = {document.id: document for document in predicted}
    found: list[Wrong] = []
    for one in gold:
        other = by_id.get(one.id)
        said = NONE if other is None or other.label is None else other.label
        if one.label is not None and said != one.label and len(found) < limit:
            text = one.text if len(one.text) <= _MAX_CHARS else f"{one.text[:_MAX_CHARS]}…"
            found.append(Wrong(one.id, text, one.label, said))
    return found

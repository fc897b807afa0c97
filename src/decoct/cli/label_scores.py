"""What `decoct evaluate` shows of classes of documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decoct.evaluation.calibration import Calibration
    from decoct.evaluation.label_metrics import LabelComparison, LabelMetrics
    from decoct.evaluation.label_report import LabelSection
    from decoct.records import Document


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Classes of one system or two.

    Attributes:
        systems: name -> metrics; the first is the one that is asked about.
        calibrations: name -> what its confidences are worth, for those that give any.
        comparison: the paired test of the two.
    """

    systems: Mapping[str, LabelMetrics]
    calibrations: Mapping[str, Calibration]
    comparison: LabelComparison | None = None

    @property
    def first(self) -> LabelMetrics:
        """The metrics of the system that is asked about."""
        return next(iter(self.systems.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        result: dict[str, Any] = self.first.to_dict()
        name = next(iter(self.systems))
        if name in self.calibrations:
            result["calibration"] = self.calibrations[name].to_dict()
        if self.comparison is not None:
            result["comparison"] = self.comparison.to_dict()
        return result

    def show(self, gold_name: str) -> None:
        """Draw the tables on standard output."""
        from decoct.cli.screen import show_table
        from decoct.evaluation.label_metrics import TABLE_HEADER, table_rows
        from decoct.evaluation.label_report import SYSTEMS_HEADER, confusion_rows, system_rows

        title = f"{gold_name}: {self.first.n_documents} documents"
        show_table(title, (*SYSTEMS_HEADER, self.first.main_name), system_rows(self.systems))
        if self.comparison is None:
            show_table("", TABLE_HEADER, table_rows(self.first))
            header, rows = confusion_rows(self.first)
            show_table("gold below, predicted across", header, rows)

    def lines(self) -> Iterator[str]:
        """Yield the signatures, the calibration errors, and what the paired test says."""
        for name, metrics in self.systems.items():
            yield f"{name}: {metrics.signature}"
        for name, found in self.calibrations.items():
            whose = f"{name}: " if len(self.systems) > 1 else ""
            errors = f"ECE {found.ece.percent}, Brier {found.brier!r}"
            yield f"{whose}calibration: {errors}, {found.signature}"
        if self.comparison is not None:
            yield repr(self.comparison)


def score_labels(
    gold: list[Document],
    systems: Mapping[str, list[Document]],
    positive: str | None,
    seed: int,
) -> LabelScores:
    """Score the classes that each system gives, and compare them where there are two."""
    from decoct.recipes.evaluate import compare_labels, evaluate_labels, label_calibration

    documents = list(systems.values())
    found = {name: label_calibration(gold, one, seed=seed) for name, one in systems.items()}
    return LabelScores(
        systems={
            name: evaluate_labels(gold, one, positive=positive, seed=seed)
            for name, one in systems.items()
        },
        calibrations={name: one for name, one in found.items() if one is not None},
        comparison=(
            compare_labels(gold, *documents, positive=positive, seed=seed)
            if len(documents) == 2
            else None
        ),
    )


def section(
    scores: LabelScores | None, gold: list[Document], predicted: list[Document]
) -> LabelSection | None:
    """Return what a report says of classes."""
    if scores is None:
        return None
    from decoct.evaluation.label_report import LabelSection, find_wrong

    return LabelSection(
        scores.systems, scores.calibrations, scores.comparison, find_wrong(gold, predicted)
    )

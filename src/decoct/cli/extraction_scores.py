"""What `decoct evaluate` shows of spans and relations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decoct.evaluation.calibration import Calibration
    from decoct.evaluation.leaks import Leaks
    from decoct.evaluation.metrics import Metrics
    from decoct.evaluation.significance import Comparison
    from decoct.records import Document


@dataclass(frozen=True, slots=True)
class ExtractionScores:
    """Spans and relations of no system, one or two.

    Attributes:
        systems: name -> metrics; the first is the one that is asked about.
        calibrations: name -> what its confidences are worth, for those that give any.
        comparison: the paired test of the two.
        leaks: name -> what it leaves of protected health information, where gold is of that.
    """

    systems: Mapping[str, Metrics] = field(default_factory=dict)
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    comparison: Comparison | None = None
    leaks: Mapping[str, Leaks] = field(default_factory=dict)

    @property
    def first(self) -> Metrics:
        """The metrics of the system that is asked about."""
        return next(iter(self.systems.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        if not self.systems:
            return {}
        name, metrics = next(iter(self.systems.items()))
        result = metrics.to_dict()
        if name in self.calibrations:
            result["calibration"] = self.calibrations[name].to_dict()
        if self.comparison is not None:
            result["comparison"] = self.comparison.to_dict()
        if name in self.leaks:
            result["leaks"] = self.leaks[name].to_dict()
        return result

    def show(self, gold_name: str) -> None:
        """Draw the tables on standard output."""
        from decoct.cli.screen import show_systems, show_table
        from decoct.evaluation.report import TABLE_HEADER, table_rows

        for metrics in list(self.systems.values())[:1]:
            show_systems(f"{gold_name}: {metrics.n_documents} documents", self.systems)
            if self.comparison is None:
                show_table("", TABLE_HEADER, table_rows(metrics))
        for name, found in self.leaks.items():
            heads = ("protected characters", "leaked", "of", "rate, %")
            show_table(f"{name}: what is left", heads, found.rows())

    def lines(self) -> Iterator[str]:
        """Yield the signatures, the calibration errors, and what the paired test says."""
        for name, metrics in self.systems.items():
            yield f"{name}: {metrics.strict.signature}"
        for name, found in self.calibrations.items():
            whose = f"{name}: " if len(self.systems) > 1 else ""
            errors = f"ECE {found.ece.percent}, Brier {found.brier!r}"
            yield f"{whose}calibration: {errors}, {found.signature}"
        for name, leaks in self.leaks.items():
            yield f"{name}: {leaks.headline}, {leaks.signature}"
        if self.comparison is not None:
            yield repr(self.comparison)


def score_extraction(
    gold: list[Document], systems: Mapping[str, list[Document]], seed: int
) -> ExtractionScores:
    """Score the spans and relations of each system, and compare them where there are two."""
    from decoct.recipes.evaluate import compare, evaluate

    documents = list(systems.values())
    return ExtractionScores(
        systems={name: evaluate(gold, one, seed=seed) for name, one in systems.items()},
        calibrations=_calibrations(gold, systems, seed),
        comparison=compare(gold, *documents, seed=seed) if len(documents) == 2 else None,
        leaks=_leaks(gold, systems, seed),
    )


def _leaks(
    gold: list[Document], systems: Mapping[str, list[Document]], seed: int
) -> dict[str, Leaks]:
    """Return what each system leaves, where all that gold marks is protected health information."""
    from decoct.evaluation.leaks import leak_rate
    from decoct.privacy.labels import PHI_LABELS

    labels = {span.label for document in gold for span in document.spans}
    if not labels or not labels <= set(PHI_LABELS):
        return {}
    return {name: leak_rate(gold, one, seed=seed) for name, one in systems.items()}


def _calibrations(
    gold: list[Document], systems: Mapping[str, list[Document]], seed: int
) -> dict[str, Calibration]:
    """Return by name what the confidences are worth of the systems that give any."""
    from decoct.recipes.evaluate import relation_calibration

    found = {
        name: relation_calibration(gold, predicted, seed=seed)
        for name, predicted in systems.items()
    }
    return {name: one for name, one in found.items() if one is not None}

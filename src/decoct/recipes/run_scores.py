"""What a run's systems score: spans and relations, or classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from decoct.evaluation.calibration import Calibration, relation_calibration
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.label_metrics import LabelMetrics
from decoct.evaluation.label_report import LabelSection, find_wrong
from decoct.evaluation.labels import evaluate_labels, label_calibration
from decoct.evaluation.metrics import Metrics
from decoct.evaluation.report import pair_by_id, write_report
from decoct.records import Document
from decoct.tasks.base import LabelTask, Task

_STUDENT = "student"


@dataclass(frozen=True, slots=True)
class RunScores:
    """The scores of a run's systems, by their names; of one kind or the other.

    Attributes:
        systems: of spans and relations.
        labels: of classes.
        calibrations: what the confidences are worth, of those that give any.
    """

    systems: dict[str, Metrics] = field(default_factory=dict)
    labels: dict[str, LabelMetrics] = field(default_factory=dict)
    calibrations: dict[str, Calibration] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        both: Mapping[str, Metrics | LabelMetrics] = {**self.systems, **self.labels}
        return {name: metrics.to_dict() for name, metrics in both.items()}

    def write_report(
        self,
        path: Path,
        title: str,
        details: Mapping[str, str],
        gold: Sequence[Document],
        predicted: Mapping[str, Sequence[Document]],
    ) -> None:
        """Write the HTML report, with what the student gets wrong.

        Raises:
            StoreError: the file can't be written.
        """
        found = list(predicted[_STUDENT])
        if not self.labels:
            pairs = pair_by_id(gold, found)
            write_report(path, title, self.systems, details, pairs, calibrations=self.calibrations)
            return
        wrong = find_wrong(list(gold), found)
        section = LabelSection(self.labels, self.calibrations, None, wrong)
        write_report(path, title, {}, details, labels=section)


def score_run(
    task: Task, gold: list[Document], predicted: Mapping[str, list[Document]], seed: int
) -> RunScores:
    """Score each system's documents by what the task is about."""
    is_label = isinstance(task, LabelTask)
    calibrate = label_calibration if is_label else relation_calibration
    calibrations = {
        name: found
        for name, documents in predicted.items()
        if (found := calibrate(gold, documents, seed=seed))
    }
    if isinstance(task, LabelTask):
        labels = {
            name: evaluate_labels(gold, documents, positive=task.positive, seed=seed)
            for name, documents in predicted.items()
        }
        return RunScores(labels=labels, calibrations=calibrations)
    systems = {name: evaluate(gold, documents, seed=seed) for name, documents in predicted.items()}
    return RunScores(systems=systems, calibrations=calibrations)

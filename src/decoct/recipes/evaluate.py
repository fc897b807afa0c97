"""`evaluate`: gold and predictions, or gold and a student, in; metrics out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from decoct.errors import EvaluationError, Faults
from decoct.evaluation.calibration import relation_calibration
from decoct.evaluation.evaluate import compare, evaluate
from decoct.evaluation.metrics import Metrics
from decoct.formats.base import read_documents
from decoct.records import Document

if TYPE_CHECKING:
    from decoct.student.student import Student

__all__ = [
    "compare",
    "evaluate",
    "evaluate_student",
    "predict_gold",
    "read_gold",
    "read_predictions",
    "relation_calibration",
]


def read_gold(path: Path, faults: Faults) -> list[Document]:
    """Read gold documents.

    Raises:
        EvaluationError: none of them has an annotation.
    """
    gold = list(read_documents(path, faults))
    if not any(document.spans or document.relations or document.label for document in gold):
        raise EvaluationError(f"{path}: no document has an annotation; gold is needed")
    return gold


def read_predictions(path: Path, gold: list[Document], faults: Faults) -> list[Document]:
    """Read a system's predictions for gold documents.

    Raises:
        EvaluationError: they hold none of gold's labels, but others.
    """
    predicted = list(read_documents(path, faults))
    check_task(gold, _labels(predicted), str(path))
    return predicted


def predict_gold(student: Student, gold: list[Document], given_subjects: bool) -> list[Document]:
    """Let a student annotate the gold texts.

    Args:
        student: from `load_student`.
        gold: annotated documents, only their text is shown to the student...
        given_subjects: ... and their subjects, if this is set.

    Raises:
        EvaluationError: gold holds none of the student's labels.
    """
    labels = {student.card.subject_label, *student.card.object_labels}
    check_task(gold, labels, "the student")
    return list(student.extract(gold, given_subjects=given_subjects))


def evaluate_student(
    student: Student, gold: list[Document], *, given_subjects: bool = False, seed: int = 13
) -> tuple[Metrics, list[Document]]:
    """Let a student annotate the gold texts, and score it.

    Args:
        student: as in `predict_gold`, and so are the next two.
        gold: annotated documents.
        given_subjects: show the student their subjects too.
        seed: of the bootstrap.

    Returns:
        The metrics and the predictions.

    Raises:
        EvaluationError: gold holds none of the student's labels.
    """
    predicted = predict_gold(student, gold, given_subjects)
    return evaluate(gold, predicted, seed=seed), predicted


def _labels(documents: list[Document]) -> set[str]:
    return {span.label for document in documents for span in document.spans}


def check_task(gold: list[Document], labels: set[str], who: str) -> None:
    """Gold and a system that share no label are of two tasks; zeros would hide that."""
    found = _labels(gold)
    if found and labels and not found & labels:
        raise EvaluationError(
            f"gold speaks of {', '.join(sorted(found))}, "
            f"{who} of {', '.join(sorted(labels))}: another task"
        )

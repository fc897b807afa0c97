"""`evaluate`: gold and predictions, or gold and a student, in; metrics out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from decoct.errors import EvaluationError, Faults
from decoct.evaluation.evaluate import compare, evaluate
from decoct.evaluation.metrics import Metrics
from decoct.formats.base import read_documents
from decoct.records import Document

if TYPE_CHECKING:
    from decoct.student.student import Student

__all__ = ["compare", "evaluate", "evaluate_student", "read_gold"]


def read_gold(path: Path, faults: Faults) -> list[Document]:
    """Read gold documents.

    Raises:
        EvaluationError: none of them has an annotation.
    """
    gold = list(read_documents(path, faults))
    if not any(document.spans or document.relations or document.label for document in gold):
        raise EvaluationError(f"{path}: no document has an annotation; gold is needed")
    return gold


def evaluate_student(
    student: Student, gold: list[Document], *, given_subjects: bool = False, seed: int = 13
) -> tuple[Metrics, list[Document]]:
    """Let a student annotate the gold texts, and score it.

    Args:
        student: from `load_student`.
        gold: annotated documents, only their text is shown to the student...
        given_subjects: ... and their subjects, if this is set.
        seed: of the bootstrap.

    Returns:
        The metrics and the predictions.

    Raises:
        EvaluationError: gold holds none of the student's labels.
    """
    labels = {student.card.subject_label, *student.card.object_labels}
    found = {span.label for document in gold for span in document.spans}
    if found and not found & labels:
        raise EvaluationError(
            f"gold speaks of {', '.join(sorted(found))}, "
            f"the student of {', '.join(sorted(labels))}: another task"
        )
    predicted = list(student.extract(gold, given_subjects=given_subjects))
    return evaluate(gold, predicted, seed=seed), predicted

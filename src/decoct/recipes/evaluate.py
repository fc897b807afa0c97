"""`evaluate`: gold and predictions, or gold and a student, in; metrics out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from decoct.errors import EvaluationError, Faults
from decoct.evaluation.calibration import relation_calibration
from decoct.evaluation.evaluate import compare, evaluate
from decoct.evaluation.items import places
from decoct.evaluation.labels import compare_labels, evaluate_labels, has_labels, label_calibration
from decoct.evaluation.linking import compare_linking, evaluate_linking
from decoct.evaluation.linking_mentions import has_links
from decoct.evaluation.metrics import Metrics
from decoct.formats.base import read_documents
from decoct.records import Document

if TYPE_CHECKING:
    from decoct.student.loading import AnyStudent
    from decoct.student.student import Student

__all__ = [
    "Metric",
    "Wanted",
    "by_own_ids",
    "compare",
    "compare_labels",
    "compare_linking",
    "evaluate",
    "evaluate_labels",
    "evaluate_linking",
    "evaluate_student",
    "label_calibration",
    "predict_gold",
    "read_gold",
    "read_labelled",
    "read_predictions",
    "relation_calibration",
    "what_to_score",
]

Metric = Literal["auto", "extraction", "linking", "labels"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What there is to score.

    Attributes:
        extraction: spans and relations.
        linking: links.
        labels: classes of documents.
    """

    extraction: bool
    linking: bool
    labels: bool = False


def what_to_score(
    gold: Sequence[Document], predicted: Sequence[Document], metric: Metric = "auto"
) -> Wanted:
    """Say what a gold corpus and a system's documents are to be compared by.

    Classes are, if gold has them and no spans. Links are, if both sides have any. Spans and
    relations are, unless links alone can differ: there is no relation, and either each prediction
    has gold's spans or the two share no label.

    Args:
        gold: human annotations.
        predicted: a system's.
        metric: `auto`, or the one thing to be scored.
    """
    if metric != "auto":
        return Wanted(metric == "extraction", metric == "linking", metric == "labels")
    if has_labels(gold):
        return Wanted(extraction=False, linking=False, labels=True)
    linking = has_links(gold) and has_links(predicted)
    return Wanted(not linking or _spans_matter(gold, predicted), linking)


def _spans_matter(gold: Sequence[Document], predicted: Sequence[Document]) -> bool:
    if any(document.relations for document in (*gold, *predicted)):
        return True
    found = {document.id: places(document) for document in predicted}
    differ = any(found.get(one.id, places(one)) != places(one) for one in gold)
    return differ and not _labels(gold).isdisjoint(_labels(predicted))


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
        EvaluationError: they hold none of gold's labels, but others, and have no links in common.
    """
    predicted = list(read_documents(path, faults))
    if not (has_links(gold) and has_links(predicted)):
        check_task(gold, _labels(predicted), str(path))
    return predicted


def read_labelled(paths: Sequence[Path], faults: Faults) -> list[Document]:
    """Read what a linker has learnt from, out of several files.

    Raises:
        EvaluationError: no span of a file has a link.
    """
    labelled: list[Document] = []
    for path in paths:
        documents = list(read_documents(path, faults))
        if not has_links(documents):
            raise EvaluationError(f"{path}: no span has a link; labelled mentions are needed")
        labelled += documents
    return labelled


def by_own_ids(index: Path) -> Callable[[Iterable[Document]], list[Document]]:
    """Return what makes links name entries by their own ids where an index has merged some.

    Documents may be linked by an older release's ids; unknown ones stay as they are.

    Args:
        index: the folder of `decoct index`.

    Raises:
        ArtifactError: there is no index, or it is damaged.
    """
    from decoct.kb.links import renamed
    from decoct.retriever.card import open_kb, read_card

    read_card(index)
    main_id = cache(open_kb(index).main_id)  # the same candidates come again and again
    return lambda documents: [renamed(document, main_id) for document in documents]


def predict_gold(student: AnyStudent, gold: list[Document], given_subjects: bool) -> list[Document]:
    """Let a student annotate the gold texts.

    Args:
        student: from `load_any_student`.
        gold: annotated documents, only their text is shown to the student...
        given_subjects: ... and their subjects, if this is set.

    Raises:
        EvaluationError: gold holds none of the student's labels.
    """
    labels = set(student.card.labels)
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


def _labels(documents: Sequence[Document]) -> set[str]:
    """Return the labels of spans, or the classes of documents without any."""
    if has_labels(documents):
        return {document.label for document in documents if document.label is not None}
    return {span.label for document in documents for span in document.spans}


def check_task(gold: list[Document], labels: set[str], who: str) -> None:
    """Gold and a system that share no label are of two tasks; zeros would hide that."""
    found = _labels(gold)
    if found and labels and not found & labels:
        raise EvaluationError(
            f"gold speaks of {', '.join(sorted(found))}, "
            f"{who} of {', '.join(sorted(labels))}: another task"
        )

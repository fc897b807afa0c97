"""All of distilling: what is doubted in silver, training, and what the student then adds itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count
from pathlib import Path

from decoct.progress import Progress, Silent
from decoct.records import Document
from decoct.student.fit import Fit, fit
from decoct.student.pseudo_labels import SelfTrainingSettings
from decoct.student.self_training import self_train
from decoct.student.settings import StudentSettings
from decoct.student.silver.agreement import doubt
from decoct.student.silver.out_of_fold import out_of_fold
from decoct.tasks.base import SpanTask


def distil(
    silver: Sequence[Document],
    task: SpanTask,
    settings: StudentSettings,
    *,
    unlabeled: Callable[[], Iterable[Document]] | None = None,
    self_training: SelfTrainingSettings | None = None,
    exclude_texts: Collection[str] = (),
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> Fit:
    """Train a student with every step that its settings switch on.

    Args:
        silver: see `fit`.
        task: gives the labels.
        settings: encoder, training, and what is done to silver.
        unlabeled: starts the stream of documents to self-train on; None for no self-training.
        self_training: how; None for its defaults.
        exclude_texts: left out of `unlabeled`, such as those that are to be scored on.
        progress: shown each part.
        checkpoints: folder for resuming; None keeps none.

    Raises:
        ConfigError: there is too little to learn from, or nothing unlabeled.
        ArtifactError: the encoder can't be loaded.
        StoreError: a checkpoint can't be written.
    """
    progress = progress or Silent()
    if settings.silver.doubt != "keep":
        silver = _doubted(silver, task, settings, progress, checkpoints)
    if unlabeled is None:
        return fit(silver, task, settings, progress=progress, checkpoints=checkpoints)
    return self_train(
        silver,
        unlabeled,
        task,
        settings,
        self_training or SelfTrainingSettings(),
        exclude_texts=exclude_texts,
        progress=progress,
        checkpoints=checkpoints,
    )


def _doubted(
    silver: Sequence[Document],
    task: SpanTask,
    settings: StudentSettings,
    progress: Progress,
    checkpoints: Path | None,
) -> tuple[Document, ...]:
    """Have each part of silver judged by a student of the other parts."""
    n_folds = settings.silver.doubt_folds
    # what a threshold hides would count as not found
    seeing_all = {"tune_threshold": False, "relation_threshold": 0.0}
    judging = settings.model_copy(update=seeing_all)
    numbers = count(1)

    def fit_and_predict(learnt: list[Document], judged: list[Document]) -> list[Document]:
        number = next(numbers)
        progress.note(f"doubt: student {number} of {n_folds} judges {len(judged)} documents")
        folder = checkpoints / f"doubt-{number}" if checkpoints else None
        fitted = fit(learnt, task, judging, progress=progress, checkpoints=folder)
        return list(fitted.student.extract(judged))

    predicted = out_of_fold(silver, n_folds, settings.seed, fit_and_predict)
    made = doubt(silver, predicted, settings.silver)
    counts = ", ".join(f"{number} {name}" for name, number in made.counts.items())
    progress.note(f"doubt: {counts}")
    return made.documents

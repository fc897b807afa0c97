"""`distill` for tasks whose answer is a class: silver labels in, a classifier out."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.config import check
from decoct.errors import ConfigError, Faults, MissingExtraError
from decoct.formats.base import read_documents
from decoct.progress import Progress
from decoct.recipes.distill import CHECKPOINT, read_config, refuse_foreign
from decoct.records import Document
from decoct.store import check_writable
from decoct.student.classifier.settings import ClassifierSettings
from decoct.tasks.base import LabelTask, get_task

if TYPE_CHECKING:
    from decoct.student.classifier.fit import LabelFit


def is_label_task(name: str) -> bool:
    """Whether a task asks for the class of a document.

    Raises:
        RegistryError: there is no such task.
    """
    return isinstance(get_task(name), LabelTask)


def train_classifier(
    silver: Sequence[Document],
    task: str,
    settings: ClassifierSettings,
    *,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> LabelFit:
    """Train a classifier by `decoct.student.classifier.fit.distil_labels`.

    Raises:
        ConfigError: the task asks for something else, or there is too little to learn from.
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: torch is not installed.
    """
    known = get_task(task)
    if not isinstance(known, LabelTask):
        raise ConfigError(f"task {task!r} asks for no classes; a student of spans does it")
    try:
        from decoct.student.classifier.fit import distil_labels
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", "distill") from None
    return distil_labels(silver, known, settings, progress=progress, checkpoints=checkpoints)


def distill_label_file(
    silver: Path,
    out: Path,
    task: str,
    settings: ClassifierSettings,
    *,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> LabelFit:
    """Train a classifier on a silver file and save it; an interrupted run goes on.

    Args:
        silver: labelled documents.
        out: the classifier's folder.
        task: the task's name.
        settings: encoder and training.
        faults: gets lines that can't be read.
        progress: shown each epoch.

    Raises:
        StoreError: `silver` can't be read or `out` written.
        ConfigError: there is too little to learn from, or `out` holds something else.
    """
    faults = faults if faults is not None else Faults()
    refuse_foreign(out, task)
    documents = list(read_documents(silver, faults))
    check_writable(out / "config.json")
    fitted = train_classifier(
        documents, task, settings, progress=progress, checkpoints=out / CHECKPOINT
    )
    fitted.student.save_pretrained(out)
    shutil.rmtree(out / CHECKPOINT, ignore_errors=True)
    return fitted


def read_label_settings(config: Path | None, flags: Mapping[str, Any]) -> ClassifierSettings:
    """Read how to train a classifier: from a TOML file, and from flags, which go before it.

    Args:
        config: an encoder's folder in it may be beside it; None for flags alone.
        flags: fields of `ClassifierSettings`.

    Raises:
        ConfigError: it is not TOML, or a key or value is wrong.
        StoreError: it can't be read.
    """
    below = read_config(ClassifierSettings, config) if config else {}
    return check(ClassifierSettings, {**below, **flags}, "distill for a task of classes")

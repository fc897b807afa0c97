"""`distill`: silver annotations in, a student out."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.config import check
from decoct.errors import ConfigError, Faults, MissingExtraError
from decoct.formats.base import read_documents
from decoct.progress import Progress
from decoct.records import Document
from decoct.store import check_writable
from decoct.student.settings import StudentSettings
from decoct.tasks.base import get_task

if TYPE_CHECKING:
    from decoct.student.fit import Fit
    from decoct.student.student import Student

CHECKPOINT = ".checkpoint"


def distill(
    silver: Sequence[Document],
    task: str | None = None,
    encoder: str = "embedded",
    *,
    progress: Progress | None = None,
    **settings: Any,  # noqa: ANN401 (checked against StudentSettings)
) -> Student:
    """Train a student on silver annotations.

    Args:
        silver: what `decoct.label` returned, or any annotated documents.
        task: the task's name; None takes it from `silver`.
        encoder: `embedded`, a local folder or a hub id.
        progress: shown each epoch.
        settings: any field of `StudentSettings`, such as `epochs` or `seed`.

    Raises:
        ConfigError: a setting is wrong, or there is too little to learn from.
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: torch is not installed.

    Example:
        student = decoct.distill(silver, encoder="embedded")
    """
    name = task or getattr(silver, "task", None) or "ade"
    checked = check(StudentSettings, {"encoder": encoder, **settings}, "distill")
    return _fit(list(silver), name, checked, progress, None).student


def distill_file(
    silver: Path,
    out: Path,
    task: str,
    settings: StudentSettings,
    *,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Train a student on a silver file and save it; an interrupted run goes on at its last epoch.

    Args:
        silver: annotated documents.
        out: the student's folder.
        task: the task's name.
        settings: encoder and training.
        faults: gets lines that can't be read.
        progress: shown each epoch.

    Raises:
        StoreError: `silver` can't be read or `out` written.
        ConfigError: there is too little to learn from.
    """
    faults = faults if faults is not None else Faults()
    _refuse_foreign(out, task)
    documents = list(read_documents(silver, faults))
    check_writable(out / "config.json")
    fitted = _fit(documents, task, settings, progress, out / CHECKPOINT)
    fitted.student.save_pretrained(out)
    shutil.rmtree(out / CHECKPOINT, ignore_errors=True)
    return fitted


def check_encoder(name: str) -> None:
    """See that a student can be trained on an encoder, before other work is put in.

    Raises:
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: torch is not installed.
    """
    from decoct.student.encoder import load_encoder

    load_encoder(name)


def _fit(
    documents: list[Document],
    task: str,
    settings: StudentSettings,
    progress: Progress | None,
    checkpoints: Path | None,
) -> Fit:
    try:
        from decoct.student.fit import fit
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", "distill") from None
    return fit(documents, get_task(task), settings, progress=progress, checkpoints=checkpoints)


def _refuse_foreign(out: Path, task: str) -> None:
    """A folder that holds something else is not written over."""
    from decoct.store import read_json

    if not (out / "config.json").is_file():
        return
    config = read_json(out / "config.json")
    card = config.get("decoct") if isinstance(config, dict) else None
    found = card.get("task") if isinstance(card, dict) else None
    if found != task:
        what = f"a student of task {found!r}" if found else "an encoder or another model"
        raise ConfigError(f"{out}: holds {what}; give another --out")

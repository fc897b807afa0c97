"""`distill`: silver annotations in, a student out."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.config import Settings, check, read_toml
from decoct.errors import ConfigError, Faults, MissingExtraError
from decoct.formats.base import STANDARD_INPUT, read_documents
from decoct.progress import Progress
from decoct.records import Document
from decoct.store import check_writable
from decoct.student.pseudo_labels import SelfTrainingSettings
from decoct.student.settings import StudentSettings
from decoct.tasks.base import get_span_task, task_name

if TYPE_CHECKING:
    from decoct.student.fit import Fit
    from decoct.student.loading import AnyStudent

CHECKPOINT = ".checkpoint"


class DistillSettings(StudentSettings):
    """A student's settings and self-training's: a file for `decoct distill --config`.

    Attributes:
        self_training: what is done with unlabeled documents; None for its defaults.
    """

    self_training: SelfTrainingSettings | None = None

    def student_settings(self) -> StudentSettings:
        """Return those that are the student's own."""
        return StudentSettings(
            **{name: getattr(self, name) for name in self.model_fields_set - {"self_training"}}
        )


def distill(
    silver: Sequence[Document],
    task: str | None = None,
    encoder: str = "embedded",
    *,
    unlabeled: Iterable[str | Document] | None = None,
    progress: Progress | None = None,
    **settings: Any,  # noqa: ANN401 (checked against DistillSettings)
) -> AnyStudent:
    """Train a student on silver annotations.

    Args:
        silver: what `decoct.label` returned, or any annotated documents.
        task: the task's name; None takes it from `silver`.
        encoder: `embedded`, a local folder or a hub id.
        unlabeled: texts or documents that the student labels itself and learns from too.
        progress: shown each epoch.
        settings: any field of `StudentSettings`, such as `epochs` or `seed`, and `self_training`,
            a table such as `{"rounds": 2}` (see `SelfTrainingSettings`); for a task of classes any
            field of `ClassifierSettings`.

    Raises:
        ConfigError: a setting is wrong, or there is too little to learn from.
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: torch is not installed.

    Example:
        student = decoct.distill(silver, encoder="embedded")
    """
    name = task or getattr(silver, "task", None) or "ade"
    from decoct.recipes.distill_labels import is_label_task, read_label_settings, train_classifier

    if is_label_task(name):
        if unlabeled is not None:
            raise ConfigError(f"task {name}: classifiers do not self-train; leave unlabeled out")
        wanted = read_label_settings(None, {"encoder": encoder, **settings})
        return train_classifier(list(silver), name, wanted, progress=progress).student
    checked = check(DistillSettings, {"encoder": encoder, **settings}, "distill")
    pool = None
    if unlabeled is not None:
        pool = [
            item if isinstance(item, Document) else Document(id=str(number), text=item)
            for number, item in enumerate(unlabeled, start=1)
        ]
    check_self_training(checked.self_training, pool is not None)
    return train(
        list(silver),
        name,
        needed_by="distill",
        settings=checked.student_settings(),
        unlabeled=(lambda: pool) if pool is not None else None,
        self_training=checked.self_training,
        progress=progress,
    ).student


def distill_file(
    silver: Path,
    out: Path,
    task: str,
    settings: StudentSettings,
    *,
    unlabeled: Path | None = None,
    self_training: SelfTrainingSettings | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Train a student on a silver file and save it; an interrupted run goes on at its last epoch.

    Args:
        silver: annotated documents.
        out: the student's folder.
        task: the task's name.
        settings: encoder and training.
        unlabeled: documents that the student labels itself and learns from too.
        self_training: how; None for the defaults.
        faults: gets lines that can't be read.
        progress: shown each epoch.

    Raises:
        StoreError: `silver` can't be read or `out` written.
        ConfigError: there is too little to learn from, or `out` holds something else.
    """
    faults = faults if faults is not None else Faults()
    refuse_foreign(out, task)
    check_self_training(self_training, unlabeled is not None)
    if unlabeled == STANDARD_INPUT:
        raise ConfigError("--unlabeled -: it is read more than once; name a file")
    documents = list(read_documents(silver, faults))
    check_writable(out / "config.json")
    met = Faults()  # of one pass over what is unlabeled: each meets the same bad lines
    try:
        fitted = train(
            documents,
            task,
            needed_by="distill",
            settings=settings,
            unlabeled=None if unlabeled is None else lambda: _read_anew(unlabeled, met),
            self_training=self_training,
            progress=progress,
            checkpoints=out / CHECKPOINT,
        )
    finally:
        faults.extend(met)
    fitted.student.save_pretrained(out)
    shutil.rmtree(out / CHECKPOINT, ignore_errors=True)
    return fitted


def read_distill_settings(config: Path | None, flags: Mapping[str, Any]) -> DistillSettings:
    """Read how to distil: from a TOML file, and from flags, which go before it.

    Args:
        config: an encoder's folder in it may be beside it; None for flags alone.
        flags: fields of `DistillSettings`; of a table those that are given.

    Raises:
        ConfigError: it is not TOML, or a key or value is wrong.
        StoreError: it can't be read.
    """
    below = read_config(DistillSettings, config) if config else {}
    tables = {
        name: {**below.get(name, {}), **value}
        for name, value in flags.items()
        if isinstance(value, Mapping)
    }
    return check(DistillSettings, {**below, **flags, **tables}, "distill")


def read_config(settings: type[Settings], config: Path) -> dict[str, Any]:
    """Return what a TOML file sets; an encoder's folder in it may be beside it.

    Args:
        settings: what the file is checked against.
        config: the file.

    Raises:
        ConfigError: it is not TOML, or a key or value is wrong.
        StoreError: it can't be read.
    """
    given = check(settings, read_toml(config), str(config)).model_dump(exclude_unset=True)
    beside = config.parent / str(given.get("encoder", ""))
    if "encoder" in given and (beside / "config.json").is_file():
        given["encoder"] = str(beside)
    return given


def check_encoder(name: str) -> None:
    """See that a student can be trained on an encoder, before other work is put in.

    Raises:
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: torch is not installed.
    """
    from decoct.encoder.load import load_encoder

    load_encoder(name)


def train(silver: Sequence[Document], task: str, *, needed_by: str, **more: Any) -> Fit:  # noqa: ANN401
    """Train a student by `decoct.student.distil.distil`, which takes the other arguments.

    Args:
        silver: annotated documents.
        task: the task's name.
        needed_by: what to name where torch is not installed.
        more: `settings` and all that `distil` takes by name.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        from decoct.student.distil import distil
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", needed_by) from None
    return distil(silver, get_span_task(task), **more)


def _read_anew(path: Path, faults: Faults) -> Iterator[Document]:
    """Read documents once more, and forget the faults of the pass before."""
    faults.clear()
    return read_documents(path, faults)


def check_self_training(settings: SelfTrainingSettings | None, unlabeled: bool) -> None:
    """See that self-training's settings have something to be used on.

    Raises:
        ConfigError: they have not.
    """
    if settings is not None and not unlabeled:
        raise ConfigError("self-training has settings, but no unlabeled documents are given")


def refuse_foreign(out: Path, task: str) -> None:
    """A folder that holds something else is not written over."""
    from decoct.store import read_json

    if not (out / "config.json").is_file():
        return
    config = read_json(out / "config.json")
    card = config.get("decoct") if isinstance(config, dict) else None
    found = card.get("task") if isinstance(card, dict) else None
    if found != task_name(task):
        what = f"a student of task {found!r}" if found else "an encoder or another model"
        raise ConfigError(f"{out}: holds {what}; give another --out")

"""`export`: a student in, the same student to run without torch out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.encoder.load import pad_id_of
from decoct.errors import ArtifactError, ConfigError, MissingExtraError, StoreError
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.labels import evaluate_labels
from decoct.inference.onnx_graph import CARD, FOLDER, Precision, remove_onnx
from decoct.progress import Progress, Silent
from decoct.recipes.evaluate import check_task
from decoct.recipes.extract import load_any_student
from decoct.records import Document
from decoct.store import read_json, write_json

if TYPE_CHECKING:
    from decoct.student.classifier.predict import LabelReader
    from decoct.student.classifier.torch_classifier import TorchClassifier
    from decoct.student.predict import Reader
    from decoct.student.torch_student import TorchStudent

MAX_LOSS = 0.01
Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        folder: where the files are.
        precision: of the weights.
        n_bytes: of all files together.
        checked: scores, 0 to 1, in torch at `fp32` and of what was `exported`, what was `lost`,
            and on how much; empty where nothing was compared.
    """

    folder: Path
    precision: Precision
    n_bytes: int
    checked: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "folder": str(self.folder),
            "precision": self.precision,
            "n_bytes": self.n_bytes,
            "checked": self.checked,
        }


def export(
    source: str | Path,
    precision: Precision = "fp32",
    *,
    gold: Sequence[Document] | None = None,
    max_loss: float = MAX_LOSS,
    force: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a student's network into its folder as ONNX Runtime runs it, without torch.

    A student of spans is compared by F1 of what it is scored by first, strict and lenient, a
    classifier by accuracy and F1. What was there before stays until the new one is whole and
    checked.

    Args:
        source: the student's folder, or a classifier's.
        precision: `fp32`, `fp16` (half the size), or `int8` (a quarter, and the fastest on a cpu).
        gold: documents to compare it on with the student at fp32.
        max_loss: the most, 0 to 1, that any of its scores may lose on them.
        force: keep what loses more, or was not compared.
        progress: shown how far it is.

    Raises:
        ConfigError: it loses more than that, or is of a lower precision and there is no gold; or
            its head or encoder can't be exported.
        ArtifactError: the folder holds no student.
        EvaluationError: gold is of another task.
        MissingExtraError: torch, onnx or onnxruntime is not installed.
        StoreError: the folder can't be written.
    """
    try:
        from decoct.student.classifier.torch_classifier import TorchClassifier
        from decoct.student.torch_student import TorchStudent
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", "export") from None
    progress = progress or Silent()
    need_gold(precision, gold is not None or force)
    folder = Path(source)
    if not folder.is_dir():
        raise ArtifactError(f"{source}: no such folder; a student's comes from decoct distill")
    student = load_any_student(folder, device="cpu", engine="torch")
    if gold is not None:
        check_task(list(gold), set(student.card.labels), "the student")
    with replacing(folder) as part:
        progress.note(f"export: {precision} ...")
        if isinstance(student, TorchClassifier):
            checked = _write_classifier(student, part, precision, gold, progress)
        else:
            assert isinstance(student, TorchStudent)  # what the engine torch runs
            checked = _write_student(student, part, precision, gold, progress)
        check_loss(folder, precision, checked, max_loss, force)
        keep_checked(part, checked)
    return exported(folder, precision, checked)


def need_gold(precision: Precision, there: bool) -> None:
    """See that a lower precision is compared with the higher one.

    Args:
        precision: that is asked for.
        there: whether there is something to compare it on, or it need not be.

    Raises:
        ConfigError: there is not.
    """
    if precision != "fp32" and not there:
        raise ConfigError(
            f"{precision} changes predictions a little; give --gold FILE to see by how much, or "
            "--force to do without"
        )


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a folder whose `onnx/` takes the place of another's when the block ends well.

    Raises:
        StoreError: it can't be written.
    """
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{FOLDER}-", dir=folder))
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None
    try:
        yield part
        remove_onnx(folder)
        (part / FOLDER).rename(folder / FOLDER)
    except OSError as error:
        raise StoreError(
            f"{folder / FOLDER}: can't be written: {error.strerror or error}"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def compared(before: Scores, after: Scores, n: Mapping[str, int]) -> dict[str, Any]:
    """Return how the exported one compares.

    Args:
        before: scores of the one in torch, 0 to 1.
        after: the same of the exported one.
        n: what they were compared on, such as `{"n_documents": 100}`.
    """
    lost = {name: before[name] - after[name] for name in before}
    return {**n, "fp32": dict(before), "exported": dict(after), "lost": lost}


def check_loss(
    folder: Path, precision: Precision, checked: Mapping[str, Any], max_loss: float, force: bool
) -> None:
    """See that an exported network loses no more than it may.

    Raises:
        ConfigError: it does, and is not forced.
    """
    if not checked or force:
        return
    name = max(checked["lost"], key=checked["lost"].__getitem__)
    lost = checked["lost"][name]
    if lost > max_loss:
        raise ConfigError(
            f"{folder}: {precision} loses {100 * lost:.1f} points of {_called(name, checked)} on "
            f"{_how_many(checked)}, more than {100 * max_loss:.1f}; take fp32, allow it by "
            "--max-loss, or --force"
        )


def keep_checked(part: Path, checked: Mapping[str, Any]) -> None:
    """Write into an exported network's card how it compares, where that was looked at."""
    if checked:
        card = read_json(part / FOLDER / CARD)
        write_json(part / FOLDER / CARD, {**card, "checked": checked})


def exported(folder: Path, precision: Precision, checked: dict[str, Any]) -> Exported:
    """Return what an export into a folder came to."""
    n_bytes = sum(path.stat().st_size for path in (folder / FOLDER).iterdir())
    return Exported(folder / FOLDER, precision, n_bytes, checked)


def describe_checked(checked: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each score that was compared."""
    for name in checked.get("lost", ()):
        before, after = checked["fp32"][name], checked["exported"][name]
        yield (
            f"{_called(name, checked)} on {_how_many(checked)}: {100 * before:.1f} in torch at "
            f"fp32, {100 * after:.1f} exported"
        )
    if "same_first" in checked:
        yield f"the first hit stays the same for {100 * checked['same_first']:.1f} %"


def _called(name: str, checked: Mapping[str, Any]) -> str:
    return f"{name} F1 of {checked['of']}" if "of" in checked else name


def _how_many(checked: Mapping[str, Any]) -> str:
    key = next(key for key in checked if key.startswith("n_"))
    return f"{checked[key]} {key.removeprefix('n_').replace('_', ' ')}"


def _write_student(
    student: TorchStudent,
    part: Path,
    precision: Precision,
    gold: Sequence[Document] | None,
    progress: Progress,
) -> dict[str, Any]:
    from decoct.student.export import write_onnx
    from decoct.student.onnx_student import read_with
    from decoct.student.torch_student import make_fp32_reader

    write_onnx(student, part, precision)
    if gold is None:
        return {}
    progress.note(f"export: compared on {len(gold)} documents ...")
    pad_id = pad_id_of(student.model.encoder)
    readers = (
        make_fp32_reader(student),
        read_with(part, student.card, student.tokenizer, pad_id),
    )
    found = [evaluate(gold, _read(reader, gold), n_resamples=1) for reader in readers]
    before, after = (
        {"strict": one.strict.f1.value, "lenient": one.lenient.f1.value} for one in found
    )
    checked = compared(before, after, {"n_documents": found[0].n_documents})
    return {**checked, "of": found[0].headline_of}


def _write_classifier(
    student: TorchClassifier,
    part: Path,
    precision: Precision,
    gold: Sequence[Document] | None,
    progress: Progress,
) -> dict[str, Any]:
    from decoct.student.classifier.export import write_onnx
    from decoct.student.classifier.onnx_classifier import read_with
    from decoct.student.classifier.torch_classifier import make_fp32_reader

    write_onnx(student, part, precision)
    if gold is None:
        return {}
    progress.note(f"export: compared on {len(gold)} documents ...")
    pad_id = pad_id_of(student.model.encoder)
    readers = (
        make_fp32_reader(student),
        read_with(part, student.card, student.tokenizer, pad_id),
    )
    positive = student.card.positive
    found = [
        evaluate_labels(gold, _read(reader, gold), positive=positive, n_resamples=1)
        for reader in readers
    ]
    before, after = (
        {"accuracy": one.accuracy.value, one.main_name: one.main.f1.value} for one in found
    )
    return compared(before, after, {"n_documents": found[0].n_documents})


def _read(reader: Reader | LabelReader, gold: Sequence[Document]) -> list[Document]:
    return list(reader.read(document.bare() for document in gold))

"""`export`: a student in, the same student to run without torch out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.encoder.load import pad_id_of
from decoct.errors import ArtifactError, ConfigError, MissingExtraError, StoreError
from decoct.evaluation.evaluate import evaluate
from decoct.inference.onnx_network import CARD, FOLDER, Precision, remove_onnx
from decoct.progress import Progress, Silent
from decoct.recipes.extract import load_student
from decoct.records import Document
from decoct.store import read_json, write_json

if TYPE_CHECKING:
    from decoct.evaluation.metrics import Metrics
    from decoct.student.predict import Reader

MAX_LOSS = 0.01  # of F1


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        folder: where the files are.
        precision: of the weights.
        n_bytes: of all files together.
        checked: strict and lenient F1 by offsets, 0 to 1, of the student at fp32 in torch and of
            what was exported, and the number of documents; empty where there was no gold.
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

    What was there before stays until the new one is whole and checked.

    Args:
        source: the student's folder.
        precision: `fp32`, `fp16` (half the size), or `int8` (a quarter, and the fastest on a cpu).
        gold: documents to compare it on with the student at fp32.
        max_loss: the most F1, 0 to 1, strict or lenient, that it may lose on them.
        force: keep what loses more, or was not compared.
        progress: shown how far it is.

    Raises:
        ConfigError: it loses more than that, or is of a lower precision and there is no gold; or
            its head can't be exported.
        ArtifactError: the folder holds no student of spans and relations.
        MissingExtraError: torch, onnx or onnxruntime is not installed.
        StoreError: the folder can't be written.
    """
    try:
        from decoct.student.export import write_onnx
        from decoct.student.torch_student import TorchStudent, make_fp32_reader
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", "export") from None
    progress = progress or Silent()
    if precision != "fp32" and gold is None and not force:
        raise ConfigError(
            f"{precision} changes predictions a little; give --gold FILE to see by how much, or "
            "--force to do without"
        )
    folder = Path(source)
    if not folder.is_dir():
        raise ArtifactError(f"{source}: no such folder; a student's comes from decoct distill")
    student = load_student(folder, device="cpu", engine="torch")
    assert isinstance(student, TorchStudent)  # what the engine torch runs
    part = _part(folder)
    try:
        progress.note(f"export: {precision} ...")
        write_onnx(student, part, precision)
        checked: dict[str, Any] = {}
        if gold is not None:
            from decoct.student.onnx_student import read_with

            progress.note(f"export: compared on {len(gold)} documents ...")
            before = _scores(gold, make_fp32_reader(student))
            pad_id = pad_id_of(student.model.encoder)
            after = _scores(gold, read_with(part, student.card, student.tokenizer, pad_id))
            checked = _compared(before, after)
            lost = max(checked["lost"].values())
            if lost > max_loss and not force:
                raise ConfigError(
                    f"{folder}: {precision} loses {100 * lost:.1f} points of F1 on "
                    f"{len(gold)} documents, more than {100 * max_loss:.1f}; take fp32, allow it "
                    "by --max-loss, or --force"
                )
            card = read_json(part / FOLDER / CARD)
            write_json(part / FOLDER / CARD, {**card, "checked": checked})
        remove_onnx(folder)
        (part / FOLDER).rename(folder / FOLDER)
    except OSError as error:
        raise StoreError(
            f"{folder / FOLDER}: can't be written: {error.strerror or error}"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    n_bytes = sum(path.stat().st_size for path in (folder / FOLDER).iterdir())
    return Exported(folder / FOLDER, precision, n_bytes, checked)


def _part(folder: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=f".{FOLDER}-", dir=folder))
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None


def _scores(gold: Sequence[Document], reader: Reader) -> Metrics:
    return evaluate(gold, list(reader.read([document.bare() for document in gold])), n_resamples=1)


def _compared(before: Metrics, after: Metrics) -> dict[str, Any]:
    found = {
        name: {"strict": one.strict.f1.value, "lenient": one.lenient.f1.value}
        for name, one in (("fp32", before), ("exported", after))
    }
    lost = {match: found["fp32"][match] - found["exported"][match] for match in found["fp32"]}
    return {"n_documents": before.n_documents, "of": before.headline_of, **found, "lost": lost}

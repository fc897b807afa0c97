"""Loading a student of any kind: of spans and relations, or of classes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from decoct.inference.onnx_graph import Engine
from decoct.student.classifier.classifier import Classifier
from decoct.student.classifier.settings import is_classifier
from decoct.student.student import Student, fetch_folder

AnyStudent: TypeAlias = Student | Classifier


def load_any(
    source: str | Path,
    device: str = "auto",
    engine: Engine = "auto",
    threads: int | None = None,
) -> AnyStudent:
    """Load what `decoct distill` made, from a folder or from a hub by its id.

    Args and what it raises are those of `Student.from_pretrained`.
    """
    folder = fetch_folder(str(source))
    if is_classifier(folder):
        return Classifier.from_pretrained(folder, device, engine, threads)
    return Student.from_pretrained(folder, device, engine, threads)

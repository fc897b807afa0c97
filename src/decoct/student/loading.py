"""Loading a student of any kind: of spans and relations, or of classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from decoct.errors import ConfigError, MissingExtraError
from decoct.student.classifier.settings import is_classifier
from decoct.student.student import Engine, Student, fetch_folder

if TYPE_CHECKING:
    from decoct.student.classifier.classifier import Classifier

AnyStudent: TypeAlias = Union[Student, "Classifier"]


def load_any(
    source: str | Path,
    device: str = "auto",
    engine: Engine = "auto",
    threads: int | None = None,
) -> AnyStudent:
    """Load what `decoct distill` made, from a folder or from a hub by its id.

    Args and what it raises are those of `Student.from_pretrained`; classifiers are run by torch.
    """
    folder = fetch_folder(str(source))
    if not is_classifier(folder):
        return Student.from_pretrained(folder, device, engine, threads)
    if engine == "onnx":
        raise ConfigError(f"{source}: is a classifier, which torch runs; leave the engine out")
    try:
        from decoct.student.classifier.classifier import Classifier
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", "a classifier") from None
    return Classifier.from_pretrained(folder, device)

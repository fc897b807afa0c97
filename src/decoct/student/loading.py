"""Loading a student of any kind: of spans and relations, or of classes."""

from __future__ import annotations

from pathlib import Path

from decoct.student.classifier.classifier import Classifier, is_classifier
from decoct.student.student import Student, fetch_folder

AnyStudent = Student | Classifier


def load_any(source: str | Path, device: str = "auto") -> AnyStudent:
    """Load what `decoct distill` made, from a folder or from a hub by its id.

    Raises:
        ArtifactError: it is not there, not a student, or broken.
    """
    folder = fetch_folder(str(source))
    kind = Classifier if is_classifier(folder) else Student
    return kind.from_pretrained(folder, device)

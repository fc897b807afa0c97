"""The artifact: a classifier that can be loaded and put to work, whatever runs its network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, overload

from pydantic import ValidationError

from decoct.encoder.load import CONFIG
from decoct.errors import ArtifactError, ConfigError, MissingExtraError
from decoct.inference.onnx_graph import Engine, chosen_engine
from decoct.records import Document, describe
from decoct.store import read_json
from decoct.student.classifier.predict import LabelReader
from decoct.student.classifier.settings import KIND, ClassifierCard, is_classifier
from decoct.student.student import OTHER_VERSION, as_document, fetch_folder


class Classifier(ABC):
    """A trained student that tells the class of a document or of a pair of texts.

    Saved as a `Student` is: `config.json` is the encoder's own with our part under `decoct`, so
    that `AutoModel.from_pretrained(folder)` loads the fine-tuned encoder.

    Args:
        card: what it is.
        reader: what turns documents into predictions.

    Example:
        classifier = Classifier.from_pretrained("gad-student/")
        classifier.extract("@GENE$ is associated with @DISEASE$.").label
    """

    def __init__(self, card: ClassifierCard, reader: LabelReader) -> None:
        self.card = card
        self._reader = reader

    @overload  # a str is an iterable of str too, and is taken as one text
    def extract(  # type: ignore[overload-overlap]
        self, documents: str | Document, *, given_subjects: bool = ...
    ) -> Document: ...
    @overload
    def extract(
        self, documents: Iterable[str | Document], *, given_subjects: bool = ...
    ) -> Iterator[Document]: ...
    def extract(
        self, documents: str | Document | Iterable[str | Document], *, given_subjects: bool = False
    ) -> Document | Iterator[Document]:
        """Tell the class of documents.

        Args:
            documents: one text or document, or any number of them, which are streamed.
            given_subjects: not for classifiers, which have no subjects.

        Returns:
            A predicted document for each, in order: its `label`, and in `meta` its `confidence`
            and the `probabilities` of all classes.

        Raises:
            ConfigError: a pair lacks its second text, or subjects are given.
        """
        if given_subjects:
            raise ConfigError(
                f"a classifier of task {self.card.task} has no subjects; leave --given-subjects out"
            )
        if isinstance(documents, str | Document):
            return next(self._reader.read([as_document(documents, 1)]))
        numbered = (
            as_document(document, number) for number, document in enumerate(documents, start=1)
        )
        return self._reader.read(numbered)

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of weights and card: two classifiers with the same one predict the same."""

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        device: str = "auto",
        engine: Engine = "auto",
        threads: int | None = None,
    ) -> Classifier:
        """Load a classifier from a folder, or from a hub by its id.

        Args:
            source: the folder or id.
            device: where torch runs it: auto, cpu, cuda, cuda:1, mps.
            engine: `onnx`, `torch` or `auto`, see `Student.from_pretrained`.
            threads: that the engine may use; None for as many as there are cores.

        Raises:
            ArtifactError: it is not there, not a classifier, or broken, or not exported.
            ConfigError: the engine runs on no such device.
            MissingExtraError: torch is not installed, or onnxruntime.
        """
        folder = fetch_folder(str(source))
        if chosen_engine(folder, device, engine) == "onnx":
            from decoct.student.classifier.onnx_classifier import OnnxClassifier

            return OnnxClassifier.load(folder, threads)
        try:
            from decoct.student.classifier.torch_classifier import TorchClassifier
        except ImportError:
            raise MissingExtraError(
                "torch and transformers", "train", "running a classifier that is not exported"
            ) from None
        return TorchClassifier.load(folder, device, threads)


def read_classifier_card(folder: Path) -> tuple[dict[str, Any], ClassifierCard]:
    """Read a classifier's configuration: the encoder's, and our own.

    Raises:
        ArtifactError: it is not a classifier's folder.
    """
    if not is_classifier(folder):
        raise ArtifactError(
            f"{folder}: is no classifier (no {CONFIG} with 'kind': '{KIND}'); "
            "make one with decoct distill and a task of labels"
        )
    config = read_json(folder / CONFIG)
    try:
        return config, ClassifierCard.model_validate(config.pop("decoct"))
    except ValidationError as error:
        raise ArtifactError(f"{folder / CONFIG}: {describe(error)}; {OTHER_VERSION}") from None

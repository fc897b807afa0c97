"""The artifact: a student that can be loaded and put to work, whatever runs its network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from pydantic import ValidationError

from decoct.encoder.load import CONFIG, looks_local
from decoct.errors import ArtifactError, MissingExtraError, StoreError
from decoct.inference.onnx_graph import Engine, chosen_engine
from decoct.inference.tokenize import WordTokenizer
from decoct.records import Document, describe
from decoct.store import read_json
from decoct.student.predict import Reader
from decoct.student.settings import StudentCard

if TYPE_CHECKING:
    from tokenizers import Tokenizer

OTHER_VERSION = "if another version of decoct made it, distil it again"


class Student(ABC):
    """A trained student.

    Saved as the ecosystem does it: `config.json` is the encoder's own configuration with our part
    under `decoct`, so that `AutoModel.from_pretrained(folder)` loads the fine-tuned encoder.

    Args:
        card: what it is.
        reader: what turns documents into predictions.

    Example:
        student = Student.from_pretrained("student/")
        student.extract("Rash after amoxicillin.").pairs()
    """

    def __init__(self, card: StudentCard, reader: Reader) -> None:
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
        """Find spans and relations.

        Args:
            documents: one text or document, or any number of them, which are streamed.
            given_subjects: take the subjects from each document's spans instead of finding them.

        Returns:
            A predicted document for each, in order; offsets point into its text as it stands.
        """
        if isinstance(documents, str | Document):
            return next(self._reader.read([as_document(documents, 1)], given_subjects))
        numbered = (
            as_document(document, number) for number, document in enumerate(documents, start=1)
        )
        return self._reader.read(numbered, given_subjects)

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of weights and card: two students with the same one predict the same."""

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        device: str = "auto",
        engine: Engine = "auto",
        threads: int | None = None,
    ) -> Student:
        """Load a student from a folder, or from a hub by its id.

        Args:
            source: the folder or id.
            device: where torch runs it: auto, cpu, cuda, cuda:1, mps.
            engine: `onnx` for what `decoct export` wrote into the folder, which needs no torch;
                `torch`; `auto` for the first where it is there and no other device than a cpu is
                asked for.
            threads: that the engine may use; None for as many as there are cores.

        Raises:
            ArtifactError: it is not there, not a student, or broken, or not exported.
            ConfigError: the engine runs on no such device.
            MissingExtraError: torch is not installed, or onnxruntime.
        """
        folder = fetch_folder(str(source))
        if chosen_engine(folder, device, engine) == "onnx":
            from decoct.student.onnx_student import OnnxStudent

            return OnnxStudent.load(folder, threads)
        try:
            from decoct.student.torch_student import TorchStudent
        except ImportError:
            raise MissingExtraError(
                "torch and transformers", "train", "running a student that is not exported"
            ) from None
        return TorchStudent.load(folder, device, threads)


def as_document(item: str | Document, number: int) -> Document:
    """Return a document; a bare text gets its number as id."""
    return item if isinstance(item, Document) else Document(id=str(number), text=item)


def read_card(folder: Path) -> tuple[dict[str, Any], StudentCard]:
    """Read a student folder's configuration: the encoder's, and our own.

    Raises:
        ArtifactError: it is not a student's folder.
    """
    if not (folder / CONFIG).is_file():
        raise ArtifactError(
            f"{folder}: holds no {CONFIG}; a student's folder comes from decoct distill"
        )
    try:
        config = read_json(folder / CONFIG)
        card = config.pop("decoct")
    except (StoreError, KeyError, AttributeError, TypeError):
        raise ArtifactError(
            f"{folder}: is not a student (no 'decoct' part in {CONFIG}); "
            "make one with decoct distill"
        ) from None
    try:
        return config, StudentCard.model_validate(card)
    except ValidationError as error:
        raise ArtifactError(f"{folder / CONFIG}: {describe(error)}; {OTHER_VERSION}") from None


def make_tokenizer(tokenizer: Tokenizer, card: StudentCard) -> WordTokenizer:
    """Return what cuts texts into pieces for a student."""
    settings = card.settings
    return WordTokenizer(tokenizer, settings.max_tokens, by_sentence=settings.unit == "sentence")


def fetch_folder(source: str) -> Path:
    """Return a local folder for a folder or a hub id."""
    if Path(source).is_dir():
        return Path(source)
    if source.count("/") != 1 or source.endswith("/") or looks_local(source):
        raise ArtifactError(f"{source}: no such student folder; make one with decoct distill")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                source,
                allow_patterns=["*.json", "*.safetensors", "*.onnx", "*.weights", "README.md"],
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError):
        raise ArtifactError(f"{source}: no such student folder, and no hub has it") from None

"""The artifact: a student that can be saved, loaded and put to work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from tokenizers import Tokenizer

from decoct.encoder.files import CONFIG, config_of, load_network, save_network, upload
from decoct.encoder.load import looks_local
from decoct.errors import ArtifactError, StoreError
from decoct.inference.batch import Batch
from decoct.inference.tokenize import WordTokenizer, read_tokenizer
from decoct.records import Document, describe
from decoct.store import read_json, sha256_json, write_json, write_text
from decoct.student.card import model_card
from decoct.student.heads.base import HeadModel, Inputs, get_head
from decoct.student.predict import Reader, Subjects
from decoct.student.settings import StudentCard
from decoct.training.device import autocast, choose_device, uses_bf16

OTHER_VERSION = "if another version of decoct made it, distil it again"


class Student:
    """A trained student.

    Saved as the ecosystem does it: `config.json` is the encoder's own configuration with our part
    under `decoct`, so that `AutoModel.from_pretrained(folder)` loads the fine-tuned encoder.

    Example:
        student = Student.from_pretrained("student/")
        student.extract("Rash after amoxicillin.").pairs()
    """

    def __init__(
        self,
        model: HeadModel[Any],
        tokenizer: Tokenizer,
        card: StudentCard,
        device: str = "auto",
    ) -> None:
        self.card = card
        self.tokenizer = tokenizer
        self.model = model.eval()
        self._reader = make_reader(model, tokenizer, card, choose_device(device))

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

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights and card: two students with the same one predict the same."""
        return sha256_json([self.card.model_dump(mode="json"), hash_weights(self.model)])

    def save_pretrained(self, folder: str | Path) -> None:
        """Write weights, configuration, tokenizer and model card.

        Raises:
            StoreError: the folder can't be written.
        """
        folder = Path(folder)
        save_network(folder, self.model, self.tokenizer, "student")
        write_text(folder / "README.md", model_card(self.card))
        card = self.card.model_dump(mode="json")
        write_json(folder / CONFIG, {**config_of(self.model.encoder), "decoct": card})

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str = "auto") -> Student:
        """Load a student from a folder, or from a hub by its id.

        Raises:
            ArtifactError: it is not there, not a student, or broken.
        """
        folder = fetch_folder(str(source))
        config, card = read_card(folder)
        make = get_head(card.settings.head)
        model = load_network(folder, config, lambda encoder: make(encoder, card), OTHER_VERSION)
        return cls(model, read_tokenizer(folder), card, device)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:  # noqa: ANN401 (huggingface_hub's own)
        """Upload the folder to a hub and return its address; options go to `create_repo`."""
        return upload(self.save_pretrained, repo_id, **options)

    def __repr__(self) -> str:
        n_parameters = sum(parameter.numel() for parameter in self.model.parameters())
        return (
            f"Student(task={self.card.task!r}, encoder={self.card.settings.encoder!r}, "
            f"{n_parameters / 1e6:.1f} M parameters)"
        )


def hash_weights(model: torch.nn.Module) -> str:
    """Return the hex SHA-256 of a model's weights and their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(name.encode() + flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


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


def make_reader(
    model: HeadModel[Any], tokenizer: Tokenizer, card: StudentCard, device: torch.device
) -> Reader:
    """Return what turns documents into predictions with this model."""
    words = make_tokenizer(tokenizer, card)
    pad_id = int(getattr(model.encoder.config, "pad_token_id", None) or 0)
    bf16 = uses_bf16(card.settings.precision, device)
    return Reader(TorchNetwork(model.to(device), device, bf16), words, card, pad_id)


def make_tokenizer(tokenizer: Tokenizer, card: StudentCard) -> WordTokenizer:
    """Return what cuts texts into pieces for a student."""
    settings = card.settings
    return WordTokenizer(tokenizer, settings.max_tokens, by_sentence=settings.unit == "sentence")


class TorchNetwork:
    """Runs the model in torch."""

    def __init__(self, model: HeadModel[Any], device: torch.device, bf16: bool) -> None:
        self.model = model
        self.device = device
        self.bf16 = bf16

    def encode(self, batch: Batch) -> tuple[object, NDArray[np.float32]]:
        """Return what `objects` needs, and tag probabilities (n_pieces, n_words, n_tagged, 5)."""
        self.model.eval()
        with torch.inference_mode(), autocast(self.device, self.bf16):
            box, probs = self.model.encode(Inputs.from_batch(batch, self.device))
        return (box, batch.n_words), probs.cpu().numpy()

    def objects(self, states: object, subjects: Subjects) -> NDArray[np.float32]:
        """Return the objects' tag probabilities (n_subjects, n_words, n_relations, 5)."""
        assert isinstance(states, tuple)
        box, n_words = states
        words = torch.zeros(len(subjects), n_words, device=self.device)
        for row, (_, first, last) in enumerate(subjects):
            words[row, first:last] = 1.0
        pieces = torch.tensor([piece for piece, _, _ in subjects], device=self.device)
        with torch.inference_mode(), autocast(self.device, self.bf16):
            return self.model.objects(box, pieces, words).cpu().numpy()


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
            snapshot_download(source, allow_patterns=["*.json", "*.safetensors", "README.md"])
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError):
        raise ArtifactError(f"{source}: no such student folder, and no hub has it") from None

"""The artifact: a classifier that can be saved, loaded and put to work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import torch
from pydantic import ValidationError
from tokenizers import Tokenizer

from decoct.encoder.files import hash_weights, load_network, save_student, upload
from decoct.encoder.load import CONFIG, pad_id_of
from decoct.errors import ArtifactError, ConfigError
from decoct.inference.tokenize import read_tokenizer
from decoct.records import Document, describe
from decoct.store import read_json, sha256_json
from decoct.student.classifier.card import model_card
from decoct.student.classifier.network import ClassifierNetwork
from decoct.student.classifier.predict import LabelReader
from decoct.student.classifier.settings import KIND, ClassifierCard, is_classifier
from decoct.student.classifier.windows import WindowTokenizer
from decoct.student.student import OTHER_VERSION, as_document, fetch_folder
from decoct.training.device import choose_device, uses_bf16


class Classifier:
    """A trained student that tells the class of a document or of a pair of texts.

    Saved as a `Student` is: `config.json` is the encoder's own with our part under `decoct`, so
    that `AutoModel.from_pretrained(folder)` loads the fine-tuned encoder.

    Example:
        classifier = Classifier.from_pretrained("gad-student/")
        classifier.extract("@GENE$ is associated with @DISEASE$.").label
    """

    def __init__(
        self,
        network: ClassifierNetwork,
        tokenizer: Tokenizer,
        card: ClassifierCard,
        device: str = "auto",
    ) -> None:
        self.card = card
        self.tokenizer = tokenizer
        self.model = network.eval()
        self._reader = make_reader(network, tokenizer, card, choose_device(device))

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

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights and card: two classifiers with the same one predict the same."""
        return sha256_json([self.card.model_dump(mode="json"), hash_weights(self.model)])

    def save_pretrained(self, folder: str | Path) -> None:
        """Write weights, configuration, tokenizer and model card.

        Raises:
            StoreError: the folder can't be written.
        """
        folder = Path(folder)
        self.model.sync_markers()
        card, readme = self.card.model_dump(mode="json"), model_card(self.card)
        save_student(folder, self.model, self.tokenizer, card, readme, "classifier")

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str = "auto") -> Classifier:
        """Load a classifier from a folder, or from a hub by its id.

        Raises:
            ArtifactError: it is not there, not a classifier, or broken.
        """
        folder = fetch_folder(str(source))
        config, card = read_classifier_card(folder)
        tokenizer = read_tokenizer(folder)
        marker_ids = _marker_ids(tokenizer, card, folder)
        network = load_network(
            folder,
            config,
            lambda encoder: ClassifierNetwork(encoder, card, marker_ids),
            OTHER_VERSION,
        )
        return cls(network, tokenizer, card, device)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:  # noqa: ANN401 (huggingface_hub's own)
        """Upload the folder to a hub and return its address; options go to `create_repo`."""
        return upload(self.save_pretrained, repo_id, **options)

    def __repr__(self) -> str:
        n_parameters = sum(parameter.numel() for parameter in self.model.parameters())
        return (
            f"Classifier(task={self.card.task!r}, encoder={self.card.settings.encoder!r}, "
            f"{len(self.card.labels)} classes, {n_parameters / 1e6:.1f} M parameters)"
        )


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


def make_reader(
    network: ClassifierNetwork, tokenizer: Tokenizer, card: ClassifierCard, device: torch.device
) -> LabelReader:
    """Return what turns documents into predictions with this network."""
    pad_id = pad_id_of(network.encoder)
    bf16 = uses_bf16(card.settings.precision, device)
    words = WindowTokenizer(tokenizer, card)
    return LabelReader(network.to(device), words, card, pad_id, device, bf16)


def _marker_ids(tokenizer: Tokenizer, card: ClassifierCard, folder: Path) -> tuple[int, ...]:
    vocabulary = tokenizer.get_vocab()
    lost = [marker for marker in card.markers if marker not in vocabulary]
    if lost:
        raise ArtifactError(f"{folder / 'tokenizer.json'}: lacks the marker {lost[0]}")
    return tuple(vocabulary[marker] for marker in card.markers)

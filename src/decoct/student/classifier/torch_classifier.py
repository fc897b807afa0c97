"""A classifier whose network torch runs: it is trained, saved, and exported from here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from decoct.encoder.files import hash_weights, load_network, save_student, upload
from decoct.encoder.load import pad_id_of
from decoct.errors import ArtifactError
from decoct.inference.onnx_graph import remove_onnx
from decoct.inference.tokenize import read_tokenizer
from decoct.store import sha256_json
from decoct.student.classifier.card import model_card
from decoct.student.classifier.classifier import Classifier, read_classifier_card
from decoct.student.classifier.examples import owners_of
from decoct.student.classifier.network import ClassifierNetwork
from decoct.student.classifier.predict import LabelReader, window_batches
from decoct.student.classifier.settings import ClassifierCard
from decoct.student.classifier.windows import Reading, WindowTokenizer
from decoct.student.student import OTHER_VERSION
from decoct.training.device import autocast, choose_device, uses_bf16


class TorchClassifier(Classifier):
    """A classifier with its network.

    Args:
        network: encoder and head.
        tokenizer: the encoder's.
        card: what it is.
        device: auto, cpu, cuda, cuda:1, mps.
    """

    def __init__(
        self,
        network: ClassifierNetwork,
        tokenizer: Tokenizer,
        card: ClassifierCard,
        device: str = "auto",
    ) -> None:
        super().__init__(card, make_reader(network, tokenizer, card, choose_device(device)))
        self.tokenizer = tokenizer
        self.model = network.eval()

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
        remove_onnx(folder)  # of another classifier that was here
        self.model.sync_markers()
        card, readme = self.card.model_dump(mode="json"), model_card(self.card)
        save_student(folder, self.model, self.tokenizer, card, readme, "classifier")

    @classmethod
    def load(cls, folder: Path, device: str = "auto", threads: int | None = None) -> Self:
        """Load a classifier from a folder; see `Classifier.from_pretrained`."""
        if threads is not None:
            torch.set_num_threads(threads)
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


class TorchLabelNetwork:
    """Runs the network in torch.

    Args:
        network: encoder and head.
        pad_id: token id to pad with.
        device: where it is put.
        bf16: whether it runs in bf16.
    """

    def __init__(
        self, network: ClassifierNetwork, pad_id: int, device: torch.device, bf16: bool
    ) -> None:
        self.network = network.to(device)
        self.pad_id = pad_id
        self.device = device
        self.bf16 = bf16

    def logits(self, readings: Sequence[Reading]) -> NDArray[np.float32]:
        """Return the logits of each document, (n_documents, n_labels)."""
        owners = owners_of([reading.windows for reading in readings], self.device)
        features = torch.from_numpy(np.stack([reading.features for reading in readings]))
        self.network.eval()
        with torch.inference_mode(), autocast(self.device, self.bf16):
            states = torch.zeros(len(owners), self.network.width, device=self.device)
            for places, batch in window_batches(readings, self.pad_id):
                states[places] = self.network.states(batch)
            logits = self.network.classify(states, owners, features.to(self.device))
        return logits.float().cpu().numpy()


def make_reader(
    network: ClassifierNetwork, tokenizer: Tokenizer, card: ClassifierCard, device: torch.device
) -> LabelReader:
    """Return what turns documents into predictions with this network."""
    bf16 = uses_bf16(card.settings.precision, device)
    run = TorchLabelNetwork(network, pad_id_of(network.encoder), device, bf16)
    return LabelReader(run, WindowTokenizer(tokenizer, card), card)


def make_fp32_reader(classifier: TorchClassifier) -> LabelReader:
    """Return what turns documents into predictions on the cpu, at full precision."""
    network, card = classifier.model, classifier.card
    run = TorchLabelNetwork(network, pad_id_of(network.encoder), torch.device("cpu"), bf16=False)
    return LabelReader(run, WindowTokenizer(classifier.tokenizer, card), card)


def _marker_ids(tokenizer: Tokenizer, card: ClassifierCard, folder: Path) -> tuple[int, ...]:
    vocabulary = tokenizer.get_vocab()
    lost = [marker for marker in card.markers if marker not in vocabulary]
    if lost:
        raise ArtifactError(f"{folder / 'tokenizer.json'}: lacks the marker {lost[0]}")
    return tuple(vocabulary[marker] for marker in card.markers)

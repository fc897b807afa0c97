"""A classifier whose network ONNX Runtime runs; nothing here needs torch.

::

    onnx/encode.onnx    tokens of a window, features of its document -> logits, attention

A document's logits are those of its windows, weighed: what pools the windows' states in torch is
linear, and so is what makes logits of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from decoct.encoder.load import pad_id_in
from decoct.inference.cores import n_cores
from decoct.inference.onnx_graph import (
    ENCODE,
    FOLDER,
    MAX_BATCH_TOKENS,
    Floats,
    OnnxCard,
    OnnxGraph,
    check_source,
    hash_card,
    hash_network,
    read_onnx_card,
    run_all,
)
from decoct.inference.tokenize import read_tokenizer
from decoct.store import sha256_json
from decoct.student.classifier.classifier import Classifier, read_classifier_card
from decoct.student.classifier.predict import LabelReader, window_batches
from decoct.student.classifier.settings import ClassifierCard, WindowPooling
from decoct.student.classifier.windows import Reading, WindowBatch, WindowTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class OnnxClassifier(Classifier):
    """A classifier that `decoct export` made ready to run without torch.

    Args:
        card: what it is.
        reader: what turns documents into predictions.
        folder: where it lies.
        exported: what its exported network says of itself.
    """

    def __init__(
        self, card: ClassifierCard, reader: LabelReader, folder: Path, exported: OnnxCard
    ) -> None:
        super().__init__(card, reader)
        self.folder = folder
        self.exported = exported

    @classmethod
    def load(cls, folder: Path, threads: int | None = None) -> Self:
        """Load it from a classifier's folder; see `Classifier.from_pretrained`."""
        config, card = read_classifier_card(folder)
        exported = read_onnx_card(folder, OnnxCard)
        check_source(folder, exported, hash_card(card), "classifier")
        pad_id = pad_id_in(config)
        reader = read_with(folder, card, read_tokenizer(folder), pad_id, threads)
        return cls(card, reader, folder, exported)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the exported network and the card."""
        return sha256_json([self.card.model_dump(mode="json"), *hash_network(self.folder)])

    def __repr__(self) -> str:
        return (
            f"Classifier(task={self.card.task!r}, encoder={self.card.settings.encoder!r}, "
            f"{len(self.card.labels)} classes, onnx {self.exported.precision})"
        )


class OnnxLabelNetwork:
    """Runs an exported network, several batches of windows at a time.

    Args:
        folder: the classifier's.
        card: says how windows are pooled.
        pad_id: token id to pad with.
        threads: how many batches at a time.

    Raises:
        ArtifactError: a file is missing or broken.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, folder: Path, card: ClassifierCard, pad_id: int, threads: int) -> None:
        self._graph = OnnxGraph(folder / FOLDER / ENCODE)
        self._card = card
        self._pad_id = pad_id
        self._threads = threads

    def logits(self, readings: Sequence[Reading]) -> NDArray[np.float32]:
        """Return the logits of each document, (n_documents, n_labels)."""
        sizes = [len(reading.windows) for reading in readings]
        features = np.repeat(np.stack([reading.features for reading in readings]), sizes, axis=0)
        logits = np.zeros((sum(sizes), len(self._card.labels)), dtype=np.float32)
        scores = np.zeros(sum(sizes), dtype=np.float32)

        def work(one: tuple[list[int], WindowBatch]) -> None:
            places, batch = one
            logits[places], scores[places] = self._graph.run(
                {
                    "input_ids": batch.input_ids,
                    "attention_mask": batch.attention_mask,
                    "token_type_ids": batch.token_type_ids,
                    "features": features[places],
                }
            )

        batches = window_batches(readings, self._pad_id, MAX_BATCH_TOKENS)
        run_all(work, batches, self._threads)
        firsts = np.cumsum([0, *sizes[:-1]])
        return pool(logits, scores, firsts, self._card.settings.window_pooling)


def pool(logits: Floats, scores: Floats, firsts: NDArray[np.int64], how: WindowPooling) -> Floats:
    """Return the logits of documents, (n_documents, n_labels) float32.

    Args:
        logits: (n_windows, n_labels), a document's one after the other.
        scores: (n_windows,) how much attention each window gets.
        firsts: (n_documents,) the first window of each.
        how: see `ClassifierSettings`.
    """
    if how == "max":
        highest: Floats = np.maximum.reduceat(logits, firsts, axis=0)
        return highest
    sizes = np.diff([*firsts, len(logits)])
    weights = np.ones_like(scores)
    if how == "attention":
        weights = np.exp(scores - np.repeat(np.maximum.reduceat(scores, firsts), sizes))
    shares = weights / np.repeat(np.add.reduceat(weights, firsts), sizes)
    weighed: Floats = np.add.reduceat(logits * shares[:, None], firsts, axis=0)
    return weighed


def read_with(
    folder: Path,
    card: ClassifierCard,
    tokenizer: Tokenizer,
    pad_id: int,
    threads: int | None = None,
) -> LabelReader:
    """Return what turns documents into predictions by the exported network of a folder."""
    network = OnnxLabelNetwork(folder, card, pad_id, threads or n_cores())
    return LabelReader(network, WindowTokenizer(tokenizer, card), card)

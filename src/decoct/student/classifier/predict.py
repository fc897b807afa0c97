"""The classifier at work: documents in, their classes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from decoct.inference.batch import by_length
from decoct.records import Document
from decoct.student.classifier.calibrate import DIGITS, at_temperature
from decoct.student.classifier.settings import ClassifierCard
from decoct.student.classifier.windows import Reading, WindowBatch, WindowTokenizer, pad_windows
from decoct.student.predict import CHUNK_DOCUMENTS

_MAX_BATCH_TOKENS = 8192
_MAX_WINDOWS = 64


class LabelNetwork(Protocol):
    """What runs the network, whatever it is made of."""

    def logits(self, readings: Sequence[Reading]) -> NDArray[np.float32]:
        """Return the logits of each document, (n_documents, n_labels)."""
        ...


@dataclass(frozen=True, slots=True)
class LabelReader:
    """Turns documents into predicted documents.

    Attributes:
        network: runs the model.
        tokenizer: cuts documents into windows.
        card: labels, threshold and calibration.
    """

    network: LabelNetwork
    tokenizer: WindowTokenizer
    card: ClassifierCard

    def read(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield predicted documents in order, holding `CHUNK_DOCUMENTS` at a time.

        Raises:
            ConfigError: a pair lacks its second text.
        """
        stream = iter(documents)
        while chunk := list(islice(stream, CHUNK_DOCUMENTS)):
            readings = [self.tokenizer.read(document) for document in chunk]
            for document, reading, probs in zip(chunk, readings, self.probs(readings), strict=True):
                yield label_document(document, probs, self.card, reading.n_left_out)

    def probs(self, readings: Sequence[Reading]) -> NDArray[np.float64]:
        """Return the network's own probabilities, (n_documents, n_labels) float64."""
        logits = self.network.logits(readings).astype(np.float64)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probs: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return probs


def window_batches(
    readings: Sequence[Reading], pad_id: int, max_tokens: int = _MAX_BATCH_TOKENS
) -> list[tuple[list[int], WindowBatch]]:
    """Return the windows of documents in batches of like length, and which each batch has.

    Args:
        readings: of the documents.
        pad_id: token id to pad with.
        max_tokens: the most tokens in a batch, padding included.
    """
    windows = [window for reading in readings for window in reading.windows]
    return [
        (places, pad_windows([windows[place] for place in places], pad_id))
        for places in by_length(list(map(len, windows)), _MAX_WINDOWS, max_tokens)
    ]


def label_document(
    document: Document, probs: NDArray[np.float64], card: ClassifierCard, n_left_out: int = 0
) -> Document:
    """Return a document with its class, and in `meta` how probable each class is.

    Args:
        document: annotations on it are dropped.
        probs: (n_labels,) the network's own.
        card: labels, calibration and threshold.
        n_left_out: windows that were not read; said in `meta` where there are any.
    """
    settings, calibration = card.settings, card.calibration
    if calibration and settings.calibrate:
        probs = at_temperature(probs, calibration.temperature)
    threshold = settings.threshold
    if calibration and settings.tune_threshold:
        threshold = calibration.threshold
    place = choose(probs, card, threshold)
    bare = document.bare()
    said = {
        "confidence": round(float(probs[place]), DIGITS),
        "probabilities": {
            label: round(float(prob), DIGITS)
            for label, prob in zip(card.labels, probs, strict=True)
        },
        **({"windows_left_out": n_left_out} if n_left_out else {}),
    }
    return Document(
        id=document.id,
        text=document.text,
        source="predicted",
        label=card.labels[place],
        meta={**bare.meta, **said},
    )


def choose(probs: NDArray[np.float64], card: ClassifierCard, threshold: float | None) -> int:
    """Return the place of the class that is taken.

    Args:
        probs: (n_labels,).
        card: says which class is positive.
        threshold: how probable that one has to be; None takes the likeliest of all.
    """
    if threshold is None or card.positive is None:
        return int(probs.argmax())
    positive = card.labels.index(card.positive)
    if round(float(probs[positive]), DIGITS) >= threshold:
        return positive
    others = np.where(np.arange(len(probs)) == positive, -1.0, probs)
    return int(others.argmax())

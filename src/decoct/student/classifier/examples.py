"""From silver documents to what a classifier learns from: windows, a distribution, a weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from decoct.errors import ConfigError
from decoct.records import Document
from decoct.student.classifier.settings import ClassifierCard, ClassifierSettings
from decoct.student.classifier.windows import (
    Reading,
    Window,
    WindowBatch,
    WindowTokenizer,
    pad_windows,
)
from decoct.student.silver import document_weight
from decoct.training.order import shuffled_batches

_STATED = ("label_confidence", "confidence")  # in a document's meta, the first that is there


@dataclass(frozen=True, slots=True)
class Example:
    """One document.

    Attributes:
        reading: its windows.
        target: (n_labels,) float32, a distribution.
        weight: how much it counts.
    """

    reading: Reading
    target: NDArray[np.float32]
    weight: float


@dataclass(slots=True)
class Examples:
    """The examples of a corpus, and what there is to say of it.

    Attributes:
        items: the examples.
        counts: by name: documents of several windows `in_windows`, those whose first text is `cut`
            too, windows `left_out`.
    """

    items: list[Example] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Step:
    """What one step learns from.

    Attributes:
        batch: the windows.
        owners: (n_windows,) int64, the document of each, from 0.
        features: (n_documents, n_features) float32.
        targets: (n_documents, n_labels) float32.
        weights: (n_documents,) float32.
    """

    batch: WindowBatch
    owners: torch.Tensor
    features: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


def make_examples(
    documents: Sequence[Document], tokenizer: WindowTokenizer, card: ClassifierCard
) -> Examples:
    """Cut labelled documents into windows and say what is learnt from each.

    Raises:
        ConfigError: a confidence is no probability, or a pair lacks its second text.
    """
    shares = _class_weights(documents, card)
    examples = Examples()
    for document in documents:
        reading = tokenizer.read(document)
        weight = document_weight(document) * shares[str(document.label)]
        if card.settings.confidence == "weigh":
            weight *= stated_confidence(document, default=1.0)
        examples.items.append(Example(reading, target_of(document, card), weight))
        examples.counts["in_windows"] += len(reading.windows) + reading.n_left_out > 1
        examples.counts["cut"] += reading.first_cut
        examples.counts["left_out"] += reading.n_left_out
    return examples


def keep_labelled(
    documents: Iterable[Document], labels: Sequence[str]
) -> tuple[list[Document], Counter[str]]:
    """Return the documents with one of the labels, and how many have none or another, by name."""
    kept: list[Document] = []
    counts: Counter[str] = Counter()
    for document in documents:
        if document.label in labels:
            kept.append(document)
        else:
            counts["no_label" if document.label is None else "other_label"] += 1
    return kept, counts


def target_of(document: Document, card: ClassifierCard) -> NDArray[np.float32]:
    """Return the distribution over labels, (n_labels,) float32, that is learnt for a document."""
    n_labels = len(card.labels)
    place = card.labels.index(str(document.label))
    target = np.zeros(n_labels, dtype=np.float32)
    if card.settings.confidence == "soft":
        target[:] = _soft(document, card, place)
    else:
        target[place] = 1.0
    smoothing = card.settings.label_smoothing
    return ((1.0 - smoothing) * target + smoothing / n_labels).astype(np.float32)


def _soft(document: Document, card: ClassifierCard, place: int) -> NDArray[np.float64]:
    stated = document.meta.get("probabilities")
    if isinstance(stated, dict) and set(stated) == set(card.labels):
        probs = np.array([float(stated[label]) for label in card.labels])
        if (probs >= 0).all() and probs.sum() > 0:
            shares: NDArray[np.float64] = probs / probs.sum()
            return shares
    sure = stated_confidence(document, default=1.0)
    target = np.full(len(card.labels), (1.0 - sure) / (len(card.labels) - 1))
    target[place] = sure
    return target


def stated_confidence(document: Document, default: float) -> float:
    """Return how sure silver is of a document's label, 0 to 1.

    Raises:
        ConfigError: what its meta says is no probability.
    """
    found = next((document.meta[key] for key in _STATED if key in document.meta), None)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise ConfigError(
            f"document {document.id!r}: its confidence must be a number from 0 to 1, got {found!r}"
        )
    return float(found)


def _class_weights(documents: Sequence[Document], card: ClassifierCard) -> dict[str, float]:
    """Return what a document of each label counts: 1, or what makes the labels count alike."""
    counts = Counter(str(document.label) for document in documents)
    if not card.settings.balance:
        return dict.fromkeys(counts, 1.0)
    return {label: len(documents) / (len(counts) * count) for label, count in counts.items()}


class Batches:
    """An epoch's batches: shuffled, then sorted by length within pools, then shuffled again.

    Of a document of many windows a step reads the first and some of the others, by chance.

    Args:
        examples: all of them.
        settings: batch size, windows of a document, seed.
        pad_id: token id to pad with.
        device: where the targets go.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        settings: ClassifierSettings,
        pad_id: int,
        device: torch.device,
    ) -> None:
        self.examples = examples
        self.settings = settings
        self.pad_id = pad_id
        self.device = device
        self.n_batches = -(-len(examples) // settings.batch_size)

    def epoch(self, number: int) -> list[Step]:
        """Return the steps of that epoch, always the same for the same number."""
        rng = np.random.default_rng([self.settings.seed, number])
        groups = shuffled_batches(rng, len(self.examples), self.settings.batch_size, self._length)
        return [self._step(group, rng) for group in groups]

    def _length(self, at: int) -> tuple[int, int]:
        windows = self.examples[at].reading.windows
        return max(map(len, windows)), len(windows)

    def _step(self, group: Sequence[int], rng: np.random.Generator) -> Step:
        examples = [self.examples[at] for at in group]
        drawn = [self._draw(example.reading.windows, rng) for example in examples]
        return Step(
            pad_windows([window for windows in drawn for window in windows], self.pad_id),
            owners_of(drawn, self.device),
            self._tensor([one.reading.features for one in examples]),
            self._tensor([one.target for one in examples]),
            self._tensor([np.float32(one.weight) for one in examples]),
        )

    def _draw(self, windows: tuple[Window, ...], rng: np.random.Generator) -> tuple[Window, ...]:
        most = self.settings.train_windows
        if not most or len(windows) <= most:
            return windows
        others = rng.choice(len(windows) - 1, size=most - 1, replace=False) + 1
        return tuple(windows[at] for at in [0, *sorted(others.tolist())])

    def _tensor(self, rows: Sequence[NDArray[np.float32] | np.float32]) -> torch.Tensor:
        return torch.from_numpy(np.stack(rows)).to(self.device)


def owners_of(documents: Sequence[Sequence[Window]], device: torch.device) -> torch.Tensor:
    """Return the document that each window belongs to, (n_windows,) int64."""
    sizes = torch.tensor([len(windows) for windows in documents], device=device)
    return torch.repeat_interleave(torch.arange(len(documents), device=device), sizes)

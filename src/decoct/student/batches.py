"""An epoch's batches: examples of like length padded to one rectangle, as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from decoct.inference.batch import pad
from decoct.inference.decode import N_TAGS
from decoct.student.examples import Example
from decoct.student.heads.base import Inputs, Targets
from decoct.student.settings import StudentSettings
from decoct.training.order import shuffled_batches


@dataclass(frozen=True, slots=True)
class Step:
    """What one step learns from."""

    inputs: Inputs
    targets: Targets


class Batches:
    """An epoch's batches: shuffled, then sorted by length within pools, then shuffled again.

    Args:
        examples: those without a word are left out.
        settings: batch size and seed.
        pad_id: token id to pad with.
        device: where the tensors go.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        settings: StudentSettings,
        pad_id: int,
        device: torch.device,
    ) -> None:
        self.examples = [example for example in examples if example.piece.words]
        self.settings = settings
        self.pad_id = pad_id
        self.device = device
        self.n_batches = -(-len(self.examples) // settings.batch_size)

    def epoch(self, number: int) -> Sequence[Step]:
        """Return the steps of that epoch, always the same for the same number."""
        rng = np.random.default_rng([self.settings.seed, number])
        groups = shuffled_batches(
            rng,
            len(self.examples),
            self.settings.batch_size,
            lambda at: len(self.examples[at].piece),
        )
        return _LazySteps(self, groups)

    def step(self, positions: Sequence[int]) -> Step:
        """Return the step of the examples at these positions."""
        examples = [self.examples[position] for position in positions]
        batch = pad([example.piece for example in examples], self.pad_id)
        return Step(
            Inputs.from_batch(batch, self.device),
            make_targets(examples, batch.n_words, self.device),
        )


class _LazySteps(Sequence[Step]):
    """Batches made as they are asked for, so that an epoch's tensors are never all in memory."""

    def __init__(self, batches: Batches, groups: list[list[int]]) -> None:
        self._batches = batches
        self._groups = groups

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Step:  # type: ignore[override]
        return self._batches.step(self._groups[index])


def make_targets(examples: Sequence[Example], n_words: int, device: torch.device) -> Targets:
    """Pad the targets of examples to `n_words`, with weights of 0."""

    def padded(rows: Sequence[NDArray[np.float32]], *inner: int) -> torch.Tensor:
        wide = np.zeros((len(rows), n_words, *inner), dtype=np.float32)
        for cells, row in zip(wide, rows, strict=True):
            cells[: len(row)] = row
        return torch.from_numpy(wide).to(device)

    def whole(numbers: Sequence[object], *shape: int) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.long, device=device).reshape(shape)

    def real(numbers: Sequence[float]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.float32, device=device)

    places = [(row, place) for row, example in enumerate(examples) for place in example.subjects]
    pairs = _pairs(examples)
    n_relations = examples[0].objects.shape[2]
    return Targets(
        tags=padded([example.tags for example in examples], examples[0].tags.shape[1], N_TAGS),
        tag_weights=padded([example.tag_weights for example in examples]),
        subject_piece=whole([row for row, _ in places], -1),
        subject_words=padded([_mark(n_words, *place) for _, place in places]),
        objects=padded(
            [row for example in examples for row in example.objects], n_relations, N_TAGS
        ),
        object_weights=padded(
            [row for example in examples for row in example.object_weights], n_relations
        ),
        object_tags=padded([example.object_tags for example in examples], n_relations, N_TAGS),
        object_tag_weights=padded(
            [example.object_tag_weights for example in examples], n_relations
        ),
        pairs=whole([pair for pair, _, _ in pairs], -1, 4),
        links=real([link for _, link, _ in pairs]),
        link_weights=real([weight for _, _, weight in pairs]),
    )


def _mark(n_words: int, first: int, last: int) -> NDArray[np.float32]:
    marks = np.zeros(n_words, dtype=np.float32)
    marks[first:last] = 1.0
    return marks


def _pairs(
    examples: Sequence[Example],
) -> list[tuple[tuple[int, int, int, int], float, float]]:
    """Return every subject with every possible object: the pair as in `Targets`, target, weight.

    A pair counts as the word of the object that counts least.
    """
    rows = [(example, row) for example in examples for row in range(len(example.subjects))]
    return [
        (
            (subject, kind, first, last),
            float(example.links[row, at]),
            float(example.object_weights[row, first:last, kind].min()),
        )
        for subject, (example, row) in enumerate(rows)
        for at, (kind, first, last) in enumerate(example.object_spans)
    ]

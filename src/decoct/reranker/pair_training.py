"""Batches of questions for the cross-encoder, in training and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from decoct.reranker.base import Choice
from decoct.reranker.features import Numbers
from decoct.reranker.options import Prepared, option_rows
from decoct.reranker.pair_scorer import Options, PairScorer, listwise_loss
from decoct.reranker.pairs import pad_pairs
from decoct.training.order import shuffled_batches


def options_of(
    questions: Sequence[Prepared], kept: Sequence[Sequence[int]], pad_id: int, device: torch.device
) -> Options:
    """Put the options of questions together, see `option_rows`.

    Args:
        questions: whose.
        kept: which candidates of each; NIL is always there.
        pad_id: token id to pad with.
        device: where the tensors go.
    """
    rows = option_rows(questions, kept)
    return Options(
        pairs=pad_pairs(rows.pairs, pad_id),
        retriever=torch.from_numpy(rows.retriever).to(device),
        whole=torch.from_numpy(rows.whole).to(device),
        is_nil=torch.from_numpy(rows.is_nil).to(device),
        sizes=rows.sizes,
    )


@dataclass(frozen=True, slots=True)
class Step:
    """What one step learns from.

    Attributes:
        options: of some questions.
        targets: (n_questions,) int64.
        weights: (n_questions,) float32.
    """

    options: Options
    targets: torch.Tensor
    weights: torch.Tensor

    def loss(self, model: PairScorer) -> torch.Tensor:
        """Return the loss of the step, a scalar."""
        return listwise_loss(model(self.options), self.options.sizes, self.targets, self.weights)


class Epochs:
    """Steps over choices: shuffled, of like length, each with some of its candidates.

    Args:
        questions: prepared, one for each choice.
        choices: what was chosen.
        batch_size: questions in a step.
        n_candidates: candidates of each in a step: the right one, of the others half from the
            retriever's best, half drawn; 0 for all.
        seed: of order and draw.
        pad_id: token id to pad with.
        device: where the tensors go.
    """

    def __init__(
        self,
        questions: Sequence[Prepared],
        choices: Sequence[Choice],
        *,
        batch_size: int,
        n_candidates: int,
        seed: int,
        pad_id: int,
        device: torch.device,
    ) -> None:
        self.questions = questions
        self.choices = choices
        self.batch_size = batch_size
        self.n_candidates = n_candidates
        self.seed = seed
        self.pad_id = pad_id
        self.device = device
        self.n_batches = -(-len(choices) // batch_size)

    def epoch(self, number: int) -> list[Step]:
        """Return that epoch's steps, always the same for the same number."""
        rng = np.random.default_rng([self.seed, number])
        groups = shuffled_batches(
            rng,
            len(self.choices),
            self.batch_size,
            lambda at: max(map(len, self.questions[at].pairs)),
        )
        return [self._step(group, rng) for group in groups]

    def _step(self, group: Sequence[int], rng: np.random.Generator) -> Step:
        kept = [self._draw(at, rng) for at in group]
        targets = [
            candidates.index(self.choices[at].target)
            if self.choices[at].target in candidates
            else len(candidates)
            for at, candidates in zip(group, kept, strict=True)
        ]
        questions = [self.questions[at] for at in group]
        weights = [self.choices[at].weight for at in group]
        return Step(
            options_of(questions, kept, self.pad_id, self.device),
            torch.tensor(targets, device=self.device),
            torch.tensor(weights, dtype=torch.float32, device=self.device),
        )

    def _draw(self, at: int, rng: np.random.Generator) -> list[int]:
        question, target = self.questions[at], self.choices[at].target
        n_all = len(question.places)
        if not self.n_candidates or n_all <= self.n_candidates:
            return list(range(n_all))
        others = [int(place) for place in np.argsort(question.places, kind="stable")]
        others = [place for place in others if place != target]
        chosen = [target] if target < n_all else []
        room = self.n_candidates - len(chosen)
        best, rest = others[: room - room // 2], others[room - room // 2 :]
        drawn = rng.choice(rest, size=room // 2, replace=False).tolist()
        return sorted([*chosen, *best, *drawn])


def score_all(
    model: PairScorer,
    questions: Sequence[Prepared],
    pad_id: int,
    device: torch.device,
    max_tokens: int,
) -> list[Numbers]:
    """Return the scores of each question's options, in batches of like length.

    Args:
        model: in evaluation mode.
        questions: prepared.
        pad_id: token id to pad with.
        device: where the model is.
        max_tokens: the most tokens in a batch, padding included.
    """
    found: list[Numbers] = [np.zeros(0, dtype=np.float32)] * len(questions)
    for group in _groups(questions, max_tokens):
        some = [questions[at] for at in group]
        kept = [range(len(question.places)) for question in some]
        options = options_of(some, kept, pad_id, device)
        scores = model(options).float().cpu().numpy()
        ends = np.cumsum(options.sizes)
        for at, row in zip(group, np.split(scores, ends[:-1]), strict=True):
            found[at] = row
    return found


def _groups(questions: Sequence[Prepared], max_tokens: int) -> Iterator[list[int]]:
    """Group questions whose longest pairs are of like length; a list is never torn apart."""
    widths = [max(map(len, question.pairs)) for question in questions]
    order = sorted(range(len(questions)), key=lambda at: -widths[at])
    group: list[int] = []
    n_pairs = 0
    for at in order:
        n_more = len(questions[at].pairs)
        if group and (n_pairs + n_more) * widths[group[0]] > max_tokens:
            yield group
            group, n_pairs = [], 0
        group.append(at)
        n_pairs += n_more
    if group:
        yield group

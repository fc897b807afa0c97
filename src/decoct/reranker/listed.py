"""Questions as prompts that list the candidates in some order, for training and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from decoct.inference.batch import by_length
from decoct.reranker.adapter import Adapter
from decoct.reranker.base import Choice, Lookup, Question
from decoct.reranker.choice_prompt import ChoicePrompt
from decoct.reranker.features import Numbers, places
from decoct.reranker.pair_scorer import listwise_loss
from decoct.store import sha256_json

_MAX_BATCH_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Listed:
    """A prompt, and where its answer is read off.

    Attributes:
        ids: the prompt's tokens.
        letters: tokens of the letters, in the order of the list, `NONE` last.
        order: places of the candidates as they are listed.
    """

    ids: tuple[int, ...]
    letters: tuple[int, ...]
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step learns from.

    Attributes:
        listed: prompts.
        targets: for each, the place of the right option in its list.
        weights: what each counts.
    """

    listed: tuple[Listed, ...]
    targets: tuple[int, ...]
    weights: tuple[float, ...]


def list_out(
    prompt: ChoicePrompt, question: Question, order: Sequence[int], lookup: Lookup
) -> Listed:
    """Render a question with its candidates in an order."""
    ids = prompt.token_ids(question, order, lookup)
    return Listed(tuple(ids), tuple(prompt.letters.token_ids(len(order))), tuple(order))


def fixed_order(question: Question, turn: int, shuffle: bool) -> list[int]:
    """Return an order to list candidates in, always the same for the same question and turn.

    Args:
        question: what is asked; the order of its candidates has no say in the result.
        turn: which of several orders.
        shuffle: draw it; otherwise the first one is the retriever's.
    """
    if not turn and not shuffle:
        return [int(place) for place in np.argsort(places(question), kind="stable")]
    named = sorted((candidate.id, at) for at, candidate in enumerate(question.candidates))
    known_by = sha256_json([question.query.text, [id_ for id_, _ in named], turn])
    drawn = np.random.default_rng(int(known_by[:16], 16)).permutation(len(named))
    return [named[at][1] for at in drawn.tolist()]


class Epochs:
    """Steps over choices; each epoch lists the candidates in another order.

    Args:
        choices: to learn from.
        lookup: gives names and definitions.
        prompt: renders them.
        batch_size: choices in a step.
        seed: of the orders.
        shuffle: whether candidates are listed in an order drawn anew; otherwise the retriever's.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        lookup: Lookup,
        prompt: ChoicePrompt,
        *,
        batch_size: int,
        seed: int,
        shuffle: bool,
    ) -> None:
        self.choices = choices
        self.lookup = lookup
        self.prompt = prompt
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.n_batches = -(-len(choices) // batch_size)

    def epoch(self, number: int) -> list[Step]:
        """Return that epoch's steps, always the same for the same number."""
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(len(self.choices)).tolist()
        size = self.batch_size
        return [self._step(order[at : at + size], rng) for at in range(0, len(order), size)]

    def _step(self, group: Sequence[int], rng: np.random.Generator) -> Step:
        choices = [self.choices[at] for at in group]
        listed, targets = [], []
        for choice in choices:
            n_candidates = len(choice.question.candidates)
            order = (
                rng.permutation(n_candidates).tolist()
                if self.shuffle
                else fixed_order(choice.question, 0, False)
            )
            listed.append(list_out(self.prompt, choice.question, order, self.lookup))
            is_nil = choice.target == n_candidates
            targets.append(n_candidates if is_nil else order.index(choice.target))
        return Step(tuple(listed), tuple(targets), tuple(choice.weight for choice in choices))


def letter_loss(adapter: Adapter, step: Step, pad_id: int) -> torch.Tensor:
    """Return the loss of a step, a scalar: cross-entropy over the letters of each list."""
    rows = letter_logits(adapter, step.listed, pad_id)
    device = rows[0].device
    return listwise_loss(
        torch.cat(rows),
        [len(row) for row in rows],
        torch.tensor(step.targets, device=device),
        torch.tensor(step.weights, dtype=torch.float32, device=device),
    )


def letter_logits(adapter: Adapter, listed: Sequence[Listed], pad_id: int) -> list[torch.Tensor]:
    """Return the logits of each list's letters, (n_candidates + 1,) float32."""
    logits = adapter([one.ids for one in listed], pad_id)
    return [logits[row, list(one.letters)] for row, one in enumerate(listed)]


def score_listed(
    adapter: Adapter, listed: Sequence[Listed], pad_id: int
) -> Iterator[tuple[int, Numbers]]:
    """Yield the place of each prompt and the log-probabilities of its options.

    Those are in the order of the question's candidates, NIL last, whatever the order of the list.
    """
    lengths = [len(one.ids) for one in listed]
    for group in by_length(lengths, len(listed), _MAX_BATCH_TOKENS):
        rows = letter_logits(adapter, [listed[at] for at in group], pad_id)
        for at, row in zip(group, rows, strict=True):
            said = row.log_softmax(dim=0).cpu().numpy()
            scores = np.empty_like(said)
            scores[[*listed[at].order, len(said) - 1]] = said
            yield at, scores

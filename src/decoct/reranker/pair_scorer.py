"""The network of the cross-encoder: what it reads of a pair, beside what the retriever said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from decoct.reranker.cross_encoder_card import Pooling
from decoct.reranker.features import RANK
from decoct.reranker.pairs import PairBatch


@dataclass(frozen=True, slots=True)
class Options:
    """The options of some questions, one below the other: candidates, then NIL.

    Attributes:
        pairs: what is read, (n_options, n_tokens).
        retriever: (n_options, n_columns) float32, 0 for NIL.
        whole: (n_options, n_list_columns) float32, 0 for candidates.
        is_nil: (n_options,) bool.
        sizes: options of each question.
    """

    pairs: PairBatch
    retriever: Tensor
    whole: Tensor
    is_nil: Tensor
    sizes: tuple[int, ...]


class PairScorer(nn.Module):
    """An encoder over pairs, and weights for what the retriever said.

    Its reading weighs nothing before it has learnt: both of its weights begin at 0, so that the
    first ranking is the retriever's, and what training adds has to earn its place.

    Inputs -> targets: options -> the place of the right one in each question's list, softmax over
    the list.
    """

    head_names = ("text", "nil", "retriever", "whole")

    def __init__(
        self,
        encoder: Any,  # noqa: ANN401 (any transformers model)
        n_columns: int,
        n_list_columns: int,
        pooling: Pooling,
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        width = int(encoder.config.hidden_size)
        self.text = nn.Linear(width, 1, bias=False)
        self.nil = nn.Linear(width, 1)
        self.retriever = nn.Linear(n_columns, 1, bias=False)
        self.whole = nn.Linear(n_list_columns, 1, bias=False)
        self.has_types = int(getattr(encoder.config, "type_vocab_size", 0) or 0) > 1
        for layer in (self.text, self.nil, self.retriever, self.whole):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def trust(self, rank_weight: float, nil_score: float) -> None:
        """Rank as the retriever does, as sure of it as these numbers say."""
        with torch.no_grad():
            self.retriever.weight[0, RANK] = rank_weight
            self.nil.bias.fill_(nil_score)

    def forward(self, options: Options) -> Tensor:
        """Return the scores of options, (n_options,) float32."""
        states = self.dropout(self.read(options.pairs))
        return self.score(states, options.retriever, options.whole, options.is_nil)

    def score(self, states: Tensor, retriever: Tensor, whole: Tensor, is_nil: Tensor) -> Tensor:
        """Return the scores of options by the states of their pairs; see `Options`."""
        read = torch.where(is_nil, self.nil(states).squeeze(-1), self.text(states).squeeze(-1))
        said = self.retriever(retriever) + self.whole(whole)
        scores: Tensor = read.float() + said.float().squeeze(-1)
        return scores

    def read(self, pairs: PairBatch) -> Tensor:
        """Return one state for each pair, (n_pairs, width) float32."""
        arrays = (pairs.input_ids, pairs.attention_mask, pairs.token_type_ids)
        device = self.text.weight.device
        return self.states(*(torch.from_numpy(array).to(device) for array in arrays))

    def states(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Return one state for each pair, (n_pairs, width) float32; see `PairBatch`."""
        more = {"token_type_ids": types} if self.has_types else {}
        hidden = self.encoder(input_ids=ids, attention_mask=mask, **more).last_hidden_state.float()
        if self.pooling == "first":
            first: Tensor = hidden[:, 0]
            return first
        shares = mask.unsqueeze(-1).to(hidden.dtype)
        mean: Tensor = (hidden * shares).sum(dim=1) / shares.sum(dim=1)
        return mean


def listwise_loss(scores: Tensor, sizes: Sequence[int], targets: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of weight times cross-entropy over each question's options, a scalar.

    Args:
        scores: (n_options,) of all questions, one after the other.
        sizes: options of each question.
        targets: (n_questions,) int64, places of the right ones.
        weights: (n_questions,) float32.
    """
    rows = nn.utils.rnn.pad_sequence(
        list(torch.split(scores, list(sizes))), batch_first=True, padding_value=-torch.inf
    )
    losses = nn.functional.cross_entropy(rows, targets, reduction="none")
    return (losses * weights).mean()

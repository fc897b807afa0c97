"""What the heads are built of: states of words, taggers, and losses that weigh each target.

States are those of words (mean over a word's tokens), so that spans end at word edges.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from decoct.inference.decode import N_TAGS

_LEAST_WEIGHT = 1e-6


class Tagger(nn.Module):
    """Tells for each word whether it is outside of spans of a kind or where in one it stands.

    Inputs -> targets: word states (n_pieces, n_words, d) -> tag distributions (n_pieces, n_words,
    n_kinds, 5) over outside, begin, inside, end, single; cross-entropy.
    """

    def __init__(self, width: int, dropout: float, n_kinds: int = 1) -> None:
        super().__init__()
        self.n_kinds = n_kinds
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, N_TAGS * n_kinds)

    def forward(self, states: Tensor) -> Tensor:
        """Return logits, (n_pieces, n_words, n_kinds, 5)."""
        logits: Tensor = self.out(self.dropout(states))
        return logits.view(*logits.shape[:-1], self.n_kinds, N_TAGS)

    def probs(self, states: Tensor) -> Tensor:
        """Return probabilities, (n_pieces, n_words, n_kinds, 5) float32."""
        return self.forward(states).float().softmax(dim=-1)


def word_means(hidden: Tensor, word_of_token: Tensor, n_words: int) -> Tensor:
    """Average the states of each word's tokens.

    Args:
        hidden: (n_pieces, n_tokens, d) float32.
        word_of_token: (n_pieces, n_tokens) int64, `n_words` for tokens of no word.
        n_words: words in the widest piece.

    Returns:
        (n_pieces, n_words, d) float32; zero where there is no word.
    """
    index = word_of_token.unsqueeze(-1).expand_as(hidden)
    sums = hidden.new_zeros(hidden.shape[0], n_words + 1, hidden.shape[2]).scatter_add(
        1, index, hidden
    )
    ones = torch.ones_like(word_of_token, dtype=hidden.dtype)
    counts = hidden.new_zeros(hidden.shape[0], n_words + 1).scatter_add(1, word_of_token, ones)
    means: Tensor = sums / counts.clamp(min=1.0).unsqueeze(-1)
    return means[:, :n_words]


def span_means(states: Tensor, words: Tensor) -> Tensor:
    """Average the states of the words of spans, one span a row.

    Args:
        states: (n_spans, n_words, d), of each span's piece.
        words: (n_spans, n_words) float32, 1 on the span's words.

    Returns:
        (n_spans, d); zero where a span has no word.
    """
    weights = words / words.sum(dim=1, keepdim=True).clamp(min=1.0)
    return torch.einsum("sw,swd->sd", weights, states)


def tag_loss(logits: Tensor, tags: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean cross-entropy, a scalar; 0 where all weights are.

    Args:
        logits: (..., 5).
        tags: (..., 5) float32, a distribution each.
        weights: (...) float32, not negative.
    """
    losses = nn.functional.cross_entropy(
        logits.float().flatten(0, -2), tags.flatten(0, -2), reduction="none"
    )
    return (losses * weights.flatten()).sum() / weights.sum().clamp(min=_LEAST_WEIGHT)


def link_loss(logits: Tensor, links: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean binary cross-entropy, a scalar; 0 where all weights are.

    Args:
        logits: (n_pairs,).
        links: (n_pairs,) float32 in [0, 1].
        weights: (n_pairs,) float32, not negative.
    """
    losses = nn.functional.binary_cross_entropy_with_logits(logits.float(), links, reduction="none")
    return (losses * weights).sum() / weights.sum().clamp(min=_LEAST_WEIGHT)

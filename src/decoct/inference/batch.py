"""Batches of like length, padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.inference.tokenize import NO_WORD, Piece


@dataclass(frozen=True, slots=True)
class Batch:
    """Pieces padded to one rectangle.

    Attributes:
        input_ids: (n_pieces, n_tokens) int64.
        attention_mask: (n_pieces, n_tokens) int64, 1 for a token and 0 for padding.
        word_of_token: (n_pieces, n_tokens) int64; tokens of no word and padding point at `n_words`.
        n_words: the widest piece's number of words.
    """

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    word_of_token: NDArray[np.int64]
    n_words: int


def pad(pieces: Sequence[Piece], pad_id: int) -> Batch:
    """Pad pieces to the longest of them."""
    n_tokens = max(len(piece) for piece in pieces)
    n_words = max(len(piece.words) for piece in pieces)
    input_ids = np.full((len(pieces), n_tokens), pad_id, dtype=np.int64)
    attention_mask = np.zeros((len(pieces), n_tokens), dtype=np.int64)
    word_of_token = np.full((len(pieces), n_tokens), n_words, dtype=np.int64)
    for row, piece in enumerate(pieces):
        input_ids[row, : len(piece)] = piece.input_ids
        attention_mask[row, : len(piece)] = 1
        word_of_token[row, : len(piece)] = np.where(
            piece.word_of_token == NO_WORD, n_words, piece.word_of_token
        )
    return Batch(input_ids, attention_mask, word_of_token, n_words)


def by_length(lengths: Sequence[int], max_pieces: int, max_tokens: int) -> list[list[int]]:
    """Group positions into batches of like length, longest first.

    Args:
        lengths: tokens of each piece.
        max_pieces: the most pieces in a batch.
        max_tokens: the most tokens in a batch, padding included (a longer piece goes alone).
    """
    batches: list[list[int]] = []
    widest = 0
    for position in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        full = (
            not batches
            or len(batches[-1]) >= max_pieces
            or (len(batches[-1]) + 1) * widest > max_tokens
        )
        if full:
            batches.append([])
            widest = lengths[position]
        batches[-1].append(position)
    return batches

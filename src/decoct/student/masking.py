"""Text for masked language modelling: documents in, blocks of tokens out, some words hidden."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

KEPT = -100  # a target that is not learnt from
_HIDE, _REPLACE = 0.8, 0.1  # of the chosen words; the rest stays, and is to be guessed all the same


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What of a tokenizer's vocabulary masking needs.

    Attributes:
        first: id that opens a text.
        last: id that closes it.
        mask: id that hides a token.
        size: number of ids.
    """

    first: int
    last: int
    mask: int
    size: int


@dataclass(frozen=True, slots=True)
class Block:
    """One training text.

    Attributes:
        ids: (n_tokens,) int64, special tokens included.
        words: (n_tokens,) int64, the same number for tokens of one word; -1 for special tokens.
    """

    ids: NDArray[np.int64]
    words: NDArray[np.int64]


def make_blocks(
    texts: Iterable[str], tokenizer: Tokenizer, vocabulary: Vocabulary, block_tokens: int
) -> Iterator[tuple[Block, int]]:
    """Yield full blocks, and how many texts were taken for them; texts follow on one another.

    Args:
        texts: of documents.
        tokenizer: without truncation or padding.
        vocabulary: of that tokenizer.
        block_tokens: tokens of a block.
    """
    ids: list[int] = []
    words: list[int] = []
    n_words = 0
    width = block_tokens - 2
    for n_texts, text in enumerate(texts, start=1):
        encoded = tokenizer.encode(text, add_special_tokens=False)
        ids += [*encoded.ids, vocabulary.last]
        words += [-1 if word is None else n_words + word for word in encoded.word_ids] + [-1]
        n_words = 1 + max(words, default=-1)
        while len(ids) >= width:
            yield _block(ids[:width], words[:width], vocabulary), n_texts
            del ids[:width], words[:width]


def shuffle(
    blocks: Iterable[tuple[Block, int]], n_held: int, rng: np.random.Generator
) -> Iterator[tuple[Block, int]]:
    """Mix a stream, holding so many blocks at a time."""
    held: list[tuple[Block, int]] = []
    for block in blocks:
        if len(held) < n_held:
            held.append(block)
            continue
        place = int(rng.integers(n_held))
        held[place], out = block, held[place]
        yield out
    for place in rng.permutation(len(held)):
        yield held[place]


def mask_words(
    blocks: list[Block], vocabulary: Vocabulary, prob: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hide words, all tokens of a word together.

    Returns:
        ids (n_blocks, n_tokens) int64 with hidden tokens, and targets of the same shape: what was
        there where it is to be guessed, `KEPT` elsewhere.

    Source: Devlin et al. 2019 (arXiv 1810.04805) for 80 % hidden, 10 % replaced, 10 % left; whole
    words as in the later releases of BERT.
    """
    ids = np.stack([block.ids for block in blocks])
    targets = np.full_like(ids, KEPT)
    for row, block in enumerate(blocks):
        _, numbered = np.unique(block.words, return_inverse=True)
        chosen = (rng.random(numbered.max() + 1) < prob)[numbered] & (block.words >= 0)
        targets[row, chosen] = block.ids[chosen]
    fate = rng.random(ids.shape)
    learnt = targets != KEPT
    ids[learnt & (fate < _HIDE)] = vocabulary.mask
    replaced = learnt & (fate >= _HIDE) & (fate < _HIDE + _REPLACE)
    ids[replaced] = rng.integers(vocabulary.size, size=int(replaced.sum()))
    return ids, targets


def _block(ids: list[int], words: list[int], vocabulary: Vocabulary) -> Block:
    return Block(
        np.array([vocabulary.first, *ids, vocabulary.last], dtype=np.int64),
        np.array([-1, *words, -1], dtype=np.int64),
    )

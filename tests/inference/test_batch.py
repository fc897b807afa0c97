"""Padding and grouping by length."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from decoct.inference.batch import by_length, pad
from decoct.inference.tokenize import NO_WORD, Piece
from decoct.text.align import Place
from decoct.text.windows import Window


def piece(ids, owners, n_words):
    words = tuple(Place(n, n + 1) for n in range(n_words))
    return Piece(np.array(ids), np.array(owners), words, Window(0, n_words, 0, n_words + 1))


def test_pad():
    batch = pad([piece([2, 7, 3], [NO_WORD, 0, NO_WORD], 1), piece([5, 6], [0, 1], 2)], pad_id=9)
    assert batch.input_ids.tolist() == [[2, 7, 3], [5, 6, 9]]
    assert batch.attention_mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch.word_of_token.tolist() == [[2, 0, 2], [0, 1, 2]]
    assert batch.n_words == 2


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 9), st.integers(1, 600))
def test_every_piece_is_in_one_batch_and_batches_are_bounded(lengths, max_pieces, max_tokens):
    batches = by_length(lengths, max_pieces, max_tokens)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        widest = max(lengths[position] for position in batch)
        assert 1 <= len(batch) <= max_pieces
        assert len(batch) == 1 or len(batch) * widest <= max_tokens

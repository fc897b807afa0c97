"""Blocks hold the text, whole words are hidden, and as many as were asked for."""

from itertools import islice

import numpy as np
import pytest

from decoct.student.masking import KEPT, Vocabulary, make_blocks, mask_words, shuffle
from fakes.drugs import corpus
from fakes.encoders import wordpiece

TEXTS = [document.text for document in corpus(200)]
TOKENIZER = wordpiece(TEXTS, vocab_size=60)  # too few for whole words
NAMES = ("[CLS]", "[SEP]", "[MASK]")
VOCABULARY = Vocabulary(*map(TOKENIZER.token_to_id, NAMES), TOKENIZER.get_vocab_size())


def blocks(width: int = 32, texts=TEXTS):
    return [block for block, _ in make_blocks(texts, TOKENIZER, VOCABULARY, width)]


@pytest.mark.parametrize("width", [16, 32, 101])
def test_blocks_hold_the_text_once(width):
    made = blocks(width)
    assert all(len(block.ids) == len(block.words) == width for block in made)
    assert all(block.ids[0] == VOCABULARY.first for block in made)
    assert all(block.ids[-1] == VOCABULARY.last for block in made)
    inside = [token for block in made for token in block.ids[1:-1].tolist()]
    whole = [
        token
        for text in TEXTS
        for token in [*TOKENIZER.encode(text, add_special_tokens=False).ids, VOCABULARY.last]
    ]
    assert inside == whole[: len(inside)]
    assert len(whole) - len(inside) < width


def test_texts_are_taken_as_they_are_needed():
    taken = []

    def stream():
        for number, text in enumerate(TEXTS):
            taken.append(number)
            yield text

    counts = [n for _, n in islice(make_blocks(stream(), TOKENIZER, VOCABULARY, 32), 3)]
    assert counts == sorted(counts)
    assert len(taken) == counts[-1] < 20


def test_a_shuffle_loses_nothing():
    stream = [(block, n) for n, block in enumerate(blocks())]
    mixed = list(shuffle(iter(stream), 8, np.random.default_rng(0)))
    order = [n for _, n in mixed]
    assert sorted(order) == list(range(len(stream)))
    assert order != sorted(order)
    assert [n for _, n in shuffle(iter(stream), 8, np.random.default_rng(0))] == order


def test_whole_words_are_hidden():
    made = blocks()
    ids, targets = mask_words(made, VOCABULARY, 0.3, np.random.default_rng(1))
    learnt = targets != KEPT
    before = np.stack([block.ids for block in made])
    assert (targets[learnt] == before[learnt]).all()
    assert (ids[~learnt] == before[~learnt]).all()
    words = np.stack([block.words for block in made])
    assert not learnt[words < 0].any()
    for row in range(len(made)):
        for word in set(words[row][words[row] >= 0].tolist()):
            assert len(set(learnt[row][words[row] == word].tolist())) == 1
    n_words = sum(len(set(row[row >= 0].tolist())) for row in words)
    hidden = sum(len(set(w[m].tolist())) for w, m in zip(words, learnt, strict=True))
    assert hidden / n_words == pytest.approx(0.3, abs=0.04)
    masked = (ids[learnt] == VOCABULARY.mask).mean()
    assert masked == pytest.approx(0.8, abs=0.05)
    assert (ids[learnt] == before[learnt]).mean() == pytest.approx(0.1, abs=0.05)

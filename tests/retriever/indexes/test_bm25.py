"""Words by BM25 against bm25s."""

import numpy as np
import pytest

from decoct.retriever.fold import fold
from fakes.named import made_up, named
from fakes.searches import look_up, opened

NAMES = [name for entity in (*named(), *made_up(60)) for name in entity.names]
NAMES += ["pain pain of the pain", "of the pain"]
ASKED = ["heart attack", "pain of pain", "type 2 diabetes", "右乳腺癌", *NAMES[::7], "zzz qqq"]


def tokens(text):
    text = fold(text).replace("'", " ").replace("’", " ")
    characters = "".join(sign if "\u4e00" <= sign <= "\u9fff" else " " for sign in text).split()
    words = "".join(" " if "\u4e00" <= sign <= "\u9fff" else sign for sign in text).split()
    pairs = [run[at : at + 2] for run in characters for at in range(len(run) - 1)]
    return [*words, *"".join(characters), *pairs]


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.6, 0.75), (2.0, 0.0), (1.5, 1.0)])
def test_scores_are_those_of_bm25s(tmp_path, k1, b):
    bm25s = pytest.importorskip("bm25s")
    reference = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy")
    reference.index([tokens(name) for name in NAMES], show_progress=False)
    found = look_up(opened("bm25", tmp_path, NAMES, k1=k1, b=b), ASKED, len(NAMES))
    for text, line in zip(ASKED, found, strict=True):
        known = [token for token in tokens(text) if token in reference.vocab_dict]
        expected = reference.get_scores(known) if known else np.zeros(len(NAMES))
        assert set(line) == set(np.flatnonzero(expected > 0))
        for row, score in line.items():
            assert score == pytest.approx(float(expected[row]), rel=1e-4)


def test_a_shorter_name_of_the_same_words_goes_first(tmp_path):
    names = ["renal failure, chronic, of the elderly", "renal failure"]
    assert list(look_up(opened("bm25", tmp_path, names), ["failure renal"], 2)[0]) == [1, 0]

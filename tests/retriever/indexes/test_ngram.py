"""Character n-grams against scikit-learn's TF-IDF."""

import numpy as np
import pytest

from decoct.retriever.fold import fold
from fakes.named import made_up, named
from fakes.searches import look_up, opened

NAMES = [name for entity in (*named(), *made_up(60)) for name in entity.names]
ASKED = ["hart atack", "SLEEPY", "diabetes type 2", "右乳癌", "糖尿病", *NAMES[::7], "zzz qqq"]


def analyze(text):
    """Trigrams of words between gaps, and single Chinese characters."""
    text = fold(text)
    words = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in text).split()
    spaced = f" {' '.join(words)} " if words else ""
    characters = [sign for sign in text if "\u4e00" <= sign <= "\u9fff"]
    return [spaced[at : at + 3] for at in range(len(spaced) - 2)] + characters


@pytest.fixture(scope="module")
def cosines():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    made = text.TfidfVectorizer(analyzer=analyze, sublinear_tf=True)
    names = made.fit_transform(NAMES)
    known = made.transform(ASKED)
    # sklearn forgets n-grams that no name has; here they count in a mention's length
    n_unknown = [
        [gram for gram in set(analyze(one)) if gram not in made.vocabulary_] for one in ASKED
    ]
    rare = np.log(1 + len(NAMES)) + 1
    weights = []
    for one, unknown in zip(ASKED, n_unknown, strict=True):
        grams = analyze(one)
        inside = {g: 1 + np.log(grams.count(g)) for g in set(grams) - set(unknown)}
        known_square = sum((w * made.idf_[made.vocabulary_[g]]) ** 2 for g, w in inside.items())
        square = sum(((1 + np.log(grams.count(g))) * rare) ** 2 for g in unknown)
        whole = known_square + square
        weights.append(np.sqrt(known_square / whole) if whole else 1.0)
    return (known @ names.T).toarray() * np.array(weights)[:, None]


def test_scores_are_sklearns(tmp_path, cosines):
    found = look_up(opened("ngram", tmp_path, NAMES), ASKED, len(NAMES))
    for line, expected in zip(found, cosines, strict=True):
        assert set(line) == set(np.flatnonzero(expected > 0))
        for row, score in line.items():
            assert score == pytest.approx(expected[row], abs=1e-5)


def test_the_best_few_are_the_best_of_all(tmp_path, cosines):
    found = look_up(opened("ngram", tmp_path, NAMES), ASKED, 5)
    for line, expected in zip(found, cosines, strict=True):
        best = np.sort(expected)[::-1][:5]
        assert list(line.values()) == pytest.approx(best[best > 0], abs=1e-5)


def test_a_name_finds_itself_with_a_cosine_of_one(tmp_path):
    found = look_up(opened("ngram", tmp_path, NAMES), NAMES, 3)
    for name, line in zip(NAMES, found, strict=True):
        best = next(iter(line))
        assert fold(NAMES[best]) == fold(name) or line[best] == pytest.approx(1)
        assert max(line.values()) == pytest.approx(1, abs=1e-5)


def test_sizes_are_settings(tmp_path):
    found = look_up(opened("ngram", tmp_path, ["乳腺癌", "腺乳癌"], characters=(2,)), ["乳腺"], 2)
    assert list(found[0]) == [0]
    found = look_up(opened("ngram", tmp_path, ["ab", "bc"], letters=(4,)), ["ab"], 2)
    assert list(found[0]) == [0]

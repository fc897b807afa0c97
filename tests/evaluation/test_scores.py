from __future__ import annotations

import numpy as np
import pytest

from decoct.errors import EvaluationError
from decoct.evaluation.counts import Counts
from decoct.evaluation.scores import Setup, bootstrap, precision_recall_f1, score

SETUP = Setup("ab12cd34")


def counts(*rows):
    """Counts from one (right predicted, predicted, found gold, gold) per document."""
    return Counts(*np.array(rows, dtype=np.int64).T)


def only(rows, setup=SETUP):
    return score({"spans:strict|by:offsets": counts(*rows)}, setup)["spans:strict|by:offsets"]


def test_worked_example():
    # 3 of 4 predicted are right: P = 0.75. 3 of 6 gold are found: R = 0.5.
    # F1 = 2 * 0.75 * 0.5 / 1.25 = 0.6.
    made = only([(2, 2, 2, 3), (1, 2, 1, 3)])
    assert made.precision.value == 0.75
    assert made.recall.value == 0.5
    assert made.f1.value == pytest.approx(0.6)
    assert (made.n_documents, made.n_gold, made.n_predicted) == (2, 6, 4)
    assert (made.n_correct_gold, made.n_correct_predicted) == (3, 3)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((0, 0, 0, 0), (1.0, 1.0, 1.0)),  # nothing to find, nothing predicted
        ((0, 0, 0, 5), (0.0, 0.0, 0.0)),  # nothing predicted
        ((0, 5, 0, 0), (0.0, 0.0, 0.0)),  # nothing to find
        ((0, 5, 0, 5), (0.0, 0.0, 0.0)),
        ((5, 5, 5, 5), (1.0, 1.0, 1.0)),
    ],
)
def test_edges(row, expected):
    assert tuple(precision_recall_f1(np.array(row))) == expected
    made = only([row])
    assert (made.precision.value, made.recall.value, made.f1.value) == expected
    assert (made.f1.low, made.f1.high) == (expected[2], expected[2])  # one document: no spread


def test_resampling_is_what_a_plain_loop_does():
    rows = np.arange(20).reshape(5, 4)
    [sums] = bootstrap([rows], Setup("x", seed=3, n_resamples=200))
    random = np.random.default_rng(3)
    expected = [rows[random.integers(5, size=5)].sum(axis=0) for _ in range(200)]
    assert (sums == np.array(expected)).all()


def test_every_matrix_sees_the_same_resamples():
    rows = np.arange(40).reshape(10, 4)
    one, other = bootstrap([rows, 3 * rows], SETUP)
    assert (3 * one == other).all()


def test_one_seed_one_interval():
    rows = [(n % 2, 1, n % 2, 1) for n in range(50)]
    assert only(rows) == only(rows)
    assert only(rows) != only(rows, Setup("ab12cd34", seed=14))


def test_interval_covers_the_true_precision_about_95_times_in_100():
    # 200 corpora of 100 documents with one predicted item each, right with probability 0.7. Wilson
    # bounds on 190 of 200 are about 0.91 to 0.97; the percentile bootstrap is slightly narrow.
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        right = (random.random(100) < 0.7).astype(np.int64)
        ones = np.ones(100, dtype=np.int64)
        found = score({"x": Counts(right, ones, right, ones)}, Setup("x", n_resamples=300))["x"]
        covered += found.precision.low <= 0.7 <= found.precision.high
    assert 0.90 <= covered / 200 <= 0.99


def test_interval_narrows_with_more_documents():
    few, many = only([(1, 1, 1, 1), (0, 1, 0, 1)] * 20), only([(1, 1, 1, 1), (0, 1, 0, 1)] * 500)
    assert many.f1.high - many.f1.low < (few.f1.high - few.f1.low) / 3


def test_signature_and_repr():
    made = only([(1, 1, 1, 1)])
    assert made.signature.startswith(
        "spans:strict|by:offsets|n:1|gold:ab12cd34|seed:13|resamples:1000|decoct:"
    )
    assert repr(made).startswith("Score(P 100.0 R 100.0 F1 100.0 [100.0, 100.0], spans:strict")
    assert "\n" not in repr(made)
    assert repr(made.f1) == "1.0000 [1.0000, 1.0000]"


@pytest.mark.parametrize("arguments", [{"n_resamples": 0}, {"seed": -1}])
def test_impossible_setups_are_refused(arguments):
    with pytest.raises(EvaluationError, match=next(iter(arguments))):
        Setup("x", **arguments)


def test_counts_of_different_documents_are_refused():
    with pytest.raises(EvaluationError, match=r"\[1, 2\]"):
        score({"a": counts((1, 1, 1, 1)), "b": counts((1, 1, 1, 1), (1, 1, 1, 1))}, SETUP)
    with pytest.raises(EvaluationError, match="at least one"):
        bootstrap([np.zeros((0, 4), dtype=np.int64)], SETUP)
    assert score({}, SETUP) == {}

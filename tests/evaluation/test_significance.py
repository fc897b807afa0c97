from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from decoct.errors import EvaluationError
from decoct.evaluation.counts import Counts
from decoct.evaluation.scores import Setup
from decoct.evaluation.significance import compare_counts

HEAD = "relations:strict|by:offsets"


def system(right):
    """A system that predicts one item a document, right or not; gold has one a document."""
    right = np.asarray(right, dtype=np.int64)
    ones = np.ones_like(right)
    return Counts(right, ones, right, ones)


def compare(a, b, seed=13, **options):
    return compare_counts(a, b, Setup("ab12cd34", seed=seed), head=HEAD, **options)


def test_identical_systems_do_not_differ():
    one = system([1, 0, 1, 1, 0] * 20)
    found = compare(one, one)
    assert found.p == 1.0
    assert (found.difference.value, found.difference.low, found.difference.high) == (0.0, 0.0, 0.0)


def test_a_clearly_better_system():
    random = np.random.default_rng(1)
    found = compare(system(random.random(300) < 0.8), system(random.random(300) < 0.6))
    assert found.p < 0.001
    assert 0 < found.difference.low < found.difference.value < found.difference.high
    assert found.difference.value == pytest.approx(found.f1_a - found.f1_b)


def test_p_is_the_share_of_all_swaps_where_they_can_be_listed():
    # a is right where b is wrong in 5 documents, the reverse in 1: 2^6 swaps. F1 is right / n here,
    # so |difference| >= 4/20 takes at least 5 of the 6 on one side: 2 * (6 + 1) = 14 of 64.
    a, b = [1] * 5 + [0] + [1] * 14, [0] * 5 + [1] + [1] * 14
    listed = sum(abs(sum(signs)) >= 4 for signs in product((-1, 1), repeat=6)) / 64
    assert listed == 14 / 64
    found = compare(system(a), system(b), n_shuffles=20_000)
    assert found.p == pytest.approx(listed, abs=0.01)


@pytest.mark.slow
def test_p_is_uniform_when_there_is_no_difference():
    # Under the null, p <= 0.1 in about 10 % of trials; 200 trials, three standard errors = 6.4 %.
    random = np.random.default_rng(7)
    ps = [
        compare(system(random.random(80) < 0.7), system(random.random(80) < 0.7), n_shuffles=400).p
        for _ in range(200)
    ]
    assert np.mean(np.array(ps) <= 0.1) <= 0.1 + 0.064


def test_trading_places_changes_the_sign_and_not_p():
    random = np.random.default_rng(2)
    a, b = system(random.random(100) < 0.7), system(random.random(100) < 0.6)
    one, other = compare(a, b), compare(b, a)
    assert one.difference.value == pytest.approx(-other.difference.value)
    assert one.difference.low == pytest.approx(-other.difference.high)
    assert one.p == pytest.approx(other.p, abs=0.02)


def test_one_seed_one_result():
    random = np.random.default_rng(3)
    a, b = system(random.random(60) < 0.7), system(random.random(60) < 0.6)
    assert compare(a, b) == compare(a, b)
    assert compare(a, b) != compare(a, b, seed=14)


def test_repr_and_dict():
    found = compare(system([1, 1, 1, 1]), system([0, 1, 1, 1]), n_shuffles=99)
    assert repr(found).startswith("Comparison(F1 100.0 against 75.0: +25.0 [")
    assert "difference|relations:strict|by:offsets|shuffles:99|n:4|gold:ab12cd34" in repr(found)
    assert "\n" not in repr(found)
    assert found.to_dict()["f1_b"] == 0.75


def test_systems_on_different_gold_are_refused():
    with pytest.raises(EvaluationError, match="same gold"):
        compare(system([1, 1]), system([1, 1, 1]))
    with pytest.raises(EvaluationError, match="n_shuffles"):
        compare(system([1]), system([1]), n_shuffles=0)

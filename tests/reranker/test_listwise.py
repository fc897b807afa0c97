"""The linear model: its slope, its optimum and its shares are what they should be."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from decoct.reranker.listwise import Lists, fit_listwise, mean_log_prob


def drawn(seed, sizes=(3, 0, 5, 1, 4, 2), n_dense=3, n_sparse=4):
    rng = np.random.default_rng(seed)
    n_rows = sum(sizes)
    lists = Lists(
        np.array(sizes),
        rng.normal(size=(n_rows, n_dense)),
        csr_matrix(rng.integers(0, 2, size=(n_rows, n_sparse)).astype(float)),
        np.hstack([np.ones((len(sizes), 1)), rng.normal(size=(len(sizes), 1))]),
    )
    targets = np.array([rng.integers(0, size + 1) for size in sizes])
    return lists, targets, rng.uniform(0.1, 1, len(sizes)), rng


def objective(lists, targets, weights, penalty, at):
    """The same, written as one would by hand."""
    rows, nil = lists.scores(at)
    total, end = 0.0, 0
    for size, last, target, weight in zip(lists.sizes, nil, targets, weights, strict=True):
        scores = [*rows[end : end + size], last]
        end += size
        total -= weight * (scores[target] - np.log(np.sum(np.exp(scores))))
    return total + 0.5 * np.sum(penalty * at**2)


@given(st.integers(0, 10_000))
def test_no_step_betters_the_optimum(seed):
    lists, targets, weights, rng = drawn(seed)
    penalty = np.full(lists.n_weights, 0.5)
    best = fit_listwise(lists, targets, weights, penalty)
    lowest = objective(lists, targets, weights, penalty, best)
    for _ in range(10):
        other = best + rng.normal(scale=0.05, size=len(best))
        assert objective(lists, targets, weights, penalty, other) >= lowest - 1e-4


@given(st.integers(0, 10_000))
def test_where_it_begins_makes_no_difference(seed):
    lists, targets, weights, rng = drawn(seed)
    penalty = np.full(lists.n_weights, 0.5)
    one = fit_listwise(lists, targets, weights, penalty)
    other = fit_listwise(lists, targets, weights, penalty, rng.normal(size=lists.n_weights))
    np.testing.assert_allclose(one, other, atol=0.02)


def test_a_choice_of_half_the_weight_twice_is_one_choice():
    lists, targets, weights, _ = drawn(1)
    penalty = np.full(lists.n_weights, 0.5)
    twice = [*range(len(lists.sizes)), *range(len(lists.sizes))]
    double = fit_listwise(
        lists.take(twice), targets[twice], np.concatenate([weights, weights]) / 2, penalty
    )
    np.testing.assert_allclose(double, fit_listwise(lists, targets, weights, penalty), atol=0.02)


def test_known_weights_are_found_again():
    sizes = (6,) * 3000
    lists, _, _, rng = drawn(3, sizes, n_dense=2, n_sparse=1)
    truth = np.array([1.5, -0.7, 0.4, 0.9, -0.3])
    rows, nil = lists.scores(truth)
    scores = np.column_stack([rows.reshape(-1, 6), nil])
    targets = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    found = fit_listwise(lists, targets, np.ones(3000), np.full(5, 1e-3))
    np.testing.assert_allclose(found, truth, atol=0.15)
    better = mean_log_prob(lists, targets, np.ones(3000), found)
    assert better > mean_log_prob(lists, targets, np.ones(3000), np.zeros(5)) + 0.2


def test_nothing_learnt_gives_even_shares():
    lists, targets, weights, _ = drawn(4)
    told = mean_log_prob(lists, targets, weights, np.zeros(lists.n_weights))
    even = -np.sum(weights * np.log(lists.sizes + 1)) / weights.sum()
    np.testing.assert_allclose(told, even)


def test_some_lists_are_taken_with_their_rows():
    lists, *_ = drawn(5)
    some = lists.take([4, 1, 0])
    assert some.sizes.tolist() == [4, 0, 3]
    np.testing.assert_array_equal(some.dense[4:], lists.dense[:3])
    np.testing.assert_array_equal(some.sparse.toarray()[:4], lists.sparse.toarray()[9:13])
    assert lists.take([]).dense.shape == (0, 3)

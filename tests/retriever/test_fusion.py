"""Reciprocal rank fusion: by hand, and what holds of any lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.retriever.fusion import fuse, hits, n_distinct

LIST = st.lists(st.integers(0, 9), max_size=8, unique=True).map(
    lambda entities: {
        entity: (n + 1, entity * 2, 1.0 / (n + 1)) for n, entity in enumerate(entities)
    }
)


def test_an_entitys_best_name_counts():
    found = hits([4, 7, -1, 5, 9], [0.9, 0.8, 0.7, 0.6, 0.5], [2, 3, 2, 2, 1])
    assert found == {2: (1, 4, 0.9), 3: (2, 7, 0.8), 1: (3, 9, 0.5)}
    assert list(found) == [2, 3, 1]


def test_by_hand():
    one = {7: (1, 0, 0.9), 8: (2, 1, 0.5), 9: (3, 2, 0.1)}
    other = {8: (1, 5, 12.0), 6: (2, 4, 3.0)}
    found = fuse([one, other], [1.0, 0.5], 60, 10)
    assert [each.entity for each in found] == [8, 7, 9, 6]
    assert found[0].score == pytest.approx(1 / 62 + 0.5 / 61)
    assert (found[0].row, found[0].ranks, found[0].scores) == (1, {0: 2, 1: 1}, {0: 0.5, 1: 12.0})
    assert (found[3].row, found[3].ranks) == (4, {1: 2})


@given(st.lists(LIST, min_size=1, max_size=4), st.floats(0, 100), st.integers(1, 12))
def test_of_any_lists(lists, k, n):
    found = fuse(lists, [1.0] * len(lists), k, n)
    everywhere = set().union(*lists)
    assert len(found) == min(n, len(everywhere))
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        in_lists = [number for number, each in enumerate(lists) if one.entity in each]
        assert sorted(one.ranks) == sorted(one.scores) == in_lists
        expected = sum(1 / (k + rank) for rank in one.ranks.values())
        assert one.score == pytest.approx(expected)
    if len(lists) == 1:
        assert [one.entity for one in found] == list(lists[0])[:n]


@given(st.lists(st.lists(st.integers(-1, 3), min_size=5, max_size=5), min_size=1, max_size=4))
def test_distinct(lines):
    expected = [len(set(line) - {-1}) for line in lines]
    assert n_distinct(np.array(lines)).tolist() == expected
    assert n_distinct(np.zeros((2, 0), dtype=int)).tolist() == [0, 0]

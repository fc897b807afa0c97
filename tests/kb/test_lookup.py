"""Keys to rows: held to a dictionary."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import StoreError
from decoct.kb.lookup import Lookup, key_hash

KEYS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=30, unique=True)


def made(pairs) -> Lookup:
    return Lookup.build([key_hash(key) for key, _ in pairs], [row for _, row in pairs])


def expected(pairs) -> dict[str, list[int]]:
    found = defaultdict(list)
    for key, row in sorted(pairs, key=lambda pair: pair[1]):
        found[key].append(row)
    return found


def test_a_hash_is_the_same_on_every_machine():
    assert key_hash("MI") == 0xEFDAF232793DE2B9


@given(KEYS)
def test_rows(pairs):
    lookup, plain = made(pairs), expected(pairs)
    assert len(lookup) == len(pairs)
    assert {key: lookup.rows(key) for key in plain} == plain
    assert lookup.rows("other") == []


@given(KEYS, KEYS, st.sets(st.integers(0, 9)))
def test_changed(pairs, more, dead):
    more = [(key, row + 10) for key, row in more]
    lookup = made(pairs).changed(made(more), sorted(dead))
    plain = expected([pair for pair in (*pairs, *more) if pair[1] not in dead])
    assert {key: lookup.rows(key) for key in "abcdefgh"} == {key: plain[key] for key in "abcdefgh"}
    assert np.all(lookup.table[0, 1:] >= lookup.table[0, :-1])


@given(KEYS)
def test_shared(pairs):
    lookup, plain = made(pairs), expected(pairs)
    shared = {key_hash(key): rows[0] for key, rows in plain.items() if len(rows) > 1}
    assert lookup.n_shared() == len(shared)
    found = lookup.shared(100)
    assert dict(found) == shared
    assert [row for _, row in found] == sorted(shared.values())
    assert lookup.shared(2) == found[:2] or len({row for _, row in found}) < len(found)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no array",
        np.zeros(3, np.uint64),
        np.zeros((2, 3), np.int64),
        np.zeros((3, 2), np.uint64),
        np.array([{}, {}], object),
    ],
    ids=str,
)
def test_what_is_no_table(tmp_path, content):
    path = tmp_path / "ids.npy"
    if isinstance(content, np.ndarray):
        np.save(path, content, allow_pickle=True)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=r"ids\.npy: ") as caught:
        Lookup.open(path)
    assert "\n" not in str(caught.value)


def test_it_is_mapped_not_read(tmp_path):
    lookup = made([("a", 1), ("b", 2)])
    lookup.save(tmp_path / "ids.npy")
    again = Lookup.open(tmp_path / "ids.npy")
    assert isinstance(again.table, np.memmap)
    assert again.rows("b") == [2]

"""What holds for every retriever on the shelf."""

import inspect
import threading

import numpy as np
import pytest

from decoct.config import Settings
from decoct.kb.base import Query
from decoct.retriever.indexes.base import INDEXES
from fakes.named import made_up, named
from fakes.searches import look_up, opened

NAMES = [name for entity in (*named(), *made_up(50)) for name in entity.names]
MORE = [name for entity in made_up(20, seed=1) for name in entity.names]
ODD = ["", " ", "...", "？！", "\ud800", "x\udfff y", "a" * 10_000, "头痛" * 5_000, "\x00", "\n"]


@pytest.fixture(params=INDEXES.names())
def kind(request):
    return request.param


@pytest.fixture
def settings(kind, request):
    if kind != "dense":
        return {}
    encoder = request.getfixturevalue("tiny_encoder")
    return {"encoder": str(encoder), "device": "cpu", "precision": "fp32"}


def test_the_shelf(kind):
    plugin = INDEXES.get(kind)
    assert plugin.name == kind
    assert issubclass(plugin.settings, Settings)
    assert list(inspect.signature(plugin).parameters) == ["settings"]
    plugin.settings()


def test_names_find_themselves(kind, settings, tmp_path):
    search = opened(kind, tmp_path, NAMES, **settings)
    for name, line in zip(NAMES, look_up(search, NAMES, 5), strict=True):
        best = max(line.values())
        assert name in [NAMES[row] for row, score in line.items() if score == best], line


def test_segments_are_as_one(kind, settings, tmp_path):
    whole = opened(kind, tmp_path / "whole", NAMES + MORE, **settings)
    parts = opened(kind, tmp_path / "parts", NAMES, MORE, **settings)
    asked = NAMES[::3] + MORE[::3]
    for one, other in zip(look_up(whole, asked, 9), look_up(parts, asked, 9), strict=True):
        assert list(one.values()) == pytest.approx(list(other.values()), rel=1e-3, abs=1e-3)
        last = min(one.values())
        assert {row for row, score in one.items() if score > last + 2e-3} <= set(other)


def test_removed_names_count_for_nothing(kind, settings, tmp_path):
    alive = np.arange(len(NAMES)) % 3 > 0
    kept = [name for name, there in zip(NAMES, alive, strict=True) if there]
    some = opened(kind, tmp_path / "some", NAMES, alive=[alive], **settings)
    fresh = opened(kind, tmp_path / "fresh", kept, **settings)
    numbers = np.cumsum(alive) - 1
    for one, other in zip(look_up(some, NAMES, 40), look_up(fresh, NAMES, 40), strict=True):
        left = [(numbers[row], score) for row, score in one.items() if alive[row]]
        expected = list(other.items())[: len(left)]
        assert [score for _, score in left] == pytest.approx(
            [score for _, score in expected], rel=1e-3, abs=1e-3
        )
        assert left or not expected


def test_similarities_are_the_scores(kind, settings, tmp_path):
    search = opened(kind, tmp_path, NAMES, MORE, **settings)
    prepared = search.prepare([Query(name) for name in NAMES])
    rows, scores = search.search(prepared, 8)
    mentions, places = np.nonzero(rows >= 0)
    order = np.random.default_rng(0).permutation(len(mentions))
    pairs = mentions[order], rows[mentions, places][order].astype(np.int64)
    found = search.similarities(prepared, *pairs)
    np.testing.assert_allclose(found, scores[mentions, places][order], rtol=1e-3, atol=1e-4)
    assert search.similarities(prepared, pairs[0][:0], pairs[1][:0]).shape == (0,)


def test_some_of_the_mentions(kind, settings, tmp_path):
    search = opened(kind, tmp_path, NAMES, **settings)
    prepared = search.prepare([Query(name) for name in NAMES])
    some = np.array([5, 0, 17])
    np.testing.assert_array_equal(
        search.search(search.take(prepared, some), 4)[0], search.search(prepared, 4)[0][some]
    )
    assert len(search.take(prepared, some)) == 3


def test_odd_mentions(kind, settings, tmp_path):
    search = opened(kind, tmp_path, [*NAMES, "..."], **settings)
    assert len(look_up(search, ODD, 5)) == len(ODD)
    assert look_up(search, [], 5) == []


def test_fewer_names_than_asked_for(kind, settings, tmp_path):
    search = opened(kind, tmp_path, ["heart attack"], ["heart failure"], **settings)
    assert set(look_up(search, ["heart"], 7)[0]) == {0, 1}


def test_many_mentions_at_a_time_are_as_one_by_one(kind, settings, tmp_path):
    search = opened(kind, tmp_path, NAMES, **settings)
    asked = [f"{name} {number}" for number, name in enumerate(NAMES * 5)]
    together = look_up(search, asked, 6)
    for number in (0, 127, 128, len(asked) - 1):
        [alone] = look_up(search, [asked[number]], 6)
        assert list(alone.values()) == pytest.approx(
            list(together[number].values()), rel=1e-3, abs=1e-3
        )


def test_threads(kind, settings, tmp_path):
    search = opened(kind, tmp_path, NAMES, **settings)
    expected = look_up(search, NAMES, 6)
    found: list[object] = [None] * 4

    def work(number):
        found[number] = look_up(search, NAMES, 6)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_facts(kind, settings, tmp_path):
    facts = opened(kind, tmp_path, NAMES, **settings).facts()
    assert facts["n_bytes"] > len(NAMES)

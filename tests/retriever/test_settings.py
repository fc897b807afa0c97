"""Settings of an index: what is left open, and what is refused with the nearest valid name."""

import pytest

from decoct.config import check
from decoct.errors import ConfigError
from decoct.retriever.settings import DenseSettings, IndexSettings


def test_retrievers():
    assert IndexSettings().kinds == ("ngram", "bm25")
    assert IndexSettings(dense=DenseSettings()).kinds == ("ngram", "bm25", "dense")
    assert IndexSettings(retrievers=("dense",)).kinds == ("dense",)


def test_weights():
    every = IndexSettings(dense=DenseSettings(), weights={"ngram": 2})
    assert [every.weight(kind) for kind in every.kinds] == [2.0, 0.0, 1.0]
    assert IndexSettings(retrievers=("bm25",)).weight("bm25") == 1.0
    assert IndexSettings(retrievers=("ngram", "other")).weight("other") == 1.0


def test_tables():
    made = IndexSettings(dense=DenseSettings(kind="pq"), others={"mine": {"a": 1}})
    assert made.table("dense")["kind"] == "pq"
    assert made.table("ngram")["letters"] == (3,)
    assert made.table("mine") == {"a": 1}
    assert IndexSettings().table("dense") == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"retriever": ["ngram"]}, "unknown key 'retriever' .did you mean 'retrievers'"),
        ({"dense": {"kinds": "pq"}}, r"unknown key 'dense\.kinds' .did you mean 'kind'"),
        ({"dense": {"kind": "flat"}}, "dense.kind: .*'exact', 'hnsw', 'pq' or 'int8'"),
        ({"retrievers": []}, "name one at least"),
        ({"retrievers": ["ngram", "ngram"]}, "named twice"),
        ({"weights": {"dense": 1}}, "'dense' is none of ngram, bm25"),
        ({"weights": {"ngram": 0}}, "one must be above 0"),
        ({"weights": {"ngram": -1}}, "weights.ngram"),
        ({"ngram": {"letters": [1]}}, "ngram.letters.0"),
        ({"bm25": {"b": 2}}, "bm25.b"),
    ],
)
def test_what_is_refused(data, message):
    with pytest.raises(ConfigError, match=message):
        check(IndexSettings, data, "index")

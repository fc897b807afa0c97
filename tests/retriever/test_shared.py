"""The retrievers on real knowledge bases."""

import hashlib

import pytest

from decoct.kb.base import Entity
from decoct.retriever.index import Index
from decoct.retriever.settings import IndexSettings

pytestmark = [pytest.mark.shared, pytest.mark.slow]


def rows(path):
    lines = path.read_text(encoding="utf-8").split("\n")[1:]
    return [tuple(line.split("\t")[:2]) for line in lines if line]


def found(shared, tmp_path, name, file, keep, **settings):
    folder = shared / "data" / "linking" / name
    entities = [Entity(id=id_, name=text) for id_, text in rows(folder / "kb.tsv")]
    index = Index.build(entities, tmp_path / "index", IndexSettings(**settings))
    asked = list(dict.fromkeys(pair for pair in rows(folder / file) if keep(pair[1])))
    candidates = index.search([text for _, text in asked], k=64)
    ranks = [
        [one.id for one in line].index(id_) if id_ in [one.id for one in line] else 64
        for (id_, _), line in zip(asked, candidates, strict=True)
    ]
    return {k: sum(rank < k for rank in ranks) / len(ranks) for k in (1, 16, 64)}


def test_english(shared, tmp_path):
    recall = found(shared, tmp_path, "askapatient", "validation.tsv", bool)
    assert recall[1] > 0.53
    assert recall[16] > 0.77


def test_chinese(shared, tmp_path):
    """A tenth of the training mentions, by hash; characters alone."""
    recall = found(
        shared,
        tmp_path,
        "icd10_zh",
        "train.tsv",
        lambda text: int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10 == 0,
    )
    assert recall[1] > 0.30
    assert recall[16] > 0.65
    assert recall[64] > 0.78

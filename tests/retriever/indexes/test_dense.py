"""Vectors in an index: the kinds, and the encoder that must stay the same."""

import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("faiss")

from decoct.errors import ArtifactError, RegistryError
from decoct.kb.base import Entity, Query
from decoct.retriever.encoder import TextEncoder
from decoct.retriever.index import Index
from decoct.retriever.settings import DenseSettings, EncoderSettings, IndexSettings
from fakes.encoders import save_encoder
from fakes.named import made_up
from fakes.searches import look_up, opened

ENTITIES = made_up(120)
NAMES = [name for entity in ENTITIES for name in entity.names]


def settings(encoder, **more):
    return {"encoder": str(encoder), "device": "cpu", "precision": "fp32", **more}


def test_scores_are_cosines(tiny_encoder, tmp_path):
    encoder = TextEncoder.load(EncoderSettings(**settings(tiny_encoder)))
    [found] = look_up(opened("dense", tmp_path, NAMES, **settings(tiny_encoder)), ["baco di"], 9)
    cosines = encoder.encode(NAMES) @ encoder.encode(["baco di"])[0]
    assert list(found.values()) == pytest.approx(np.sort(cosines)[::-1][:9], abs=2e-3)
    for row, score in found.items():
        assert score == pytest.approx(float(cosines[row]), abs=2e-3)


@pytest.mark.parametrize("kind", ["hnsw", "int8", "pq"])
def test_each_kind_finds_names_by_themselves(tiny_encoder, tmp_path, kind):
    more = settings(tiny_encoder, kind=kind, exact_below=50, pq_bytes=8, n_probed=8)
    names = [*NAMES, *(f"{name} {number}" for number, name in enumerate(NAMES))]
    search = opened("dense", tmp_path, names, names[:20], **more)
    found = look_up(search, names[:60], 3)
    both = [*names, *names[:20]]
    right = [name in [both[row] for row in line] for name, line in zip(names, found, strict=False)]
    assert np.mean(right) > 0.9
    assert search.facts()["kind"] == kind
    assert search.facts()["n_bytes_held"] > 0
    assert (tmp_path / "0" / "dense" / "index.faiss").is_file()
    assert not (tmp_path / "1" / "dense" / "index.faiss").exists(), "of so few, exactly"


def test_a_mentions_context_is_read_where_the_settings_say_so(tiny_encoder, tmp_path):
    search = opened("dense", tmp_path, NAMES, **settings(tiny_encoder, template="mention_context"))
    alone, within = search.prepare([Query("baco"), Query("baco", "fen baco gra", 4, 8)])
    assert not np.allclose(alone, within)
    plain = opened("dense", tmp_path / "plain", NAMES, **settings(tiny_encoder))
    alone, within = plain.prepare([Query("baco"), Query("baco", "fen baco gra", 4, 8)])
    np.testing.assert_allclose(alone, within, atol=1e-6)


def build(encoder, folder):
    dense = DenseSettings(**settings(encoder))
    return Index.build(ENTITIES[:20], folder, IndexSettings(dense=dense))


def test_another_encoder_is_refused(tiny_encoder, tmp_path):
    build(tiny_encoder, tmp_path / "index")
    other = save_encoder(tmp_path / "other", "bert", NAMES, seed=7)
    with pytest.raises(ArtifactError, match=r"built with another encoder than .*other.*--encoder"):
        Index.open(tmp_path / "index", encoder=str(other))


def test_an_encoder_that_has_changed_is_refused(tiny_encoder, tmp_path):
    encoder = shutil.copytree(tiny_encoder, tmp_path / "encoder")
    build(encoder, tmp_path / "index")
    shutil.rmtree(encoder)
    save_encoder(encoder, "bert", NAMES, seed=7)
    with pytest.raises(ArtifactError, match="which is another now"):
        Index.open(tmp_path / "index")
    shutil.rmtree(encoder)
    with pytest.raises(ArtifactError, match="encoder"):
        Index.open(tmp_path / "index")


def test_the_same_encoder_elsewhere_will_do(tiny_encoder, tmp_path):
    encoder = shutil.copytree(tiny_encoder, tmp_path / "encoder")
    index = build(encoder, tmp_path / "index")
    moved = shutil.move(encoder, tmp_path / "moved")
    opened_again = Index.open(tmp_path / "index", encoder=str(moved))
    assert opened_again.search(["baco"]) == index.search(["baco"])
    assert opened_again.settings.dense.encoder == str(moved)


def test_every_candidate_has_every_retrievers_score(tiny_encoder, tmp_path):
    index = build(tiny_encoder, tmp_path / "index")
    for found in index.search(NAMES[:10], k=20):
        assert len(found) == 20
        for one in found:
            assert {"ngram", "bm25", "dense", "dense_rank"} <= set(one.scores)


def test_a_retriever_of_no_such_name(tmp_path):
    with pytest.raises(RegistryError, match="there are: bm25, dense, ngram"):
        Index.build(
            [Entity(id="C", name="x")], tmp_path / "i", IndexSettings(retrievers=("faiss",))
        )


CHINESE = [
    Entity(id="1", name="胃溃疡"),
    Entity(id="2", name="肝炎"),
    Entity(id="3", name="头痛"),
]
MEANINGS = {
    "胃": "fen baco",
    "溃疡": "gra",
    "肝炎": "dolu",
    "头痛": "mireta",
    "头": "mi",
    "痛": "reta",
}


def glossary(folder, meanings=None):
    lines = [f"{word}\t{meaning}\n" for word, meaning in (meanings or MEANINGS).items()]
    (folder / "words.tsv").write_text("".join(lines), encoding="utf-8")
    return folder / "words.tsv"


def glossed(encoder, words, folder):
    dense = DenseSettings(**settings(encoder), glossary=str(words))
    return Index.build(CHINESE, folder, IndexSettings(retrievers=("dense",), dense=dense))


def test_with_a_glossary_names_and_mentions_are_read_by_their_meanings(tiny_encoder, tmp_path):
    index = glossed(tiny_encoder, glossary(tmp_path), tmp_path / "index")
    [found] = index.search(["fen baco gra"], k=3)
    assert found[0].id == "1"
    assert found[0].scores["dense"] == pytest.approx(1, abs=1e-3)
    [again] = index.search(["胃溃疡"], k=3)
    assert [(one.id, one.scores) for one in again] == [(one.id, one.scores) for one in found]
    plain = Index.build(
        CHINESE, tmp_path / "plain", IndexSettings(dense=DenseSettings(**settings(tiny_encoder)))
    )
    [unread] = plain.search(["fen baco gra"], k=3)
    assert all(one.scores["dense"] < 0.99 for one in unread)


def test_the_index_keeps_its_glossary(tiny_encoder, tmp_path):
    words = glossary(tmp_path)
    index = glossed(tiny_encoder, words, tmp_path / "index")
    words.unlink()
    moved = shutil.move(tmp_path / "index", tmp_path / "moved")
    assert Index.open(moved).search(["胃的溃疡"]) == index.search(["胃的溃疡"])


def test_another_glossary_is_refused(tiny_encoder, tmp_path):
    glossed(tiny_encoder, glossary(tmp_path), tmp_path / "index")
    glossary(tmp_path / "index", MEANINGS | {"胃": "dolu"}).rename(tmp_path / "index/glossary.tsv")
    with pytest.raises(ArtifactError, match=r"and glossary .*--glossary"):
        Index.open(tmp_path / "index")


def test_a_glossary_reads_no_context():
    with pytest.raises(ValueError, match="goes with template mention"):
        DenseSettings(glossary="cc-cedict", template="mention_context")

"""The recipe `index`: from files to an index, and changes of it."""

from pathlib import Path

import pytest

from decoct.errors import ArtifactError, ConfigError, Faults, FormatError, RecordError, StoreError
from decoct.kb.base import Entity
from decoct.kb.reading import read_kb
from decoct.recipes.index import change, index, read_ids, read_index_settings
from decoct.retriever.index import Index
from decoct.retriever.settings import DenseSettings, IndexSettings
from fakes.commands import write_lines
from fakes.named import named


@pytest.fixture
def kb(tmp_path):
    lines = ["id\tname\taliases"]
    lines += [f"{one.id}\t{one.name}\t{'|'.join(one.aliases)}" for one in named()]
    return write_lines(tmp_path / "kb.tsv", lines)


def test_of_a_file(kb, tmp_path):
    faults = Faults()
    made = index(kb, tmp_path / "index", faults=faults)
    assert isinstance(made, Index)
    assert made.n_entities == 8
    assert made.search(["hart atack"], k=1)[0][0].id == "C1"
    assert made.card.source["source"] == str(kb) or made.card.source["source"].endswith("kb.tsv")
    assert not faults


def test_of_what_was_read_and_of_entities(kb, tmp_path):
    asked = ["hart atack", "糖尿"]
    found = [
        index(source, tmp_path / str(number)).search(asked)
        for number, source in enumerate((str(kb), read_kb(kb), read_kb(kb).entities, named()))
    ]
    assert found[0] == found[1] == found[2]
    assert [one.id for one in found[3][0]] == [one.id for one in found[0][0]]


def test_the_readers_format_and_options(tmp_path):
    source = write_lines(tmp_path / "terms.csv", ["code,preferred", "C1,Heart attack"])
    made = index(
        source, tmp_path / "index", format="tsv", options={"id": "code", "name": "preferred"}
    )
    assert made.entity("C1").name == "Heart attack"


def test_bad_lines_are_counted_and_the_rest_is_indexed(tmp_path):
    source = write_lines(
        tmp_path / "kb.tsv", ["id\tname", "C1\tHeart attack", "C2\t", "\tNameless"]
    )
    faults = Faults()
    assert index(source, tmp_path / "index", faults=faults).n_entities == 1
    assert faults.n == 2
    assert all("kb.tsv" in fault.where for fault in faults.kept)


def test_nothing_to_index(tmp_path):
    source = write_lines(tmp_path / "kb.tsv", ["id\tname"])
    with pytest.raises(FormatError):
        index(source, tmp_path / "index")
    with pytest.raises(StoreError, match=r"none.tsv"):
        index(tmp_path / "none.tsv", tmp_path / "index")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kb.tsv"]


def test_changes(kb, tmp_path):
    index(kb, tmp_path / "index")
    more = write_lines(
        tmp_path / "more.tsv", ["id\tname", "C1\tCardiac infarction", "X1\tLumbago", "X2\tSciatica"]
    )
    faults = Faults()
    changed = change(
        tmp_path / "index", add=more, remove=["C2", "C9", "C2"], compact=True, faults=faults
    )
    assert changed.to_dict() == {
        "n_added": 2,
        "n_replaced": 1,
        "n_removed": 1,
        "n_entities": 9,
        "n_names": changed.index.n_names,
    }
    assert [str(fault) for fault in faults.kept] == [
        f"--remove C9: {tmp_path / 'index'} has no entity of this id"
    ]
    assert changed.index.entity("C1").names == ("Cardiac infarction",)
    again = Index.open(tmp_path / "index")
    assert again.n_entities == 9
    assert again.card.segments == changed.index.card.segments
    assert len(again.card.segments) == 1


def test_nothing_to_change(kb, tmp_path):
    before = index(kb, tmp_path / "index").card
    assert change(tmp_path / "index", remove=["C99"], faults=Faults()).n_removed == 0
    assert change(tmp_path / "index", add=[]).index.card == before
    with pytest.raises(RecordError, match="no entity would be left"):
        change(tmp_path / "index", remove=[entity.id for entity in named()])
    with pytest.raises(ArtifactError, match="holds no index"):
        change(tmp_path, remove=["C1"])


def test_entities_can_be_added_as_such(kb, tmp_path):
    index(kb, tmp_path / "index")
    made = change(tmp_path / "index", add=[Entity(id="X", name="Lumbago")])
    assert (made.n_added, made.index.search(["lumbago"], k=1)[0][0].id) == (1, "X")


def test_ids_as_such_and_in_files(tmp_path):
    ids = write_lines(tmp_path / "ids.txt", ["C1", "", " C2 "])
    assert read_ids(["C9", str(ids), "DOID:1"]) == ["C9", "C1", "C2", "DOID:1"]
    ids.write_bytes(b"\xff\xfe")
    with pytest.raises(StoreError, match=r"ids\.txt"):
        read_ids([str(ids)])


def settings(config: Path | None = None, **flags):
    return read_index_settings(config, flags)


def test_settings_of_flags_and_file(tmp_path):
    assert settings() == IndexSettings()
    assert settings(retrievers=["ngram"]).kinds == ("ngram",)
    assert settings(retrievers=["dense"]).dense == DenseSettings()
    made = settings(dense={"encoder": "folder", "kind": None})
    assert (made.kinds, made.dense.encoder) == (("ngram", "bm25", "dense"), "folder")
    config = tmp_path / "index.toml"
    config.write_text('retrievers = ["ngram", "dense"]\n[dense]\nkind = "pq"\n[weights]\nngram = 2')
    made = settings(config, dense={"encoder": "embedded"})
    assert (made.dense.kind, made.dense.encoder, made.weight("ngram")) == ("pq", "embedded", 2)
    assert settings(config, retrievers=["dense", "ngram"]).kinds == ("dense", "ngram")
    with pytest.raises(ConfigError, match=r"encoder: of vectors.*add --retriever dense"):
        settings(retrievers=["ngram"], dense={"encoder": "embedded"})
    config.write_text("retriever = 1")
    with pytest.raises(ConfigError, match=r"index\.toml: unknown key 'retriever'"):
        settings(config)

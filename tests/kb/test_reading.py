"""Any knowledge base: its format guessed, its manifest true, what was read let go of."""

import gc
import hashlib
import re
import tempfile
from pathlib import Path

import pytest

import decoct.kb
from decoct.errors import DecoctError, Faults, FormatError, RegistryError, StoreError
from decoct.kb import EntityStore, read_kb
from decoct.kb.readers.base import READERS, ReaderSettings
from decoct.kb.reading import guess_format
from fakes.umls import atom, write_release

TSV = "concept_id\tname\n1\tpain\n2\tcough\n"
SAMPLES = {
    "tsv": b"id\tname\n1\ta\n",
    "jsonl": b' {"id": "1", "name": "a"}\n',
    "obo": b"format-version: 1.2\n\n[Term]\nid: T:1\nname: a\n",
    "owl": b'<?xml version="1.0"?>\n<rdf:RDF xmlns:rdf="x"/>',
    "rrf": atom("C1", "A1", "a").encode() + b"\n",
    "xlsx": b"PK\x03\x04",
}


@pytest.mark.parametrize("name", READERS.names())
def test_readers(name, tmp_path):
    """What holds for every reader the day that it appears on its shelf."""
    reader = READERS.get(name)
    assert reader.name == name
    assert all(re.fullmatch(r"(\.[a-z0-9_]+)+", suffix) for suffix in reader.suffixes)
    assert issubclass(reader.settings, ReaderSettings)
    assert reader.settings().release == ""
    assert isinstance(reader.repeats, bool)
    for content in (b"", b"\xff\xfe\x00 nonsense\n", b"nonsense\n"):
        path = tmp_path / f"kb{reader.suffixes[0]}"
        path.write_bytes(content)
        with pytest.raises(DecoctError) as caught:
            read_kb(path, name)
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="can't be read"):
        read_kb(tmp_path / "none", name)


def test_no_two_readers_have_one_ending():
    endings = [suffix for name in READERS.names() for suffix in READERS.get(name).suffixes]
    assert len(endings) == len(set(endings))


@pytest.mark.parametrize("name", SAMPLES)
def test_the_format_is_guessed_by_content_where_the_ending_says_nothing(tmp_path, name):
    path = tmp_path / "kb.txt"
    path.write_bytes(SAMPLES[name])
    assert guess_format(path) == name
    (tmp_path / f"kb{READERS.get(name).suffixes[0].upper()}").write_bytes(b"{nonsense}\t")
    assert guess_format(tmp_path / f"kb{READERS.get(name).suffixes[0].upper()}") == name


def test_a_folder_is_guessed_by_what_it_holds(tmp_path):
    write_release(tmp_path / "META", [atom("C1", "A1", "a")])
    assert guess_format(tmp_path) == guess_format(tmp_path / "META") == "rrf"


@pytest.mark.parametrize("content", [b"", b"just words\nand more\n"])
def test_what_has_no_format_we_know(tmp_path, content):
    path = tmp_path / "kb.txt"
    path.write_bytes(content)
    names = "jsonl, obo, owl, rrf, tsv, xlsx"
    with pytest.raises(FormatError, match=f"can't tell its format; name one of: {names}"):
        read_kb(path)


def test_a_format_that_is_not_there(tmp_path):
    (tmp_path / "kb.tsv").write_text(TSV)
    with pytest.raises(RegistryError, match=r"no knowledge-base format named 'tvs'.*'tsv'"):
        read_kb(tmp_path / "kb.tsv", "tvs")


def test_the_manifest_says_where_it_is_from(tmp_path):
    path = tmp_path / "kb.tsv"
    path.write_text(TSV + "\tno id\n")
    faults = Faults()
    faults.add("elsewhere", "before", "bad_line")
    kb = read_kb(path, None, faults, license_note="CC0", release="7", name_language="en")
    manifest = kb.manifest
    assert (manifest.source, manifest.format) == ("kb.tsv", "tsv")
    assert (manifest.release, manifest.license_note) == ("7", "CC0")
    assert manifest.files == {"kb.tsv": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert manifest.options == {"name_language": "en"}
    assert (manifest.n_entities, manifest.n_names, manifest.languages) == (2, 2, {"en": 2})
    assert manifest.skipped == {"no_id": 1}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", manifest.date_read)
    assert manifest.decoct
    assert faults.counts == {"bad_line": 1, "no_id": 1}
    assert kb.faults.counts == {"no_id": 1}
    assert repr(kb) == "KnowledgeBase('kb.tsv', 2 entities, 2 names)"


def test_it_can_be_gone_through_again_asked_and_saved(tmp_path):
    (tmp_path / "kb.tsv").write_text(TSV)
    kb = read_kb(str(tmp_path / "kb.tsv"))
    assert list(kb) == list(kb) == list(kb.entities)
    assert (len(kb), kb["2"].name) == (2, "cough")
    saved = kb.save(tmp_path / "kept")
    assert (list(saved), saved.manifest) == (list(kb), kb.manifest)


def test_it_is_read_straight_into_a_folder(tmp_path):
    (tmp_path / "kb.tsv").write_text(TSV)
    kb = read_kb(tmp_path / "kb.tsv", into=tmp_path / "kept")
    assert kb.entities.folder == tmp_path / "kept"
    del kb
    gc.collect()
    assert [entity.name for entity in EntityStore.open(tmp_path / "kept")] == ["pain", "cough"]


def test_what_is_not_kept_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = tmp_path / "kb.tsv"
    source.write_text(TSV)
    kb = read_kb(source)
    folder = kb.entities.folder
    assert folder.parent == tmp_path
    del kb
    gc.collect()
    assert not folder.exists()
    source.write_text("id\tname\n")
    with pytest.raises(FormatError):
        read_kb(source)
    assert list(tmp_path.iterdir()) == [source]


def test_a_source_that_can_not_be_read_leaves_the_folder_as_it_was(tmp_path):
    source = tmp_path / "kb.tsv"
    source.write_text(TSV)
    read_kb(source, into=tmp_path / "kept")
    source.write_text("id\tname\n\tnone\n")
    faults = Faults()
    with pytest.raises(FormatError, match=r"holds no entity.*kb\.tsv:2: no id"):
        read_kb(source, None, faults, into=tmp_path / "kept")
    assert faults.counts == {"no_id": 1}
    assert len(EntityStore.open(tmp_path / "kept")) == 2


def test_progress_is_shown(tmp_path):
    class Counting:
        seen: list[object]

        def track(self, items, total, title):
            assert (total, title) == (None, "read kb.tsv")
            self.seen = []
            for item in items:
                self.seen.append(item)
                yield item

        def note(self, message):
            raise AssertionError(message)

    (tmp_path / "kb.tsv").write_text(TSV)
    progress = Counting()
    read_kb(tmp_path / "kb.tsv", progress=progress)
    assert len(progress.seen) == 2


def test_the_package_says_what_it_has():
    assert all(getattr(decoct.kb, name).__name__ == name for name in decoct.kb.__all__)
    with pytest.raises(AttributeError, match="no attribute 'read_bk'"):
        decoct.kb.read_bk  # noqa: B018


def test_knowledge_bases_are_put_together_by_writing_both(tmp_path):
    """English terms from an ontology, Chinese ones from a table of translations."""
    obo, table = tmp_path / "t.obo", tmp_path / "zh.tsv"
    obo.write_text("[Term]\nid: T:1\nname: pain\n\n[Term]\nid: T:2\nname: cough\n")
    table.write_text("subject_id\tname\nT:2\t咳嗽\nT:3\t发热\n", encoding="utf-8")
    english, chinese = read_kb(obo), read_kb(table, name_language="zh")
    both = EntityStore.write(Path(tmp_path / "both"), (*english, *chinese))
    assert [(entity.id, entity.names) for entity in both] == [
        ("T:1", ("pain",)),
        ("T:2", ("cough", "咳嗽")),
        ("T:3", ("发热",)),
    ]
    assert both["T:2"].languages == {"咳嗽": "zh"}

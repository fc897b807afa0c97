"""BioC: passages, n-ary relations, others' infons, and the package `bioc` as the oracle."""

import io
import json

import pytest
from hypothesis import given, settings

from decoct.errors import Faults, FormatError
from decoct.formats import bioc_json, bioc_xml
from decoct.formats._losses import Losses
from decoct.formats.base import guess_format
from decoct.records import Document, Link, Relation, Span
from fakes.annotated import documents

XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>PubTator</source><date/><key/>
<document><id>10</id><infon key="journal">J</infon>
<passage><infon key="type">title</infon><offset>0</offset><text>Zorafen &amp; rash</text>
<annotation id="1"><infon key="identifier">MESH:D1</infon><infon key="type">Chemical</infon>
<location offset="0" length="7"/><text>Zorafen</text></annotation></passage>
<passage><infon key="type">abstract</infon><offset>15</offset>
<text>Severe and mild rash.</text>
<annotation id="1"><infon key="type">Disease</infon><infon key="certainty">high</infon>
<location offset="15" length="6"/><location offset="31" length="4"/><text>Severe rash</text></annotation>
<annotation id="3"><infon key="type">Disease</infon>
<location offset="26" length="9"/><text>mild rash</text></annotation>
<annotation id="4"><infon key="type">Disease</infon>
<location offset="26" length="9"/><text>nonsense</text></annotation>
<annotation id="5"><infon key="type">Disease</infon></annotation>
<relation id="R0"><infon key="type">Same</infon><node refid="1" role="a"/><node refid="3" role="b"/></relation>
</passage>
<relation id="R1"><infon key="type">ADE</infon><infon key="score">0.7</infon>
<node refid="3" role="object"/><node refid="1" role="subject"/></relation>
<relation id="R2"><infon key="type">Set</infon>
<node refid="1" role="a"/><node refid="3" role="b"/><node refid="1.2" role="c"/></relation>
</document></collection>
"""  # noqa: E501


@pytest.fixture
def file(tmp_path):
    def put(content, name="f.xml"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return put


def read(plugin, path, **options):
    faults = Faults()
    return list(plugin.read(path, faults, **options)), faults


def test_passages_and_what_others_say(file, tmp_path):
    (document,), faults = read(bioc_xml.plugin, file(XML))
    assert document.text == "Zorafen & rash\nSevere and mild rash."
    assert [(one.id, one.text, one.label) for one in document.spans] == [
        ("1", "Zorafen", "Chemical"),
        ("1.2", "Severe rash", "Disease"),
        ("3", "mild rash", "Disease"),
    ]
    assert document.spans[0].link == Link(id="MESH:D1")
    assert document.spans[1].fragments == ((15, 21), (31, 35))
    # within a passage, its own ids go first
    assert document.relations == (
        Relation(label="Same", subject="1.2", object="3"),
        Relation(label="ADE", subject="1", object="3"),
    )
    assert faults.counts == {"bad_offsets": 2}
    assert document.meta["journal"] == "J"
    assert [one["infons"]["type"] for one in document.meta["passages"]] == ["title", "abstract"]
    assert document.meta["annotation_infons"] == {"1.2": {"certainty": "high"}}
    assert document.meta["relation_infons"] == [{}, {"score": "0.7"}]
    assert [one["id"] for one in document.meta["other_relations"]] == ["R2"]
    for plugin in (bioc_xml.plugin, bioc_json.plugin):
        losses = Losses()
        out = tmp_path / f"out{plugin.endings[0]}"
        plugin.write(out, [document], losses, Faults())
        assert not losses
        assert read(plugin, out) == ([document], Faults())
    assert len(json.loads(out.read_text())["documents"][0]["passages"]) == 2


def test_sentences_and_offsets_that_do_not_follow(file):
    passage = {
        "offset": 100,
        "sentences": [
            {"offset": 100, "text": "A rash.", "annotations": [
                {"id": "T1", "infons": {"type": "D", "n": 3, "x": None}, "text": "rash",
                 "locations": [{"offset": 102, "length": 4}]}]},
            {"offset": 2_000_000_000, "text": "Far off.", "annotations": [
                {"id": "T2", "infons": {"type": "D"}, "locations": [{"offset": 2_000_000_000, "length": 3}]}]},  # noqa: E501
        ],
    }  # fmt: skip
    for data in (
        {"documents": [{"id": 7, "passages": [passage]}]},
        {"PubTator3": [{"id": "7", "passages": [passage]}]},
        [{"id": "7", "passages": [passage]}],
        {"id": "7", "passages": [passage]},
    ):
        path = file(json.dumps(data), "f.json")
        assert guess_format(path) == ("bioc_json")
        (document,), faults = read(bioc_json.plugin, path)
        assert not faults
        assert document.id == "7"
        assert document.text.strip() == "A rash.\nFar off."
        assert [one.text for one in document.spans] == ["rash", "Far"]
        assert document.meta["annotation_infons"] == {"T1": {"n": "3"}}


def test_jsonl_is_not_taken_for_bioc(file):
    line = Document(id="1", text="x", meta={"documents": []}).to_json()
    assert guess_format(file(line, "f.json")) == "jsonl"
    assert guess_format(file(XML)) == "bioc_xml"
    assert guess_format(file("<html>", "g.xml")) == "text"


BOMB = """<?xml version="1.0"?><!DOCTYPE collection [<!ENTITY a "rash">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
<!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;"><!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;">
<!ENTITY x SYSTEM "file:///etc/passwd">]>
<collection><document><id>1</id><passage><offset>0</offset><text>{}</text></passage></document>
<document><id>2</id><passage><offset>0</offset><text>Fine.</text></passage></document></collection>
"""


def test_a_file_outside_is_not_read(file):
    found, faults = read(bioc_xml.plugin, file(BOMB.format("&x;")))
    assert [one.id for one in found] == ["2"]
    assert faults.counts == {"entity": 1}


@pytest.mark.parametrize("entity", ["&g;", "&unknown;"])
def test_entities_are_not_expanded(file, entity):
    with pytest.raises(FormatError, match="not BioC XML") as caught:
        read(bioc_xml.plugin, file(BOMB.format(entity)))
    assert "\n" not in str(caught.value)


def test_an_entity_in_an_attribute_does_not_explode(file):
    text = BOMB.format("x").replace("<offset>0", '<infon key="&g;">x</infon><offset>0', 1)
    with pytest.raises(FormatError, match=r"not BioC XML: .*amplification") as caught:
        read(bioc_xml.plugin, file(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n_kept", [0, 1])
def test_what_is_broken_off_is_said(file, n_kept):
    cut = XML.index("</document>") + len("</document>") if n_kept else 300
    for plugin, content in (
        (bioc_xml.plugin, XML[:cut]),
        (
            bioc_json.plugin,
            '{"documents": [{"id": "1", "passages": []}, {"id": '[: 45 if n_kept else 20],
        ),
    ):
        if not n_kept:
            with pytest.raises(FormatError, match=r"not BioC|holds no doc"):
                read(plugin, file(content))
            continue
        found, faults = read(plugin, file(content))
        assert len(found) == 1
        assert "the rest can't be read" in faults.kept[-1].reason


def test_a_document_that_is_none_is_named(file):
    path = file(
        json.dumps({"documents": [{"passages": []}, {"id": "2", "passages": "x"}, 3]}), "f.json"
    )
    found, faults = read(bioc_json.plugin, path)
    assert found == []
    assert faults.counts == {"bad_document": 3}
    assert "id: Field required" in faults.kept[0].reason


@settings(max_examples=15)
@given(documents())
def test_the_package_bioc_reads_the_same(tmp_path_factory, document):
    bioc = pytest.importorskip("bioc")
    from bioc import biocjson, biocxml

    folder = tmp_path_factory.mktemp("f")
    for plugin, load in ((bioc_xml.plugin, biocxml.load), (bioc_json.plugin, biocjson.load)):
        path = folder / f"f{plugin.endings[0]}"
        losses = Losses()
        plugin.write(path, [document], losses, Faults())
        with path.open(encoding="utf-8", newline="") as handle:
            content = handle.read()
        parsed = load(
            io.BytesIO(content.encode()) if load is biocxml.load else io.StringIO(content)
        )
        (passage,) = parsed.documents[0].passages
        (again,) = list(plugin.read(path, Faults()))
        assert (passage.text or "") == again.text
        assert parsed.documents[0].id == again.id
        assert isinstance(passage, bioc.BioCPassage)
        theirs = [
            (one.id, one.infons["type"], one.text, [(at.offset, at.length) for at in one.locations])
            for one in passage.annotations
        ]
        ours = [
            (one.id, one.label, one.text,
             [(a, b - a) for a, b in one.fragments or ((one.start, one.end),)])
            for one in again.spans
        ]  # fmt: skip
        assert theirs == ours
        nodes = [[node.refid for node in one.nodes] for one in parsed.documents[0].relations]
        assert nodes == [[one.subject, one.object] for one in again.relations]


@settings(max_examples=10)
@given(documents(links=False, meta=documents().map(lambda _: {})))
def test_what_the_package_bioc_writes_is_read(tmp_path_factory, document):
    bioc = pytest.importorskip("bioc")
    from bioc import biocjson

    made = bioc.BioCCollection.of_documents(bioc.BioCDocument())
    made.documents[0].id = document.id
    passage = bioc.BioCPassage.of_text(document.text, 0)
    made.documents[0].add_passage(passage)
    for span in document.spans:
        annotation = bioc.BioCAnnotation()
        annotation.id, annotation.text, annotation.infons["type"] = span.id, span.text, span.label
        for start, end in span.fragments or ((span.start, span.end),):
            annotation.add_location(bioc.BioCLocation(start, end - start))
        passage.add_annotation(annotation)
    path = tmp_path_factory.mktemp("f") / "f.bioc.json"
    path.write_text(biocjson.dumps(made), encoding="utf-8")
    (back,), faults = read(bioc_json.plugin, path)
    assert not faults
    assert back.text == document.text
    places = [(one.id, one.start, one.end, one.fragments, one.label) for one in back.spans]
    assert places == [(s.id, s.start, s.end, s.fragments, s.label) for s in document.spans]


def test_a_character_that_xml_has_not_is_replaced_and_counted(tmp_path):
    span = Span(id="T1", start=1, end=3, label="A", text="\x0cb")
    document = Document(id="1", text="a\x0cb", source="gold", spans=[span])
    losses = Losses()
    bioc_xml.plugin.write(tmp_path / "f.xml", [document], losses, Faults())
    assert losses.counts == {"text": 1}
    (back,), _ = read(bioc_xml.plugin, tmp_path / "f.xml")
    assert (back.text, back.spans[0].start, back.spans[0].end) == ("a\ufffdb", 1, 3)

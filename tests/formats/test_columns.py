"""Parquet and DocBin, looked at by the libraries whose formats they are."""

import gc

import pytest

from decoct.errors import Faults, FormatError
from decoct.formats import docbin, parquet
from decoct.formats._losses import Losses
from decoct.records import Candidate, Document, Link, Relation, Span

TEXT = "Zorafen caused severe\n and mild  rash ."
DOCUMENT = Document(
    id="d1",
    text=TEXT,
    source="silver",
    label="ADE",
    spans=[
        Span(id="a", start=0, end=7, label="Drug", text="Zorafen", confidence=0.5,
             link=Link(id="C1", also=("C2",), candidates=(Candidate(id="C1", name="z", scores={"bm25": 1.5}),))),  # noqa: E501
        Span(id="b", start=15, end=37, label="ADE", text="severe rash", fragments=((15, 21), (33, 37))),  # noqa: E501
        Span(id="c", start=27, end=37, label="ADE", text="mild  rash", link=Link()),
    ],
    relations=[Relation(label="ADE", subject="a", object="b", confidence=0.25)],
    meta={"n": None, "deep": [1, {"x": 2.5}]},
)  # fmt: skip
PLAIN = Document(id="d2", text="")


def written(plugin, path, **options):
    losses, faults = Losses(), Faults()
    assert plugin.write(path, [DOCUMENT, PLAIN], losses, faults, **options) == 2
    assert not losses
    assert not faults
    assert list(plugin.read(path, faults)) == [DOCUMENT, PLAIN]
    return path


def test_parquet_as_others_see_it(tmp_path):
    arrow = pytest.importorskip("pyarrow.parquet")
    path = written(parquet.plugin, tmp_path / "f.parquet")
    table = arrow.read_table(path)
    assert table.num_rows == 2
    row = table.to_pylist()[0]
    assert row["spans"][0]["link"]["also"] == ["C2"]
    assert row["spans"][1]["fragments"] == [{"start": 15, "end": 21}, {"start": 33, "end": 37}]
    assert row["relations"] == [{"label": "ADE", "subject": "a", "object": "b", "confidence": 0.25}]
    assert str(table.schema.field("spans").type).startswith("list<")


def test_parquet_of_others(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as arrow_parquet

    path = tmp_path / "f.parquet"
    columns = {"note": ["A rash.", "B.", None], "key": [7, 8, 9], "ward": [1.5, None, 2.0]}
    arrow_parquet.write_table(arrow.table(columns), path)
    faults = Faults()
    found = list(parquet.plugin.read(path, faults, text="note", id="key"))
    assert [(one.id, one.text, one.meta) for one in found] == [
        ("7", "A rash.", {"ward": 1.5}),
        ("8", "B.", {}),
    ]
    assert faults.counts == {"bad_line": 1}
    with pytest.raises(FormatError, match="no column is named 'text', there are 'note'"):
        list(parquet.plugin.read(path, faults))
    path.write_bytes(b"PAR1nonsense")
    with pytest.raises(FormatError, match="not Parquet"):
        list(parquet.plugin.read(path, faults))


def test_docbin_as_spacy_sees_it(tmp_path):
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin

    path = written(docbin.plugin, tmp_path / "f.spacy")
    doc, empty = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    assert doc.text == TEXT
    assert empty.text == ""
    group = doc.spans["sc"]
    assert [(one.id_, one.label_, one.start_char, one.end_char) for one in group] == [
        ("a", "Drug", 0, 7),
        ("b", "ADE", 15, 37),
        ("c", "ADE", 27, 37),
    ]
    assert [one.kb_id_ for one in group] == ["C1|C2", "", "-1"]
    assert [(one.start_char, one.end_char) for one in doc.ents] == [(0, 7), (15, 37)]
    assert doc.cats == {"ADE": 1.0}
    assert [token.text for token in doc][:6] == [
        "Zorafen",
        "caused",
        "severe",
        "\n ",
        "and",
        "mild",
    ]


def test_docbin_of_spacy(tmp_path):
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin
    from spacy.tokens import Span as SpacySpan

    nlp = spacy.blank("en")
    first, second = nlp("Zorafen caused a rash."), nlp("No  pain.")
    first.ents = [SpacySpan(first, 0, 1, "DRUG", kb_id="MESH:C1")]
    second.spans["one"] = [SpacySpan(second, 0, 2, "X"), SpacySpan(second, 1, 3, "Y")]
    second.cats = {"A": 0.2, "B": 0.9}
    path = tmp_path / "f.spacy"
    DocBin(docs=[first, second]).to_disk(path)
    found = list(docbin.plugin.read(path, Faults()))
    assert [one.id for one in found] == ["f.spacy:1", "f.spacy:2"]
    assert [(one.text, one.label, one.link) for one in found[0].spans] == [
        ("Zorafen", "DRUG", Link(id="MESH:C1"))
    ]
    assert [one.label for one in found[1].spans] == ["X", "Y"]
    assert found[1].text == "No  pain."
    assert found[1].label == "B"
    assert not next(docbin.plugin.read(path, Faults(), spans_key="none")).spans


@pytest.mark.parametrize("content", [b"", b"nonsense", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_what_is_no_docbin(tmp_path, content):
    pytest.importorskip("spacy")
    path = tmp_path / "f.spacy"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="not a DocBin") as caught:
        list(docbin.plugin.read(path, Faults()))
    assert "\n" not in str(caught.value)
    assert gc.isenabled()

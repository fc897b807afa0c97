"""BRAT: all kinds of lines, discontinuous spans, files whose names are safe."""

import pytest

from decoct.errors import Faults, FormatError, StoreError
from decoct.formats._losses import Losses
from decoct.formats.base import guess_format
from decoct.formats.brat import plugin
from decoct.records import Document, Link, Span

TEXT = "Zorafen caused severe\nand mild rash; belimab did not."
ANN = """\
T1\tDrug 0 7\tZorafen
T2\tCause 8 14\tcaused
T3\tEffect 15 21;31 35\tsevere rash
T4\tEffect 26 35\tmild rash
R1\tADE Arg1:T1 Arg2:T4\t
E1\tCausing:T2 Agent:T1 Result:T3 Result2:T4
E2\tDenying:T2 Theme:E1
A1\tNegation E2
A2\tSeverity T3 high
A3\tConfidence T4 0.75
M1\tConfidence T1 L1
N1\tReference T1 MeSH:D1\tzorafenib
N2\tReference T1 _:77\t
N3\tReference T4 _:NIL\t
*\tEquiv T3 T4
#1\tAnnotatorNotes R1\tsure of it
"""


@pytest.fixture
def pair(tmp_path):
    def put(ann, text=TEXT, name="d1"):
        (tmp_path / f"{name}.txt").write_bytes(text.encode())
        (tmp_path / f"{name}.ann").write_bytes(ann if isinstance(ann, bytes) else ann.encode())
        return tmp_path

    return put


def read(path, **options):
    faults = Faults()
    return list(plugin.read(path, faults, **options)), faults


def test_all_kinds_of_lines(pair):
    (document,), faults = read(pair(ANN))
    assert not faults
    assert document.id == "d1"
    assert [(span.id, span.text, span.fragments) for span in document.spans] == [
        ("T1", "Zorafen", None),
        ("T2", "caused", None),
        ("T3", "severe rash", ((15, 21), (31, 35))),
        ("T4", "mild rash", None),
    ]
    assert document.span("T1").link == Link(id="MeSH:D1", also=("77",), name="zorafenib")
    assert document.span("T4").link == Link()
    assert document.span("T4").confidence == 0.75
    assert [(one.label, one.subject, one.object) for one in document.relations] == [
        ("ADE", "T1", "T4"),
        ("Agent", "T2", "T1"),
        ("Result", "T2", "T3"),
        ("Result", "T2", "T4"),
        ("Theme", "T2", "T2"),
    ]
    extras = document.meta["brat"]
    assert [one["name"] for one in extras["attributes"]] == ["Negation", "Severity", "Confidence"]
    assert extras["events"][1] == {
        "id": "E2", "label": "Denying", "trigger": "T2", "arguments": [["Theme", "E1"]],
    }  # fmt: skip
    assert extras["equivalents"] == [["Equiv", "T3", "T4"]]
    assert extras["notes"][0]["text"] == "sure of it"


def test_what_brat_wrote_is_written_again(pair, tmp_path):
    documents, _ = read(pair(ANN))
    losses, faults = Losses(), Faults()
    assert plugin.write(tmp_path / "out", documents, losses, faults) == 1
    assert not losses
    assert not faults
    assert (tmp_path / "out" / "d1.txt").read_bytes().decode() == TEXT
    again, faults = read(tmp_path / "out")
    assert again == documents
    assert not faults
    written = (tmp_path / "out" / "d1.ann").read_text().splitlines()
    assert "E1\tCausing:T2 Agent:T1 Result:T3 Result2:T4" in written
    assert "T3\tEffect 15 21;31 35\tsevere rash" in written
    assert sum(line.startswith("R") for line in written) == 1


def test_bad_lines_are_named_and_the_rest_is_read(pair):
    folder = pair(
        b"nonsense\n"
        b"T1\tDrug 0 7\tSorafen\n"
        b"T2\tDrug 0 7\tZorafen\n"
        b"T2\tDrug 0 7\tZorafen\n"
        b"T3\tDrug 7 7\t\n"
        b"T4\tDrug 0 9000\tZorafen\n"
        b"R1\tADE Arg1:T2 Arg2:T9\n"
        b"E1\tX:T9 A:T2\n"
        b"N1\tReference T9 a:b\tx\n"
        b"T5\tDrug 0 7\t\xff\n"
        b"T6\tDrug 37 44\tbelimab\r\n"
    )
    (document,), faults = read(folder)
    assert [span.id for span in document.spans] == ["T2", "T6"]
    assert faults.counts == {"bad_line": 2, "bad_offsets": 4, "bad_reference": 3}
    named = {fault.where.rpartition(":")[2] for fault in faults.kept}
    assert {"1", "2", "4", "5", "6", "7", "9", "10"} <= named
    assert all("\n" not in str(fault) for fault in faults.kept)


def test_a_folder_of_folders(tmp_path, pair):
    pair("")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d2.txt").write_bytes(b"a\r\nb")
    (tmp_path / "sub" / "d3.txt").write_bytes(b"\xff")
    (tmp_path / "lonely.ann").write_text("")
    assert guess_format(tmp_path) == "brat"
    documents, faults = read(tmp_path)
    assert [(one.id, one.text) for one in documents] == [("d1", TEXT), ("sub/d2", "a\r\nb")]
    assert faults.counts == {"missing_text": 1, "bad_text": 1}
    (alone,), _ = read(tmp_path / "d1.ann")
    assert alone.id == "d1"


def test_offsets_in_other_units(pair):
    folder = pair("T1\tDrug 3 10\tzorafen\nT2\tDrug 1 2\tx\n", text="𝛼 zorafen")
    (document,), faults = read(folder, offsets="utf16")
    assert [span.start for span in document.spans] == [2]
    assert "within a character" in faults.kept[0].reason
    (document,), _ = read(pair("T1\tDrug 5 12\tzorafen\n", text="𝛼 zorafen"), offsets="utf8")
    assert document.spans[0].start == 2


@pytest.mark.parametrize(
    "id_",
    ["../../etc/passwd", "/abs", "..", ".hidden", "a\\b", "nul\0", "CON:1", "长" * 90, "x" * 300],
)
def test_no_id_leads_out_of_the_folder(id_, tmp_path):
    folder = tmp_path / "deep" / "out"
    losses = Losses()
    plugin.write(folder, [Document(id=id_, text="x")], losses, Faults())
    assert len(list(folder.iterdir())) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["deep"]
    assert [one.name for one in (tmp_path / "deep").iterdir()] == ["out"]
    (back,), _ = read(folder)
    assert (back.id == id_) == (not losses.counts["document_ids"])
    assert losses.counts["document_ids"] == (len(id_) > 50)


def test_ids_that_differ_by_case_alone_have_two_files(tmp_path):
    losses = Losses()
    documents = [Document(id="a", text="1"), Document(id="A", text="2")]
    assert plugin.write(tmp_path / "out", documents, losses, Faults()) == 2
    assert losses.counts == {"document_ids": 1}
    assert sorted(one.text for one in read(tmp_path / "out")[0]) == ["1", "2"]


def test_names_of_others_are_taken_as_they_stand(tmp_path, pair):
    for name in ("50%", "%41", "a%2Fb"):
        pair("", text="x", name=name)
    assert {one.id for one in read(tmp_path)[0]} == {"50%", "%41", "a/b"}


def test_a_folder_with_something_in_it_is_not_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty"):
        plugin.write(tmp_path, [Document(id="a", text="x")], Losses(), Faults())
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_a_writing_that_fails_leaves_nothing(tmp_path):
    def documents():
        yield Document(id="a", text="x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plugin.write(tmp_path / "out", documents(), Losses(), Faults())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_texts(tmp_path):
    with pytest.raises(FormatError, match=r"holds no \.txt"):
        read(tmp_path)


def test_meta_that_would_break_lines_is_left_out(tmp_path):
    span = Span(id="T1", start=0, end=1, label="a b", text="x")
    notes = [{"kind": "AnnotatorNotes", "target": "T1", "text": "a\nT9\tX 0 1\tx"}]
    document = Document(id="d", text="x", spans=[span], meta={"brat": {"notes": notes}})
    losses = Losses()
    plugin.write(tmp_path / "o", [document], losses, Faults())
    assert losses.counts == {"meta": 1, "span_labels": 1, "sources": 1}
    (back,), faults = read(tmp_path / "o")
    assert not faults
    assert [(one.id, one.label) for one in back.spans] == [("T1", "a_b")]

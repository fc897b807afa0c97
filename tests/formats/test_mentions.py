"""Mentions one a row: the text and span that come of each, and rows that are none."""

import io
import sys

import pytest

import decoct
from decoct.errors import Faults, FormatError
from decoct.formats.base import STANDARD_INPUT, read_documents
from decoct.formats.mentions import plugin
from decoct.records import Link


@pytest.fixture
def table(tmp_path):
    def write(content, name="m.tsv"):
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return write


def read(path, **options):
    faults = Faults()
    return list(plugin.read(path, faults, **options)), faults


def test_columns_in_any_order_make_documents_of_one_span(table):
    path = table(
        "context\tconcept_id\tmention\tage\tid\tlabel\n"
        "Felt so wobbly today.\tS1\twobbly\t41\trow-a\tSymptom\n"
        "Nothing of the kind.\tS2|S3\tshaky hands\t\t\t\n"
    )
    (first, second), faults = read(path)
    assert not faults
    assert (first.id, first.text, first.source) == ("row-a", "Felt so wobbly today.", "gold")
    assert first.meta == {"age": "41"}
    (span,) = first.spans
    assert (span.start, span.end, span.text, span.label) == (8, 14, "wobbly", "Symptom")
    assert span.link == Link(id="S1")
    # the mention is not in its context: it is all the text there is
    assert (second.id, second.text, second.meta) == ("m.tsv:3", "shaky hands", {})
    assert second.spans[0].link == Link(id="S2", also=("S3",))
    assert second.spans[0].label == "Mention"


def test_a_mention_is_found_as_a_word_of_its_own_first(table):
    path = table("mention\tcontext\nMI\tMIld pain, then MI.\nMI\tonly MIld\n心梗\t急性心梗发作\n")
    (word, inside, chinese), _ = read(path)
    assert (word.spans[0].start, inside.spans[0].start, chinese.spans[0].start) == (16, 5, 2)


def test_without_ids_there_is_no_link(table):
    (document,), _ = read(table("Mention\nsore knees\n"))
    assert document.spans[0].link is None
    assert document.source is None
    assert (document.text, document.spans[0].text) == ("sore knees", "sore knees")


@pytest.mark.parametrize("empty_is_nil", [False, True])
def test_nil_and_empty(table, empty_is_nil):
    path = table("mention\tconcept_id\na\tNIL\nb\tCUI-less\nc\t-1\nd\t\ne\n")
    documents, _ = read(path, empty_is_nil=empty_is_nil)
    links = [document.spans[0].link for document in documents]
    assert links[:3] == [Link()] * 3
    assert links[3:] == ([Link()] * 2 if empty_is_nil else [None] * 2)


def test_a_plus_within_a_code_stays(table):
    (document,), _ = read(table("concept_id\tmention\nA18.7+\t某种结核\n"))
    assert document.spans[0].link == Link(id="A18.7+")


def test_commas_and_quotes(table):
    path = table('mention,concept_id\n"pain, mostly at ""night""",S1\nplain,S2\n', "m.csv")
    documents, faults = read(path)
    assert [document.text for document in documents] == ['pain, mostly at "night"', "plain"]
    assert not faults


def test_tabs_leave_quotes_alone(table):
    (document,), _ = read(table('mention\n"brain fog\n'))
    assert document.text == '"brain fog'


def test_rows_that_are_none_are_named_and_the_rest_is_read(table):
    path = table('mention,id\nfine,1\n,2\n"open,3\na,b,c\nalso fine,4\n', "m.csv")
    documents, faults = read(path)
    assert [document.id for document in documents] == ["1", "4"]
    assert faults.counts == {"bad_line": 3}
    assert [fault.where for fault in faults.kept] == [f"{path}:{n}" for n in (3, 4, 5)]
    assert faults.kept[0].reason == "names no mention"
    assert "has 3 fields, the header 2" in faults.kept[2].reason


@pytest.mark.parametrize("header", ["concept_id\tname", "name"])
def test_a_table_without_mentions_is_refused_with_its_columns(table, header):
    with pytest.raises(FormatError, match=r"no column is named 'mention', there are .*'name'"):
        read(table(f"{header}\nS1\tsore\n"))


def test_a_list_has_no_header(table, monkeypatch):
    path = table("sore knees\n!!!\n", "mentions.txt")
    documents = list(read_documents(path, Faults(), format="mentions"))
    assert [document.spans[0].text for document in documents] == ["sore knees", "!!!"]
    assert documents[1].id == "mentions.txt:2"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"mention\nsore knees\n")))
    (piped,) = plugin.read(STANDARD_INPUT, Faults(), label="Symptom")
    assert (piped.id, piped.spans[0].label) == ("stdin:2", "Symptom")


def test_extremes(table):
    long = "x" * 10_000
    documents, faults = read(table(f"mention\tcontext\n{long}\t{long} {long}\n…?!\t\n"))
    assert [len(document.text) for document in documents] == [20_001, 3]
    assert not faults


def test_it_is_known_by_its_ending(table):
    assert decoct.read(table("mention\tconcept_id\nsore\tS1\n"))[0].spans[0].link == Link(id="S1")


@pytest.mark.shared
def test_the_real_tables(shared):
    folder = shared / "data" / "linking"
    for name, n in (("askapatient/train.tsv", 15_612), ("icd10_zh/train.tsv", 26_257)):
        documents, faults = read(folder / name)
        assert len(documents) == n
        assert not faults
        assert all(len(document.spans[0].link.ids) == 1 for document in documents)
    assert "A06.5+" in {document.spans[0].link.id for document in documents}

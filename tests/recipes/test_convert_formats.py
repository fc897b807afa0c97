"""`convert` between formats: guessed and named ones, options, several inputs, what is lost."""

import pytest

import decoct
from decoct.errors import ConfigError, Faults
from decoct.formats._losses import Losses
from decoct.recipes.convert import add_annotations, convert, list_formats
from decoct.records import Document, Link, Relation, Span

DRUG = Span(id="T1", start=0, end=4, label="Drug", text="Drug")
RASH = Span(id="T2", start=5, end=9, label="ADE", text="rash")
DOCUMENT = Document(
    id="1",
    text="Drug rash",
    source="gold",
    spans=[DRUG, RASH],
    relations=[Relation(label="ADE", subject="T1", object="T2")],
)


@pytest.fixture
def file(tmp_path):
    def put(name, *documents):
        lines = "".join(f"{document.to_json()}\n" for document in documents)
        (tmp_path / name).write_text(lines, encoding="utf-8")
        return tmp_path / name

    return put


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("o.bioc.json", "bioc_json"),
        ("o.json", "jsonl"),
        ("o.bioc.xml.gz", "bioc_xml"),
        ("o.xml", "bioc_xml"),
        ("folder", "brat"),
        ("o.conll", "conll"),
        ("o.csv", "table"),
        ("o.txt", "text"),
        ("o.PubTator", "pubtator"),
    ],
)
def test_the_format_of_the_output_is_guessed(name, first, file, tmp_path):
    from decoct.formats.base import guess_format, guess_writer

    out = tmp_path / name
    assert guess_writer(out) == first
    made = convert(file("in.jsonl", DOCUMENT), out)
    assert (made.n_documents, made.n_spans, made.n_relations) == (1, 2, 1)
    assert guess_format(out) == first
    assert decoct.read(out)[0].text == DOCUMENT.text


def test_there_and_back(file, tmp_path):
    source = file("in.jsonl", DOCUMENT)
    for out in ("a", "b.bioc.xml", "c.bioc.json", "d.jsonl"):
        made = convert(source, tmp_path / out)
        assert made.to_dict().keys() == {
            "n_documents", "n_negative", "n_spans", "n_relations", "n_skipped",
        }  # fmt: skip
        source = tmp_path / out
    assert source.read_bytes() == (tmp_path / "in.jsonl").read_bytes()


def test_what_is_lost_is_counted_and_is_no_fault(file, tmp_path):
    faults, losses = Faults(), Losses()
    made = convert(file("in.jsonl", DOCUMENT), tmp_path / "o.conll", faults=faults, losses=losses)
    assert not faults
    assert made.losses == {"relations": {"n": 1, "documents": ["1"]}}
    assert losses.n == 1


def test_several_inputs_of_several_formats(file, tmp_path):
    convert(file("a.jsonl", DOCUMENT.model_copy(update={"id": "2"})), tmp_path / "brat")
    (tmp_path / "notes.txt").write_text("One.\n")
    faults = Faults()
    sources = [
        file("in.jsonl", DOCUMENT),
        tmp_path / "brat",
        tmp_path / "notes.txt",
        tmp_path / "in.jsonl",
    ]
    made = convert(sources, tmp_path / "o.jsonl", faults=faults)
    assert [one.id for one in decoct.read(tmp_path / "o.jsonl")] == ["1", "2", "notes.txt:1"]
    assert faults.counts == {"duplicate_id": 1}
    assert made.n_skipped == 1
    with pytest.raises(ConfigError, match="2 formats for 4 inputs"):
        convert(sources, tmp_path / "o.jsonl", ["jsonl", "brat"])
    assert convert(sources[:2], tmp_path / "o.jsonl", ["jsonl", "brat"]).n_documents == 2


def test_documents_of_one_id_are_merged(file, tmp_path):
    other = DOCUMENT.model_copy(
        update={
            "spans": (
                DRUG.model_copy(update={"id": "x", "link": Link(id="C1")}),
                Span(id="T2", start=5, end=9, label="Sign", text="rash"),
            ),
            "relations": (Relation(label="R", subject="T2", object="x"),),
            "label": "yes",
            "meta": {"k": 1},
        }
    )
    differs = Document(id="1", text="Other text")
    faults = Faults()
    sources = [file("a.jsonl", DOCUMENT), file("b.jsonl", other), file("c.jsonl", differs)]
    made = convert(sources, tmp_path / "o.jsonl", merge=True, faults=faults)
    assert (made.n_documents, made.n_merged) == (1, 1)
    assert faults.counts == {"duplicate_id": 1}
    (document,) = decoct.read(tmp_path / "o.jsonl")
    assert document.spans[0] == DRUG.model_copy(update={"link": Link(id="C1")})
    assert [(one.label, one.text) for one in document.spans[1:]] == [
        ("ADE", "rash"),
        ("Sign", "rash"),
    ]
    assert len({one.id for one in document.spans}) == 3
    assert [(one.label, document.span(one.subject).label) for one in document.relations] == [
        ("ADE", "Drug"),
        ("R", "Sign"),
    ]
    assert (document.label, document.meta) == ("yes", {"k": 1})
    assert add_annotations(DOCUMENT, DOCUMENT) == DOCUMENT


def test_options_go_where_they_are_known(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("key;note\n1;Drug rash\n")
    made = convert(
        source, tmp_path / "o.jsonl", "table",
        options={"delimiter": ";", "text": "note", "id": "key", "quotes": "false"},
    )  # fmt: skip
    assert made.n_documents == 1
    both = {"from.delimiter": ";", "to.delimiter": "tab", "text": "note"}
    convert(source, tmp_path / "o.tsv", "table", options=both)
    assert (tmp_path / "o.tsv").read_text().startswith("id\ttext\tlabel\tkey")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"delimeter": ";"}, "did you mean 'delimiter'.*there are: columns, delimiter"),
        ({"to.quotes": "no"}, "--option to.quotes: no such option"),
        ({"header": "maybe"}, "--option header=maybe: Input should be a valid boolean"),
        ({"both.text": "x"}, "--option both.text: no such option"),
    ],
)
def test_options_that_nobody_knows(options, reason, tmp_path):
    (tmp_path / "in.csv").write_text("text\nx\n")
    with pytest.raises(ConfigError, match=reason):
        convert(tmp_path / "in.csv", tmp_path / "o.tsv", options=options)
    assert not (tmp_path / "o.tsv").exists()


def test_what_can_not_be_written(file, tmp_path):
    source = file("in.jsonl", DOCUMENT)
    with pytest.raises(
        ConfigError, match="ade_corpus is only read; these can be written: bioc_json"
    ):
        convert(source, tmp_path / "o.jsonl", to="ade_corpus")
    with pytest.raises(ConfigError, match="no format has that ending"):
        convert(source, tmp_path / "o.docx")
    with pytest.raises(ConfigError, match="a conversion goes to a file"):
        convert(source, type(tmp_path)("-"))
    with pytest.raises(ConfigError, match="at least one"):
        convert([], tmp_path / "o.jsonl")


def test_every_format_is_listed():
    cards = {card.name: card for card in list_formats()}
    assert cards["brat"].writes
    assert not cards["pubmed_xml"].writes
    assert cards["conll"].options == ("label", "layout")
    assert ".bioc.xml" in cards["bioc_xml"].endings
    assert all(card.what.endswith(".") for card in cards.values())

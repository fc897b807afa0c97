"""`decoct convert` as its users have it."""

from pathlib import Path

import pytest

from decoct.records import Document, Link, Relation, Span
from fakes.commands import invoke, ok, script, write_documents

DOCUMENT = Document(
    id="1",
    text="Drug rash",
    source="gold",
    spans=[
        Span(id="T1", start=0, end=4, label="Drug", text="Drug", link=Link(id="C1")),
        Span(id="T2", start=5, end=9, label="ADE", text="rash"),
    ],
    relations=[Relation(label="ADE", subject="T1", object="T2")],
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "in.jsonl", [DOCUMENT])


def test_formats_are_listed() -> None:
    shown = ok("convert", "--list").stdout
    for name in ("ade_corpus", "bioc_xml", "brat", "conll", "pubmed_xml", ".parquet", "offsets"):
        assert name in shown
    cards = ok("convert", "--list", "--json").json["formats"]
    assert {"name": "text", "writes": True} .items() <= next(
        card for card in cards if card["name"] == "text"
    ).items()  # fmt: skip


def test_losses_are_shown_and_are_no_failure(source: Path, tmp_path: Path) -> None:
    made = script("convert", "--in", source, "--out", tmp_path / "o.conll")
    assert made.code == 0, made
    assert "1 documents (0 without a relation), 2 spans, 1 relations" in made.stdout
    assert made.stderr.splitlines() == [
        "lost, since conll has no place for it: 1 links to a knowledge base (such as in 1)",
        "lost, since conll has no place for it: 1 relations (such as in 1)",
    ]
    made = ok("convert", "--in", source, "--out", tmp_path / "o.conll", "--json")
    assert made.json["losses"]["links"] == {"n": 1, "documents": ["1"]}


def test_inputs_are_joined_and_bad_ones_counted(source: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("One.\n")
    ins = ("--in", source, "--in", tmp_path / "more.txt", "--in", source)
    made = invoke("convert", *ins, "--out", tmp_path / "o.bioc.xml")
    assert made.code == 3
    assert "1 items skipped (1 duplicate_id)" in made.stderr
    made = ok("convert", *ins, "--out", tmp_path / "p.bioc.xml", "--merge")
    assert "2 documents" in made.stdout
    assert "1 merged into others" in made.stdout


def test_a_folder_is_written_once(source: Path, tmp_path: Path) -> None:
    ok("convert", "--in", source, "--out", tmp_path / "brat")
    assert sorted(path.name for path in (tmp_path / "brat").iterdir()) == ["1.ann", "1.txt"]
    error = invoke("convert", "--in", source, "--out", tmp_path / "brat").error
    assert "not empty" in error


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--option", "text"), "an option is given as name=value"),
        (("--option", "layuot=plain"), "did you mean 'layout'"),
        (("--option", "layout=round"), "'offsets' or 'plain'"),
        (("--to", "brta"), "did you mean 'brat'"),
        (("--from", "jsnol"), "did you mean 'jsonl'"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], reason: str, source: Path, tmp_path: Path
) -> None:
    made = invoke("convert", "--in", source, "--out", tmp_path / "o.conll", *arguments)
    assert reason in made.error
    assert not (tmp_path / "o.conll").exists()


def test_both_ends_are_needed(source: Path) -> None:
    assert invoke("convert", "--in", source).code == 2
    assert invoke("convert").code == 2

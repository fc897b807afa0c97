"""`decoct view` as its users have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import pictures
from fakes.commands import invoke, ok, script, write_documents, write_lines

DOCUMENTS = [pictures.paragraph(), pictures.chinese(), pictures.torn()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "pred.jsonl", DOCUMENTS)


def test_a_file_is_written(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "view.html"
    assert ok("view", source, "--out", out).stdout == (
        f"{out}: 3 documents, 30 spans, 15 relations\n"
    )
    page = out.read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "<title>pred.jsonl</title>" in page
    assert all(document.id in page for document in DOCUMENTS)


def test_beside_gold(source: Path, tmp_path: Path) -> None:
    fewer = DOCUMENTS[0].model_copy(update={"relations": DOCUMENTS[0].relations[:4]})
    gold = write_documents(tmp_path / "gold.jsonl", [fewer, *DOCUMENTS[1:]])
    out = tmp_path / "view.html"
    made = ok("view", source, "--gold", gold, "--out", out)
    assert "relations: 6 invented, 9 right" in made.stdout
    told = ok("view", source, "--gold", gold, "--out", out, "--json").json
    assert told == {
        "out": str(out),
        "n_documents": 3,
        "n_spans": 30,
        "n_relations": 15,
        "verdicts": {"spans": {"right": 30}, "relations": {"right": 9, "invented": 6}},
        "n_skipped": 0,
    }


def test_no_more_than_the_limit(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "view.html"
    assert ok("view", source, "--out", out, "--limit", 1, "--json").json["n_documents"] == 1
    assert "中文" not in out.read_text("utf-8")


def test_bad_lines_are_named_and_counted(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", ['{"id": "a", "text": "x"}', "{", "no"])
    made = invoke("view", source, "--out", tmp_path / "view.html")
    assert made.code == 3
    assert f"skipped: {source}:2" in made.stderr
    assert "done, 2 items skipped (2 bad_line)" in made.stderr
    assert "1 documents" in made.stdout


def test_other_formats_and_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "view.html"
    line = DOCUMENTS[2].to_json()
    assert "1 documents, 7 spans" in script("view", "-", "--out", out, stdin=line).stdout
    folder = tmp_path / "brat"
    ok("convert", "--in", write_documents(tmp_path / "in.jsonl", DOCUMENTS), "--out", folder)
    assert "3 documents, 30 spans, 15 relations" in ok("view", folder, "--out", out).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.jsonl",), "none.jsonl: can't be read"),
        (("pred.jsonl", "--out", "view.jsonl"), "give it the ending .html"),
        (("pred.jsonl", "--gold", "none.jsonl"), "none.jsonl: can't be read"),
    ],
)
def test_what_is_wrong_is_one_line(
    source: Path, monkeypatch: pytest.MonkeyPatch, arguments, told
) -> None:
    monkeypatch.chdir(source.parent)
    assert told in invoke("view", *arguments).error
    assert not Path("view.html").exists()


def test_its_source_is_not_written_over(tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in.html", DOCUMENTS)
    assert "name another file" in invoke("view", source, "--out", source).error

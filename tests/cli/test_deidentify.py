"""`decoct deidentify` as its users have it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes.commands import invoke, ok, read_documents, script, write_lines

EXAMPLE = Path(__file__).parents[2] / "examples" / "deidentify"
NOTES, MAP = EXAMPLE / "notes.jsonl", EXAMPLE / "map.toml"
SURFACES = {
    span.text
    for document in read_documents(NOTES)
    for span in document.spans
    if span.label not in ("Drug", "Effect", "AGE")
}


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DECOCT_DEID_KEY", raising=False)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = write_lines(tmp_path / "key", ["0123456789abcdef0123456789abcdef"])
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("how", ["mask", "tag", "replace"])
def test_the_example(tmp_path: Path, key: Path, how: str) -> None:
    out = tmp_path / "clean.jsonl"
    made = invoke(
        *("deidentify", "--in", NOTES, "--out", out, "--how", how, "--by", "patient_id"),
        *("--labels", MAP, "--keep-meta", "site", "--key-file", key, "-q"),
    )
    assert made.code == 0, made
    assert "3 documents of 2 patients, 21 pieces of PHI taken out" in made.stdout
    assert made.stdout.splitlines()[0].endswith(", 0 left")
    written = out.read_text(encoding="utf-8")
    assert not any(surface in written + made.stdout + made.stderr for surface in SURFACES)
    clean = read_documents(out)
    assert [one.meta for one in clean] == [{"site": "B"}, {"site": "B"}, {"site": "C"}]
    assert [len(one.relations) for one in clean] == [1, 0, 1]


def test_the_key_makes_it_again(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def text(*flags: object) -> str:
        ok("deidentify", "--in", NOTES, "--out", tmp_path / "o.jsonl", "--labels", MAP, *flags)
        return (tmp_path / "o.jsonl").read_text(encoding="utf-8")

    once = text("--key-file", key)
    assert text("--key-file", key) == once
    assert text() != text()
    monkeypatch.setenv("DECOCT_DEID_KEY", key.read_text().strip())
    assert text() == once


def test_json_and_what_is_said(tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    made = ok("deidentify", "--in", NOTES, "--out", out, "--json", "-q")
    assert made.json["n_documents"] == 3
    assert made.json["n_phi"] == sum(made.json["counts"].values())
    assert made.json["unknown_labels"] == {"Klient": 1, "Ward-Phone": 1}
    assert made.json["is_key_random"] is True
    assert made.json["left"] == {}
    said = ok("deidentify", "--in", NOTES, "--out", out, "-q").stdout
    assert "label 'Klient' (1 documents) is in no table" in said
    assert "the key was made for this run and is gone" in said
    assert "1 NAME" not in ok(
        "deidentify", "--in", NOTES, "--out", out, "--keep-label", "PATIENT", "--keep-label",
        "姓名", "-q",
    ).stdout  # fmt: skip


def test_what_is_left_is_exit_3_and_never_its_words(tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    made = invoke("deidentify", "--in", NOTES, "--out", out, "--no-sweep", "--json")
    assert made.code == 3
    assert made.json["left"] == {"NAME": 1}
    assert made.json["n_skipped"] == 0
    assert "document 'note-2': NAME is left in text " in made.stderr
    assert "Tobin" not in made.stderr


def test_patterns_find_what_nobody_marked(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.txt", ["Seen 2019-03-04, MRN 204481, tel 614-555-0139."])
    out = tmp_path / "clean.jsonl"
    ok("deidentify", "--in", source, "--out", out, "--how", "tag", "--also-patterns", "-q")
    assert read_documents(out)[0].text == (
        "Seen [DATE], MRN [MEDICAL_RECORD_NUMBER], tel [PHONE_NUMBER]."
    )


def test_from_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    lines = NOTES.read_text(encoding="utf-8")
    made = script("deidentify", "--in", "-", "--out", out, "--how", "mask", "-q", stdin=lines)
    assert made.code == 0, made
    assert len(read_documents(out)) == 3


def test_a_student_of_another_place_is_asked(tmp_path: Path, student: Path) -> None:
    """One that has learnt drugs marks them; with --keep-label nothing of it is PHI."""
    source = write_lines(tmp_path / "in.txt", ["zorafen caused rash ."])
    out = tmp_path / "clean.jsonl"
    flags = ("--in", source, "--out", out, "--student", student, "--device", "cpu", "-q")
    ok("deidentify", *flags)
    clean = read_documents(out)[0]
    assert clean.text == "zorafen caused rash ."
    assert {span.label for span in clean.spans} >= {"Drug"}


def test_what_is_wrong_is_one_line(tmp_path: Path, key: Path) -> None:
    out = tmp_path / "clean.jsonl"

    def error(*flags: object) -> str:
        return invoke("deidentify", "--in", NOTES, "--out", out, *flags).error

    assert "sign" in error("--how", "mask", "--sign", "xx")
    assert "can't be read" in error("--key-file", tmp_path / "none")
    key.chmod(0o644)
    assert "chmod 600" in error("--key-file", key)
    short = write_lines(tmp_path / "short", ["abc"])
    short.chmod(0o600)
    assert "16 are the least" in error("--key-file", short)
    assert "none.toml" in error("--labels", tmp_path / "none.toml")
    assert "no such student" in error("--student", tmp_path / "nowhere")
    assert ".jsonl" in invoke("deidentify", "--in", NOTES, "--out", tmp_path / "o.txt").error
    assert "written over" in invoke("deidentify", "--in", NOTES, "--out", NOTES).error
    assert invoke("deidentify", "--in", NOTES, "--out", out, "--how", "hide").code == 2
    assert not out.exists()


def test_bad_lines_are_named_without_their_words(tmp_path: Path) -> None:
    bad = json.loads(NOTES.read_text(encoding="utf-8").splitlines()[0])
    bad["spans"][0]["text"] = "Nobody Hidden"
    lines = [*NOTES.read_text(encoding="utf-8").splitlines(), json.dumps(bad | {"id": "x"})]
    source = write_lines(tmp_path / "in.jsonl", lines)
    made = invoke("deidentify", "--in", source, "--out", tmp_path / "o.jsonl", "--json")
    assert made.code == 3
    assert made.json["n_skipped"] == 1
    assert f"skipped: {source}:4: " in made.stderr
    assert "Hidden" not in made.stderr
    assert "Harrow" not in made.stderr

"""`decoct mix` as its users have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.commands import invoke, ok, read_documents, script, write_documents
from fakes.drugs import corpus


@pytest.fixture
def files(tmp_path: Path) -> list[object]:
    """The flags that name three teachers' files, of which one finds nothing."""
    silent = [one.model_copy(update={"spans": (), "relations": ()}) for one in corpus(10)]
    teachers = {"a": corpus(10), "b": corpus(10), "c": silent}
    flags: list[object] = []
    for name, documents in teachers.items():
        flags += ["--in", write_documents(tmp_path / f"{name}.jsonl", documents)]
    return flags


def test_mix(tmp_path: Path, files: list[object]) -> None:
    out = tmp_path / "mixed.jsonl"
    made = ok("mix", *files, "--out", out)
    assert made.stdout == (
        f"{out}: 10 documents of 3 teachers, 10 relations: 0 unanimous, 10 by majority, "
        "0 outvoted; 0 documents labelled by one teacher alone\n"
    )
    assert made.stderr == ""
    assert [len(one.relations) for one in read_documents(out)] == [
        len(one.relations) for one in corpus(10)
    ]

    found = ok("mix", *files, "--out", out, "--min-share", 0.7, "--json").json
    assert found["out"] == str(out)
    assert (found["n_documents"], found["n_relations"], found["n_skipped"]) == (10, 0, 0)
    assert found["n_labelled"] == [10, 10, 10]
    assert found["votes"]["outvoted"] == 10


def test_a_mix_can_be_learnt_from(tmp_path: Path, files: list[object], encoder: Path) -> None:
    out = tmp_path / "mixed.jsonl"
    ok("mix", *files, "--out", out)
    ok(
        *("distill", "--silver", out, "--out", tmp_path / "s", "--encoder", encoder),
        *("--epochs", 1, "--device", "cpu"),
    )


def test_one_of_them_from_standard_input(tmp_path: Path, files: list[object]) -> None:
    lines = (tmp_path / "c.jsonl").read_text("utf-8")
    out = tmp_path / "mixed.jsonl"
    made = script("mix", *files[:4], "--in", "-", "--out", out, "--json", "-q", stdin=lines)
    assert made.json["n_labelled"] == [10, 10, 10]


def test_bad_lines_are_named_and_counted(tmp_path: Path, files: list[object]) -> None:
    other = corpus(2)[1].model_copy(update={"id": "d0"})
    d = write_documents(tmp_path / "d.jsonl", [other, *corpus(10)[1:]])
    with d.open("a") as handle:
        handle.write("not json\n")
    made = invoke("mix", *files, "--in", d, "--out", tmp_path / "mixed.jsonl", "--json")
    assert made.code == 3
    assert made.json["n_skipped"] == 2
    assert f"skipped: {d}: document 'd0': has another text" in made.stderr
    assert f"skipped: {d}:11: " in made.stderr
    assert "2 items skipped (1 other_text, 1 bad_line)" in made.stderr


def test_what_can_not_be_mixed_is_one_line(tmp_path: Path, files: list[object]) -> None:
    out = tmp_path / "mixed.jsonl"
    assert "two or more" in invoke("mix", *files[:2], "--out", out).error
    assert "named twice" in invoke("mix", *files, *files[:2], "--out", out).error
    assert "min_share" in invoke("mix", *files, "--out", out, "--min-share", 2).error
    assert "written over" in invoke("mix", *files, "--out", tmp_path / "a.jsonl").error
    assert ".jsonl" in invoke("mix", *files, "--out", tmp_path / "mixed.txt").error
    none = tmp_path / "none.jsonl"
    assert "none.jsonl" in invoke("mix", *files, "--in", none, "--out", out).error
    assert invoke("mix", "--out", out).code == 2
    assert not out.exists()


def test_the_first_teacher_alone(tmp_path: Path, files: list[object]) -> None:
    out = tmp_path / "mixed.jsonl"
    silent_first = [*files[4:], *files[:4]]
    made = ok("mix", "--first", *silent_first, "--out", out)
    assert made.stdout == (
        f"{out}: 10 documents of 3 teachers, 0 relations; 0 documents labelled by one teacher "
        "alone\n"
    )

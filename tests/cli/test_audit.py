"""`decoct audit`: the two commands as their users have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.commands import invoke, ok, read_documents, script, write_documents
from fakes.drugs import DRUGS, EFFECTS, corpus


@pytest.fixture
def silver(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "silver.jsonl", corpus(30))


def test_sample(tmp_path: Path, silver: Path) -> None:
    out = tmp_path / "sample.jsonl"
    made = ok("audit", "sample", "--in", silver, "--n", 10, "--out", out)
    assert made.stdout == f"{out}: 10 of 30 silver documents, by random\n"
    assert len(read_documents(out)) == 10
    counts = ok("audit", "sample", "--in", silver, "--n", 10, "--out", out, "--json").json
    assert counts == {
        "out": str(out),
        "n_documents": 30,
        "n_drawn": 10,
        "n_at_random": 10,
        "n_not_silver": 0,
        "by": "random",
        "seed": 13,
        "n_skipped": 0,
    }


def test_sample_says_where_doubt_fell_back_to_lots(tmp_path: Path, silver: Path) -> None:
    out = tmp_path / "sample.jsonl"
    made = ok("audit", "sample", "--in", silver, "--n", 5, "--out", out, "--by", "doubt")
    assert "5 of them show no doubt" in made.stdout
    assert "at random" in made.stdout


def test_sample_from_standard_input(tmp_path: Path, silver: Path) -> None:
    out = tmp_path / "sample.jsonl"
    lines = silver.read_text("utf-8")
    made = script("audit", "sample", "--in", "-", "--n", "3", "--out", out, "-q", stdin=lines)
    assert made.code == 0, made
    assert len(read_documents(out)) == 3


def test_sample_writes_over_nothing(tmp_path: Path, silver: Path) -> None:
    assert "written over" in invoke("audit", "sample", "--in", silver, "--out", silver).error
    made = invoke("audit", "sample", "--in", silver, "--out", tmp_path / "sample.txt")
    assert ".jsonl" in made.error
    assert invoke("audit", "sample", "--in", silver, "--out", "x.jsonl", "--n", 0).code == 2
    missing = tmp_path / "missing.jsonl"
    made = invoke("audit", "sample", "--in", missing, "--out", tmp_path / "out.jsonl")
    assert "missing.jsonl" in made.error


def test_agreement_for_people(tmp_path: Path, silver: Path) -> None:
    other = [one.model_copy(update={"relations": ()}) for one in corpus(30)[:10]]
    b = write_documents(tmp_path / "b.jsonl", [*other, *corpus(30)[10:]])
    made = ok("audit", "agreement", silver, b)
    for row in ("words, kappa", "words, Drug, kappa", "relations, strict F1", "missed"):
        assert row in made.stdout, row
    assert "documents with a relation, kappa" in made.stdout
    assert "kappa:words|n:30|" in made.stdout


def test_agreement_for_machines_without_text(tmp_path: Path, silver: Path) -> None:
    other = [one.model_copy(update={"relations": ()}) for one in corpus(30)]
    b = write_documents(tmp_path / "b.jsonl", other)
    made = ok("audit", "agreement", silver, b, "--json", "--label", "ADE")
    found = made.json
    assert found["n_documents"] == 30
    assert found["label"] == "ADE"
    assert found["kappa"]["words"]["kappa"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["kappa"]["documents"]["kappa"]["value"] == 0
    assert found["f1"]["relations"]["strict"]["f1"]["value"] == 0
    assert found["errors"]["missed"]["share"] == 1
    assert len(found["errors"]["missed"]["examples"]) == 3
    assert set(found["errors"]) >= {"boundary", "wrong_pair", "invented", "missed"}
    assert not [word for word in (*DRUGS, *EFFECTS) if word in made.stdout]


def test_agreement_names_what_only_one_has(tmp_path: Path, silver: Path) -> None:
    b = write_documents(tmp_path / "b.jsonl", corpus(28))
    made = invoke("audit", "agreement", silver, b, "--json")
    assert made.code == 3
    assert made.json["only_a"] == ["d28", "d29"]
    assert "2 only_in_a" in made.stderr


def test_agreement_that_can_not_be_had(tmp_path: Path, silver: Path) -> None:
    b = write_documents(tmp_path / "b.jsonl", corpus(4, prefix="x"))
    assert "in common" in invoke("audit", "agreement", silver, b).error
    assert "there are ADE" in invoke("audit", "agreement", silver, silver, "--label", "X").error
    changed = [one.model_copy(update={"id": "d0"}) for one in corpus(2)[1:]]
    b = write_documents(tmp_path / "b.jsonl", changed)
    assert "d0" in invoke("audit", "agreement", silver, b).error


def test_help() -> None:
    assert "sample" in ok("audit", "--help").stdout
    assert "agreement" in ok("audit", "--help").stdout

"""Classes from end to end: distill, extract, evaluate, each through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from decoct.formats.base import read
from decoct.records import Document
from fakes.commands import LEARN, invoke, ok, write_documents
from fakes.drugs import corpus
from fakes.labelled import texts

NAMES = {"better": "associated", "worse": "not associated"}


def sentences(n: int, seed: int, prefix: str, source: str) -> list[Document]:
    return [
        one.model_copy(update={"label": NAMES[str(one.label)], "source": source, "meta": {}})
        for one in texts(n, seed, prefix)
    ]


GOLD = sentences(30, 2, "g", "gold")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    write_documents(folder / "silver.jsonl", sentences(60, 1, "s", "silver"))
    write_documents(folder / "gold.jsonl", GOLD)
    flat = [one.model_copy(update={"label": "associated", "source": "predicted"}) for one in GOLD]
    write_documents(folder / "flat.jsonl", flat)
    write_documents(folder / "part.jsonl", flat[1:])
    return folder


@pytest.fixture(scope="module")
def made(files: Path, encoder: Path) -> Path:
    out = files / "student"
    flags = ("--task", "gad", "--encoder", encoder, *LEARN)
    found = ok("distill", "--silver", files / "silver.jsonl", "--out", out, *flags, "--json", "-q")
    assert found.json["training"]["train_documents"] == 54
    assert found.json["silver"]["documents"] == 60
    return out


def test_the_folder_says_what_it_is(made: Path):
    card = json.loads((made / "config.json").read_text(encoding="utf-8"))["decoct"]
    assert (card["kind"], card["task"], card["positive"]) == ("classifier", "gad", "associated")
    assert not (made / ".checkpoint").exists()


def test_extract_and_evaluate(made: Path, files: Path):
    out = files / "predicted.jsonl"
    shown = ok("extract", "--student", made, "--in", files / "gold.jsonl", "--out", out)
    assert "30 documents, 30 labels" in shown.stdout
    assert all(one.source == "predicted" for one in read(out))
    scored = ok("evaluate", "--gold", files / "gold.jsonl", "--pred", out, "--json").json
    assert scored["n_documents"] == 30
    assert scored["positive"] is None
    assert scored["calibration"]["n"] == 30
    both = ok("evaluate", "--gold", files / "gold.jsonl", "--student", made, "--json").json
    assert both["positive"] == "associated"
    assert both["accuracy"] == scored["accuracy"]
    table = ok("extract", "--student", made, "--in", files / "gold.jsonl", "--format", "table")
    assert "label" in table.stdout
    assert "g29" in table.stdout


def test_two_systems_and_a_report(made: Path, files: Path):
    page = files / "report.html"
    shown = ok(
        *("evaluate", "--gold", files / "gold.jsonl", "--student", made),
        *("--compare", files / "flat.jsonl", "--report", page),
    )
    assert "LabelComparison(accuracy" in shown.stdout
    html = page.read_text(encoding="utf-8")
    assert "Matthews" in html
    assert "flat.jsonl" in html


def test_missing_predictions_are_named_and_wrong(files: Path):
    flags = ("--gold", files / "gold.jsonl", "--pred", files / "part.jsonl")
    found = invoke("evaluate", *flags, "--positive", "associated", "--json")
    assert found.code == 3
    assert "g0" in found.stderr
    assert found.json["missing"] == ["g0"]
    assert found.json["recall"]["value"] <= 1
    shown = invoke("evaluate", *flags)
    assert "(none)" in shown.stdout
    assert "mean over classes" in shown.stdout


def test_what_does_not_go_together(made: Path, files: Path, tmp_path: Path):
    silver = ("--silver", files / "silver.jsonl", "--out", tmp_path / "x", "--task", "gad")
    assert "head" in invoke("distill", *silver, "--head", "pairwise").error
    unlabeled = invoke("distill", *silver, "--unlabeled", files / "gold.jsonl")
    assert "do not self-train" in unlabeled.error
    other = invoke("distill", *silver[:2], "--out", made, "--task", "ade")
    assert "holds a student of task 'gad'" in other.error
    given = invoke(
        *("extract", "--student", made, "--in", files / "gold.jsonl", "--given-subjects")
    )
    assert "has no subjects" in given.error
    write_documents(tmp_path / "spans.jsonl", corpus(5))
    spans = invoke("evaluate", "--gold", tmp_path / "spans.jsonl", "--student", made)
    assert "another task" in spans.error

"""`decoct export`, and students and indexes that run by what it wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fakes.commands import LEARN, invoke, ok, write_documents
from fakes.drugs import corpus
from fakes.labelled import texts

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

NAMES = {"better": "associated", "worse": "not associated"}


@pytest.fixture
def mine(student: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(student, tmp_path / "student"))


def test_exported_it_extracts_the_same(mine: Path, tmp_path: Path) -> None:
    gold = write_documents(tmp_path / "gold.jsonl", corpus(40, seed=31, prefix="g"))
    flags = ["--student", mine, "--in", gold, "--format", "jsonl"]
    before = ok("extract", *flags, "--engine", "torch").stdout.splitlines()
    said = ok("export", "--student", mine, "--onnx", "--gold", gold).stdout
    assert "fp32" in said
    assert "F1 of relations on 40 documents" in said
    after = ok("extract", *flags, "--threads", "1").stdout.splitlines()
    for one, other in zip(map(json.loads, before), map(json.loads, after), strict=True):
        assert [span["text"] for span in one["spans"]] == [span["text"] for span in other["spans"]]
    found = ok("export", "--student", mine, "--int8", "--force", "--json").json
    assert found["precision"] == "int8"
    assert found["checked"] == {}


def test_what_is_refused(mine: Path, tmp_path: Path) -> None:
    assert "give --gold FILE" in invoke("export", "--student", mine, "--int8").error
    both = invoke("export", "--student", mine, "--int8", "--fp16")
    assert "choose one of them" in both.error
    assert "no such folder" in invoke("export", "--student", tmp_path / "nowhere").error
    flags = ["extract", "--student", mine, "--in", tmp_path / "a.txt"]
    (tmp_path / "a.txt").write_text("Zorafen caused rash.\n")
    assert "is not exported" in invoke(*flags, "--engine", "onnx").error
    assert "runs on cpu" in invoke(*flags, "--engine", "onnx", "--device", "cuda").error


@pytest.fixture(scope="module")
def labels(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier, gold for it, and an index with vectors."""
    folder = tmp_path_factory.mktemp("labels")
    gold, silver = (
        [one.model_copy(update={"label": NAMES[str(one.label)]}) for one in texts(n, seed)]
        for n, seed in ((30, 2), (60, 1))
    )
    write_documents(folder / "gold.jsonl", gold)
    write_documents(folder / "silver.jsonl", silver)
    flags = ("--task", "gad", "--encoder", encoder, *LEARN, "-q")
    ok("distill", "--silver", folder / "silver.jsonl", "--out", folder / "student", *flags)
    (folder / "kb.tsv").write_text("id\tname\nA\trash\nB\theadache\n", encoding="utf-8")
    flags = ("--retriever", "dense", "--encoder", encoder, "--device", "cpu", "-q")
    ok("index", "--kb", folder / "kb.tsv", "--out", folder / "index", *flags)
    return folder


def test_a_classifier_is_compared_by_its_own_scores(labels: Path) -> None:
    flags = ["--student", labels / "student", "--in", labels / "gold.jsonl", "--format", "jsonl"]
    before = ok("extract", *flags).stdout.splitlines()
    assert "is not exported" in invoke("extract", *flags, "--engine", "onnx").error
    gold = ("--gold", labels / "gold.jsonl")
    said = ok("export", "--student", labels / "student", "--onnx", *gold).stdout
    assert "accuracy on 30 documents" in said
    assert "F1 of associated on 30 documents" in said
    after = ok("extract", *flags, "--engine", "onnx").stdout.splitlines()

    def sure(document: dict[str, Any]) -> float:
        return float(document["meta"]["confidence"])

    for one, other in zip(map(json.loads, before), map(json.loads, after), strict=True):
        assert sure(one) == pytest.approx(sure(other), abs=0.02)  # torch: bf16
        assert one["label"] == other["label"] or sure(one) < 0.52
    scored = ok("evaluate", *gold, "--student", labels / "student", "--json").json
    assert scored["n_documents"] == 30


def test_an_index_and_what_goes_with_it(labels: Path, tmp_path: Path) -> None:
    said = ok("export", "--index", labels / "index", "--int8", "--force").stdout
    assert "Acc@1 on 2 misspelt names" in said
    assert "the first hit stays the same for" in said
    asked = ("link", "--linker", labels / "index", "--mention", "rash")
    for engine in ("onnx", "torch"):
        [line] = ok(*asked, "--engine", engine).stdout.splitlines()
        assert json.loads(line)["spans"][0]["link"]["id"] == "A"
    neither = invoke("export", "--int8").error
    assert "give one of --student, --index, --reranker and --linker" in neither
    two = invoke("export", "--index", labels / "index", "--linker", labels / "index")
    assert "give one of" in two.error
    alone = invoke("export", "--reranker", tmp_path, "--gold", labels / "gold.jsonl")
    assert "name its linker" in alone.error
    assert "holds no config.json" in invoke("export", "--reranker", tmp_path).error
    assert "neither a linker nor an index" in invoke("export", "--linker", tmp_path).error

"""`decoct export`, and a student that runs by what it wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fakes.commands import invoke, ok, write_documents
from fakes.drugs import corpus

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


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

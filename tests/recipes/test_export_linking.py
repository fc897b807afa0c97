"""A linker that was exported makes the links that it made in torch, and needs no torch for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("faiss")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from decoct.errors import ConfigError, EvaluationError
from decoct.formats.jsonl import write_jsonl
from decoct.linker.linker import Linker
from decoct.linker.settings import LinkerSettings
from decoct.recipes.export_linking import export_linker
from decoct.recipes.rerank import rerank_file
from decoct.reranker.onnx_cross_encoder import OnnxPairScorer
from decoct.reranker.ranker import Ranker
from decoct.reranker.settings import RankerSettings
from decoct.retriever.index import Index
from decoct.retriever.settings import DenseSettings, IndexSettings
from fakes.commands import environment
from fakes.encoders import save_encoder
from fakes.rerankers import models, one_thread, quick, taught
from recipes.test_rerank import ENTITIES, patients

__all__ = ["models", "one_thread", "quick", "taught"]
GOLD = patients(1, 100)
CPU = {"device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with an index that has vectors, and a linker of it with a cross-encoder."""
    at = tmp_path_factory.mktemp("linker")
    texts = [entity.name for entity in ENTITIES] + [one.text for one in GOLD]
    encoder = str(save_encoder(at / "encoder", "bert", texts))
    dense = DenseSettings(encoder=encoder, device="cpu", precision="fp32")
    Index.build(ENTITIES, at / "index", IndexSettings(dense=dense))
    write_jsonl(at / "gold.jsonl", GOLD[:60])
    options = {**CPU, "encoder": encoder, "epochs": 4, "learning_rate": 3e-3}
    options |= {"freeze_embeddings": False, "patience": 4}
    rerank_file(
        at / "index",
        at / "linker",
        gold=at / "gold.jsonl",
        settings=RankerSettings(kind="cross_encoder", options=options, folds=0),
    )
    return at


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "made")


TEST = GOLD[60:]


def links(linker):
    return [
        (span.link.id, span.link.confidence)
        for document in linker.link_documents(TEST)
        for span in document.spans
    ]


def test_it_makes_the_same_links(folder):
    before = Linker.load(folder / "linker")
    index, reranker = export_linker(folder / "linker", gold=TEST)
    assert index.folder == folder / "linker" / ".." / "index" / "onnx"
    assert reranker.folder == folder / "linker" / "reranker" / "onnx"
    assert index.checked == reranker.checked
    assert index.checked["n_mentions"] == 40
    assert index.checked["lost"] == {"Acc@1": 0}
    assert index.checked["same_first"] == 1
    after = Linker.load(folder / "linker")
    assert (after.index.precision, after.ranker.precision) == ("fp32", "fp32")
    for (id_, sure), (other, surer) in zip(links(after), links(before), strict=True):
        assert id_ == other
        assert sure == pytest.approx(surer, abs=1e-4)
    assert after.fingerprint != before.fingerprint
    in_torch = Linker.load(folder / "linker", engine="torch")
    assert in_torch.fingerprint == before.fingerprint
    assert links(in_torch) == links(before)


def test_every_part_runs_where_it_is_told_to(folder):
    lexical = Index.build(ENTITIES, folder / "lexical")
    Linker.describe(
        folder / "read", lexical.folder, folder / "linker" / "reranker", LinkerSettings()
    )
    for with_torch in ("index", "read"):
        with pytest.raises(ConfigError, match="device 'cuda:99' can't be used here"):
            Linker.load(folder / with_torch, device="cuda:99")
        with pytest.raises(ConfigError, match="onnx runs on cpu, not on cuda:99"):
            Linker.load(folder / with_torch, device="cuda:99", engine="onnx")
    assert Linker.load(lexical.folder, device="cuda:99").link(TEST[0].text).candidates


def test_lower_precision_is_compared_on_gold(folder):
    with pytest.raises(ConfigError, match="int8 changes predictions a little; give --gold"):
        export_linker(folder / "linker", "int8")
    with pytest.raises(EvaluationError, match="no gold span has a link"):
        export_linker(folder / "linker", "int8", gold=[one.bare() for one in TEST])
    found = export_linker(folder / "linker", "int8", gold=TEST, max_loss=1.0)
    assert {one.precision for one in found} == {"int8"}
    for one in found:
        assert json.loads((one.folder / "onnx.json").read_text())["checked"] == one.checked


def test_what_loses_too_much_is_refused_and_what_was_there_stays(folder, monkeypatch):
    export_linker(folder / "linker")
    paths = [*folder.glob("index/onnx/*"), *folder.glob("linker/reranker/onnx/*")]
    before = {path: path.read_bytes() for path in paths}
    scores = OnnxPairScorer.scores
    monkeypatch.setattr(OnnxPairScorer, "scores", lambda *given: [-row for row in scores(*given)])
    with pytest.raises(ConfigError, match=r"fp32 loses \d+\.\d points of Acc@1 on 40 mentions"):
        export_linker(folder / "linker", gold=TEST)
    assert {path: path.read_bytes() for path in paths} == before
    assert not list(folder.rglob(".onnx-*"))


def test_what_of_a_linker_has_an_encoder(folder, taught):
    lexical = Index.build(ENTITIES, folder / "lexical")
    Linker.describe(
        folder / "read", lexical.folder, folder / "linker" / "reranker", LinkerSettings()
    )
    [only] = export_linker(folder / "read", gold=TEST)
    assert only.folder == folder / "read" / ".." / "linker" / "reranker" / "onnx"
    Linker.describe(folder / "light", lexical.folder, None, LinkerSettings())
    with pytest.raises(ConfigError, match="runs without torch as it is"):
        export_linker(folder / "light")
    [only] = export_linker(folder / "index")
    assert only.folder == folder / "index" / "onnx"
    Ranker(taught("causal_lm")).save(folder / "letters")
    Linker.describe(folder / "lm", folder / "index", folder / "letters", LinkerSettings())
    with pytest.raises(
        ConfigError, match="causal_lm is run by torch and can't be exported"
    ) as caught:
        export_linker(folder / "lm")
    assert "\n" not in str(caught.value)


def test_no_torch_is_needed(folder):
    before = Linker.load(folder / "linker").link(TEST[0].text)
    export_linker(folder / "linker")
    shutil.rmtree(folder / "encoder")
    code = f"""
import sys
for name in ("torch", "transformers", "safetensors", "onnx"):
    sys.modules[name] = None
from decoct.cli.main import run
sys.argv = ["decoct", "link", "--linker", {str(folder / "linker")!r}]
sys.argv += ["--mention", {TEST[0].text!r}]
run()
"""
    made = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    [line] = made.stdout.splitlines()
    [span] = json.loads(line)["spans"]
    assert span["link"]["id"] == before.id
    assert span["link"]["confidence"] == pytest.approx(before.confidence, abs=1e-4)

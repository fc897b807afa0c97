"""A classifier that was exported says what the one in torch says, and needs no torch for it."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from decoct.errors import ArtifactError, ConfigError, EvaluationError, StoreError
from decoct.recipes.export import export
from decoct.student.classifier.classifier import Classifier
from decoct.student.classifier.onnx_classifier import OnnxClassifier, pool
from decoct.student.classifier.torch_classifier import TorchClassifier
from decoct.student.loading import load_any
from fakes.commands import environment
from fakes.drugs import corpus
from fakes.labelled import PAIR, pairs, texts

GOLD = texts(60, seed=1, prefix="g")
FAMILIES = ["roberta", "mpnet", "distilbert", "deberta-v2", "gpt2"]


@pytest.fixture
def folder(fitted, tmp_path):
    fitted.student.save_pretrained(tmp_path / "student")
    return tmp_path / "student"


def probs_of(classifier, documents):
    reader = classifier._reader
    return reader.probs([reader.tokenizer.read(document) for document in documents])


def same(folder, student, documents):
    """Export, and see that every probability is the same to 1e-4."""
    export(folder)
    loaded = load_any(folder)
    assert isinstance(loaded, OnnxClassifier)
    before, after = probs_of(student, documents), probs_of(loaded, documents)
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert np.ptp(before[:, 0]) > 1e-3, "or there is nothing to compare"


def test_it_says_the_same(fitted, folder):
    same(folder, fitted.student, GOLD)
    loaded = Classifier.from_pretrained(folder, threads=1)
    for one, other in zip(loaded.extract(GOLD), fitted.student.extract(GOLD), strict=True):
        assert (one.id, one.label, one.source) == (other.id, other.label, other.source)
        assert one.meta["confidence"] == pytest.approx(other.meta["confidence"], abs=2e-4)
    assert loaded.extract("the patient improved").label == "better"
    assert list(loaded.extract([])) == []


@pytest.mark.parametrize("pooling", ["attention", "mean", "max"])
def test_windows_are_pooled_as_in_torch(learn, tmp_path, pooling):
    fitted = learn(pairs(40, 40), PAIR, window_pooling=pooling, epochs=2, overlap_features=True)
    assert fitted.student.card.training["documents_in_windows"] > 20
    fitted.student.save_pretrained(tmp_path)
    same(tmp_path, fitted.student, [*pairs(20, 40, seed=2), *pairs(5, 3, seed=3)])


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_encoders_of_other_families(learn, encoder_of, tmp_path, family):
    fitted = learn(pairs(12, 30), PAIR, folder=encoder_of(family), epochs=1, pooling="first")
    fitted.student.save_pretrained(tmp_path)
    export(tmp_path)
    asked = pairs(8, 30, seed=5)
    found = probs_of(load_any(tmp_path), asked)
    np.testing.assert_allclose(found, probs_of(fitted.student, asked), atol=1e-4)


def test_markers_keep_what_they_have_learnt(learn, tmp_path):
    marked = [one.model_copy(update={"text": f"@GENE$ {one.text}"}) for one in texts(40)]
    fitted = learn(marked, epochs=2)
    fitted.student.save_pretrained(tmp_path)
    same(tmp_path, fitted.student, marked)


@pytest.mark.parametrize("how", ["attention", "mean", "max"])
def test_pooling_of_known_numbers(how):
    logits = np.array([[1, 5], [3, 1], [7, 7]], dtype=np.float32)
    scores = np.array([0.0, np.log(3), 9.0], dtype=np.float32)
    expected = {"attention": [2.5, 2], "mean": [2, 3], "max": [3, 5]}[how]
    found = pool(logits, scores, np.array([0, 2]), how)
    np.testing.assert_allclose(found, [expected, [7, 7]], rtol=1e-6)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_lower_precision_is_smaller_and_is_compared_on_gold(folder, precision):
    whole = export(folder).n_bytes
    with pytest.raises(ConfigError, match=f"{precision} changes predictions a little; give --gold"):
        export(folder, precision)
    made = export(folder, precision, gold=GOLD, max_loss=1.0)
    assert made.n_bytes < whole
    assert made.checked["n_documents"] == 60
    assert set(made.checked["fp32"]) == {"accuracy", "F1 of better"}
    assert made.checked["fp32"]["accuracy"] >= 0.95
    assert json.loads((folder / "onnx" / "onnx.json").read_text())["checked"] == made.checked
    assert load_any(folder).exported.precision == precision


def test_what_loses_too_much_is_refused_and_what_was_there_stays(folder, monkeypatch):
    export(folder)
    before = {path.name: path.read_bytes() for path in (folder / "onnx").iterdir()}
    monkeypatch.setattr(
        "decoct.student.classifier.onnx_classifier.pool", lambda *given: -pool(*given)
    )
    with pytest.raises(ConfigError, match=r"int8 loses \d+\.\d points of .* on 60 documents"):
        export(folder, "int8", gold=GOLD)
    assert {path.name: path.read_bytes() for path in (folder / "onnx").iterdir()} == before
    assert not list(folder.glob(".onnx-*"))
    assert export(folder, "int8", gold=GOLD, force=True).checked["lost"]["accuracy"] > 0.5


def test_gold_of_another_task_is_refused(folder):
    with pytest.raises(EvaluationError, match="another task"):
        export(folder, "int8", gold=corpus(5))


def test_the_engine_that_is_chosen(folder, fitted):
    with pytest.raises(ArtifactError, match="is not exported; run decoct export"):
        load_any(folder, engine="onnx")
    assert isinstance(load_any(folder), TorchClassifier)
    export(folder)
    in_torch = load_any(folder, engine="torch")
    assert isinstance(in_torch, TorchClassifier)
    assert in_torch.fingerprint == fitted.student.fingerprint != load_any(folder).fingerprint
    with pytest.raises(ConfigError, match="runs on cpu, not on cuda"):
        load_any(folder, device="cuda", engine="onnx")


def test_another_classifier_in_the_folder_takes_the_export_away(folder, fitted):
    export(folder)
    fitted.student.save_pretrained(folder)
    assert not (folder / "onnx").exists()


def test_an_export_of_another_classifier_is_refused(folder):
    export(folder)
    config = json.loads((folder / "config.json").read_text())
    config["decoct"]["settings"]["threshold"] = 0.123
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match="was exported from another classifier"):
        load_any(folder)


@pytest.mark.parametrize("name", ["encode.onnx", "onnx.json"])
def test_a_broken_file_is_named(folder, name):
    export(folder)
    path = folder / "onnx" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises((ArtifactError, StoreError), match=name) as caught:
        load_any(folder)
    assert "\n" not in str(caught.value)


def test_no_torch_is_needed(folder, tmp_path):
    export(folder)
    (tmp_path / "in.jsonl").write_text(GOLD[0].bare().to_json() + "\n")
    code = f"""
import sys
for name in ("torch", "transformers", "safetensors", "onnx"):
    sys.modules[name] = None
from decoct.cli.main import run
sys.argv = ["decoct", "extract", "--student", {str(folder)!r}]
sys.argv += ["--in", {str(tmp_path / "in.jsonl")!r}, "--format", "jsonl", "--threads", "1"]
run()
"""
    made = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    [line] = made.stdout.splitlines()
    assert json.loads(line)["label"] == GOLD[0].label

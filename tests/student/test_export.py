"""A student that was exported says what the one in torch says, and needs no torch for it."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from decoct.errors import ArtifactError, ConfigError, MissingExtraError, StoreError
from decoct.inference.batch import pad
from decoct.inference.onnx_graph import chosen_engine
from decoct.inference.onnx_network import pooling
from decoct.recipes.export import export
from decoct.student.onnx_student import OnnxStudent
from decoct.student.student import Student
from decoct.student.torch_student import TorchStudent
from fakes.commands import environment
from fakes.drugs import corpus
from fakes.students import SILVER, learn

ASKED = [document.bare() for document in corpus(60, seed=21, prefix="asked")]
ODD = ["", " ", "Zorafen.", "\n\n", "a" * 3000, "Zorafen caused rash. " * 60, "头痛 after Zorafen"]


@pytest.fixture
def folder(student_folder, tmp_path):
    return shutil.copytree(student_folder, tmp_path / "student")


def told(student, documents):
    """What a student says, confidences to two digits: arithmetic differs in the last ones."""
    return [
        (
            document.id,
            [(span.start, span.end, span.label, round(span.confidence, 2)) for span in spans],
            [(relation.subject, relation.object, relation.label) for relation in relations],
        )
        for document in student.extract(documents)
        for spans, relations in [(document.spans, document.relations)]
    ]


def same(first, second):
    for (id_a, spans_a, relations_a), (id_b, spans_b, relations_b) in zip(
        first, second, strict=True
    ):
        assert id_a == id_b
        assert [span[:3] for span in spans_a] == [span[:3] for span in spans_b]
        for a, b in zip(spans_a, spans_b, strict=True):
            assert a[3] == pytest.approx(b[3], abs=0.02)
        assert relations_a == relations_b


def test_it_says_the_same(student, folder):
    made = export(folder)
    loaded = Student.from_pretrained(folder)
    assert isinstance(loaded, OnnxStudent)
    said = told(loaded, ASKED)
    same(said, told(student, ASKED))
    assert any(relations for _, _, relations in said), "or there is nothing to compare"
    same(told(loaded, ODD), told(student, ODD))
    assert made.precision == "fp32"
    assert made.n_bytes == sum(path.stat().st_size for path in (folder / "onnx").iterdir())


def test_workers_say_the_same_in_the_same_order(folder, monkeypatch):
    export(folder)
    asked = [*ASKED, *corpus(40, seed=5, prefix="more")]
    alone = list(Student.from_pretrained(folder, threads=1).extract(asked))
    monkeypatch.setattr("decoct.student.predict.CHUNK_DOCUMENTS", 7)
    several = Student.from_pretrained(folder, threads=3)
    same(told(several, asked), told(Student.from_pretrained(folder, threads=1), asked))
    assert [one.id for one in several.extract(asked)] == [one.id for one in alone]
    assert list(several.extract([])) == []


def test_what_goes_wrong_in_a_worker_is_raised(folder, monkeypatch):
    export(folder)
    student = Student.from_pretrained(folder, threads=2)

    def fails(_network, _batch):
        raise RuntimeError("out of something")

    monkeypatch.setattr("decoct.inference.onnx_network.OnnxNetwork.encode", fails)
    with pytest.raises(RuntimeError, match="out of something"):
        list(student.extract(ASKED))


def test_given_subjects(student, folder):
    export(folder)
    gold = corpus(20, seed=3)
    exported = list(Student.from_pretrained(folder).extract(gold, given_subjects=True))
    for one, other in zip(exported, student.extract(gold, given_subjects=True), strict=True):
        assert [span.text for span in one.spans] == [span.text for span in other.spans]


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("roberta", {"combination": "gated"}),
        ("gpt2", {"combination": "add"}),
        ("bert", {"head": "unconditioned"}),
    ],
)
def test_every_head_of_one_graph_and_every_family(encoders, tmp_path, family, changes):
    trained = learn(SILVER[:40], encoders(family), epochs=2, subject_threshold=0.05, **changes)
    trained.student.save_pretrained(tmp_path)
    export(tmp_path)
    same(
        told(Student.from_pretrained(tmp_path), ASKED[:20] + SILVER[:10]),
        told(trained.student, ASKED[:20] + SILVER[:10]),
    )


@pytest.mark.parametrize("head", ["pairwise", "markers"])
def test_a_head_of_more_than_one_graph_is_refused(encoders, tmp_path, head):
    learn(SILVER[:20], encoders("bert"), epochs=1, head=head).student.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=f"head '{head}' can't be exported"):
        export(tmp_path)
    assert not (tmp_path / "onnx").exists()
    assert not list(tmp_path.glob(".onnx-*"))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_lower_precision_is_smaller_and_is_compared_on_gold(folder, precision):
    gold = corpus(60, seed=22, prefix="gold")
    whole = export(folder).n_bytes
    with pytest.raises(ConfigError, match=f"{precision} changes predictions a little; give --gold"):
        export(folder, precision)
    made = export(folder, precision, gold=gold, max_loss=1.0)
    assert made.n_bytes < whole
    assert made.checked["n_documents"] == 60
    assert made.checked["fp32"]["strict"] > 0.8
    assert made.checked["lost"] == {
        match: made.checked["fp32"][match] - made.checked["exported"][match]
        for match in ("strict", "lenient")
    }
    assert json.loads((folder / "onnx" / "onnx.json").read_text())["checked"] == made.checked
    assert Student.from_pretrained(folder).exported.precision == precision


def test_what_loses_too_much_is_refused_and_what_was_there_stays(folder, monkeypatch):
    export(folder)
    before = {path.name: path.read_bytes() for path in (folder / "onnx").iterdir()}
    gold = corpus(30, seed=22, prefix="gold")
    monkeypatch.setattr("decoct.inference.onnx_network.pooling", lambda batch: 0 * pooling(batch))
    with pytest.raises(
        ConfigError, match=r"int8 loses \d+\.\d points of strict F1 of rel.* on 30 doc"
    ):
        export(folder, "int8", gold=gold)
    assert {path.name: path.read_bytes() for path in (folder / "onnx").iterdir()} == before
    assert not list(folder.glob(".onnx-*"))
    assert export(folder, "int8", gold=gold, force=True).checked["lost"]["strict"] > 0.5


def test_the_engine_that_is_chosen(folder, student):
    assert chosen_engine(folder, "auto", "auto") == "torch"
    with pytest.raises(ArtifactError, match="is not exported; run decoct export"):
        Student.from_pretrained(folder, engine="onnx")
    export(folder)
    assert chosen_engine(folder, "cpu", "auto") == "onnx"
    assert chosen_engine(folder, "cuda", "auto") == "torch"
    with pytest.raises(ConfigError, match="runs on cpu, not on cuda"):
        Student.from_pretrained(folder, device="cuda", engine="onnx")
    in_torch = Student.from_pretrained(folder, engine="torch")
    assert isinstance(in_torch, TorchStudent)
    assert in_torch.fingerprint == student.fingerprint
    assert in_torch.fingerprint != Student.from_pretrained(folder, threads=1).fingerprint


def test_another_student_in_the_folder_takes_the_export_away(folder, student):
    export(folder)
    student.save_pretrained(folder)
    assert not (folder / "onnx").exists()


def test_an_export_of_another_student_is_refused(folder):
    export(folder)
    config = json.loads((folder / "config.json").read_text())
    config["decoct"]["settings"]["subject_threshold"] = 0.123
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match="was exported from another student"):
        Student.from_pretrained(folder)


@pytest.mark.parametrize("name", ["encode.onnx", "encode.weights", "objects.onnx", "onnx.json"])
def test_a_broken_file_is_named(folder, name):
    export(folder)
    path = folder / "onnx" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises((ArtifactError, StoreError), match=rf"onnx/{path.stem}\.") as caught:
        Student.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_student(tmp_path):
    with pytest.raises(ArtifactError, match="comes from decoct distill"):
        export(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="comes from decoct distill"):
        export(tmp_path)


def test_without_onnx(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"decoct\[export\]"):
        export(folder)


def test_no_torch_is_needed(folder, tmp_path):
    export(folder)
    (tmp_path / "in.jsonl").write_text(ASKED[0].to_json() + "\n")
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
    assert json.loads(line)["id"] == ASKED[0].id


def test_pooling_averages_the_tokens_of_each_word(student):
    from decoct.student.student import make_tokenizer

    words = make_tokenizer(student.tokenizer, student.card)
    pieces = [next(words.pieces(text)) for text in ("Zorafen caused rash.", "Rash")]
    batch = pad(pieces, 0)
    weights = pooling(batch)
    assert weights.shape == (2, batch.n_words, batch.input_ids.shape[1])
    for row, piece in enumerate(pieces):
        for word in range(batch.n_words):
            owned = np.flatnonzero(piece.word_of_token == word)
            expected = np.zeros(weights.shape[2])
            expected[owned] = 1 / max(1, len(owned))
            np.testing.assert_allclose(weights[row, word], expected)

"""An exported cross-encoder says what the one in torch says, and needs no torch for it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from decoct.errors import ArtifactError, ConfigError, StoreError
from decoct.kb.base import Query
from decoct.recipes.export_linking import export_reranker
from decoct.reranker.artifact import load_reranker
from decoct.reranker.base import Question
from decoct.reranker.blend import log_softmax
from decoct.reranker.kinds.cross_encoder import CrossEncoder
from decoct.reranker.onnx_cross_encoder import OnnxCrossEncoder
from decoct.reranker.ranker import Ranker
from fakes.choices import KB, choices, lookup
from fakes.commands import environment
from fakes.encoders import save_encoder
from fakes.rerankers import LEARNT, TEXTS

ASKED = [choice.question for choice in (*choices(30, seed=5), *choices(4, seed=6, size=9))]
ODD = [
    Question(Query(""), ()),
    Question(Query("belifia itis"), ()),
    Question(Query("sore belifia itis " * 556), ASKED[0].candidates),
    Question(Query("itis", "an itis of the belifia", 3, 7), ASKED[1].candidates),
]


@pytest.fixture
def folder(taught, tmp_path):
    Ranker(taught("cross_encoder")).save(tmp_path / "reranker")
    return tmp_path / "reranker"


def same(loaded, made, asked=(*ASKED, *ODD)):
    """See that every option is as probable, to 1e-4."""
    assert isinstance(loaded, OnnxCrossEncoder)
    found, wanted = loaded.scores(asked, lookup), made.scores(asked, lookup)
    assert len(found) == len(asked)
    for row, other in zip(found, wanted, strict=True):
        assert row.shape == other.shape
        assert row.dtype == np.float32
        np.testing.assert_allclose(np.exp(log_softmax(row)), np.exp(log_softmax(other)), atol=1e-4)


def test_it_says_the_same(folder, taught):
    export_reranker(folder)
    loaded = load_reranker(folder)
    same(loaded, taught("cross_encoder"))
    assert loaded.scores([], lookup) == []
    ranker = Ranker.load(folder)
    assert ranker.precision == "fp32"
    for row in ranker.log_probs(ASKED, lookup):
        assert np.exp(row).sum() == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["roberta", "gpt2", "distilbert", "deberta-v2"])
def test_encoders_of_other_families(family, quick, tmp_path):
    encoder = save_encoder(tmp_path / family, family, TEXTS)
    settings = {**quick("cross_encoder"), "encoder": str(encoder), "pooling": "first"}
    made = CrossEncoder.fit(LEARNT[:16], lookup, settings)
    made.save(tmp_path / "saved")
    export_reranker(tmp_path / "saved")
    same(load_reranker(tmp_path / "saved"), made, ASKED)


def test_it_can_be_saved_elsewhere(folder, taught, tmp_path):
    export_reranker(folder)
    ranker = Ranker.load(folder)
    ranker.save(tmp_path / "copy")
    ranker.save(folder)
    for one in (folder, tmp_path / "copy"):
        same(Ranker.load(one).reranker, taught("cross_encoder"), ASKED)
        assert isinstance(load_reranker(one, "torch"), CrossEncoder)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        ranker.reranker.save(tmp_path / "file")


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_lower_precision_is_smaller_and_has_to_be_forced(folder, precision):
    whole = export_reranker(folder).n_bytes
    with pytest.raises(ConfigError, match="by --linker and --gold"):
        export_reranker(folder, precision)
    assert export_reranker(folder, precision, force=True).n_bytes < whole
    assert Ranker.load(folder).precision == precision


def test_the_engine_that_is_chosen(folder):
    with pytest.raises(ArtifactError, match="is not exported; run decoct export"):
        Ranker.load(folder, "onnx")
    assert Ranker.load(folder).precision is None
    export_reranker(folder)
    assert Ranker.load(folder, "torch").precision is None


def test_another_one_in_the_folder_takes_the_export_away(folder, taught):
    export_reranker(folder)
    taught("cross_encoder").save(folder)
    assert not (folder / "onnx").exists()


def test_an_export_of_another_one_is_refused(folder):
    export_reranker(folder)
    config = json.loads((folder / "config.json").read_text())
    config["decoct"]["settings"]["max_aliases"] = 1
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match="was exported from another re-ranker"):
        load_reranker(folder)


@pytest.mark.parametrize("name", ["encode.onnx", "onnx.json"])
def test_a_broken_file_is_named(folder, name):
    export_reranker(folder)
    path = folder / "onnx" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises((ArtifactError, StoreError), match=name) as caught:
        load_reranker(folder)
    assert "\n" not in str(caught.value)


def test_other_kinds_stay_as_they_are(taught, tmp_path):
    for kind, message in (
        ("features", "runs without torch as it is"),
        ("causal_lm", "of the kind causal_lm is run by torch and can't be exported"),
    ):
        taught(kind).save(tmp_path / kind)
        with pytest.raises(ConfigError, match=message) as caught:
            export_reranker(tmp_path / kind)
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / kind).glob(".onnx-*"))
    assert load_reranker(tmp_path / "features", "onnx").kind == "features"


def test_no_torch_is_needed(folder, taught):
    export_reranker(folder)
    code = f"""
import sys
sys.path.insert(0, "tests")
for name in ("torch", "transformers", "safetensors", "onnx"):
    sys.modules[name] = None
from pathlib import Path
from decoct.reranker.ranker import Ranker
from fakes.choices import choices, lookup
ranker = Ranker.load(Path({str(folder)!r}))
[row] = ranker.log_probs([choices(1, seed=5)[0].question], lookup)
print(*row)
"""
    made = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert made.returncode == 0, made.stderr
    [wanted] = Ranker(taught("cross_encoder")).log_probs(ASKED[:1], lookup)
    np.testing.assert_allclose(
        np.exp([float(one) for one in made.stdout.split()]), np.exp(wanted), atol=1e-4
    )


def test_what_the_tests_ask_is_long_and_short():
    lengths = {len(question.candidates) for question in (*ASKED, *ODD)}
    assert {0, 4, 9} <= lengths
    assert len(KB) > 9

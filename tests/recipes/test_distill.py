"""Distilling, in memory and into a folder."""

import json

import pytest

from decoct.errors import ArtifactError, ConfigError, Faults, RegistryError, StoreError
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Silent
from decoct.recipes.distill import CHECKPOINT, distill, distill_file
from decoct.student.student import Student
from fakes.drugs import corpus
from fakes.students import quick

SILVER = corpus(40)
FAST = {"epochs": 1, "device": "cpu", "precision": "fp32"}


class Interrupting(Silent):
    def note(self, message):
        raise KeyboardInterrupt


@pytest.fixture
def silver(tmp_path):
    path = tmp_path / "silver.jsonl"
    write_jsonl(path, SILVER)
    return path


def test_in_memory(encoders):
    student = distill(SILVER, "ade", str(encoders("bert")), **FAST)
    assert student.card.settings.epochs == 1
    assert student.extract("zorafen caused rash .").source == "predicted"


def test_a_wrong_setting_is_an_error_before_anything_is_loaded():
    with pytest.raises(ConfigError, match=r"epoch.*did you mean 'epochs'"):
        distill(SILVER, encoder="/nowhere", epoch=3)
    with pytest.raises(ConfigError, match="dropout"):
        distill(SILVER, encoder="/nowhere", dropout=7)


def test_an_unknown_task_or_encoder_is_an_error(encoders):
    with pytest.raises(RegistryError, match="did you mean 'ade'"):
        distill(SILVER, "adee", str(encoders("bert")), **FAST)
    with pytest.raises(ArtifactError, match="try --encoder embedded"):
        distill(SILVER, "ade", "/nowhere/encoder", **FAST)


def test_into_a_folder(encoders, silver, tmp_path):
    out = tmp_path / "student"
    fitted = distill_file(silver, out, "ade", quick(encoders("bert"), epochs=1))
    assert Student.from_pretrained(out, "cpu").fingerprint == fitted.student.fingerprint
    assert not (out / CHECKPOINT).exists()
    again = distill_file(silver, out, "ade", quick(encoders("bert"), epochs=1))
    assert again.training.resumed_at == 0


def test_an_interrupted_run_goes_on(encoders, silver, tmp_path):
    settings = quick(encoders("bert"), epochs=2)
    whole = distill_file(silver, tmp_path / "whole", "ade", settings)
    out = tmp_path / "student"
    with pytest.raises(KeyboardInterrupt):
        distill_file(silver, out, "ade", settings, progress=Interrupting())
    with pytest.raises(ArtifactError):
        Student.from_pretrained(out, "cpu")
    resumed = distill_file(silver, out, "ade", settings)
    assert resumed.training.resumed_at == 1
    weights = (out / "model.safetensors").read_bytes()
    assert weights == (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert resumed.training.best_score == whole.training.best_score
    assert not (out / CHECKPOINT).exists()


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"model_type": "bert"}, "an encoder or another model"),
        ({"decoct": {"task": "phi"}}, "a student of task 'phi'"),
        ({"decoct": None}, "an encoder or another model"),
        ({"decoct": [1]}, "an encoder or another model"),
        ([], "an encoder or another model"),
    ],
)
def test_a_folder_of_something_else_is_not_written_over(silver, tmp_path, config, what):
    out = tmp_path / "out"
    out.mkdir()
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=what):
        distill_file(silver, out, "ade", quick(tmp_path))
    assert [path.name for path in out.iterdir()] == ["config.json"]


def test_faults_are_told(encoders, silver, tmp_path):
    with silver.open("a") as handle:
        handle.write("not json\n")
    faults = Faults()
    fitted = distill_file(
        silver, tmp_path / "out", "ade", quick(encoders("bert"), epochs=1), faults=faults
    )
    assert faults.counts == {"bad_line": 1}
    assert fitted.n_train + fitted.n_dev == len(SILVER)


def test_a_folder_that_cannot_be_written_is_found_before_training(encoders, silver, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StoreError):
        distill_file(
            silver, tmp_path / "out", "ade", quick(encoders("bert")), progress=Interrupting()
        )

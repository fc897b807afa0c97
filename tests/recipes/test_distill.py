"""Distilling, in memory and into a folder."""

import json

import pytest

from decoct.errors import ArtifactError, ConfigError, Faults, RegistryError, StoreError
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Silent
from decoct.recipes.distill import CHECKPOINT, distill, distill_file, read_distill_settings
from decoct.student.pseudo_labels import SelfTrainingSettings
from decoct.student.student import Student
from fakes.drugs import corpus
from fakes.students import quick

SILVER = corpus(40)
FAST = {"epochs": 1, "device": "cpu", "precision": "fp32"}
FRESH = [document.bare() for document in corpus(40, seed=4, prefix="u")]
ANY = SelfTrainingSettings(min_confidence=0, max_documents=20)


class Interrupting(Silent):
    def __init__(self, word=""):
        self.word = word

    def note(self, message):
        if message.startswith(self.word):
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


# Self-training


@pytest.fixture
def unlabeled(tmp_path):
    path = tmp_path / "unlabeled.jsonl"
    write_jsonl(path, [*FRESH, *(document.bare() for document in SILVER)])
    with path.open("a") as handle:
        handle.write("not json\n")
    return path


def test_unlabeled_texts_in_memory(encoders):
    student = distill(
        SILVER,
        encoder=str(encoders("bert")),
        unlabeled=(document.text for document in FRESH),
        self_training={"min_confidence": 0, "soft": False, "rounds": 2},
        **FAST,
    )
    how = student.card.training["self_training"]
    assert how["unlabeled"] == len({d.text for d in FRESH} - {d.text for d in SILVER})
    assert (how["rounds"], how["soft"], how["weight"]) == (2, False, 1.0)
    with pytest.raises(ConfigError, match="no unlabeled document has a text"):
        distill(SILVER, encoder=str(encoders("bert")), unlabeled=[], **FAST)


def test_settings_of_self_training_without_documents_for_it_are_an_error(silver, tmp_path):
    with pytest.raises(ConfigError, match="no unlabeled documents are given"):
        distill(SILVER, encoder="/nowhere", self_training={"rounds": 2})
    with pytest.raises(ConfigError, match="no unlabeled documents are given"):
        distill_file(silver, tmp_path / "s", "ade", quick(tmp_path), self_training=ANY)
    with pytest.raises(ConfigError, match=r"self_training.round'.*did you mean 'rounds'"):
        distill(SILVER, encoder="/nowhere", unlabeled=FRESH, self_training={"round": 2})


@pytest.mark.slow
def test_self_training_from_files_goes_on_where_it_was(encoders, silver, unlabeled, tmp_path):
    settings = quick(encoders("bert"), epochs=12)
    more = {"unlabeled": unlabeled, "self_training": ANY}
    faults = Faults()
    whole = distill_file(silver, tmp_path / "whole", "ade", settings, faults=faults, **more)
    assert faults.counts == {"bad_line": 1}, "though it was read twice"
    assert [entry["round"] for entry in whole.student.card.training["rounds"]] == [0, 1]
    assert whole.student.card.training["extra_documents"] > 0

    out = tmp_path / "student"
    progress = Interrupting("round 1: sure of")
    with pytest.raises(KeyboardInterrupt):
        distill_file(silver, out, "ade", settings, progress=progress, **more)
    assert (out / CHECKPOINT / "round-0" / "labels.jsonl").is_file()
    resumed = distill_file(silver, out, "ade", settings, **more)
    weights = (out / "model.safetensors").read_bytes()
    assert weights == (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert not (out / CHECKPOINT).exists()
    assert Student.from_pretrained(out, "cpu").card == resumed.student.card


# Settings


def test_flags_lie_over_a_config_table_by_table(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        "epochs = 3\nseed = 1\n[silver]\nmin_share = 0.4\n[self_training]\nweight = 0.5\n"
    )
    flags = {"seed": 2, "silver": {"complete_subjects": True}, "self_training": {"rounds": 2}}
    found = read_distill_settings(config, flags)
    assert (found.epochs, found.seed, found.patience) == (3, 2, 4)
    assert (found.silver.min_share, found.silver.complete_subjects) == (0.4, True)
    assert found.self_training == SelfTrainingSettings(rounds=2, weight=0.5)
    assert found.student_settings().silver == found.silver
    assert type(found.student_settings()) is not type(found)

    alone = read_distill_settings(None, {"epochs": 1})
    assert alone.self_training is None
    assert read_distill_settings(config, {}).epochs == 3
    with pytest.raises(ConfigError, match="distill: seed: "):
        read_distill_settings(config, {"seed": -1})
    with pytest.raises(StoreError, match=r"none\.toml"):
        read_distill_settings(tmp_path / "none.toml", {})

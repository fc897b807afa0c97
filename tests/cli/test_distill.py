"""`decoct distill`: its config, and learning from what it labelled itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes.commands import LEARN, invoke, ok, write_documents, write_lines
from fakes.drugs import corpus

ENOUGH = ("--min-confidence", 0.5, "--precision", "fp32")


def settings_of(student: Path) -> dict[str, object]:
    settings = json.loads((student / "config.json").read_text())["decoct"]["settings"]
    assert isinstance(settings, dict)
    return settings


@pytest.fixture
def unlabeled(tmp_path: Path) -> Path:
    fresh = [document.bare() for document in corpus(60, seed=5, prefix="u")]
    return write_documents(tmp_path / "unlabeled.jsonl", fresh)


def test_flags_go_before_a_config_and_it_before_the_defaults(
    tmp_path: Path, data: Path, encoder: Path
) -> None:
    folder = tmp_path / "configs"
    write_lines(
        folder / "student.toml",
        [
            f'encoder = "{encoder}"',
            "epochs = 1",
            "seed = 7",
            "batch_size = 4",
            "[silver]",
            "complete_subjects = true",
            "min_share = 0.4",
        ],
    )
    asked = ("distill", "--silver", data / "silver.jsonl", "--config", folder / "student.toml")
    ok(*asked, "--out", tmp_path / "a")
    found = settings_of(tmp_path / "a")
    assert (found["encoder"], found["epochs"], found["seed"]) == (str(encoder), 1, 7)
    assert found["silver"]["complete_subjects"] is True  # type: ignore[index]
    assert found["patience"] == 4, "a default"

    flags = ("--seed", 8, "--no-complete-subjects", "--train-embeddings")
    ok(*asked, "--out", tmp_path / "b", *flags)
    found = settings_of(tmp_path / "b")
    assert (found["epochs"], found["seed"], found["batch_size"]) == (1, 8, 4)
    assert found["silver"]["complete_subjects"] is False  # type: ignore[index]
    assert found["silver"]["min_share"] == 0.4, "the rest of the table stays"  # type: ignore[index]
    assert found["freeze_embeddings"] is False


def test_an_encoder_beside_a_config(tmp_path: Path, data: Path, encoder: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "tiny").symlink_to(encoder)
    config = tmp_path / "configs" / "student.toml"
    config.write_text('encoder = "tiny"\nepochs = 1\n')
    ok("distill", "--silver", data / "silver.jsonl", "--out", tmp_path / "s", "--config", config)
    assert settings_of(tmp_path / "s")["encoder"] == str(tmp_path / "configs" / "tiny")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch = 3\n", "unknown key 'epoch' (did you mean 'epochs'?)"),
        ("[silver]\nmin_shar = 1\n", "unknown key 'silver.min_shar' (did you mean 'min_share'?)"),
        ("[self_training]\nround = 1\n", "'self_training.round' (did you mean 'rounds'?)"),
        ("epochs = 0\n", "epochs: Input should be greater than or equal to 1"),
        ('silver = "all"\n', "silver: "),
        ("epochs =\n", "not valid TOML"),
    ],
)
def test_a_wrong_config_is_one_line_with_the_file_and_the_key(
    tmp_path: Path, data: Path, text: str, said: str
) -> None:
    config = tmp_path / "student.toml"
    config.write_text(text)
    asked = ("distill", "--silver", data / "silver.jsonl", "--out", tmp_path / "s")
    error = invoke(*asked, "--config", config).error
    assert error.startswith(f"{config}: ")
    assert said in error
    assert not (tmp_path / "s").exists()


def test_what_can_not_be_distilled_is_one_line(
    tmp_path: Path, data: Path, encoder: Path, unlabeled: Path
) -> None:
    asked = ("distill", "--silver", data / "silver.jsonl", "--out", tmp_path / "s")
    asked = (*asked, "--encoder", encoder)
    assert "none.toml: can't be read" in invoke(*asked, "--config", tmp_path / "none.toml").error
    assert invoke(*asked, "--seed", -1).error.startswith("distill: seed: ")
    assert "no unlabeled documents are given" in invoke(*asked, "--rounds", 2).error
    assert "rounds: " in invoke(*asked, "--unlabeled", unlabeled, "--rounds", 0).error
    assert "read more than once" in invoke(*asked, "--unlabeled", "-").error
    assert "none.jsonl" in invoke(*asked, "--unlabeled", tmp_path / "none.jsonl").error
    same = data / "silver.jsonl"
    assert "no unlabeled document" in invoke(*asked, "--unlabeled", same).error


@pytest.mark.slow
def test_self_training(tmp_path: Path, data: Path, encoder: Path, unlabeled: Path) -> None:
    with unlabeled.open("a") as handle:
        handle.write("not json\n")
    config = tmp_path / "student.toml"
    config.write_text("[self_training]\nmax_empty_share = 0.1\nweight = 0.5\n")
    made = invoke(
        *("distill", "--silver", data / "silver.jsonl", "--out", tmp_path / "s", "--json"),
        *("--encoder", encoder, "--unlabeled", unlabeled, "--rounds", 1, "--max-unlabeled", 9),
        *("--config", config, *ENOUGH, *LEARN),
    )
    assert made.code == 3, "one bad line"
    assert made.stderr.count("skipped: ") == 1, "counted once, though read more than once"
    training = made.json["training"]
    assert [one["round"] for one in training["rounds"]] == [0, 1]
    assert training["rounds"][1]["documents"] == training["extra_documents"] == 9
    how = training["self_training"]
    assert (how["max_documents"], how["max_empty_share"], how["weight"]) == (9, 0.1, 0.5)
    assert "round 1: sure of" in made.stderr
    assert not (tmp_path / "s" / ".checkpoint").exists()


@pytest.mark.slow
def test_self_training_for_people(
    tmp_path: Path, data: Path, encoder: Path, unlabeled: Path
) -> None:
    made = ok(
        *("distill", "--silver", data / "silver.jsonl", "--out", tmp_path / "s"),
        *("--encoder", encoder, "--unlabeled", unlabeled, *ENOUGH, *LEARN, "-q"),
    )
    lines = made.stdout.splitlines()
    assert lines[1].startswith("  round 0: 0 documents labelled by the student, silver dev F1 ")
    assert lines[2].startswith("  round 1: ")
    assert made.stderr == ""

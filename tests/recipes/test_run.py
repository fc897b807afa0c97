"""`decoct run`: the whole chain of one file, what is done is skipped, what was cut off goes on."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import decoct
from decoct.errors import ConfigError, DecoctError
from decoct.recipes.run import read_run
from decoct.testing import BatchBehavior, FakeOpenAI, by_text
from decoct.testing.faults import status
from fakes.commands import (
    answer,
    invoke,
    make_encoder,
    ok,
    read_documents,
    start,
    stop_started,
    write_documents,
    write_lines,
    write_script,
)
from fakes.drugs import corpus

TOML = """
name = "demo"
task = "ade"

[label]
documents = "unlabeled.jsonl"
teacher = "scripted:script.jsonl"

[distill]
encoder = "tiny"
epochs = 3
learning_rate = 3e-3
batch_size = 8
device = "cpu"

[evaluate]
gold = "gold.jsonl"
gold_train = "train.jsonl"

[extract]
documents = "more.txt"
"""
STEPS = [
    "label",
    "distill",
    "supervised",
    "evaluate/teacher",
    "evaluate/student",
    "evaluate/supervised",
    "extract",
]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    torch.set_num_threads(1)
    yield
    stop_started()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture
def home(tmp_path: Path, tiny: Path) -> Path:
    """A folder with everything that the file names."""
    silver, gold = corpus(30), corpus(10, seed=1, prefix="g")
    write_documents(tmp_path / "unlabeled.jsonl", [document.bare() for document in silver])
    write_documents(tmp_path / "gold.jsonl", gold)
    write_documents(tmp_path / "train.jsonl", corpus(30, seed=2, prefix="t"))
    write_lines(tmp_path / "more.txt", [document.text for document in gold])
    write_script(tmp_path / "script.jsonl", [*silver, *gold])
    (tmp_path / "tiny").symlink_to(tiny)
    (tmp_path / "run.toml").write_text(TOML)
    return tmp_path


def change(home: Path, old: str, new: str) -> None:
    text = (home / "run.toml").read_text()
    assert old in text
    (home / "run.toml").write_text(text.replace(old, new))


def skipped(home: Path) -> list[str]:
    return list(ok("run", home / "run.toml", "--json", "-q").json["skipped"])


def manifest(home: Path) -> Any:
    return json.loads((home / "runs" / "demo" / "manifest.json").read_text())


def test_the_whole_chain_and_what_a_second_run_skips(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ok("run", home / "run.toml")
    for system in ("teacher", "student", "supervised"):
        assert system in made.stdout
    assert "on 10 gold documents" in made.stdout
    assert "report.html" in made.stdout
    folder = home / "runs" / "demo"
    assert {path.name for path in folder.iterdir()} == {
        *("config.json", "prompts", "label", "distill", "supervised", "evaluate", "extract"),
        *("metrics.json", "report.html", "manifest.json", "teacher.sqlite"),
    }
    for path in folder.iterdir():
        assert path.stat().st_mtime_ns <= (folder / "manifest.json").stat().st_mtime_ns, path
    assert (folder / "prompts" / "ade.md").read_text().strip()
    assert list(manifest(home)["steps"]) == STEPS
    assert len(read_documents(folder / "extract" / "predicted.jsonl")) == 10
    metrics = (folder / "metrics.json").read_bytes()
    assert json.loads(metrics)["teacher"]["relations"]["offsets"]["strict"]["f1"]["value"] == 1.0
    student = (folder / "distill" / "student" / "model.safetensors").stat()

    again = ok("run", home / "run.toml", "--json")
    assert again.json["skipped"] == STEPS
    assert again.json["systems"] == json.loads(metrics)
    assert (folder / "metrics.json").read_bytes() == metrics
    assert (folder / "distill" / "student" / "model.safetensors").stat() == student
    assert "label: done before, skipped" in again.stderr
    assert "epoch" not in again.stderr

    # from elsewhere, by another spelling of the path
    monkeypatch.chdir(home)
    assert ok("run", "run.toml", "--json").json["skipped"] == STEPS

    # ... and with everything moved
    moved = home / "moved"
    moved.mkdir()
    for path in [path for path in home.iterdir() if path != moved]:
        path.rename(moved / path.name)
    assert skipped(moved) == STEPS


@pytest.mark.slow
def test_a_change_redoes_what_hangs_on_it_and_no_more(home: Path) -> None:
    assert skipped(home) == []
    change(home, "epochs = 3", "epochs = 2")
    assert skipped(home) == ["label", "evaluate/teacher"]
    assert manifest(home)["steps"]["distill"]["training"]["history"][-1]["epoch"] == 2

    write_lines(home / "more.txt", ["One line."])
    assert skipped(home) == [step for step in STEPS if step != "extract"]

    write_documents(home / "gold.jsonl", corpus(9, seed=1, prefix="g"))
    assert skipped(home) == ["label", "distill", "supervised", "extract"]

    write_script(home / "script.jsonl", corpus(30) + corpus(9, seed=1, prefix="g"))
    redone = skipped(home)
    assert "label" not in redone
    assert "evaluate/teacher" not in redone
    assert "distill" in redone, "the silver is the same, and so is the student"

    (home / "runs" / "demo" / "label" / "silver.jsonl").unlink()
    assert skipped(home) == [step for step in STEPS if step != "label"]

    (home / "tiny").unlink()
    make_encoder(home / "tiny")
    config = home / "tiny" / "config.json"
    config.write_text(
        config.read_text().replace('"hidden_dropout_prob": 0.1', '"hidden_dropout_prob": 0.2')
    )
    assert skipped(home) == ["label", "evaluate/teacher"]


def test_without_gold_it_labels_and_distills(home: Path) -> None:
    change(home, TOML[TOML.index("[evaluate]") :], "")
    made = ok("run", home / "run.toml", "-q")
    assert made.stdout.endswith("demo: done\n")
    assert list(manifest(home)["steps"]) == ["label", "distill"]


def test_the_python_face(home: Path) -> None:
    change(home, 'gold_train = "train.jsonl"\n', "")
    result = decoct.run(home / "run.toml")
    assert list(result.systems) == ["teacher", "student"]
    assert result.skipped == ()
    assert not result.faults


@pytest.mark.slow
def test_the_metrics_of_two_fresh_runs_are_the_same(home: Path) -> None:
    change(home, 'gold_train = "train.jsonl"\n', "")
    change(home, "epochs = 3", "epochs = 1")
    first = ok("run", home / "run.toml", "--json", "-q").json["systems"]
    change(home, 'name = "demo"', 'name = "demo2"')
    second = ok("run", home / "run.toml", "--json", "-q").json
    assert second["skipped"] == []
    assert second["systems"] == first


# Cut off


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        "decoct.recipes.run.label_file",
        "decoct.recipes.run.distill_file",
        "decoct.recipes.run.score_run",
    ],
)
def test_a_run_that_fails_goes_on(home: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change(home, 'gold_train = "train.jsonl"\n', "")
    change(home, "epochs = 3", "epochs = 1")
    folder = home / "runs" / "demo"

    def full(*_: object, **__: object) -> None:
        raise DecoctError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(step, full)
        assert invoke("run", home / "run.toml", "-q").error == "the disk is full"
    assert not (folder / "manifest.json").exists()
    done = {"label_file": 0, "distill_file": 1, "score_run": 4}[step.rpartition(".")[2]]
    assert len(skipped(home)) == done
    assert (folder / "manifest.json").is_file()


@pytest.mark.slow
def test_ctrl_c_in_training_goes_on_at_its_epoch(home: Path) -> None:
    change(home, TOML[TOML.index("[evaluate]") :], "")
    change(home, "epochs = 3", "epochs = 12\npatience = 0")
    process = start("run", home / "run.toml")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 1"):
            break
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stderr.endswith("the same command goes on from there\n")
    assert not (home / "runs" / "demo" / "manifest.json").exists()
    made = ok("run", home / "run.toml")
    assert "label: done before, skipped" in made.stderr
    assert "resumed after epoch" in made.stderr
    assert manifest(home)["steps"]["distill"]["training"]["history"][-1]["epoch"] == 12


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    answers = {d.text: answer(d) for d in corpus(30) + corpus(10, seed=1, prefix="g")}
    with FakeOpenAI(by_text(answers.get)) as running:
        yield running


@pytest.mark.slow
def test_documents_that_got_no_answer_are_asked_again(home: Path, server: FakeOpenAI) -> None:
    change(home, 'gold_train = "train.jsonl"\n', "")
    change(home, "epochs = 3", "epochs = 1")
    change(
        home,
        'teacher = "scripted:script.jsonl"',
        'teacher = "openai:fake"\nconcurrency = 1\nmax_attempts = 1\n'
        f'[label.options]\nbase_url = "{server.base_url}"',
    )
    server.faults += [status(503)] * 2
    first = invoke("run", home / "run.toml", "--json")
    assert first.code == 3, first
    assert "2 items skipped (2 unavailable)" in first.stderr
    assert manifest(home)["faults"] == {"unavailable": 2}
    n_asked = len(server.requests)
    second = ok("run", home / "run.toml", "--json", "-q")
    assert len(server.requests) == n_asked + 2, "only those two are missing"
    assert second.json["skipped"] == ["evaluate/teacher"]
    assert manifest(home)["steps"]["label"]["summary"]["n_silver"] == 30
    assert skipped(home) == [step for step in STEPS if "supervised" not in step]
    assert len(server.requests) == n_asked + 2


@pytest.mark.slow
def test_a_teacher_without_answers_on_gold_is_scored_as_silent(home: Path) -> None:
    write_script(home / "script.jsonl", corpus(30))
    write_documents(home / "gold.jsonl", [*corpus(4, seed=7, prefix="x")])
    documents = [
        d.model_copy(update={"text": f"Now {d.text}", "spans": (), "relations": ()})
        for d in corpus(2)
    ]
    write_documents(home / "gold.jsonl", [*_shifted(corpus(4, seed=7, prefix="x")), *documents])
    change(home, "epochs = 3", "epochs = 1")
    made = invoke("run", home / "run.toml", "--json")
    assert made.code == 3, made
    assert "6 items skipped (6 not_scripted)" in made.stderr
    assert made.json["systems"]["teacher"]["relations"]["offsets"]["strict"]["f1"]["value"] == 0
    again = invoke("run", home / "run.toml", "--json")
    assert again.code == 3
    assert again.json["skipped"] == STEPS
    assert "6 items skipped (6 not_scripted)" in again.stderr


def _shifted(documents: list[decoct.Document]) -> list[decoct.Document]:
    return [
        decoct.Document(
            id=d.id,
            text=f"Now {d.text}",
            spans=tuple(
                s.model_copy(update={"start": s.start + 4, "end": s.end + 4}) for s in d.spans
            ),
            relations=d.relations,
        )
        for d in documents
    ]


def test_a_teacher_without_any_answer_stops_the_run(home: Path) -> None:
    write_script(home / "script.jsonl", corpus(1, seed=9))
    write_lines(home / "unlabeled.jsonl", ['{"id": "1", "text": "Never heard of."}'])
    error = invoke("run", home / "run.toml", "-q").error
    assert "no usable answer to any of 1 documents" in error
    assert '"not_scripted": 1' in error


def test_bad_lines_of_every_file_are_counted_once(home: Path) -> None:
    change(home, "epochs = 3", "epochs = 1")
    for name in ("unlabeled.jsonl", "gold.jsonl"):
        with (home / name).open("a") as handle:
            handle.write("not json\n")
    for _ in range(2):
        made = invoke("run", home / "run.toml", "-q", "--json")
        assert made.code == 3, made
        assert made.stderr == "decoct: done, 2 items skipped (2 bad_line)\n"


# An endpoint as the teacher

ENDPOINT = """teacher = "openai:fake"
concurrency = 4
pack = 2
samples = 2
min_agreement = 0.5
examples = "shots.jsonl"
n_examples = 1
[label.options]
base_url = "{url}"
temperature = 0.5
api_key_file = "llm.key"
"""


@pytest.fixture
def asked(home: Path, server: FakeOpenAI) -> Path:
    """A folder with a run that labels and distills, by way of the server."""
    change(home, TOML[TOML.index("[evaluate]") :], "")
    change(home, "epochs = 3", "epochs = 1")
    url = ENDPOINT.format(url=server.base_url)
    change(home, 'teacher = "scripted:script.jsonl"', url)
    shots = [
        {"text": f"Aspirin {n} caused rash .", "answer": {"drugs": [f"Aspirin {n}"], "events": []}}
        for n in range(3)
    ]
    write_lines(home / "shots.jsonl", map(json.dumps, shots))
    (home / "llm.key").write_text("sk-planted")
    (home / "llm.key").chmod(0o600)
    return home


def test_a_run_asks_as_its_label_table_says_and_paths_are_beside_it(
    asked: Path, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert skipped(asked) == []
    assert len(server.requests) == 30 // 2 * 2, "in packs of two, twice each"
    for request in server.requests:
        assert request.headers["Authorization"] == "Bearer sk-planted"
        assert request.body["temperature"] == 0.5
        assert "Aspirin 0 caused" in request.body["messages"][0]["content"]
        assert "Aspirin 1 caused" not in request.body["messages"][0]["content"]
    summary = manifest(asked)["steps"]["label"]["summary"]
    assert (summary["n_silver"], summary["cost"]["n_calls"]) == (30, 30)
    silver = read_documents(asked / "runs" / "demo" / "label" / "silver.jsonl")
    assert {document.meta["confidence"] for document in silver} == {1.0}

    moved = asked / "moved"
    moved.mkdir()
    for path in [path for path in asked.iterdir() if path != moved]:
        path.rename(moved / path.name)
    assert skipped(moved) == ["label", "distill"]
    assert len(server.requests) == 30


@pytest.mark.parametrize(
    ("old", "new", "anew"),
    [
        ("pack = 2", "pack = 3", True),
        ("samples = 2", "samples = 3", True),
        ("min_agreement = 0.5", "min_agreement = 0.9", True),
        ("n_examples = 1", "n_examples = 2", True),
        ("n_examples = 1", 'n_examples = 1\npick = "nearest"', True),
        ("temperature = 0.5", "temperature = 0.6", True),
        ("openai:fake", "openai:another", True),
        ('examples = "shots.jsonl"', "", True),
        ("concurrency = 4", "concurrency = 1", False),
        ("concurrency = 4", "max_attempts = 3\nbudget_usd = 3.0\nmax_reasks = 1", False),
        ('api_key_file = "llm.key"', "", False),
    ],
)
@pytest.mark.slow
def test_a_change_of_what_is_asked_labels_anew(
    asked: Path, server: FakeOpenAI, old: str, new: str, anew: bool
) -> None:
    if "nearest" in new:
        pytest.importorskip("bm25s")
    skipped(asked)
    n_asked = len(server.requests)
    change(asked, old, new)
    assert ("label" in skipped(asked)) != anew
    assert (len(server.requests) > n_asked) == (anew and "min_agreement" not in new)


def test_other_examples_label_anew(asked: Path, server: FakeOpenAI) -> None:
    skipped(asked)
    n_asked = len(server.requests)
    lines = (asked / "shots.jsonl").read_text().splitlines()
    write_lines(asked / "shots.jsonl", reversed(lines))
    assert "label" not in skipped(asked)
    assert len(server.requests) == 2 * n_asked


def test_a_run_labels_by_batch(asked: Path, server: FakeOpenAI) -> None:
    server.batch = BatchBehavior(n_polls=1, failing=0.2)
    change(asked, "openai:fake", "batch:fake")
    change(asked, "[label.options]", "[label.options]\nsubmit = true\npoll_s = 0.01")
    for _ in range(3):
        done = skipped(asked)
    assert done == ["label", "distill"]
    assert manifest(asked)["steps"]["label"]["summary"]["n_silver"] == 30
    assert server.answered == 30
    assert (asked / "runs" / "demo" / "teacher.batch").is_dir()
    # and live, it is all known
    change(asked, "batch:fake", "openai:fake")
    change(asked, "submit = true\npoll_s = 0.01", "")
    n_asked = len(server.requests)
    assert skipped(asked) == ["distill"]
    assert len(server.requests) == n_asked


def test_documents_beyond_the_budget_are_asked_by_the_same_run_with_more(
    asked: Path, server: FakeOpenAI
) -> None:
    (asked / "prices.toml").write_text(
        '[models.fake]\ninput_usd = 1000\noutput_usd = 1000\nas_of = 2026-01-01\nsource = "t"\n'
    )
    change(asked, "pack = 2\nsamples = 2", 'prices = "prices.toml"\nbudget_usd = 3.0')
    change(asked, "temperature = 0.5", "max_tokens = 100")
    first = invoke("run", asked / "run.toml", "--json", "-q")
    assert first.code == 3, first
    assert 0 < manifest(asked)["faults"]["over_budget"] < 30
    change(asked, "budget_usd = 3.0", "budget_usd = 800.0")
    assert skipped(asked) == []
    assert manifest(asked)["steps"]["label"]["summary"]["n_silver"] == 30
    assert max(count.answered for count in server.counts.prompts.values()) == 1


# The file


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs", "epoch", "unknown key 'distill.epoch' (did you mean 'epochs'?)"),
        ("[label]", "[labl]", "unknown key 'labl' (did you mean 'label'?)"),
        (
            "gold_train",
            "gold_trian",
            "unknown key 'evaluate.gold_trian' (did you mean 'gold_train'?)",
        ),
        ("epochs = 3", "epochs = 0", "distill.epochs"),
        ("epochs = 3", 'epochs = "many"', "distill.epochs"),
        ('name = "demo"', 'name = ".."', "name"),
        ('name = "demo"', 'name = "a/b"', "name"),
        ('name = "demo"', "", "name: Field required"),
        ('task = "ade"', 'task = "adde"', "did you mean 'ade'?"),
        ("scripted:script", "scriptd:script", "did you mean 'scripted'?"),
        ('"ade"', '"ade', "not valid TOML"),
        ("[extract]", "[label]", "not valid TOML"),
        ("unlabeled.jsonl", "nowhere.jsonl", "nowhere.jsonl"),
        ("gold.jsonl", "nowhere.jsonl", "nowhere.jsonl"),
        ("train.jsonl", "nowhere.jsonl", "nowhere.jsonl"),
        ("more.txt", "nowhere.txt", "nowhere.txt"),
        ("script.jsonl", "nowhere.jsonl", "nowhere.jsonl"),
        ('encoder = "tiny"', 'encoder = "nonsuch"', "'nonsuch' can't be loaded"),
        ("gold.jsonl", "unlabeled.jsonl", "gold is needed"),
        ('encoder = "tiny"', 'device = "abacus"', "TOML"),
    ],
)
def test_a_wrong_file_is_said_before_any_work(old: str, new: str, said: str, home: Path) -> None:
    text = (home / "run.toml").read_text()
    (home / "run.toml").write_text(text.replace(old, new, 1))
    error = invoke("run", home / "run.toml", "-q").error
    assert said in error
    assert not (home / "runs" / "demo" / "teacher.sqlite").exists()


@pytest.mark.parametrize("option", ["log", "spec", "faults", "concurrency", "colour"])
def test_unknown_options_of_a_teacher(option: str, home: Path) -> None:
    change(home, 'script.jsonl"', f'script.jsonl"\noptions = {{ {option} = "x" }}')
    assert f"unknown key '{option}'" in invoke("run", home / "run.toml", "-q").error


def test_binary_and_folders_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe\x00")
    assert "not valid TOML" in invoke("run", tmp_path / "run.toml").error
    assert "Is a directory" in invoke("run", tmp_path).error


def test_a_run_folder_that_can_not_be_written(home: Path) -> None:
    (home / "runs").write_text("mine")
    assert "runs" in invoke("run", home / "run.toml").error
    assert (home / "runs").read_text() == "mine"


def test_paths_are_taken_from_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    settings = read_run(home / "run.toml")
    assert settings.label.documents == home / "unlabeled.jsonl"
    assert settings.label.teacher == f"scripted:{home / 'script.jsonl'}"
    assert settings.distill.encoder == str(home / "tiny")
    assert settings.runs == home / "runs"
    assert settings.evaluate is not None
    assert settings.evaluate.gold_train == home / "train.jsonl"


def test_the_shipped_example_reads() -> None:
    example = Path(__file__).parents[2] / "examples" / "ade" / "demo.toml"
    settings = read_run(example)
    assert settings.label.documents.is_file()
    assert settings.evaluate is not None
    assert settings.evaluate.gold.is_file()
    with pytest.raises(ConfigError):
        read_run(Path(__file__))

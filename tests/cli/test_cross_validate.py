"""`decoct evaluate --folds`: in several processes, killed, and given wrong."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from decoct.evaluation.metrics import SETTINGS
from decoct.records import Document
from fakes.commands import invoke, ok, read_documents, start, write_documents
from fakes.drugs import corpus

TINY = (
    "epochs = 10\nlearning_rate = 3e-3\nbatch_size = 8\nfreeze_embeddings = false\n"
    'device = "cpu"\nprecision = "fp32"\n'
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Path:
    path = tmp_path_factory.mktemp("config") / "student.toml"
    path.write_text(f"encoder = {json.dumps(str(encoder))}\n{TINY}")
    return path


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    documents = [
        document.model_copy(update={"source": "gold", "meta": {"pmid": str(number // 3)}})
        for number, document in enumerate(corpus(45, prefix="g"))
    ]
    return write_documents(tmp_path_factory.mktemp("gold") / "gold.jsonl", documents)


def command(gold: Path, out: Path, config: Path, *more: object) -> list[object]:
    return [
        *("evaluate", "--folds", 3, "--gold", gold, "--out", out, "--config", config),
        *more,
    ]


def began(stderr: str) -> list[str]:
    """The folds that a process trained."""
    return re.findall(r"^fold (\d+) \(of 3\): \d+ documents to learn from", stderr, re.MULTILINE)


def wait_for(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def straight(gold: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a single undisturbed process leaves."""
    out = tmp_path_factory.mktemp("straight") / "cv"
    ok(*command(gold, out, config))
    return out


def scores(out: Path) -> object:
    """The summary without what differs from run to run."""
    found = json.loads((out / "cv.json").read_text())
    for student in found["students"].values():
        student["training"].pop("seconds")
        student["training"].pop("resumed_at")
        student.pop("predicting_seconds")
    return found


@pytest.mark.slow
def test_two_processes_share_the_folds(
    gold: Path, config: Path, straight: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cv"
    out.mkdir()
    locks = [FileLock(out / f"fold-{fold}.lock") for fold in range(3)]
    for lock in locks:
        lock.acquire()
    processes = [start(*command(gold, out, config, "--json")) for _ in range(2)]
    for process in processes:  # so that both are there from the beginning
        assert process.stderr is not None
        assert process.stderr.readline() == "waiting for other processes to do fold 0, 1, 2\n"
    for lock in locks:
        lock.release()
    ended = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    trained = [began(stderr) for _, stderr in ended]
    assert sorted(trained[0] + trained[1]) == ["0", "1", "2"], (
        "a fold was done twice, or not at all"
    )
    assert trained[0], "one of them had nothing to do"
    assert trained[1], "one of them had nothing to do"
    assert ended[0][0] == ended[1][0], "they tell different scores"
    assert json.loads(ended[0][0]) == json.loads((out / "cv.json").read_text())
    assert scores(out) == scores(straight)


@pytest.mark.slow
def test_a_killed_process_leaves_no_fold_locked(
    gold: Path, config: Path, straight: Path, tmp_path: Path
) -> None:
    """Kill -9 in the middle of a fold, while another waits for that fold."""
    out = tmp_path / "cv"
    endless = tmp_path / "endless.toml"
    endless.write_text(f"{config.read_text()}patience = 0\n")
    only = command(gold, out, endless, "--only-folds", 0, "--epochs", 100_000)
    first = start(*only)
    wait_for((out / "fold-0.checkpoint" / "state.safetensors").exists, first)
    second = start(*only)
    assert second.stderr is not None
    assert second.stderr.readline() == "waiting for other processes to do fold 0\n"
    first.kill()
    first.communicate(timeout=60)
    assert second.stderr.readline().startswith("fold 0 (of 3): ")
    assert second.stderr.readline().startswith("resumed after epoch ")
    second.kill()
    second.communicate(timeout=60)
    assert not (out / "fold-0.json").exists()

    made = ok(*command(gold, out, config))
    assert "resumed" not in made.stderr, "with the state of other settings"
    assert scores(out) == scores(straight)


@pytest.mark.slow
def test_a_fold_killed_in_its_middle_ends_as_if_it_never_was(
    gold: Path, config: Path, straight: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cv"
    process = start(*command(gold, out, config))
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 2:"):
        assert process.poll() is None, "it came to its end"
    process.kill()
    process.communicate(timeout=60)
    assert not (out / "fold-0.json").exists()
    made = ok(*command(gold, out, config))
    assert "resumed after epoch " in made.stderr
    assert scores(out) == scores(straight)
    for name in ("predicted.jsonl", "table.md", "fold-0.jsonl"):
        assert (out / name).read_bytes() == (straight / name).read_bytes()


def test_the_json_has_every_score(gold: Path, config: Path, straight: Path) -> None:
    made = ok(*command(gold, straight, config, "--json"))
    assert began(made.stderr) == []
    found = made.json
    assert found["n_documents"] == 45
    assert found["folds"] == {
        **{"n_folds": 3, "seed": 7, "group_by": None},
        **{"done": [0, 1, 2], "missing": [], "n_gold_documents": 45},
    }
    for scored, spread in (
        (found["relations"], found["over_folds"]["relations"]),
        (found["spans"], found["over_folds"]["spans"]),
        (found["span_labels"]["Drug"], found["over_folds"]["span_labels"]["Drug"]),
    ):
        for match, by in SETTINGS:
            for name in ("precision", "recall", "f1"):
                assert scored[by][match][name].keys() == {"value", "low", "high"}
                assert spread[by][match][name].keys() == {"mean", "sd"}
            assert scored[by][match]["signature"].endswith("|folds:3|fold_seed:7|group:text")
    values = [
        found["by_fold"][fold]["spans"]["offsets"]["lenient"]["f1"]["value"] for fold in "012"
    ]
    mean = found["over_folds"]["spans"]["offsets"]["lenient"]["f1"]["mean"]
    assert mean == pytest.approx(sum(values) / 3, abs=1e-5)
    assert mean > 0.3, "the tiny students have learnt nothing"
    assert found["negatives"]["n_documents"] == 9
    assert found["over_folds"]["negatives"]["mean"] >= 0
    assert found["settings"]["epochs"] == 10
    assert len(found["inputs"]["gold_sha256"]) == 64


def test_people_see_a_table_and_a_report(
    gold: Path, config: Path, straight: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    made = ok(*command(gold, straight, config, "--report", report))
    assert "3 folds" in made.stdout
    assert "relations, strict, by offsets" in made.stdout
    assert "±" in made.stdout
    assert "false alarms: " in made.stdout
    assert "folds:3|fold_seed:7|group:text" in made.stdout.replace("\n", "")
    page = report.read_text()
    assert "3 folds" in page
    assert "strict F1 over folds" in page


def test_some_folds_by_group_with_silver(gold: Path, config: Path, tmp_path: Path) -> None:
    silver = write_documents(
        tmp_path / "silver.jsonl",
        [
            *read_documents(gold),
            Document(id="same", text="Of a group .", meta={"pmid": "0"}),
            Document(id="x", text="Extra ."),
        ],
    )
    out = tmp_path / "cv"
    asked = command(gold, out, config, "--epochs", 1, "--silver", silver, "--group-by", "pmid")
    made = ok(*asked, "--only-folds", 0, 2, "--fold-seed", 8, "--json")
    assert made.json["folds"]["missing"] == [1]
    assert made.json["inputs"]["learnt_from"] == "silver"
    signature = made.json["relations"]["offsets"]["strict"]["signature"]
    assert signature.endswith("|folds:0,2/3|fold_seed:8|group:pmid")
    group = {document.id: document.meta["pmid"] for document in read_documents(gold)}
    held_out = [
        {group[document.id] for document in read_documents(out / f"fold-{fold}.jsonl")}
        for fold in (0, 2)
    ]
    assert not held_out[0] & held_out[1]
    for fold, groups in zip((0, 2), held_out, strict=True):
        record = json.loads((out / f"fold-{fold}.json").read_text())
        n_held_out = record["n_held_out"]
        assert record["n_learnt_from"] == 45 - n_held_out + (1 if "0" in groups else 2)
    shown = ok(*asked, "--only-folds", 0, "--only-folds", 2, "--fold-seed", 8)
    assert "not done: fold 1 of 3" in shown.stdout


def test_bad_lines_are_named_and_the_rest_goes_on(gold: Path, config: Path, tmp_path: Path) -> None:
    worse, silver = tmp_path / "gold.jsonl", tmp_path / "silver.jsonl"
    worse.write_text(gold.read_text() + "not json\n")
    silver.write_text('{"id": "s", "text": 3}\n' + gold.read_text())
    out = tmp_path / "cv"
    made = invoke(
        *command(worse, out, config, "--silver", silver, "--epochs", 1, "--only-folds", 1)
    )
    assert made.code == 3, made
    assert f"skipped: {worse}:46: " in made.stderr
    assert f"skipped: {silver}:1: " in made.stderr
    assert "2 items skipped (2 bad_line)" in made.stderr
    assert (out / "cv.json").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--folds", 1], "1 folds: there must be two or more"),
        (["--folds", 46], "can't be divided into 46 folds"),
        (["--group-by", "pmdi"], "'g0': meta has no 'pmdi'"),
        (["--only-folds", 3], "folds 3: there are 0 to 2"),
        (["--fold-seed", -1], "fold seed -1"),
        (["--epochs", 0], "epochs"),
        (["--task", "adde"], "did you mean 'ade'?"),
        (["--pred", "gold.jsonl"], "--pred: --folds scores students that it trains itself"),
        (["--student", "student", "--compare", "x"], "--student, --compare: --folds scores"),
        (["--silver", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--encoder", "/nowhere/encoder"], "no config.json"),
        (["--report", "/dev/null/report.html"], "report.html"),
        (["--out", "/dev/null/cv"], "can't be written"),
    ],
)
def test_mistakes_are_one_line(
    flags: list[object], said: str, gold: Path, config: Path, tmp_path: Path
) -> None:
    assert said in invoke(*command(gold, tmp_path / "cv", config, "-q", *flags)).error


def test_flags_of_folds_need_folds(gold: Path, tmp_path: Path) -> None:
    assert "--folds goes with --out" in invoke("evaluate", "--gold", gold, "--folds", 3).error
    for flag in ("--silver", "--group-by", "--fold-seed", "--only-folds", "--encoder", "--config"):
        made = invoke("evaluate", "--gold", gold, "--pred", gold, flag, 1)
        assert made.error == f"{flag}: goes with --folds N"
    assert invoke("evaluate", "--gold", gold, "--pred", gold, "extra").code == 2
    assert invoke("evaluate", "--gold", gold, "--pred", gold, 3).code == 2


def test_gold_without_annotations_is_an_error(config: Path, tmp_path: Path) -> None:
    bare = write_documents(tmp_path / "g.jsonl", [document.bare() for document in corpus(6)])
    assert "gold is needed" in invoke(*command(bare, tmp_path / "cv", config)).error
    assert not (tmp_path / "cv").exists()


def test_without_torch_it_says_what_to_install(gold: Path, config: Path, tmp_path: Path) -> None:
    import sys

    from fakes.commands import environment

    arguments = ["decoct", *map(str, command(gold, tmp_path / "cv", config, "-q"))]
    for missing in ("torch", "filelock"):
        code = (
            f"import sys; sys.modules[{missing!r}] = None; sys.argv = {arguments!r}\n"
            "from decoct.cli.main import run; run()"
        )
        made = subprocess.run(
            [sys.executable, "-c", code], env=environment(), capture_output=True, text=True
        )
        assert made.returncode == 1, made
        assert made.stderr.endswith("pip install 'decoct[train]'\n"), made
        assert made.stderr.count("\n") == 1, made

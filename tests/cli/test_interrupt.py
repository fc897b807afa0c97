"""Ctrl-C and kill -9: nothing paid for is lost, and the same command goes on."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from decoct.errors import DecoctError
from decoct.testing import BatchBehavior, FakeOpenAI, Fault, ade
from decoct.testing.faults import hang
from fakes.commands import (
    answer,
    invoke,
    ok,
    read_documents,
    start,
    write_documents,
    write_lines,
)
from fakes.drugs import corpus

SAID = "decoct: interrupted; what was done is kept, the same command goes on from there\n"


def wait_for(
    happened: Callable[[], object], process: subprocess.Popen[str], limit_s: float = 60
) -> None:
    deadline = time.monotonic() + limit_s
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def interrupt(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stderr.endswith(SAID)
    assert "Traceback" not in stderr
    return stderr


class Labelling:
    """`decoct label` against a server that answers some at once and leaves others hanging."""

    def __init__(self, folder: Path, n: int = 12) -> None:
        self.documents = {document.text: document for document in corpus(n)}
        bare = [document.bare() for document in self.documents.values()]
        self.source = write_documents(folder / "in.jsonl", bare)
        self.out, self.log = folder / "silver.jsonl", folder / "teacher.sqlite"

    def handler(self, messages: list[dict[str, str]]) -> str:
        return answer(self.documents[messages[-1]["content"]])

    def command(
        self, server: FakeOpenAI, *more: object, teacher: str = "openai:fake"
    ) -> list[object]:
        where = ("--in", self.source, "--out", self.out, "--base-url", server.base_url)
        return ["label", "--teacher", teacher, *where, "--json", *more]

    def logged(self) -> set[str]:
        """The documents whose answers are in the log; it is looked at as it lies there."""
        if not self.log.exists():
            return set()
        with closing(sqlite3.connect(f"file:{self.log}?mode=ro", uri=True)) as db:
            try:
                rows = db.execute(
                    "SELECT document_id FROM calls WHERE state = 'answered'"
                ).fetchall()
            except sqlite3.OperationalError:  # killed before its tables were made
                return set()
        return {row[0] for row in rows}

    def times(self, server: FakeOpenAI) -> Counter[str]:
        """How often each document was sent."""
        texts = (request.body["messages"][-1]["content"] for request in server.requests)
        return Counter(self.documents[text].id for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_label_waits_for_what_is_under_way(tmp_path: Path, number: int) -> None:
    labelling = Labelling(tmp_path)
    n_answered, n_hanging = 5, 2
    with FakeOpenAI(labelling.handler) as server:
        command = labelling.command(server, "--concurrency", "2")
        server.faults.extend([hang(0.0)] * n_answered + [hang(2.0)] * n_hanging)
        process = start(*command)
        wait_for(lambda: len(server.requests) == n_answered + n_hanging, process)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 130, stderr
        waiting = "waiting for 2 answers that are under way; interrupt again to leave them\n"
        assert stderr == waiting + SAID
        assert not labelling.out.exists()
        assert server.answered == server.received == n_answered + n_hanging, "nothing more was sent"
        assert len(labelling.logged()) == server.answered, "it is paid for, and not in the log"
        made = ok(*command)
        assert made.json["n_cached"] == n_answered + n_hanging
        assert set(labelling.times(server).values()) == {1}
    ids = [document.id for document in labelling.documents.values()]
    assert [document.id for document in read_documents(labelling.out)] == ids


@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True], ids=["ctrl-c twice", "kill -9"])
def test_a_label_that_is_not_to_wait_ends_at_once(tmp_path: Path, kill: bool) -> None:
    labelling = Labelling(tmp_path)
    n_answered, n_hanging = 5, 2
    with FakeOpenAI(labelling.handler) as server:
        command = labelling.command(server, "--concurrency", "2")
        server.faults.extend([hang(0.0)] * n_answered + [hang(60.0)] * n_hanging)
        process = start(*command)
        assert process.stderr is not None
        wait_for(lambda: len(server.requests) == n_answered + n_hanging, process)
        wait_for(lambda: len(labelling.logged()) == n_answered, process)
        began = time.monotonic()
        if kill:
            process.kill()
            process.communicate(timeout=60)
        else:
            process.send_signal(signal.SIGINT)
            assert "waiting for 2 answers" in process.stderr.readline()
            assert interrupt(process) == SAID
        assert time.monotonic() - began < 20
        assert not labelling.out.exists()
        assert list(tmp_path.glob(".*")) == [] or kill
        assert len(labelling.logged()) == n_answered
        made = ok(*command)
        assert made.json["n_cached"] == n_answered
        assert made.json["n_silver"] == len(labelling.documents)
        times = labelling.times(server)
        assert Counter(times.values()) == {1: len(times) - n_hanging, 2: n_hanging}
        n_asked = len(server.requests)
        assert ok(*command).json["n_cached"] == len(labelling.documents)
        assert len(server.requests) == n_asked


@pytest.mark.slow
def test_killed_five_times_it_ends_as_if_it_never_was(tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir()
    (tmp_path / "calm").mkdir()
    texts = [f"Zorafen{n} caused {'abcdefghij'[n % 10]}-fever ." for n in range(200)]
    lines = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(texts)]
    labelling = Labelling(tmp_path / "killed", 0)
    write_lines(labelling.source, lines)
    n_at_once = 4
    with FakeOpenAI(ade, latency_s=0.01, jitter_s=0.02) as server:
        command = labelling.command(server, "--concurrency", n_at_once, "--quiet")
        labelling.documents = {d.text: d for d in read_documents(labelling.source)}
        final: dict[str, int] = {}
        for n_kills, target in enumerate((20, 60, 100, 150, 190), start=1):
            process = start(*command)
            wait_for(lambda target=target: server.answered >= target, process)  # type: ignore[misc]
            process.kill()
            process.communicate(timeout=60)
            time.sleep(0.1)  # what was under way ends
            logged = labelling.logged()
            assert len(logged) >= target - n_kills * n_at_once
            assert final.keys() <= logged, "an answer is gone from the log"
            times = labelling.times(server)
            assert {name: times[name] for name in final} == final, "asked again"
            final = {name: times[name] for name in logged}
        made = ok(*command)
        assert made.json["n_silver"] == len(texts)
        times = labelling.times(server)
        assert {name: times[name] for name in final} == final
        assert server.answered - len(texts) <= 5 * n_at_once, "more than was under way at a kill"
        server.latency_s = server.jitter_s = 0.0
        calm = Labelling(tmp_path / "calm", 0)
        write_lines(calm.source, lines)
        ok(*calm.command(server, "--concurrency", 64, "--quiet"))
    assert labelling.out.read_bytes() == calm.out.read_bytes()


STAGES = ("POST files", "GET batches", "POST batches", "GET batch", "GET output", "GET errors")


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_that_is_killed_at_the_endpoint_goes_on(tmp_path: Path, stage: str) -> None:
    """The process itself, by SIGKILL, while the endpoint keeps it waiting at one step."""
    labelling = Labelling(tmp_path, 6)
    (tmp_path / "t.toml").write_text("[options]\npoll_s = 0.01\n")
    how = BatchBehavior(n_polls=1, failing=0.4, statuses=(500,))
    with FakeOpenAI(labelling.handler, batch=how, seed=1) as server:
        config = ("--config", tmp_path / "t.toml", "--submit", "--quiet")
        command = labelling.command(server, *config, teacher="batch:fake")
        server.faults.extend([Fault()] * STAGES.index(stage) + [hang(60.0)])
        process = start(*command)
        wait_for(lambda: len(server.requests) == STAGES.index(stage) + 1, process)
        time.sleep(0.1)
        process.kill()
        process.communicate(timeout=60)
        made = ok(*command)
        assert made.json["n_silver"] == len(labelling.documents)
        assert server.answered == len(labelling.documents)
        inputs = [
            r.body["input_file_id"]
            for r in server.requests
            if r.path == "/v1/batches" and r.method == "POST"
        ]
        assert len(set(inputs)) == len(inputs), "started twice"
        assert len(inputs) > 1, "one more for what failed"
    ids = [document.id for document in labelling.documents.values()]
    assert [document.id for document in read_documents(labelling.out)] == ids


@pytest.mark.slow
def test_a_batch_that_is_killed_while_it_writes_goes_on(tmp_path: Path) -> None:
    source, out = tmp_path / "in.txt", tmp_path / "silver.jsonl"
    write_lines(source, (f"Zorafen{n} caused a fever of kind {n % 7}x ." for n in range(2000)))
    (tmp_path / "t.toml").write_text("[options]\nmax_requests = 900\n")
    command = ["label", "--config", tmp_path / "t.toml", "--in", source, "--out", out]
    command += ["--teacher", "batch:fake", "--base-url", "http://127.0.0.1:9/v1", "--quiet"]
    folder = tmp_path / "teacher.batch"
    process = start(*command)
    wait_for((folder / "requests-0002.jsonl.part").exists, process)
    process.kill()
    process.communicate(timeout=60)
    first = (folder / "requests-0001.jsonl").read_bytes()
    assert len(first.splitlines()) == 900
    assert invoke(*command).code == 3, "they are due"
    assert (folder / "requests-0001.jsonl").read_bytes() == first
    written = [
        json.loads(line)["custom_id"]
        for path in sorted(folder.glob("requests-????.jsonl"))
        for line in path.read_bytes().splitlines()
    ]
    assert len(written) == len(set(written)) == 2000
    assert not list(folder.glob("*.part"))


@pytest.mark.slow
def test_a_batch_that_is_interrupted_while_it_waits_goes_on(tmp_path: Path) -> None:
    labelling = Labelling(tmp_path, 3)
    with FakeOpenAI(labelling.handler, batch=BatchBehavior(n_polls=3)) as server:
        command = labelling.command(server, "--submit", teacher="batch:fake")
        process = start(*command)
        wait_for(lambda: len(server.requests) == 4, process)  # it looks again in half a minute
        time.sleep(0.2)
        assert "requests-0001.jsonl: in_progress, 1 of 3" in interrupt(process)
        server.batch = BatchBehavior()
        (tmp_path / "t.toml").write_text("[options]\npoll_s = 0.01\n")
        made = ok(*command, "--config", tmp_path / "t.toml")
        assert made.json["n_silver"] == server.answered == 3


@pytest.mark.slow
def test_an_interrupted_distill_goes_on_at_its_epoch(
    tmp_path: Path, data: Path, encoder: Path
) -> None:
    def command(out: Path, epochs: int) -> list[object]:
        return [
            *("distill", "--silver", data / "silver.jsonl", "--out", out, "--encoder", encoder),
            *("--epochs", epochs, "--patience", 0, "--device", "cpu", "--precision", "fp32"),
        ]

    out = tmp_path / "student"
    epochs = 20
    process = start(*command(out, epochs))
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1: loss")
    interrupt(process)
    assert not (out / "config.json").exists()
    assert (out / ".checkpoint").is_dir()

    made = ok(*command(out, epochs))
    assert "resumed after epoch " in made.stderr
    assert "epoch 1: loss" not in made.stderr
    assert not (out / ".checkpoint").exists()
    ok(*command(tmp_path / "straight", epochs))
    whole = (tmp_path / "straight" / "model.safetensors").read_bytes()
    assert (out / "model.safetensors").read_bytes() == whole


@pytest.mark.slow
def test_an_interrupted_extract_ends_as_an_uninterrupted_one(tmp_path: Path, student: Path) -> None:
    texts = [document.text for document in corpus(97)] * 11
    source, out = write_lines(tmp_path / "in.txt", texts), tmp_path / "out.jsonl"
    part = tmp_path / "out.jsonl.part"
    command = ["extract", "--student", student, "--in", source, "--out", out]
    process = start(*command)
    wait_for(lambda: part.exists() and part.stat().st_size, process)
    interrupt(process)
    assert not out.exists()
    assert part.stat().st_size

    made = ok(*command)
    assert "1067 documents" in made.stdout
    assert "of them by an earlier run" in made.stdout
    assert not list(tmp_path.glob("*.part*"))
    ok("extract", "--student", student, "--in", source, "--out", tmp_path / "straight.jsonl")
    assert out.read_bytes() == (tmp_path / "straight.jsonl").read_bytes()


@pytest.mark.parametrize("n_bytes", [0, 10, 3000])
def test_extract_goes_on_after_any_broken_off_line(
    n_bytes: int, tmp_path: Path, student: Path, data: Path
) -> None:
    """As kill -9 leaves it: the part ends anywhere."""
    out, source = tmp_path / "out.jsonl", data / "gold.jsonl"
    ok("extract", "--student", student, "--in", source, "--out", out)
    whole = out.read_bytes()
    out.unlink()
    mark = _mark_of(student, source, tmp_path)
    (tmp_path / "out.jsonl.part").write_bytes(whole[:n_bytes])
    (tmp_path / "out.jsonl.part.json").write_text(mark)
    made = ok("extract", "--student", student, "--in", source, "--out", out)
    assert out.read_bytes() == whole
    assert ("by an earlier run" in made.stdout) == (n_bytes == 3000)


def test_a_part_of_other_documents_is_not_gone_on_with(
    tmp_path: Path, student: Path, data: Path
) -> None:
    out = tmp_path / "out.jsonl"
    (tmp_path / "out.jsonl.part").write_text('{"id":"x","text":"y"}\n')
    (tmp_path / "out.jsonl.part.json").write_text('{"fingerprint": "another"}')
    ok("extract", "--student", student, "--in", data / "gold.jsonl", "--out", out)
    assert len(read_documents(out)) == 20


def _mark_of(student: Path, source: Path, folder: Path) -> str:
    """Return the mark that an extraction of these leaves, by failing one at its end."""
    from decoct.recipes.extract import extract_file, load_student

    class Stop:
        def track(self, items: object, total: object, title: object) -> object:
            raise DecoctError("stop")

        def note(self, message: str) -> None: ...

    probe = folder / "probe.jsonl"
    with pytest.raises(DecoctError, match="stop"):
        extract_file(load_student(student), source, probe, progress=Stop())  # type: ignore[arg-type]
    mark = folder / "probe.jsonl.part.json"
    found = mark.read_text()
    mark.unlink()
    (folder / "probe.jsonl.part").unlink()
    assert json.loads(found)["fingerprint"]
    return found


def test_ctrl_c_is_one_line_in_this_process_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Path
) -> None:
    import decoct.formats.jsonl as format_

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(format_, "read_lines", interrupted)
    made = invoke(
        "convert", "--from", "jsonl", "--in", data / "gold.jsonl", "--out", tmp_path / "o.jsonl"
    )
    assert made.code == 130
    assert made.stderr == SAID
    assert list(tmp_path.iterdir()) == []

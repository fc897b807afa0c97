"""Ctrl-C and kill -9: nothing paid for is lost, and the same command goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from decoct.errors import DecoctError
from decoct.testing import FakeOpenAI
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


@pytest.mark.parametrize("kill", [False, True])
def test_an_interrupted_label_asks_only_for_what_is_missing(tmp_path: Path, kill: bool) -> None:
    documents = {document.text: document for document in corpus(12)}
    source = write_documents(tmp_path / "in.jsonl", [d.bare() for d in documents.values()])
    out = tmp_path / "silver.jsonl"
    with FakeOpenAI(lambda messages: answer(documents[messages[-1]["content"]])) as server:

        def asked() -> list[str]:
            return [request.body["messages"][-1]["content"] for request in server.requests]

        command = [
            *("label", "--in", source, "--out", out, "--teacher", "openai:fake"),
            *("--base-url", server.base_url, "--concurrency", "2", "--json"),
        ]
        n_answered, n_hanging = 5, 2
        server.faults.extend([hang(0.0)] * n_answered + [hang(60.0)] * n_hanging)
        process = start(*command)
        # one or two hang: answers are taken in order, so a hanging first one holds the others up
        wait_for(lambda: len(server.requests) > n_answered, process)
        time.sleep(0.3)
        if kill:
            process.kill()
            process.communicate(timeout=60)
        else:
            assert interrupt(process) == SAID
        assert not out.exists()
        answered, hanging = asked()[:n_answered], asked()[n_answered:]
        made = ok(*command)
        assert made.json["n_cached"] == n_answered
        assert made.json["n_silver"] == len(documents)
        times = Counter(asked())
        assert all(times[text] == 1 for text in answered), "asked and paid for twice"
        assert all(times[text] == 2 for text in hanging)
        assert len(times) == len(documents)
        assert [d.id for d in read_documents(out)] == [d.id for d in documents.values()]
        n_asked = len(server.requests)
        assert ok(*command).json["n_cached"] == len(documents)
        assert len(server.requests) == n_asked


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

"""`python -m decoct.testing`, as it is run by hand and by benchmarks."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from .conftest import body


@contextmanager
def running(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "decoct.testing", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate(timeout=30)


def ask(url: str, text: str) -> httpx.Response:
    return httpx.post(f"{url}/chat/completions", json=body(text), trust_env=False, timeout=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped_and_then_says_what_it_did(number) -> None:
    with running("--mix", "503=0.5", "--seed", 1) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        codes = [ask(url, f"Hepatitis after drug {n}").status_code for n in range(20)]
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        counts = json.loads(stdout)
        assert counts["received"] == 20
        assert counts["answered"] == codes.count(200) > 0
        assert counts["faults"] == {"503": codes.count(503)}


def test_its_journal_outlives_it(tmp_path) -> None:
    journal = tmp_path / "journal.jsonl"
    with running("--journal", journal) as (process, url):
        content = ask(url, "Hepatitis after zonkomycin").json()["choices"][0]["message"]["content"]
        assert json.loads(content)["drugs"] == ["Hepatitis"]
        while not journal.read_text():  # the line comes right after the answer
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=30)
    assert len(journal.read_text().splitlines()) == 1


def test_answers_from_a_file_a_limit_and_latency(tmp_path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"text": "Rash.", "content": "known"}\n')
    with running("--answer", answers, "--rpm", 2, "--latency-ms", 50) as (_, url):
        first = ask(url, "Rash.")
        assert first.json()["choices"][0]["message"]["content"] == "known"
        assert first.elapsed.total_seconds() >= 0.05
        assert ask(url, "Other.").status_code == 200
        assert ask(url, "Rash.").status_code == 429


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--mix", "nothing=0.1"], "no fault is called 'nothing'"),
        (["--mix", "much"], "--mix"),
        (["--answer", "/nowhere.jsonl"], "/nowhere.jsonl"),
    ],
)
def test_what_it_can_not_do_it_says(arguments, complaint) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "decoct.testing", *arguments], capture_output=True, text=True
    )
    assert made.returncode == 2
    assert complaint in made.stderr
    assert "Traceback" not in made.stderr

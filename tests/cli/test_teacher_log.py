"""`decoct teacher log`: what was asked, how it ended and what it cost; words only if asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from decoct.teacher.base import Usage
from decoct.teacher.cache import Attempt, CallLog
from fakes.call_logs import BACKEND, SECRETS, completion, request, write_first_version, write_log
from fakes.commands import Result, invoke, ok, read_documents, script, write_documents, write_script
from fakes.drugs import corpus


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "calls.sqlite")


def show(log: Path, *arguments: object) -> Result:
    return ok("teacher", "log", log, *arguments)


def shown(log: Path, *arguments: object) -> list[str]:
    """Keys of the calls that are shown, as machines read them."""
    return [call["key"] for call in show(log, *arguments, "--json").json["calls"]]


def test_the_newest_calls_as_a_table(log: Path) -> None:
    made = show(log)
    assert "calls.sqlite: 6 calls" in made.stdout
    lines = [line for line in made.stdout.splitlines() if " ade " in line or " phi " in line]
    documents = [line.split("│")[2].strip() for line in lines]
    assert documents == ["d6", "d1", "d4", "d3", "d2", "d1"]
    refused = next(line for line in lines if " d3 " in line)
    assert "refused" in refused
    assert "phi" in refused
    assert "5+0" in refused
    assert "content_filter" in refused
    assert "0.8 s" in next(line for line in lines if " d2 " in line)
    assert "1, again 1" in made.stdout
    assert made.stderr == ""


def test_no_word_is_shown_without_asking(log: Path) -> None:
    for arguments in ((), ("--json",), ("--summary",), ("--summary", "--json"), ("--limit", "0")):
        made = show(log, *arguments)
        assert not [secret for secret in SECRETS if secret in made.stdout + made.stderr], arguments
    for arguments in (("--text",), ("--text", "--json")):
        made = show(log, *arguments)
        assert [secret for secret in SECRETS if secret not in made.stdout] == [], arguments


def test_what_was_said(log: Path) -> None:
    with CallLog(log) as calls:
        odd = completion("\x1b[31mANSWER-SECRET\x07 阿\u3000b\r\nnext")
        calls.put("k7", BACKEND, request("d7", user="[bold]:pill:"), odd, Attempt(1.0))
    made = show(log, "--text")
    assert made.stdout.count("SYSTEM-SECRET") == 1, "instructions are shown once"
    assert "�[31mANSWER-SECRET� 阿\u3000b" in made.stdout
    assert "[bold]:pill:" in made.stdout
    assert "refused (content_filter: by the endpoint)" in made.stdout
    order = [made.stdout.index(words) for words in ("  d7  ", "-- asked again\n", "  d4  ")]
    assert order == sorted(order)


def test_json_is_one_object(log: Path) -> None:
    found = show(log, "--json", "--limit", "4").json
    assert found["log"] == str(log)
    assert found["n_calls"] == 6
    assert [call["key"] for call in found["calls"]] == ["k6", "k5", "k4", "k3"]
    call = found["calls"][2]
    assert call["id"] == "d4"
    assert call["state"] == "open"
    assert call["attempts"][0]["error"] == "429 Too Many Requests"
    assert "user" not in call
    assert show(log, "--document", "nobody", "--json").json["calls"] == []


def test_filters(log: Path) -> None:
    assert shown(log, "--document", "d1") == ["k5", "k1"]
    assert shown(log, "--task", "phi") == ["k3"]
    assert shown(log, "--model", "gpt-5-2025", "--min-attempts", "2") == ["k2"]
    assert shown(log, "--state", "open") == ["k6", "k4"]
    assert shown(log, "--reason", "429") == ["k4"]
    assert shown(log, "--since", "2h", "--state", "refused") == ["k3"]
    assert shown(log, "--until", "2h") == shown(log, "--since", "2999-01-01") == []
    assert show(log, "--document", "nobody").stdout == f"{log}: no such calls\n"
    assert show(log, "--document", "nobody", "--summary").stdout == f"{log}: no such calls\n"


@pytest.mark.slow
def test_how_many(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with CallLog(path) as log, log.transaction():
        for number in range(1100):
            log.put(f"{number}", BACKEND, request(f"d{number}"), completion(), Attempt(1.0))
    assert "the newest 20 of 1100 calls" in show(path).stdout
    assert len(shown(path)) == 20
    assert len(shown(path, "--limit", "0")) == 1100
    everything = show(path, "--limit", "0").stdout
    assert all(f" d{number} " in everything for number in range(1100))
    out = tmp_path / "all.jsonl"
    show(path, "--export", out)
    assert len(out.read_text().splitlines()) == 1100


def test_a_summary(log: Path) -> None:
    made = show(log, "--summary")
    assert "calls.sqlite: 6 calls, 20" in made.stdout
    for words in ("scripted:scripted", "995", "384", "content_filter", "timed out after 30 s"):
        assert words in made.stdout
    assert "batch_6" in made.stdout
    found = show(log, "--summary", "--json").json
    assert found["n_calls"] == 6
    assert found["models"][0]["usage"]["prompt_tokens"] == 995
    assert found["models"][0]["n_failed"] == 2
    assert found["errors"] == {"429 Too Many Requests": 1, "timed out after 30 s": 1}
    assert found["refusals"] == {"content_filter": 1}
    assert show(log, "--summary", "--json", "--state", "refused").json["n_calls"] == 1


def test_a_log_of_the_first_version_is_shown_as_it_is(tmp_path: Path) -> None:
    path = write_first_version(tmp_path / "old.sqlite", [{"key": "a", "refusal": "truncated"}])
    before = path.read_bytes()
    assert "truncated" in show(path).stdout
    assert show(path, "--json").json["calls"][0]["state"] == "refused"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_beside_a_run(log: Path) -> None:
    """From another process, while this one writes."""
    with CallLog(log) as calls, calls.transaction():
        calls.put("k7", BACKEND, request("d7"), completion(), Attempt(0.1, Usage(1)))
        made = script("teacher", "log", log, "--json")
        assert made.code == 0, made
        assert made.json["n_calls"] == 6
    assert shown(log, "--limit", "1") == ["k7"]


def test_what_was_labelled_can_be_replayed(tmp_path: Path) -> None:
    documents = corpus(12)
    source = write_documents(tmp_path / "in.jsonl", [document.bare() for document in documents])
    teacher = f"scripted:{write_script(tmp_path / 'script.jsonl', documents)}"
    silver, again = tmp_path / "silver.jsonl", tmp_path / "again" / "silver.jsonl"
    ok("label", "--in", source, "--out", silver, "--teacher", teacher)
    recording = tmp_path / "recording.jsonl"
    made = show(tmp_path / "teacher.sqlite", "--export", recording, "--json")
    assert made.json["n_calls"] == len({document.text for document in documents})
    assert made.json["export"] == str(recording)
    ok("label", "--in", source, "--out", again, "--teacher", f"replay:{recording}")
    first, second = read_documents(silver), read_documents(again)
    assert [document.pairs() for document in first] == [document.pairs() for document in second]
    assert any(document.pairs() for document in first)


def test_the_log_of_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    error = invoke("teacher", "log").error
    assert error == "teacher.sqlite: no such call log; name the file that decoct label keeps"
    assert list(tmp_path.iterdir()) == []
    write_log(tmp_path / "teacher.sqlite")
    assert "teacher.sqlite: 6 calls" in ok("teacher", "log").stdout


def test_what_can_not_be(log: Path, tmp_path: Path) -> None:
    def error(*arguments: object) -> str:
        return invoke("teacher", "log", log, *arguments).error

    assert "--since 'soon': give a date" in error("--since", "soon")
    assert "--summary only counts" in error("--summary", "--export", tmp_path / "x.jsonl")
    assert "--summary only counts" in error("--summary", "--text")
    assert "give it the ending .jsonl" in error("--export", tmp_path / "x.json.gz")
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()
    assert "is a folder" in error("--export", folder)
    assert invoke("teacher", "log", log, "--state", "lost").code == 2
    assert invoke("teacher", "log", log, "--limit", "-1").code == 2
    missing = tmp_path / "none.sqlite"
    out = tmp_path / "new" / "x.jsonl"
    assert str(missing) in invoke("teacher", "log", missing, "--export", out).error
    assert not out.parent.exists()
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"no log" * 1000)
    assert "not a database" in invoke("teacher", "log", rubbish).error
    mine = tmp_path / "log.jsonl"
    log.rename(mine)
    assert "written over" in invoke("teacher", "log", mine, "--export", mine).error


def test_json_lines_that_nobody_waits_for(log: Path) -> None:
    """Each call is a line of its own, so that a log of any size can be read as it comes."""
    lines = show(log, "--json").stdout.splitlines()
    assert [json.loads(line.rstrip(","))["key"] for line in lines[1:-1]] == [
        *("k6", "k5", "k4", "k3", "k2", "k1")
    ]

"""The call log: nothing lost, nothing paid for twice, whoever writes and however it dies."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.errors import RefusedError, StoreError
from decoct.tasks.base import Prompt
from decoct.teacher import cache
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Request, Usage, prompt_hash, request_key
from decoct.teacher.cache import CallLog, LogCounts, Logged

REQUEST = Request("d1", "text", "ade", Prompt("system", "user 阿"), {"type": "object"})
BACKEND = ScriptedBackend(lambda _: "", {"temperature": 0.5})
ANSWER = Completion("{}", "gpt-2025", Usage(12, 3), "stop", 0.25)

WRITER = """
import sys
from decoct.tasks.base import Prompt
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Request
from decoct.teacher.cache import CallLog

path, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
backend = ScriptedBackend(lambda _: "")
sys.stdin.readline()  # wait for the start
with CallLog(path) as log:
    for number in range(n):
        request = Request(f"{name}{number}", "t", "ade", Prompt("s", f"{number}"), {})
        log.put(f"{name}{number}", backend, request, Completion("{}", "m"))
        log.put(f"both{number}", backend, request, Completion(name, "m"))
        if number == 20:
            sys.stdout.write("half\\n")
            sys.stdout.flush()
"""


def writer(path: Path, name: str, n: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(n)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_gives_back_what_was_put(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "calls.db"
    replayed = dataclasses.replace(ANSWER, prompt_hash="0123456789abcdef")
    with CallLog(path) as log:
        assert log.get("a") is None
        log.put("a", BACKEND, REQUEST, ANSWER)
        log.put("b", BACKEND, REQUEST, RefusedError("truncated", "detail"))
        log.put("c", BACKEND, REQUEST, replayed)
    with CallLog(str(path)) as log:
        assert log.get("a") == Logged(ANSWER)
        assert log.get("b") == Logged(refusal="truncated")
        assert log.get("c") == Logged(replayed)
        assert log.counts() == LogCounts(2, {"truncated": 1}, 24, 6)
        assert log.counts().n_refusals == 1
        log.close()


def test_a_row_says_all_that_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with CallLog(path) as log:
        log.put("a", BACKEND, REQUEST, ANSWER)
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    row = dict(db.execute("SELECT * FROM calls").fetchone())
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    db.close()
    assert row.pop("created_at").endswith("+00:00")
    assert row == {
        "key": "a",
        "document_id": "d1",
        "task": "ade",
        "backend": "scripted",
        "model": "scripted",
        "parameters": '{"temperature": 0.5}',
        "prompt_hash": prompt_hash("system", REQUEST.schema),
        "system": "system",
        "user": "user 阿",
        "schema": '{"type": "object"}',
        "sample": 0,
        "content": "{}",
        "answered_model": "gpt-2025",
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "finish_reason": "stop",
        "latency_s": 0.25,
        "answered_prompt_hash": None,
        "refusal": None,
    }


def test_the_first_answer_stays(tmp_path: Path) -> None:
    with CallLog(tmp_path / "calls.db") as log:
        log.put("a", BACKEND, REQUEST, ANSWER)
        log.put("a", BACKEND, REQUEST, RefusedError("refusal"))
        assert log.get("a") == Logged(ANSWER)


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with CallLog(tmp_path_factory.mktemp("log") / "calls.db") as log:
        log.put("a", BACKEND, REQUEST, Completion(text, text))
        assert log.get("a") == Logged(Completion(text, text))


def test_lone_surrogates_do_not_stop_a_run(tmp_path: Path) -> None:
    request = dataclasses.replace(REQUEST, prompt=Prompt("\ud83d", "\ud83d"))
    with CallLog(tmp_path / "calls.db") as log:
        log.put("a", BACKEND, request, Completion("x\ud83d", "m"))
        assert log.get("a") == Logged(Completion("x?", "m"))


def test_the_key_holds_everything_that_an_answer_depends_on() -> None:
    variants = [
        REQUEST,
        dataclasses.replace(REQUEST, prompt=Prompt("system 2", "user 阿")),
        dataclasses.replace(REQUEST, prompt=Prompt("system", "user 2")),
        dataclasses.replace(REQUEST, schema={"type": "array"}),
        dataclasses.replace(REQUEST, sample=1),
    ]
    keys = [request_key(BACKEND, request) for request in variants]
    keys.append(request_key(ScriptedBackend(lambda _: "", {"temperature": 1.0}), REQUEST))
    assert len(set(keys)) == len(keys)
    renamed = dataclasses.replace(REQUEST, document_id="d2")
    assert request_key(BACKEND, renamed) == keys[0]


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    writers = [writer(path, name, 100) for name in "ab"]
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in writers:
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
    with CallLog(path) as log:
        assert log.counts().n_completions == 300
        for number in range(100):
            logged = log.get(f"both{number}")
            assert logged is not None
            assert logged.completion is not None
            assert logged.completion.content in ("a", "b")


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    process = writer(path, "a", 100_000)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    with CallLog(path) as log:
        assert all(log.get(f"a{number}") for number in range(21))


def test_many_threads_open_and_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    failures: list[Exception] = []
    start = threading.Barrier(12)
    with CallLog(tmp_path / "shared.db") as shared:

        def work(name: int) -> None:
            try:
                start.wait()
                with CallLog(path) as own:
                    for number in range(10):
                        for log in (own, shared):
                            log.put(f"{name}-{number}", BACKEND, REQUEST, ANSWER)
                            assert log.get(f"{name}-{number}") == Logged(ANSWER)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert shared.counts().n_completions == 120
    with CallLog(path) as log:
        assert log.counts().n_completions == 120


def test_a_newer_files_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(cache.MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StoreError, match=r"calls\.db: written by a newer decoct.*upgrade"):
        CallLog(path)


def test_an_older_files_schema_is_brought_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calls.db"
    with CallLog(path) as log:
        log.put("a", BACKEND, REQUEST, ANSWER)
    more = (*cache.MIGRATIONS, "CREATE INDEX calls_by_document ON calls (document_id)")
    monkeypatch.setattr(cache, "MIGRATIONS", more)
    for _ in range(2):
        with CallLog(path) as log:
            assert log.get("a") == Logged(ANSWER)
    monkeypatch.setattr(cache, "MIGRATIONS", (*more, "CREATE TABLE x (y)", "nonsense"))
    with pytest.raises(StoreError, match="syntax error"):
        CallLog(path)
    monkeypatch.setattr(cache, "MIGRATIONS", more)
    with CallLog(path) as log:  # the half-done migration was taken back
        assert log.get("a") == Logged(ANSWER)


def test_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.db"
    rubbish.write_bytes(b"this is not SQLite" * 100)
    with pytest.raises(StoreError, match=r"rubbish\.db: .*not a database; move it away"):
        CallLog(rubbish)
    with pytest.raises(StoreError, match=r"can't be opened: .*unable to open"):
        CallLog(tmp_path)
    with pytest.raises(StoreError, match="can't make its folder"):
        CallLog(rubbish / "calls.db")
    with CallLog(tmp_path / "calls.db") as log:
        pass
    with pytest.raises(StoreError, match="closed"):
        log.get("a")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_says_when_a_file_is_read_only(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    CallLog(path).close()
    path.chmod(0o444)
    with pytest.raises(StoreError, match="make it writable"):
        CallLog(path)


def test_says_when_another_process_never_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calls.db"
    CallLog(path).close()
    monkeypatch.setattr(cache, "BUSY_S", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process held it"):
        CallLog(path)
    holder.close()

"""The call log: nothing lost, nothing paid for twice, whoever writes and however it dies."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.errors import RefusedError, StoreError
from decoct.tasks.base import Prompt
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Request, Usage, prompt_hash, request_key
from decoct.teacher.cache import Attempt, CallLog, History, LogCounts, Logged
from decoct.teacher.log import schema
from fakes.call_logs import check_integrity, write_first_version

REQUEST = Request("d1", "text", "ade", Prompt("system", "user 阿"), {"type": "object"})
BACKEND = ScriptedBackend(lambda _: "", {"temperature": 0.5})
ANSWER = Completion("{}", "gpt-2025", Usage(12, 3, 5), "stop", 0.25)
SENT = Attempt(0.25, Usage(12, 3, 5))
FAILED = Attempt(30.0, error="timed out after 30 s")

# "both" is put by every writer; a pack and its two items go in one transaction; what is committed
# is said at once
WRITER = """
import sys
from decoct.tasks.base import Prompt
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Request
from decoct.teacher.cache import Attempt, CallLog

path, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
backend = ScriptedBackend(lambda _: "")
sys.stdin.readline()  # wait for the start
with CallLog(path) as log:
    for number in range(n):
        request = Request(f"{name}{number}", "t", "ade", Prompt("s", f"{number}"), {})
        log.put(f"{name}{number}", backend, request, None, Attempt(1.0, error="throttled"))
        log.put(f"{name}{number}", backend, request, Completion("{}", "m"), Attempt(1.0))
        log.put(f"both{number}", backend, request, Completion(name, "m"), Attempt(1.0))
        with log.transaction():
            pack = f"{name}pack{number}"
            log.put(pack, backend, request, Completion("{}", "m"), Attempt(1.0))
            for item in ("-0", "-1"):
                log.put(pack + item, backend, request, Completion("{}", "m"), part_of=pack)
        sys.stdout.write(f"{number}\\n")
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


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def rows(path: Path, query: str) -> list[dict[str, object]]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(query)]


def test_gives_back_what_was_put(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "calls.db"
    replayed = dataclasses.replace(ANSWER, prompt_hash="0123456789abcdef")
    with CallLog(path) as log:
        assert log.get("a") is None
        log.put("a", BACKEND, REQUEST, ANSWER, SENT)
        log.put("b", BACKEND, REQUEST, RefusedError("truncated", "at 9", 7, 2), Attempt(1.0))
        log.put("c", BACKEND, REQUEST, replayed, SENT)
    with CallLog(str(path)) as log:
        assert log.get("a") == Logged(ANSWER, usage=Usage(12, 3, 5))
        assert log.get("b") == Logged(refusal="truncated", detail="at 9", usage=Usage(7, 2))
        assert log.get("c") == Logged(replayed, usage=Usage(12, 3, 5))
        assert log.counts() == LogCounts(2, {"truncated": 1}, 24, 6, 10, n_attempts=3)
        assert log.counts().n_refusals == 1
        log.close()


def test_a_row_says_all_that_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    prompt = Prompt("system", "user 阿", (("{", "not JSON"),))
    request = dataclasses.replace(REQUEST, prompt=prompt, sample=2, pack=4)
    with CallLog(path) as log:
        log.put("a", BACKEND, request, ANSWER, SENT, part_of="whole")
    (row,) = rows(path, "SELECT * FROM calls JOIN prompts ON prompts.id = prompt_id")
    assert rows(path, "PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    asked, changed = (datetime.fromisoformat(str(row.pop(f"{n}_at"))) for n in ("asked", "changed"))
    assert changed - asked == timedelta(seconds=0.25)
    assert abs(changed - datetime.now(UTC)) < timedelta(minutes=1)
    assert len(str(row.pop("hash"))) == 32
    assert row == {
        "id": 1,
        "key": "a",
        "prompt_id": 1,
        "document_id": "d1",
        "task": "ade",
        "backend": "scripted",
        "model": "scripted",
        "parameters": '{"temperature": 0.5}',
        "prompt_hash": prompt_hash("system", REQUEST.schema),
        "system": "system",
        "user": "user 阿",
        "turns": '[["{", "not JSON"]]',
        "n_turns": 1,
        "schema": '{"type": "object"}',
        "sample": 2,
        "pack": 4,
        "part_of": "whole",
        "state": "answered",
        "waiting_in": None,
        "content": "{}",
        "answered_model": "gpt-2025",
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "cached_prompt_tokens": 5,
        "finish_reason": "stop",
        "latency_s": 0.25,
        "answered_prompt_hash": None,
        "refusal": None,
        "detail": "",
    }


def test_what_calls_share_is_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    prompts = [Prompt("instruction " * 300, f"document {number}") for number in range(200)]
    other = ScriptedBackend(lambda _: "", {"temperature": 1.0})
    with CallLog(path) as log:
        for number, prompt in enumerate(prompts):
            request = dataclasses.replace(REQUEST, prompt=prompt)
            log.put(f"{number}", BACKEND, request, ANSWER, SENT)
    with CallLog(path) as log:  # another run
        log.put("again", BACKEND, dataclasses.replace(request, sample=1), ANSWER, SENT)
        log.put("warmer", other, request, ANSWER, SENT)
    parameters = rows(path, "SELECT parameters FROM prompts ORDER BY id")
    assert [row["parameters"] for row in parameters] == [
        '{"temperature": 0.5}',
        '{"temperature": 1.0}',
    ]
    assert path.stat().st_size < 200 * 1000


# Attempts and open calls


def test_a_call_is_open_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with CallLog(path) as log:
        log.put("a", BACKEND, REQUEST, None)
        assert log.get("a") is None
        log.put("a", BACKEND, REQUEST, None, FAILED)
        log.put("a", BACKEND, REQUEST, None, Attempt(1.0, Usage(12), "connection lost"))
        assert log.get("a") is None
        assert log.counts() == LogCounts(0, {}, 12, 0, 0, 2, 2, n_open=1)
        log.put("a", BACKEND, REQUEST, ANSWER, SENT)
        assert log.get("a") == Logged(ANSWER, usage=ANSWER.usage)
        assert log.counts() == LogCounts(1, {}, 24, 3, 5, 3, 2)
    attempts = rows(path, "SELECT number, outcome, error, latency_s FROM attempts ORDER BY number")
    assert [tuple(row.values()) for row in attempts] == [
        (1, "failed", "timed out after 30 s", 30.0),
        (2, "failed", "connection lost", 1.0),
        (3, "answered", None, 0.25),
    ]


def test_the_first_end_stays_and_every_attempt_counts(tmp_path: Path) -> None:
    with CallLog(tmp_path / "calls.db") as log:
        log.put("a", BACKEND, REQUEST, ANSWER, SENT)
        log.put("a", BACKEND, REQUEST, RefusedError("refusal"), Attempt(usage=Usage(10)))
        log.put("a", BACKEND, REQUEST, dataclasses.replace(ANSWER, content="2"), SENT)
        log.put("a", BACKEND, REQUEST, None, FAILED)
        log.put("a", BACKEND, REQUEST, None)
        assert log.get("a") == Logged(ANSWER, usage=ANSWER.usage)
        assert log.counts() == LogCounts(1, {}, 34, 6, 10, 4, 1)


def test_when_an_attempt_was_made(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with CallLog(path) as log:
        log.put("a", BACKEND, REQUEST, None, Attempt(60.0, error="x"))
        said = "2026-05-09T10:00:00.123+00:00"
        log.put("b", BACKEND, REQUEST, ANSWER, Attempt(1.0, started_at=said))
    derived, given = (str(row["started_at"]) for row in rows(path, "SELECT * FROM attempts"))
    ago = datetime.now(UTC) - datetime.fromisoformat(derived)
    assert timedelta(seconds=60) <= ago < timedelta(seconds=90)
    assert len(derived) == len(given)
    assert given == said
    assert rows(path, "SELECT asked_at FROM calls WHERE key = 'b'") == [{"asked_at": said}]


def test_errors_are_one_short_line(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with CallLog(path) as log:
        log.put("a", BACKEND, REQUEST, None, Attempt(error="503\n  try\r\nlater \ud83d"))
        log.put("b", BACKEND, REQUEST, RefusedError("r", "x\n" * 5000), Attempt())
        logged = log.get("b")
    assert rows(path, "SELECT error FROM attempts")[0] == {"error": "503 try later ?"}
    assert logged is not None
    assert "\n" not in logged.detail
    assert len(logged.detail) == 500


def test_an_item_of_a_pack_has_no_attempt_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    share = dataclasses.replace(ANSWER, usage=Usage(6, 1))
    with CallLog(path) as log:
        with log.transaction():
            log.put("whole", BACKEND, REQUEST, None, FAILED)
            log.put("item", BACKEND, REQUEST, None, part_of="whole")
        with log.transaction():
            log.put("other whole", BACKEND, REQUEST, ANSWER, SENT)
            log.put("item", BACKEND, REQUEST, share, part_of="other whole")
        assert log.get("item") == Logged(share, usage=Usage(6, 1))
        assert log.counts() == LogCounts(2, {}, 12, 3, 5, 2, 1, n_open=1)
        log.put("alone", BACKEND, REQUEST, None, part_of="whole")
        log.put("alone", BACKEND, REQUEST, ANSWER, SENT)
    found = {row["key"]: row["part_of"] for row in rows(path, "SELECT key, part_of FROM calls")}
    assert found == {"whole": None, "item": "other whole", "other whole": None, "alone": None}


def test_a_pack_knows_its_items_in_its_order(tmp_path: Path) -> None:
    """Also those that were asked before, alone or in another pack, and have ended elsewhere."""
    asked = {name: dataclasses.replace(REQUEST, document_id=name, pack=3) for name in "abcd"}

    def put(log: CallLog, whole: str, items: str, outcome: Completion | None) -> None:
        with log.transaction():
            log.put(whole, BACKEND, REQUEST, outcome, FAILED if outcome is None else SENT)
            for item in items:
                log.put(item, BACKEND, asked[item], outcome, part_of=whole)

    with CallLog(tmp_path / "calls.db") as log:
        assert log.parts("1") == []
        put(log, "1", "cab", None)
        put(log, "1", "cab", None)
        put(log, "2", "bdc", None)
        log.put("a", BACKEND, asked["a"], ANSWER, SENT)
        put(log, "2", "bdc", ANSWER)
        for whole, items in (("1", "cab"), ("2", "bdc")):
            parts = log.parts(whole)
            assert [part.request.key for part in parts] == list(items)
            assert parts[0].request == dataclasses.replace(asked[items[0]], text="", key=items[0])


# Transactions


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with CallLog(path) as log, CallLog(path) as other:

        def put_both() -> None:
            with log.transaction():
                log.put("a", BACKEND, REQUEST, ANSWER, SENT)
                with log.transaction():
                    log.put("b", BACKEND, REQUEST, ANSWER, SENT)
                assert log.get("b") is not None
                assert other.get("b") is None
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            put_both()
        assert log.get("a") is log.get("b") is None
        # what the prompt was known by is gone too, and is not relied on
        log.put("c", BACKEND, REQUEST, ANSWER, SENT)
        assert other.open_request("c") is None
        with log.transaction():
            log.put("d", BACKEND, REQUEST, None)
        stored = other.open_request("d")
        assert stored is not None
        assert stored.request.prompt == REQUEST.prompt


def test_an_interrupt_in_a_transaction_leaves_the_log_usable(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with CallLog(path) as log:

        def put_some() -> None:
            with log.transaction():
                log.put("a", BACKEND, REQUEST, ANSWER, SENT)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            put_some()
        log.put("b", BACKEND, REQUEST, ANSWER, SENT)
        with CallLog(path) as other:
            assert other.get("a") is None
            assert other.get("b") is not None


# Answered later


def test_an_open_question_is_given_back_as_it_was_asked(tmp_path: Path) -> None:
    prompt = Prompt("system", "user 阿", (("{", "no JSON"), ("[]", "no object")))
    request = dataclasses.replace(REQUEST, prompt=prompt, sample=3, pack=8)
    key = request_key(BACKEND, request)
    with CallLog(tmp_path / "calls.db") as log:
        assert log.open_request(key) is None
        log.put(key, BACKEND, request, None)
        stored = log.open_request(key)
        assert stored is not None
        assert stored.request == dataclasses.replace(request, text="", key=key)
        assert request_key(BACKEND, stored.request) == key
        assert (stored.backend, stored.model) == ("scripted", "scripted")
        assert stored.parameters == {"temperature": 0.5}
        log.put(key, BACKEND, stored.request, ANSWER, SENT)
        assert log.open_request(key) is None
        assert log.counts().n_open == 0


def test_waiting_calls(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    keys = [f"{number}" for number in range(2500)]
    with CallLog(path) as log:
        with log.transaction():
            for key in keys:
                log.put(key, BACKEND, REQUEST, None)
        log.put("ended", BACKEND, REQUEST, ANSWER, SENT)
        assert log.mark_waiting([*keys, "ended", "unknown"], "batch_1") == 2500
        assert log.mark_waiting(keys[:20], "batch_2") == 20
        assert log.mark_waiting([*keys[10:20], "ended"], None) == 10
        assert log.waiting_in("15") is None
        log.mark_waiting(keys[10:20], "batch_1")
    with CallLog(path) as log:
        assert log.waiting() == {"batch_1": 2490, "batch_2": 10}
        assert [log.waiting_in(key) for key in ("3", "10", "ended", "unknown")] == [
            *("batch_2", "batch_1", None, None)
        ]
        assert list(log.keys_waiting("batch_1")) == keys[10:]
        assert list(log.keys_waiting("batch_3")) == []
        log.put("11", BACKEND, REQUEST, None, FAILED)
        assert log.waiting_in("11") == "batch_1"
        for key in log.keys_waiting("batch_1"):
            log.put(key, BACKEND, REQUEST, ANSWER, SENT)
        assert log.waiting() == {"batch_2": 10}
        assert log.clear_waiting("batch_2") == 10
        assert log.clear_waiting("batch_2") == 0
        assert log.waiting() == {}
        assert log.counts().n_open == 10


def test_an_end_is_an_end_of_waiting(tmp_path: Path) -> None:
    with CallLog(tmp_path / "calls.db") as log:
        for key, outcome in (("a", ANSWER), ("b", RefusedError("expired"))):
            log.put(key, BACKEND, REQUEST, None)
            log.mark_waiting([key], "batch")
            log.put(key, BACKEND, REQUEST, outcome)
            assert log.mark_waiting([key], "batch") == 0
        assert log.waiting() == {}


# What the last answers took


def test_history_is_that_of_the_last_answers_to_this_prompt(tmp_path: Path) -> None:
    hashed = prompt_hash("system", REQUEST.schema)
    elsewhere = dataclasses.replace(REQUEST, prompt=Prompt("another", "user"))
    warmer = ScriptedBackend(lambda _: "", {"temperature": 1.0})
    with CallLog(tmp_path / "calls.db") as log, log.transaction():
        assert log.history(hashed, "scripted") is None
        log.put("open", BACKEND, REQUEST, None, FAILED)
        log.put("refused", BACKEND, REQUEST, RefusedError("r"), Attempt(50.0, Usage(99)))
        log.put("item", BACKEND, REQUEST, ANSWER, part_of="whole")
        log.put("other", BACKEND, elsewhere, ANSWER, Attempt(70.0, Usage(999, 999)))
        assert log.history(hashed, "scripted") is None
        for number, latency_s in enumerate((1.0, 2.0, 9.0)):
            backend = warmer if number else BACKEND
            usage = Usage(100 + number, 10 * number)
            log.put(f"{number}", backend, REQUEST, ANSWER, Attempt(latency_s, usage))
        assert log.history(hashed, "scripted") == History(3, 101.0, 10.0, 2.0)
        assert log.history(hashed, "another model") is None
        time.sleep(0.002)  # the log's clock counts milliseconds
        for number in range(1000):
            log.put(f"new {number}", BACKEND, REQUEST, ANSWER, Attempt(4.0, Usage(50, 5)))
    with CallLog(tmp_path / "calls.db") as log:
        assert log.history(hashed, "scripted") == History(1000, 50.0, 5.0, 4.0)


# Keys and odd text


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    request = dataclasses.replace(REQUEST, prompt=Prompt(text, text, ((text, text),)))
    with CallLog(tmp_path_factory.mktemp("log") / "calls.db") as log:
        log.put("a", BACKEND, request, None)
        stored = log.open_request("a")
        assert stored is not None
        assert stored.request.prompt == request.prompt
        log.put("a", BACKEND, request, Completion(text, text))
        assert log.get("a") == Logged(Completion(text, text))


def test_lone_surrogates_do_not_stop_a_run(tmp_path: Path) -> None:
    odd = "\ud83d"
    request = dataclasses.replace(REQUEST, document_id=odd, prompt=Prompt(odd, odd, ((odd, odd),)))
    with CallLog(tmp_path / "calls.db") as log:
        log.put("a", BACKEND, request, Completion("x\ud83d", "m"))
        assert log.get("a") == Logged(Completion("x?", "m"))


def test_the_key_holds_everything_that_an_answer_depends_on() -> None:
    variants = [
        REQUEST,
        dataclasses.replace(REQUEST, prompt=Prompt("system 2", "user 阿")),
        dataclasses.replace(REQUEST, prompt=Prompt("system", "user 2")),
        dataclasses.replace(REQUEST, prompt=Prompt("system", "user 阿", (("{", "no JSON"),))),
        dataclasses.replace(REQUEST, schema={"type": "array"}),
        dataclasses.replace(REQUEST, sample=1),
        dataclasses.replace(REQUEST, pack=2),
    ]
    keys = [request_key(BACKEND, request) for request in variants]
    keys.append(request_key(ScriptedBackend(lambda _: "", {"temperature": 1.0}), REQUEST))
    assert len(set(keys)) == len(keys)
    renamed = dataclasses.replace(REQUEST, document_id="d2")
    assert request_key(BACKEND, renamed) == keys[0]


# Others at the same file


def test_processes_lose_nothing(tmp_path: Path) -> None:
    path, n = tmp_path / "calls.db", 100
    writers = [writer(path, name, n) for name in "abc"]
    for process in writers:
        go(process)
    for process in writers:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    check_integrity(path)
    with CallLog(path) as log:
        counts = log.counts()
        assert counts.n_completions == 3 * n + n + 3 * 3 * n
        assert counts.n_attempts == 3 * 4 * n
        assert counts.n_failed_attempts == 3 * n
        assert counts.n_open == 0
        for number in range(n):
            logged = log.get(f"both{number}")
            assert logged is not None
            assert logged.completion is not None
            assert logged.completion.content in ("a", "b", "c")
    assert rows(path, "SELECT COUNT(*) AS n FROM prompts") == [{"n": 1}]


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    process, other = writer(path, "a", 100_000), writer(path, "b", 300)
    for started in (process, other):
        go(started)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    said += process.communicate(timeout=60)[0].splitlines()
    _, errors = other.communicate(timeout=60)
    assert other.returncode == 0, errors
    check_integrity(path)
    n = max(map(int, said)) + 1
    assert n >= 50
    with CallLog(path) as log:
        for number in range(n):
            assert log.get(f"a{number}")
            assert log.get(f"both{number}")
            assert log.get(f"apack{number}-1")
        last = [log.get(f"apack{n}{item}") is not None for item in ("", "-0", "-1")]
        assert len(set(last)) == 1, "half a transaction"
        assert all(log.get(f"b{number}") for number in range(300))


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
                            with log.transaction():
                                log.put(f"{name}-{number}", BACKEND, REQUEST, None, FAILED)
                                log.put(f"{name}-{number}", BACKEND, REQUEST, ANSWER, SENT)
                            assert log.get(f"{name}-{number}") == Logged(ANSWER, usage=ANSWER.usage)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert shared.counts().n_completions == 120
        assert shared.counts().n_attempts == 240
    with CallLog(path) as log:
        assert log.counts().n_completions == 120


# Older and newer files


def test_a_log_of_the_first_version_answers(tmp_path: Path) -> None:
    other = dataclasses.replace(REQUEST, prompt=Prompt("another", "user"), sample=1)
    asked = [REQUEST, dataclasses.replace(REQUEST, sample=1), other]
    keys = [request_key(BACKEND, request) for request in asked]
    about = {
        "system": "system",
        "user": "user 阿",
        "prompt_hash": prompt_hash("system", REQUEST.schema),
    }
    answered = {
        "content": "{}",
        "answered_model": "gpt-2025",
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "finish_reason": "stop",
        "latency_s": 0.25,
        "answered_prompt_hash": "0123456789abcdef",
    }
    path = write_first_version(
        tmp_path / "calls.db",
        [
            {"key": keys[0], **about, **answered},
            {"key": keys[1], **about, "sample": 1, "refusal": "content_filter"},
            {"key": keys[2], **answered, "system": "another", "user": "user", "sample": 1},
        ],
    )
    answer = Completion("{}", "gpt-2025", Usage(12, 3), "stop", 0.25, "0123456789abcdef")
    for n_new in range(2):  # brought up to date, and opened again
        with CallLog(path) as log:
            assert log.get(keys[0]) == log.get(keys[2]) == Logged(answer, usage=Usage(12, 3))
            assert log.get(keys[1]) == Logged(refusal="content_filter")
            counts = LogCounts(2 + n_new, {"content_filter": 1}, 24, 6, n_attempts=3)
            assert log.counts() == counts
            assert log.history(str(about["prompt_hash"]), "scripted") == History(1, 12, 3, 0.25)
            log.put("new", BACKEND, REQUEST, ANSWER)
    check_integrity(path)
    assert rows(path, "SELECT system FROM prompts ORDER BY system") == [
        {"system": "another"},
        {"system": "system"},
    ]
    first = rows(path, "SELECT * FROM calls ORDER BY id")[0]
    assert first["asked_at"] == first["changed_at"] == "2026-05-09T10:00:00+00:00"
    assert rows(path, "SELECT name FROM sqlite_master WHERE name = 'calls_1'") == []


def test_many_threads_bring_one_old_file_up_to_date(tmp_path: Path) -> None:
    old = [{"key": f"{number}", "content": "{}"} for number in range(200)]
    path = write_first_version(tmp_path / "calls.db", old)
    found = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        with CallLog(path) as log:
            found.append(log.counts().n_completions)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 6


def test_a_newer_files_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StoreError, match=r"calls\.db: written by a newer decoct.*upgrade"):
        CallLog(path)


def test_an_older_files_schema_is_brought_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calls.db"
    ended = Logged(ANSWER, usage=ANSWER.usage)
    with CallLog(path) as log:
        log.put("a", BACKEND, REQUEST, ANSWER)
    more = (*schema.MIGRATIONS, ("CREATE INDEX calls_by_document ON calls (document_id)",))
    monkeypatch.setattr(schema, "MIGRATIONS", more)
    for _ in range(2):
        with CallLog(path) as log:
            assert log.get("a") == ended
    monkeypatch.setattr(schema, "MIGRATIONS", (*more, ("CREATE TABLE x (y)", "nonsense")))
    with pytest.raises(StoreError, match="syntax error"):
        CallLog(path)
    monkeypatch.setattr(schema, "MIGRATIONS", more)
    with CallLog(path) as log:  # the half-done migration was taken back
        assert log.get("a") == ended


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
    monkeypatch.setattr(schema, "BUSY_S", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process held it"):
        CallLog(path)
    holder.close()

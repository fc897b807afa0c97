"""Looking at a call log: everything that is in it, and not a byte of it changed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from decoct.errors import RefusedError, StoreError
from decoct.teacher.backends.replay import ReplayBackend
from decoct.teacher.base import Usage
from decoct.teacher.cache import Attempt, CallLog
from decoct.teacher.log import schema
from decoct.teacher.log.filters import Filters
from decoct.teacher.log.view import LogView
from fakes.call_logs import (
    BACKEND,
    SECRETS,
    completion,
    request,
    write_first_version,
    write_log,
)

ALL = Filters()
NOBODY = 65534

# puts calls until it is killed, and says so once there are some
WRITER = """
import sys
from fakes.call_logs import BACKEND, completion, request
from decoct.teacher.cache import Attempt, CallLog

with CallLog(sys.argv[1]) as log:
    for number in range(1_000_000):
        log.put(f"{number}", BACKEND, request(), completion(), Attempt(1.0))
        if number == 100:
            print("some", flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_log(tmp_path / "calls.db")


def keys(path: Path, filters: Filters = ALL, limit: int | None = None) -> list[str]:
    with LogView(path) as view:
        found = [call.key for call in view.calls(filters, limit)]
        if limit is None:
            assert view.count(filters) == len(found)
            assert view.summary(filters).n_calls == len(found)
            assert sorted(call.key for call in view.recording(filters)) == sorted(found)
    return found


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


# What is seen


def test_newest_first(path: Path) -> None:
    assert keys(path) == ["k6", "k5", "k4", "k3", "k2", "k1"]
    assert keys(path, limit=2) == ["k6", "k5"]
    with CallLog(path) as log:
        log.put("k4", BACKEND, request("d4"), completion(), Attempt(1.0))
    assert keys(path, limit=2) == ["k4", "k6"]


def test_a_call_in_full(path: Path) -> None:
    with LogView(path) as view:
        calls = {call.key: call for call in view.calls(ALL, words=True)}
    asked_again = calls["k5"]
    assert asked_again.words is not None
    assert asked_again.words.turns == [["TURN-SECRET", "not JSON: TURN-SECRET"]]
    assert (asked_again.sample, asked_again.n_turns) == (1, 1)
    at_last = calls["k2"]
    assert [sent.outcome for sent in at_last.attempts] == ["failed", "answered"]
    assert (at_last.state, at_last.remark) == ("answered", "timed out after 30 s")
    assert at_last.paid == Usage(330, 17, 128)
    assert at_last.last_latency_s == 0.8
    assert (at_last.asked_model, at_last.model) == ("scripted", "gpt-5-2025")
    refused = calls["k3"]
    assert (refused.state, refused.remark) == ("refused", "content_filter: by the endpoint")
    assert refused.usage == Usage(5)
    assert (calls["k4"].state, calls["k4"].remark) == ("open", "429 Too Many Requests")
    assert (calls["k6"].remark, calls["k6"].attempts) == ("waits in batch_6", ())
    assert json.loads(json.dumps(asked_again.to_dict()))["user"] == "USER-SECRET"


def test_no_words_without_asking(path: Path) -> None:
    with LogView(path) as view:
        shown = [json.dumps(call.to_dict()) for call in view.calls(ALL)]
        shown += [repr(call) for call in view.calls(ALL)]
        shown.append(json.dumps(view.summary(ALL).to_dict()))
    assert not any(secret in line for secret in SECRETS for line in shown)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(document="d1"), ["k5", "k1"]),
        (Filters(document="d"), []),
        (Filters(task="phi"), ["k3"]),
        (Filters(model="scripted"), ["k6", "k5", "k4", "k3", "k2", "k1"]),
        (Filters(model="scripted:scripted", state="refused"), ["k3"]),
        (Filters(model="gpt-5-2025"), ["k5", "k2", "k1"]),
        (Filters(model="gpt"), []),
        (Filters(state="open"), ["k6", "k4"]),
        (Filters(reason="content_filter"), ["k3"]),
        (Filters(reason="content"), []),
        (Filters(reason="too many"), ["k4"]),
        (Filters(reason="30 s"), ["k2"]),
        (Filters(reason="batch_6"), ["k6"]),
        (Filters(min_attempts=1), ["k5", "k4", "k3", "k2", "k1"]),
        (Filters(min_attempts=2), ["k2"]),
        (Filters(document="d1' OR '1'='1"), []),
    ],
)
def test_filters(path: Path, filters: Filters, expected: list[str]) -> None:
    assert keys(path, filters) == expected


def test_times(tmp_path: Path) -> None:
    """The first version counted seconds, this one milliseconds."""
    old = [
        {"key": f"{second}", "content": "{}", "created_at": f"2026-05-09T10:00:{second}+00:00"}
        for second in (10, 11, 12)
    ]
    path = write_first_version(tmp_path / "calls.db", old)
    eleven = datetime(2026, 5, 9, 10, 0, 11, tzinfo=UTC)
    east = eleven.astimezone(timezone(timedelta(hours=8)))
    for _ in range(2):
        assert keys(path, Filters(since=eleven)) == ["12", "11"]
        assert keys(path, Filters(until=eleven)) == ["10"]
        assert keys(path, Filters(since=east, until=east + timedelta(seconds=1))) == ["11"]
        CallLog(path).close()
    with CallLog(path) as log:
        log.put("new", BACKEND, request(), completion())
    now = datetime.now(UTC)
    assert keys(path, Filters(since=now - timedelta(minutes=1))) == ["new"]
    assert keys(path, Filters(since=now + timedelta(minutes=1))) == []


def test_summary(path: Path) -> None:
    with CallLog(path) as log:
        for number in range(30):
            log.put("k4", BACKEND, request("d4"), None, Attempt(error=f"error {number % 25:02}"))
    with LogView(path) as view:
        summary = view.summary(ALL)
        (model,) = summary.models
        refused = view.summary(Filters(state="refused"))
    assert (model.backend, model.model) == ("scripted", "scripted")
    assert (model.n_answered, model.n_refused, model.n_open) == (3, 1, 2)
    assert (model.n_attempts, model.n_failed) == (36, 32)
    assert model.usage == Usage(995, 51, 384)
    assert summary.refusals == {"content_filter": 1}
    assert list(summary.errors.items())[:2] == [("error 00", 2), ("error 01", 2)]
    assert len(summary.errors) == 20
    assert summary.waiting == {"batch_6": 1}
    assert (refused.n_calls, refused.errors, refused.waiting) == (1, {}, {})


# A log as a recording


def replayed(path: Path, out: Path, *document_ids: str) -> list[str]:
    with LogView(path) as view:
        lines = [json.dumps(call.to_dict()) + "\n" for call in view.recording(ALL)]
    out.write_text("".join(lines))
    backend = ReplayBackend(out)

    async def answer(document_id: str) -> str:
        try:
            return (await backend.complete(request(document_id))).content
        except RefusedError as refused:
            return refused.reason

    return [asyncio.run(answer(document_id)) for document_id in document_ids]


def test_a_recording_answers_as_the_log_did(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    sent = Attempt(1.0)
    with CallLog(path) as log:
        # the newest last, as a rule: but these are to be found whatever their time
        log.put("2", BACKEND, request("unfit", turns=(("{", "?"),)), completion("mended"), sent)
        log.put("1", BACKEND, request("unfit"), completion("{"), sent)
        log.put("3", BACKEND, request("votes"), completion("first"), sent)
        log.put("4", BACKEND, request("votes", sample=1), completion("second"), sent)
        log.put("5", BACKEND, request("late"), None, Attempt(1.0, error="gone"))
        log.put("6", BACKEND, request("late", system="other"), RefusedError("truncated"), sent)
        log.put("7", BACKEND, request("late", system="third"), completion("late"), sent)
        log.put("8", BACKEND, request("cut"), RefusedError("truncated"), sent)
        log.put("open", BACKEND, request("cut", system="other"), None, Attempt(error="gone"))
        log.put("9", BACKEND, request("filtered"), RefusedError("content_filter"), sent)
        log.put("item", BACKEND, request("packed", pack=2), completion("part"), part_of="whole")
        log.put("whole", BACKEND, request("packed", pack=2), completion("whole"), sent)
        log.put("asked", BACKEND, request("twice"), completion("old"), sent)
        log.put("anew", BACKEND, request("twice", system="other"), completion("new"), sent)
    ids = ("unfit", "votes", "late", "cut", "filtered", "packed", "twice", "unknown")
    assert replayed(path, tmp_path / "recording.jsonl", *ids) == [
        *("mended", "first", "late", "truncated", "content_filter", "part", "new"),
        "no_recorded_answer",
    ]


# Older logs


def test_a_log_of_the_first_version_is_seen_as_it_would_be_today(tmp_path: Path) -> None:
    rows = [
        {"key": "a", "content": "ANSWER-SECRET", "answered_model": "m", "prompt_tokens": 7},
        {"key": "b", "refusal": "truncated", "document_id": "d2", "latency_s": 2.5},
    ]
    path = write_first_version(tmp_path / "calls.db", rows)

    def look() -> list[object]:
        with LogView(path) as view:
            calls = [call.to_dict() for call in view.calls(ALL, words=True)]
            found = [calls, view.summary(ALL), [call.key for call in view.recording(ALL)]]
            return [*found, view.count(Filters(state="refused", min_attempts=1))]

    before = snapshot(tmp_path)
    as_it_is = look()
    assert snapshot(tmp_path) == before
    CallLog(path).close()
    assert look() == as_it_is
    assert as_it_is[-1] == 1


# Nothing is written


def test_nothing_is_changed_or_left_behind(tmp_path: Path) -> None:
    path = write_log(tmp_path / "calls ?#%41.db")
    before = snapshot(tmp_path)
    assert list(before) == [path.name]
    with LogView(path) as view:
        assert len(list(view.calls(ALL))) == 6
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            view._db.execute("DELETE FROM calls")
    assert snapshot(tmp_path) == before


def test_a_log_that_is_being_written_to(path: Path) -> None:
    with CallLog(path) as log:
        log.put("k7", BACKEND, request(), None)
        with LogView(path) as view, log.transaction():
            assert view.count(ALL) == 7
            log.put("k8", BACKEND, request(), None)  # holds the only lock there is for writing
            assert len(keys(path)) == 7
        assert len(keys(path)) == 8
        with LogView(path) as view:  # one moment's log, whoever goes on writing
            seen = view.calls(ALL)
            first = next(seen)
            log.put("k9", BACKEND, request(), None)
            assert len([first, *seen]) == view.count(ALL) == 8
    assert len(keys(path)) == 9


def test_while_a_process_writes_and_after_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"some\n"
            numbers = [len(keys(path)) for _ in range(5)]
        finally:
            process.send_signal(signal.SIGKILL)
    assert numbers == sorted(numbers)
    assert numbers[0] > 100
    before = snapshot(tmp_path)
    assert f"{path.name}-wal" in before
    assert len(keys(path)) >= numbers[-1]
    after = snapshot(tmp_path)
    for name in (path.name, f"{path.name}-wal"):
        assert after[name] == before[name]


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A folder in which, for as long as this lasts, nothing can be written."""
    folder = Path(tempfile.mkdtemp(prefix="decoct-"))
    write_log(folder / "calls.db")
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:  # whom nothing is forbidden
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_where_nothing_can_be_written(unwritable: Path) -> None:
    with pytest.raises(OSError, match="denied"):
        (unwritable / "x").touch()
    assert len(keys(unwritable / "calls.db")) == 6


# What is no log


def test_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.db: no such call log; name the file"):
        LogView(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="is a folder"):
        LogView(tmp_path)
    rubbish = tmp_path / "rubbish.db"
    rubbish.write_bytes(b"this is not SQLite" * 100)
    with pytest.raises(StoreError, match=r"rubbish\.db: call log can't be read: .*not a database"):
        LogView(rubbish)
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(StoreError, match=r"empty\.db: holds no call log"):
        LogView(empty)
    assert empty.stat().st_size == 0
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE other (x)")
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreError, match="holds no call log"):
        LogView(foreign)
    newer = tmp_path / "newer.db"
    with closing(sqlite3.connect(newer)) as db:
        db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="written by a newer decoct"):
        LogView(newer)


def test_a_broken_log_is_one_line(path: Path) -> None:
    pages = path.read_bytes()
    path.write_bytes(pages[: len(pages) // 2])
    with pytest.raises(StoreError, match=r"malformed.*recover"), LogView(path) as view:
        list(view.calls(ALL, words=True))

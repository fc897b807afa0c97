"""What stands between the command and the log: times that people write, and exports."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from decoct.errors import ConfigError, StoreError
from decoct.recipes.teacher_log import Filters, LogView, export_log, read_moment
from decoct.teacher.backends.replay import ReplayBackend
from fakes.call_logs import completion, request, write_log


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("2026-05-09", False, "2026-05-09T00:00:00+00:00"),
        ("2026-05-09", True, "2026-05-10T00:00:00+00:00"),
        (" 20260509 ", True, "2026-05-10T00:00:00+00:00"),
        ("2026-05-09T14:30", True, "2026-05-09T14:30:00+00:00"),
        ("2026-05-09 14:30:05", False, "2026-05-09T14:30:05+00:00"),
        ("2026-05-09T14:30Z", False, "2026-05-09T14:30:00+00:00"),
        ("2026-05-09T14:30+08:00", False, "2026-05-09T06:30:00+00:00"),
    ],
)
def test_a_moment(text: str, end: bool, expected: str) -> None:
    assert read_moment(text, "--since", end=end).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("45s", timedelta(seconds=45)),
        ("90m", timedelta(minutes=90)),
        ("1.5 h", timedelta(hours=1.5)),
        ("3d", timedelta(days=3)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_so_long_back(text: str, back: timedelta) -> None:
    meant = read_moment(text, "--since", end=True)
    assert abs(datetime.now(UTC) - back - meant) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "9999-12-31", "2x", "-2h", "h", "9" * 30 + "w", "12:00"]
)
def test_no_moment(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--until .*give a date .*2h") as raised:
        read_moment(text, "--until", end=True)
    assert "\n" not in str(raised.value)


def test_an_export_is_a_recording(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "calls.jsonl"
    with LogView(write_log(tmp_path / "calls.db")) as view:
        assert export_log(view, out, Filters()) == 6
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert {line["key"] for line in lines} == {f"k{number}" for number in range(1, 7)}
        first = next(line for line in lines if line["key"] == "k1")
        assert first["id"] == "d1"
        assert first["system"] == "SYSTEM-SECRET"
        assert first["usage"]["prompt_tokens"] == 330
        assert len(first["attempts"]) == 1
        assert "text" not in first
        backend = ReplayBackend(out)
        answer = asyncio.run(backend.complete(request("d2", user="whatever it says")))
        assert (answer.content, answer.model) == ("ANSWER-SECRET", "gpt-5-2025")
        assert answer.usage.completion_tokens == completion().usage.completion_tokens
        assert export_log(view, out, Filters(state="refused")) == 1
        assert export_log(view, out, Filters(), limit=4) == 4
        assert len(out.read_text().splitlines()) == 4


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "calls.jsonl"
    out.write_text("before")
    path = write_log(tmp_path / "calls.db")
    pages = path.read_bytes()
    path.write_bytes(pages[:8192] + b"\xff" * (len(pages) - 8192))
    with LogView(path) as view, pytest.raises(StoreError, match="malformed"):
        export_log(view, out, Filters())
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.db", "calls.jsonl"]

"""`teacher log`: a call log in; what was asked, what came back and what it cost out."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from decoct.errors import ConfigError
from decoct.progress import Progress, Silent
from decoct.store import atomic_write
from decoct.teacher.log.filters import Filters
from decoct.teacher.log.view import LogView

__all__ = ["Filters", "LogView", "export_log", "read_moment"]

_BACK = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(text: str, flag: str, *, end: bool = False) -> datetime:
    """Return the time that somebody means.

    Args:
        text: a date, a date and time (in UTC where it names no zone), or how long back: `90m`,
            `2h`, `3d`.
        flag: where it was given, for the message.
        end: whether a date stands for its end, rather than its beginning.

    Raises:
        ConfigError: it is none of these.

    Example:
        >>> read_moment("2026-05-09", "--until", end=True).isoformat()
        '2026-05-10T00:00:00+00:00'
    """
    try:
        if back := _BACK.fullmatch(text.strip()):
            return datetime.now(UTC) - timedelta(**{_UNITS[back[2]]: float(back[1])})
        if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text.strip()):
            day = date.fromisoformat(text.strip()) + timedelta(days=end)
            return datetime.combine(day, time(), UTC)
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{flag} {text!r}: give a date (2026-05-09), a date and time in UTC "
            "(2026-05-09T14:00), or how long back (90m, 2h, 3d)"
        ) from None


def export_log(
    log: LogView,
    out: Path,
    filters: Filters,
    limit: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Write whole calls, texts and answers too, as JSONL that `replay:FILE` reads; return how many.

    Args:
        log: where they are.
        out: written atomically.
        filters: which calls.
        limit: how many at most; None for all.
        progress: shown how far it is.

    Raises:
        StoreError: the log can't be read or `out` written.
    """
    n_calls = log.count(filters) if limit is None else min(limit, log.count(filters))
    calls = (progress or Silent()).track(log.recording(filters, limit), n_calls, "export")
    with atomic_write(out) as handle:
        for call in calls:
            handle.write(json.dumps(call.to_dict(), ensure_ascii=False) + "\n")
    return n_calls

"""What a person sees of a call log; its words only where they were asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import typer

from decoct.cli.flags import one_line
from decoct.cli.screen import show_table
from decoct.teacher.log.calls import SeenCall, Words
from decoct.teacher.log.summary import LogSummary

_ROWS_AT_ONCE = 1000  # a table is laid out in memory
_HEADER = (
    *("time (UTC)", "document", "task", "teacher", "sample", "state", "sent", "tokens", "took"),
    "reason or last error",
)
_MODELS_HEADER = (
    *("teacher", "answered", "refused", "open", "sent", "failed", "prompt tokens", "cached"),
    "completion tokens",
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")


def show_calls_as_json(file: Path, calls: Iterable[SeenCall], n_calls: int) -> None:
    """Write one JSON object, a call at a time."""
    typer.echo(f'{{"log": {json.dumps(str(file))}, "n_calls": {n_calls}, "calls": [', nl=False)
    for number, call in enumerate(calls):
        comma = "," if number else ""
        typer.echo(f"{comma}\n{json.dumps(call.to_dict(), ensure_ascii=False)}", nl=False)
    typer.echo("\n]}")


def show_calls(file: Path, calls: Iterable[SeenCall], n_calls: int, most: int | None) -> None:
    """Draw a row for each call, without a word of what was said.

    Args:
        file: the log.
        calls: those to be shown.
        n_calls: how many fit the filters.
        most: how many are shown at most.
    """
    if not n_calls:
        typer.echo(f"{file}: no such calls")
        return
    some = f"the newest {most} of " if most is not None and most < n_calls else ""
    title = f"{file}: {some}{n_calls} calls"
    rows = map(_row, calls)
    for first in rows:
        show_table(title, _HEADER, chain([first], islice(rows, _ROWS_AT_ONCE - 1)))
        title = ""


def _row(call: SeenCall) -> Iterator[str]:
    again = f", again {call.n_turns}" if call.n_turns else ""
    cells = (
        _time(call.changed_at),
        call.document_id,
        call.task,
        f"{call.backend}:{call.asked_model}",
        f"{call.sample}{again}",
        call.state,
        "packed" if call.part_of and not call.attempts else f"{len(call.attempts)}x",
        f"{call.paid.prompt_tokens}+{call.paid.completion_tokens}",
        f"{call.last_latency_s:.1f} s",
        call.remark,
    )
    return (_plain(one_line(cell)) for cell in cells)


def show_words(calls: Iterable[SeenCall]) -> None:
    """Write what was said, call by call; standing instructions only where they change."""
    instructions = None
    for call in calls:
        when, document, task, teacher, sample, state, *_ = _row(call)
        remark = f" ({_plain(one_line(call.remark))})" if call.remark else ""
        typer.echo(f"== {when}  {document}  {task}  {teacher}  sample {sample}: {state}{remark}")
        if call.words is not None:
            if call.words.system != instructions:
                _say("instructions", call.words.system)
            instructions = call.words.system
            _say_all(call.words)
        typer.echo()


def _say_all(words: Words) -> None:
    _say("asked", words.user)
    for answer, complaint in words.turns:
        _say("answered", answer)
        _say("asked again", complaint)
    if words.content is not None:
        _say("answered", words.content)


def _say(who: str, words: str) -> None:
    typer.echo(f"-- {who}\n{_plain(words)}")


def show_summary(file: Path, found: LogSummary) -> None:
    """Draw a row for each model, then what was refused, failed and is waited for."""
    if not found.models:
        typer.echo(f"{file}: no such calls")
        return
    rows = [
        (
            f"{of.backend}:{of.model}",
            *map(str, (of.n_answered, of.n_refused, of.n_open, of.n_attempts, of.n_failed)),
            *map(str, (of.usage.prompt_tokens, of.usage.cached_prompt_tokens)),
            str(of.usage.completion_tokens),
        )
        for of in found.models
    ]
    first = _time(min(of.first_at for of in found.models))
    last = _time(max(of.last_at for of in found.models))
    show_table(f"{file}: {found.n_calls} calls, {first} to {last} UTC", _MODELS_HEADER, rows)
    tables = (
        ("refused", "calls", found.refusals),
        ("failed attempts, by error", "attempts", found.errors),
        ("waiting in", "calls", found.waiting),
    )
    for of, what, counts in tables:
        if counts:
            counted = ((_plain(one_line(name)), str(n)) for name, n in counts.items())
            show_table("", (of, what), counted)


def _time(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _plain(text: str) -> str:
    """Return text without what would steer a terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)

"""`decoct teacher log`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decoct.cli.flags import AsJson, Quiet, check_not_source

if TYPE_CHECKING:
    from decoct.teacher.log.filters import Filters
    from decoct.teacher.log.view import LogView

_SHOWN = 20


class State(StrEnum):
    """How a call stands."""

    answered = "answered"
    refused = "refused"
    open = "open"


def log(
    file: Annotated[
        Path, typer.Argument(metavar="LOG", help="The call log that decoct label keeps.")
    ] = Path("teacher.sqlite"),
    document: Annotated[str | None, typer.Option(help="Calls about this document's id.")] = None,
    task: Annotated[str | None, typer.Option(help="Calls of this task.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Calls to this model: NAME or BACKEND:NAME.")
    ] = None,
    state: Annotated[State | None, typer.Option(help="How they stand.")] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="Why they were refused, or a part of an attempt's error, such as 429."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="A date, a time in UTC, or how long back: 90m, 2h, 3d.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Likewise; a date is included.")] = None,
    min_attempts: Annotated[
        int | None, typer.Option(min=0, help="Calls that were sent so many times or more.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="How many at most [20; --export: all]; 0 for all.")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Count them by model, state and error instead.")
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Show what was said too: documents' text.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Write whole calls, documents' text too, as JSONL for replay:FILE."),
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what teachers were asked and how it ended; the log is only read, also during a run."""
    from decoct.cli.log_screen import show_calls, show_calls_as_json, show_summary, show_words
    from decoct.cli.screen import show_json
    from decoct.recipes.teacher_log import Filters, LogView, read_moment

    _check(file, summary, text, export)
    filters = Filters(
        document=document,
        task=task,
        model=model,
        state=state and state.value,
        reason=reason,
        since=read_moment(since, "--since") if since is not None else None,
        until=read_moment(until, "--until", end=True) if until is not None else None,
        min_attempts=min_attempts,
    )
    with LogView(file) as view:
        if export is not None:
            _export(view, export, filters, limit or None, json, quiet)
        elif summary and json:
            show_json({"log": str(file), **view.summary(filters).to_dict()})
        elif summary:
            show_summary(file, view.summary(filters))
        else:
            most = _SHOWN if limit is None else limit or None
            shown = view.calls(filters, most, words=text)
            n_calls = view.count(filters)
            if json:
                show_calls_as_json(file, shown, n_calls)
            elif text:
                show_words(shown)
            else:
                show_calls(file, shown, n_calls, most)


def _check(file: Path, summary: bool, text: bool, export: Path | None) -> None:
    """See that the flags go together and that an export can be written, before any work."""
    from decoct.errors import ConfigError
    from decoct.store import check_writable

    if summary and (text or export is not None):
        raise ConfigError("--summary only counts: leave out --text and --export, or --summary")
    if export is None:
        return
    if export.suffix != ".jsonl":
        raise ConfigError(f"--export {export}: JSONL is written; give it the ending .jsonl")
    check_not_source(export, file)
    if file.is_file():
        check_writable(export)


def _export(
    view: LogView, out: Path, filters: Filters, limit: int | None, as_json: bool, quiet: bool
) -> None:
    from decoct.cli.screen import Screen, show_json
    from decoct.recipes.teacher_log import export_log

    n_calls = export_log(view, out, filters, limit, Screen(quiet))
    if as_json:
        show_json({"log": str(view.path), "export": str(out), "n_calls": n_calls})
    else:
        typer.echo(f"{out}: {n_calls} calls, with documents' text; --teacher replay:{out}")

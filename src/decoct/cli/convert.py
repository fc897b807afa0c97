"""`decoct convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decoct.cli.flags import AsJson, Quiet, check_not_source
from decoct.errors import ConfigError

if TYPE_CHECKING:
    from decoct.formats.base import Losses


def convert(
    source: Annotated[
        list[Path] | None,
        typer.Option("--in", help="File or folder; several are joined, once for each."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write: a file, or a new folder for brat."),
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="Their format, such as ade_corpus: one for all or one for each. "
            "Without it, what they hold and their endings say.",
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="The format to write; else the ending of --out says.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of the formats as name=value, such as text=note (see --list). "
            "from.NAME or to.NAME is for one side."
        ),
    ] = None,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge",
            help="Documents of one id and text become one with the annotations of all; "
            "without it the first is kept.",
        ),
    ] = False,
    positives_only: Annotated[
        bool, typer.Option("--positives-only", help="Leave out what has no annotation.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Show the formats there are, and do nothing else.")
    ] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Turn documents of one format into another, decoct's JSONL among them, and join several."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import Faults
    from decoct.formats.base import Losses, get_writer, guess_writer
    from decoct.recipes.convert import convert as recipe

    if list_:
        _list(json)
        return
    if not source or out is None:
        raise typer.BadParameter("both are needed", param_hint="--in and --out")
    to = to or guess_writer(out)
    if get_writer(to).endings:  # a folder is looked at when it is written
        check_not_source(out, *source)
    faults, losses = Faults(), Losses()
    made = recipe(
        source,
        out,
        from_,
        to,
        options=_options(option or []),
        merge=merge,
        positives_only=positives_only,
        faults=faults,
        losses=losses,
        progress=Screen(quiet),
    )
    if json:
        show_json(made.to_dict())
    else:
        merged = f", {made.n_merged} merged into others" if made.n_merged else ""
        typer.echo(
            f"{out}: {made.n_documents} documents ({made.n_negative} without a relation), "
            f"{made.n_spans} spans, {made.n_relations} relations{merged}"
        )
    _show_losses(losses, to)
    close(faults, quiet)


def _show_losses(losses: Losses, to: str) -> None:
    from decoct.cli.flags import one_line

    for line in losses.lines():
        typer.echo(f"lost, since {to} has no place for it: {one_line(line)}", err=True)


def _options(given: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise ConfigError(f"--option {one}: an option is given as name=value")
        options[name.strip()] = value
    return options


def _list(json: bool) -> None:
    from dataclasses import asdict

    from decoct.cli.screen import show_json, show_table
    from decoct.recipes.convert import list_formats

    formats = list_formats()
    if json:
        show_json({"formats": [asdict(one) for one in formats]})
        return
    rows = [
        (
            one.name,
            "yes" if one.writes else "no",
            " ".join(one.endings) or "-",
            ", ".join(one.carries) if one.carries else "text alone" if one.writes else "-",
            ", ".join(one.options) or "-",
        )
        for one in formats
    ]
    show_table("formats", ("format", "written", "endings", "carries back", "options"), rows)

"""`decoct link`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decoct.cli.extract import Layout
from decoct.cli.flags import AsJson, Device, EngineName, Quiet, check_out

if TYPE_CHECKING:
    from decoct.records import Document


def link(
    linker: Annotated[Path, typer.Option(help="The folder of decoct rerank, or of decoct index.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--in",
            help="Documents with spans, such as decoct extract writes, or a table with a column "
            "mention; - is standard input.",
        ),
    ] = None,
    mention: Annotated[
        list[str] | None,
        typer.Option("--mention", help="A mention that stands alone; can be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="JSONL file to write [standard output].")
    ] = None,
    layout: Annotated[
        Layout | None,
        typer.Option("--format", help="On standard output: jsonl, or a table for people."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="Only mentions with this label; can be repeated."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option(min=0, help="Candidates that a link names [the linker's, 5].")
    ] = None,
    nil: Annotated[
        bool | None,
        typer.Option("--nil/--no-nil", help="Whether a mention can be NIL [the linker's, yes]."),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(help="What is less sure than this is NIL [the linker's, 0]."),
    ] = None,
    abbreviations: Annotated[
        bool | None,
        typer.Option(
            "--abbreviations/--no-abbreviations",
            help="Look up an abbreviation by its long form, where the document has it.",
        ),
    ] = None,
    device: Device = "auto",
    engine: EngineName = "auto",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Link mentions to a knowledge base; an interrupted run to a file goes on where it was."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import ConfigError, Faults
    from decoct.recipes.link import link_file, link_mentions, link_stream, load_linker
    from decoct.store import check_writable

    if (source is None) == (not mention):
        raise ConfigError("give either --in FILE or --mention TEXT")
    if out is not None and source is None:
        raise ConfigError("--out goes with --in; --mention is answered on standard output")
    if out is not None and source is not None:
        check_out(out, source)
        check_writable(out)
    faults = Faults()
    loaded = load_linker(
        linker,
        engine,
        device,
        keep=keep,
        nil=nil,
        min_confidence=min_confidence,
        abbreviations=abbreviations,
        labels=tuple(labels) if labels else None,
    )
    if out is not None and source is not None:
        made = link_file(loaded, source, out, faults=faults, progress=Screen(quiet))
        if json:
            show_json({"out": str(out), **made.to_dict(), "n_skipped": faults.n})
        else:
            resumed = f", {made.n_resumed} of them by an earlier run" if made.n_resumed else ""
            typer.echo(
                f"{out}: {made.n_documents} documents{resumed}, {made.n_mentions} mentions, "
                f"{made.n_nil} of them NIL"
            )
    else:
        found = (
            link_mentions(loaded, mention or ())
            if source is None
            else link_stream(loaded, source, faults)
        )
        people = sys.stdout.isatty() and layout is None and not json
        _show(found, Layout.table if people or layout is Layout.table else Layout.jsonl)
    close(faults, quiet)


def _show(documents: Iterable[Document], layout: Layout) -> None:
    if layout is Layout.table:
        from decoct.cli.screen import show_table

        show_table("", ("document", "mention", "entity", "name", "confidence"), _rows(documents))
        return
    for document in documents:
        typer.echo(document.to_json())


def _rows(documents: Iterable[Document]) -> Iterable[tuple[str, ...]]:
    for document in documents:
        for span in document.spans:
            if span.link is not None:
                link = span.link
                sure = "" if link.confidence is None else f"{link.confidence:.2f}"
                yield (document.id, span.text, link.id or "NIL", link.name or "", sure)

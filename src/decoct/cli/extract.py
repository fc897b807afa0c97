"""`decoct extract`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decoct.cli.flags import Device, EngineName, In, Quiet, Threads, check_out

if TYPE_CHECKING:
    from decoct.records import Document


class Layout(StrEnum):
    """How predictions are shown on standard output."""

    jsonl = "jsonl"
    table = "table"


def extract(
    student: Annotated[str, typer.Option(help="The student's folder, or a hub id.")],
    source: In,
    out: Annotated[
        Path | None, typer.Option("--out", help="JSONL file to write [standard output].")
    ] = None,
    layout: Annotated[
        Layout | None,
        typer.Option("--format", help="On standard output: jsonl, or a table for people."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Refuse a student of another task.")
    ] = None,
    given_subjects: Annotated[
        bool, typer.Option("--given-subjects", help="Take the drugs from the documents' own spans.")
    ] = False,
    device: Device = "auto",
    engine: EngineName = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Annotate documents with a student; an interrupted run to a file goes on where it was."""
    from decoct.cli.screen import Screen, close
    from decoct.errors import Faults
    from decoct.recipes.extract import count, extract_file, load_any_student
    from decoct.recipes.extract import extract as recipe
    from decoct.store import check_writable

    if out is not None:
        check_out(out, source)
        check_writable(out)
    faults = Faults()
    loaded = load_any_student(student, task, device, engine, threads)
    if out is not None:
        made = extract_file(
            loaded,
            source,
            out,
            given_subjects=given_subjects,
            faults=faults,
            progress=None if quiet else Screen(),
        )
        resumed = f", {made.n_resumed} of them by an earlier run" if made.n_resumed else ""
        found = f"{made.n_labels} labels" if made.n_labels else f"{made.n_relations} relations"
        typer.echo(
            f"{out}: {made.n_documents} documents, {found}{resumed}",
            err=layout is not None,
        )
        if layout is not None:
            from decoct.formats.base import read_documents

            _show(read_documents(out, faults), layout)
    else:
        people = sys.stdout.isatty() and layout is None
        shown = Layout.table if people else layout
        predicted = recipe(loaded, source, faults, given_subjects=given_subjects)
        if shown is Layout.table or not sys.stdout.isatty():  # else lines show how far it is
            screen = Screen(quiet)
            total = None if quiet else count(source, screen)
            predicted = screen.track(predicted, total, "extract")
        _show(predicted, shown)
    close(faults, quiet)


def _show(documents: Iterable[Document], layout: Layout | None) -> None:
    if layout is Layout.table:
        from decoct.cli.screen import show_table

        shown = list(documents)
        if any(document.label is not None for document in shown):
            show_table("", ("document", "label", "confidence"), map(_label_row, shown))
        else:
            header = ("document", "subject", "relation", "object", "confidence")
            show_table("", header, _rows(shown))
        return
    for document in documents:
        typer.echo(document.to_json())


def _label_row(document: Document) -> tuple[str, str, str]:
    sure = document.meta.get("confidence")
    return document.id, document.label or "-", "" if sure is None else f"{sure:.2f}"


def _rows(documents: Iterable[Document]) -> Iterable[tuple[str, ...]]:
    """Yield a row for each relation, then the subjects that have none."""
    for document in documents:
        linked = set()
        for relation, subject, target in document.pairs():
            linked.add(subject.id)
            sure = "" if relation.confidence is None else f"{relation.confidence:.2f}"
            yield (document.id, subject.text, relation.label, target.text, sure)
        objects = {target.id for _, _, target in document.pairs()}
        for span in document.spans:
            if span.id not in linked and span.id not in objects:
                sure = "" if span.confidence is None else f"{span.confidence:.2f}"
                yield (document.id, span.text, "-", "", sure)
        if not document.spans:
            yield (document.id, "-", "-", "", "")

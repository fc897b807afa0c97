"""What a person sees: progress and faults on standard error, tables on standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from decoct.cli.flags import one_line
from decoct.errors import Faults
from decoct.evaluation.metrics import Metrics

T = TypeVar("T")
EXIT_SKIPPED = 3
_SHOWN_FAULTS = 10
_LOG_EVERY_S = 20.0


class Screen:
    """Progress on standard error: a bar on a terminal, now and then a line elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def track(self, items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
        """Pass the items on, showing how many are done and, of a known total, the time left."""
        if self.quiet:
            yield from items
        elif self.console.is_terminal:
            yield from self._bar(items, total, title)
        else:
            yield from self._lines(items, total, title)

    def note(self, message: str) -> None:
        """Show one line."""
        if not self.quiet:
            self.console.print(message, markup=False)

    def _bar(self, items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        started = time.monotonic()
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(title, total=total, rate="")
            for done, item in enumerate(items, start=1):
                yield item
                bar.update(
                    task, advance=1, rate=f"{done / max(1e-9, time.monotonic() - started):.0f}/s"
                )

    def _lines(self, items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
        started = last = time.monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - last >= _LOG_EVERY_S:
                last = now
                rate = done / (now - started)
                of = f" of {total}, {(total - done) / rate:.0f} s left" if total else ""
                self.note(f"{title}: {done}{of} ({rate:.1f}/s)")


def show_json(data: Mapping[str, object]) -> None:
    """Write one JSON object to standard output."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))


def show_table(title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Draw a table on standard output, for people."""
    table = Table(title=title, title_justify="left")
    for position, name in enumerate(header):
        table.add_column(name, justify="left" if position == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # a document's text is shown as it stands: no markup and no :emoji: are read out of it
    width = None if sys.stdout.isatty() else 120
    Console(width=width, highlight=False, markup=False, emoji=False).print(table)


def show_systems(title: str, systems: Mapping[str, Metrics]) -> None:
    """Draw the closing table: a row for each system."""
    rows = []
    for name, metrics in systems.items():
        scores = metrics.relations if metrics.headline_of == "relations" else metrics.spans
        strict, lenient, surface = (
            scores["strict", "offsets"],
            scores["lenient", "offsets"],
            scores["lenient", "surface"],
        )
        false_positives = metrics.negatives.rate.percent if metrics.negatives else "-"
        rows.append(
            [name, strict.f1.percent, lenient.f1.percent]
            + [f"{value.value * 100:.1f}" for value in (lenient.precision, lenient.recall)]
            + [surface.f1.percent, false_positives]
        )
    header = [
        "system",
        "strict F1",
        "lenient F1",
        "lenient P",
        "lenient R",
        "lenient F1, surface",
        "false alarms on negatives",
    ]
    show_table(title, header, rows)


def close(faults: Faults, quiet: bool = False) -> None:
    """Name what was skipped and exit with `EXIT_SKIPPED` if anything was."""
    if not faults:
        return
    if not quiet:
        for fault in faults.kept[:_SHOWN_FAULTS]:
            typer.echo(f"skipped: {one_line(fault)}", err=True)
        if faults.n > _SHOWN_FAULTS:
            typer.echo(
                f"skipped: ... and {faults.n - min(_SHOWN_FAULTS, len(faults.kept))} more", err=True
            )
    kinds = ", ".join(f"{count} {kind}" for kind, count in faults.counts.most_common())
    typer.echo(f"decoct: done, {faults.n} items skipped ({kinds})", err=True)
    sys.stdout.flush()
    raise typer.Exit(EXIT_SKIPPED)

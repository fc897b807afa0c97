"""Tables as text: columns parted by tabs, commas or whatever is said, found by their names.

Several rows of one id are one entity: the first name is the preferred one, the others are aliases.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from decoct.errors import Faults, FormatError
from decoct.kb.lines import text_lines
from decoct.kb.readers._columns import Columns, ColumnSettings
from decoct.kb.readers.base import Entry, Notes

_GUESSED = "\t,;|"
_SPELLED = {"\\t": "\t", "tab": "\t"}

Row = tuple[int, list[str]]


class TsvSettings(ColumnSettings):
    r"""How a table is written.

    Attributes:
        delimiter: what parts columns, of any length (`||`, `\t`); None guesses by the first row.
        header: whether the first row names the columns; otherwise they go by number, ids first and
            names second where nothing else is said.
        comment: what lines begin with that are to be passed over, such as `#`; "" for none.
        quoted: whether cells may stand in double quotes and hold delimiters, as spreadsheets write
            them; None for yes where a comma or semicolon parts them, else quotes around a whole
            cell are taken off.
    """

    delimiter: Annotated[str, BeforeValidator(lambda word: _SPELLED.get(word, word))] | None = None
    header: bool = True
    comment: str = ""
    quoted: bool | None = None


class Tsv:
    """Read a table."""

    name = "tsv"
    suffixes = (".tsv", ".csv", ".tab")
    settings = TsvSettings
    repeats = True

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether the first line has a tab."""
        del path
        return b"\t" in head.partition(b"\n")[0]

    def files(self, path: Path) -> list[Path]:
        """Return the file."""
        return [path]

    def read(self, path: Path, settings: TsvSettings, notes: Notes) -> Iterator[Entry]:
        """Yield an entry for each row; a row with more cells than the header is a fault."""
        rows = _rows(path, settings, notes.faults)
        header: list[str] = []
        if settings.header:
            number, header = next(rows, (1, []))
            if not header:
                raise FormatError(f"{path}: is empty; a header and an entity a row are expected")
            columns = Columns.find(header, settings, f"{path}:{number}")
        else:
            columns = Columns.find([], settings, str(path))
        yield from table_entries(rows, header, columns, path, notes)


def table_entries(
    rows: Iterator[tuple[int, list[str]]],
    header: list[str],
    columns: Columns,
    path: Path,
    notes: Notes,
) -> Iterator[Entry]:
    """Yield an entry for each row that is to be read.

    Args:
        rows: (row number from 1, cells).
        header: the columns' names; empty where there are none.
        columns: where each field stands.
        path: for messages.
        notes: gets rows that are too long, and counts those left out.
    """
    for number, cells in rows:
        if header and any(cell.strip() for cell in cells[len(header) :]):
            reason = f"{len(cells)} cells where the header has {len(header)}; it is left out"
            notes.faults.add(f"{path}:{number}", reason, "ragged_row")
            continue
        entry = columns.entry(cells, number)
        if entry:
            yield entry
        else:
            notes.left_out["other_row"] += 1


def _rows(path: Path, settings: TsvSettings, faults: Faults) -> Iterator[Row]:
    """Yield (number of its first line, cells) of rows that are not blank."""
    lines = text_lines(path, faults)
    if settings.comment:
        lines = (each for each in lines if not each[1].startswith(settings.comment))
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return
    delimiter = settings.delimiter or _guess_delimiter(path, first[1])
    quoted = delimiter in (",", ";") if settings.quoted is None else settings.quoted
    if quoted and len(delimiter) == 1:
        yield from _quoted_rows(path, _Feed(first, lines), delimiter, faults)
        return
    for number, line in _chain(first, lines):
        if line.strip():
            cells = line.split(delimiter)
            if settings.quoted is None and '"' in line:
                cells = [_unquoted(cell) for cell in cells]
            yield number, cells


def _quoted_rows(path: Path, feed: _Feed, delimiter: str, faults: Faults) -> Iterator[Row]:
    reader = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.first = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = f"{error}; is a quote left open?" if "limit" in str(error) else str(error)
            faults.add(f"{path}:{feed.first}", reason, "bad_row")
            continue
        if any(cell.strip() for cell in cells):
            yield feed.first, cells


class _Feed:
    """Hands lines to the csv module, and knows where a row began."""

    def __init__(self, first: tuple[int, str], lines: Iterator[tuple[int, str]]) -> None:
        self.first = 0
        self._lines = _chain(first, lines)

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        self.first = self.first or number
        return f"{line}\n"


def _chain(first: tuple[int, str], lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from lines


def _guess_delimiter(path: Path, line: str) -> str:
    """Return what parts the first row into most cells; the tab where nothing does."""
    if ".tsv" in path.suffixes and "\t" in line:
        return "\t"
    return max(_GUESSED, key=line.count)


def _unquoted(cell: str) -> str:
    """Return a cell without the double quotes around it, and those within it single again."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


plugin = Tsv()

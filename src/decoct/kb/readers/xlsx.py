"""Spreadsheets: a table on one sheet of an Excel file, its columns found by their names."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from decoct.errors import ConfigError, Faults, FormatError, MissingExtraError
from decoct.kb.lines import unreadable
from decoct.kb.readers._columns import Columns, ColumnSettings
from decoct.kb.readers.base import Entry, Notes
from decoct.kb.readers.tsv import table_entries
from decoct.registry import nearest

_EXACT = 10**15  # a spreadsheet keeps 15 digits of a number; longer ids end in wrong ones


class XlsxSettings(ColumnSettings):
    """Where in the file the table is.

    Attributes:
        sheet: the sheet's name; "" for the first.
        header: whether the first row names the columns; otherwise they go by number.
    """

    sheet: str = ""
    header: bool = True


class Xlsx:
    """Read a sheet, a row at a time."""

    name = "xlsx"
    suffixes = (".xlsx", ".xlsm")
    settings = XlsxSettings
    repeats = True

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is a zip file, which a spreadsheet is."""
        del path
        return head.startswith(b"PK\x03\x04")

    def files(self, path: Path) -> list[Path]:
        """Return the file."""
        return [path]

    def read(self, path: Path, settings: XlsxSettings, notes: Notes) -> Iterator[Entry]:
        """Yield an entry for each row that is not blank."""
        rows = _rows(path, settings.sheet, notes.faults)
        number, header = next(rows, (1, []))
        if not header:
            raise FormatError(
                f"{path}: the sheet is empty; a header and an entity a row are expected"
            )
        if settings.header:
            columns = Columns.find(header, settings, f"{path}:{number}")
            yield from table_entries(rows, header, columns, path, notes)
            return
        columns = Columns.find([], settings, str(path))
        yield from table_entries(iter([(number, header)]), [], columns, path, notes)
        yield from table_entries(rows, [], columns, path, notes)


def _rows(path: Path, sheet: str, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number from 1, cells as text) of rows that are not blank."""
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise MissingExtraError("openpyxl", "link", "reading a spreadsheet") from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        raise FormatError(
            f"{path}: is no Excel workbook ({error}); save it as .xlsx or .csv"
        ) from None
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        names = book.sheetnames
        if sheet and sheet not in names:
            raise ConfigError(
                f"{path}: sheet={sheet}: no such sheet{nearest(sheet, names)}; "
                f"there are: {', '.join(names)}"
            )
        table = book[sheet or names[0]]
        table.reset_dimensions()  # which other programs write wrong
        for number, row in enumerate(table.iter_rows(values_only=True), start=1):
            cells = [_text(value, f"{path}:{number}", faults) for value in row]
            if any(cells):
                yield number, cells
    finally:
        book.close()


def _text(value: Any, where: str, faults: Faults) -> str:  # noqa: ANN401 (whatever a cell holds)
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return str(value).strip()
    if isinstance(value, int | float):
        if abs(value) >= _EXACT:
            reason = f"{value:.0f} is a number, of which Excel keeps 15 digits; format it as text"
            faults.add(where, reason, "rounded_number")
            return ""
        return str(int(value)) if value == int(value) else str(value)
    return value.isoformat() if isinstance(value, date) else str(value)


plugin = Xlsx()

"""CSV and TSV with named columns: a document a row, its text in one column, its class in another.

Other columns go into the document's meta. Fields may be quoted, and hold line ends then, as RFC
4180 has it and spreadsheets write it; `quotes=false` takes quotes in a file as they stand.

Tables of mentions to be linked are read by the format `mentions`.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from decoct.errors import ConfigError, Faults, FormatError
from decoct.formats._files import write_lines
from decoct.formats._losses import Losses
from decoct.formats._options import check_column
from decoct.formats.base import STANDARD_INPUT, open_bytes, unreadable, writable
from decoct.records import Document

_ENDINGS = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class _Columns:
    text: str
    id: str
    label: str


class Table:
    """Read and write a document for each row."""

    name = "table"
    suffixes: tuple[str, ...] = ()  # `mentions` has them; see `knows`
    endings = _ENDINGS
    carries = ("label", "meta that is strings")

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is a .csv or .tsv with a column `text` and none that is named `mention`."""
        name = path.name.lower().removesuffix(".gz")
        if not name.endswith(_ENDINGS):
            return False
        line = head.decode("utf-8-sig", "replace").partition("\n")[0].rstrip("\r")
        try:
            (cells,) = csv.reader([line], delimiter="," if name.endswith(".csv") else "\t")
        except (csv.Error, ValueError):
            return False
        names = {cell.strip().casefold() for cell in cells}
        return "text" in names and "mention" not in names

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        text: str = "text",
        id: str = "id",
        label: str = "label",
        delimiter: str = "",
        quotes: bool = True,
        header: bool = True,
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield a document for each row; its id is the file's name and line where it has none.

        Args:
            path: the file.
            faults: gets a line for each row that can't be read.
            text: the column that holds the texts.
            id: the column that holds ids, if there is one of that name.
            label: the column that holds classes, likewise.
            delimiter: one character, or the word tab; by default a comma in a .csv, else a tab.
            quotes: whether fields may be quoted.
            header: whether the first row names the columns; else their names are 1, 2, 3...

        Raises:
            FormatError: it is empty, or no column is named `text`.
            StoreError: it can't be opened.
        """
        columns = _Columns(text, id, label)
        stem = "stdin" if path == STANDARD_INPUT else path.name
        names: list[str] = []
        for where, number, cells in _rows(path, _delimiter(path, delimiter), quotes, faults):
            if not names:
                names = _names(cells, columns, header, path)
                if header:
                    continue
            if len(cells) != len(names):
                reason = f"has {len(cells)} fields, the header {len(names)}"
                faults.add(where, reason, "bad_line")
            elif any("\udc80" <= sign <= "\udcff" for sign in "".join(cells)):
                faults.add(where, "not UTF-8", "bad_line")
            else:
                row = dict(zip(names, cells, strict=True))
                yield _document(row, columns, f"{stem}:{number}")
        if not names:
            raise FormatError(f"{path}: is empty; a row of column names is expected")

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        *,
        delimiter: str = "",
        columns: str = "",
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write `id`, `text`, `label` and columns out of meta; see `Writer.write`.

        Args:
            path: the file.
            documents: what to write.
            losses: gets what can't be carried.
            faults: gets documents that can't be written.
            delimiter: one character, or the word tab; by default a comma in a .csv, else a tab.
            columns: names in meta to have a column, between commas; by default those that the first
                document has.
        """
        sign = _delimiter(path, delimiter)
        wanted = [name.strip() for name in columns.split(",") if name.strip()]
        n_documents = 0

        def lines() -> Iterator[str]:
            nonlocal n_documents
            names: list[str] = []
            for document in writable(documents, faults):
                if not names:
                    more = wanted or [key for key in document.meta if key == key.strip() and key]
                    names = list(dict.fromkeys(["id", "text", "label", *more]))
                    yield _line(names, sign)
                row = _row(document, names)
                losses.compare(document, _document(row, _Columns("text", "id", "label"), "?"))
                n_documents += 1
                yield _line([row[name] for name in names], sign)
            if not names:
                yield _line(["id", "text", "label", *wanted], sign)

        write_lines(path, lines())
        return n_documents


def _next(rows: Iterator[list[str]]) -> list[str]:
    """Return the next row; a text may be longer than the 128 KiB that all others keep to."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        return next(rows)
    finally:
        csv.field_size_limit(before)


def _rows(
    path: Path, delimiter: str, quotes: bool, faults: Faults
) -> Iterator[tuple[str, int, list[str]]]:
    """Yield (where, line number, fields) of rows that are not blank."""
    manner: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    first = 1
    try:
        with open_bytes(path) as raw:
            text = io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="")
            rows = csv.reader(text, delimiter=delimiter, quoting=manner, strict=True)
            try:
                while True:
                    where = f"{path}:{first}"
                    try:
                        cells = _next(rows)
                    except StopIteration:
                        return
                    except csv.Error as error:
                        reason = f"{error}; if quotes are part of the text: --option quotes=false"
                        faults.add(where, reason, "bad_line")
                    else:
                        if any(cells):
                            yield where, first, cells
                    first = rows.line_num + 1
            finally:
                text.detach()
    except (OSError, EOFError) as error:
        raise unreadable(path, error) from None


def _names(cells: Sequence[str], columns: _Columns, header: bool, path: Path) -> list[str]:
    if not header:
        cells = [str(number) for number in range(1, len(cells) + 1)]
    wanted = {name.casefold(): name for name in (columns.text, columns.id, columns.label)}
    names = [cell.strip() for cell in cells]
    names = [name if name in wanted.values() else wanted.get(name.casefold(), name)
             for name in names]  # fmt: skip
    check_column(path, columns.text, names)
    if len(set(names)) < len(names):
        raise FormatError(f"{path}: two columns have one name: {', '.join(map(repr, names))}")
    return names


def _document(row: Mapping[str, str], columns: _Columns, id_: str) -> Document:
    label = row.get(columns.label) or None
    own = (columns.text, columns.id, columns.label)
    return Document(
        id=row.get(columns.id) or id_,
        text=row[columns.text],
        source=None if label is None else "gold",
        label=label,
        meta={name: cell for name, cell in row.items() if name not in own and name and cell},
    )


def _row(document: Document, names: Sequence[str]) -> dict[str, str]:
    cells = {name: _cell(document.meta.get(name)) for name in names[3:]}
    return {"id": document.id, "text": document.text, "label": document.label or "", **cells}


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _line(cells: Sequence[str], delimiter: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()


def _delimiter(path: Path, given: str) -> str:
    if given:
        if given != "tab" and (len(given) > 1 or given in '"\r\n'):
            raise ConfigError(f"--option delimiter={given}: give one sign, or the word tab")
        return "\t" if given == "tab" else given
    return "," if path.name.lower().removesuffix(".gz").endswith(".csv") else "\t"


plugin = Table()

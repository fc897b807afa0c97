"""Mentions to be linked, one a row: a table with a header, or a plain list.

Columns, in any order: `mention`, and where there are any `concept_id`, `context`, `id`, `label`;
what stands in other columns goes into the document's meta. A `.csv` has commas and may quote its
fields, any other table has tabs and takes quotes as they stand; no field goes over a line's end.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decoct.errors import Faults, FormatError
from decoct.formats._concepts import read_link
from decoct.formats.base import STANDARD_INPUT, read_lines
from decoct.records import MENTION, Document, Link, Span

_OURS = ("mention", "concept_id", "context", "id", "label")


@dataclass(frozen=True, slots=True)
class _Options:
    file_name: str
    label: str
    empty_is_nil: bool


class Mentions:
    """Read a document with one span from every row."""

    name = "mentions"
    suffixes = (".tsv", ".csv")

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        label: str = MENTION,
        empty_is_nil: bool = False,
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield a document for each mention.

        Its text is the context, where there is one that holds the mention (as a word of its own, if
        anywhere), else the mention alone. Its id is that of the row, else the file's name and line.

        Args:
            path: a `.csv` or `.tsv` with a header. In a file of another ending, and on standard
                input, the header may be missing: then each line is a mention.
            faults: gets a line for each row that can't be read.
            label: of the spans whose row names none.
            empty_is_nil: an empty `concept_id` says NIL; else it says that nobody has looked.

        Raises:
            FormatError: the file is empty, or no column of a table is named `mention`.
            StoreError: it can't be opened.
        """
        stem = "stdin" if path == STANDARD_INPUT else path.name
        options = _Options(stem, label, empty_is_nil)
        comma = path.name.lower().removesuffix(".gz").endswith(".csv")
        header: list[str] | None = None
        for number, line in read_lines(path, faults):
            try:
                cells = _cells(line, comma)
                if header is None:
                    header, is_list = _header(cells, path)
                    if not is_list:
                        continue
                yield _document(_row(header, cells), number, options)
            except (csv.Error, ValueError) as error:
                faults.add(f"{path}:{number}", str(error), "bad_line")


def _cells(line: str, comma: bool) -> list[str]:
    if comma:
        (cells,) = csv.reader([line], strict=True)
    else:
        cells = line.split("\t")
    return [cell.strip() for cell in cells]


def _header(cells: list[str], path: Path) -> tuple[list[str], bool]:
    """Return the columns' names, and whether there was no header because the file is a list."""
    names = [cell.casefold() for cell in cells]
    if "mention" in names:
        ours = zip(names, cells, strict=True)
        return [name if name in _OURS else cell for name, cell in ours], False
    if len(cells) == 1 and not path.name.lower().removesuffix(".gz").endswith(Mentions.suffixes):
        return ["mention"], True
    raise FormatError(
        f"{path}: no column is named 'mention', there are {', '.join(map(repr, cells))}; name one "
        "so, or give a list of mentions or texts, one a line, the ending .txt"
    )


def _row(header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) > len(header):
        raise ValueError(f"has {len(cells)} fields, the header {len(header)}")
    return dict.fromkeys(header, "") | dict(zip(header, cells, strict=False))


def _document(row: Mapping[str, str], number: int, options: _Options) -> Document:
    mention, context = row.get("mention", ""), row.get("context", "")
    if not mention:
        raise ValueError("names no mention")
    start = _find(mention, context)
    text = mention if start is None else context
    start = start or 0
    link = _link(row, options)
    span = Span(
        id="T1",
        start=start,
        end=start + len(mention),
        label=row.get("label") or options.label,
        text=mention,
        link=link,
    )
    return Document(
        id=row.get("id") or f"{options.file_name}:{number}",
        text=text,
        source=None if link is None else "gold",
        spans=(span,),
        meta={name: cell for name, cell in row.items() if name not in _OURS and name and cell},
    )


def _find(mention: str, context: str) -> int | None:
    """Return where a mention stands in its context, as a word of its own if it does anywhere."""
    found = re.search(rf"(?<!\w){re.escape(mention)}(?!\w)", context)
    start = found.start() if found else context.find(mention)
    return None if start < 0 else start


def _link(row: Mapping[str, str], options: _Options) -> Link | None:
    if "concept_id" not in row:
        return None
    link = read_link(row["concept_id"])
    return Link() if link is None and options.empty_is_nil else link


plugin = Mentions()

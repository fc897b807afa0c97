"""JSONL: an entity a line, in decoct's own shape, scispaCy's, or with keys of one's own.

scispaCy's is `concept_id`, `canonical_name`, `aliases`, `types`, `definition`; decoct's is
`decoct.kb.base.Entity`. Keys that stand for nothing here are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from decoct.errors import ConfigError, FormatError
from decoct.kb.lines import text_lines
from decoct.kb.readers._columns import Cell, Columns, ColumnSettings
from decoct.kb.readers.base import Entry, Notes

_LANGUAGES = "languages"  # name -> language tag


class JsonlSettings(ColumnSettings):
    """Which key holds what, where the usual words do not say so.

    Attributes:
        separator: what parts several values in one string; "" for strings of one value each.
    """

    separator: str = ""


class Jsonl:
    """Read JSON objects, one a line."""

    name = "jsonl"
    suffixes = (".jsonl", ".ndjson")
    settings = JsonlSettings
    repeats = False

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether the file begins with an object."""
        del path
        return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")

    def files(self, path: Path) -> list[Path]:
        """Return the file."""
        return [path]

    def read(self, path: Path, settings: JsonlSettings, notes: Notes) -> Iterator[Entry]:
        """Yield an entry for each line; one that is no JSON object, or has no id, is a fault."""
        known: dict[tuple[str, ...], Columns] = {}
        for number, line in text_lines(path, notes.faults):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                data = _object(line)
                keys = tuple(data)
                if keys not in known:
                    known[keys] = Columns.find(keys, settings, where)
                entry = known[keys].entry([_cell(data[key]) for key in keys], number)
            except ValueError as error:
                if number == 1 and line.lstrip().startswith("["):
                    raise FormatError(
                        f"{path}: is one JSON array; write an entity a line: `jq -c '.[]' {path}`"
                    ) from None
                notes.faults.add(where, str(error), "bad_line")
                continue
            except ConfigError as error:
                notes.faults.add(where, str(error).removeprefix(f"{where}: "), "bad_line")
                continue
            if entry is None:
                notes.left_out["other_row"] += 1
                continue
            tags = data.get(_LANGUAGES)
            if isinstance(tags, Mapping):
                entry.names = [(name, str(tags.get(name, tag))) for name, tag in entry.names]
            yield entry


def _object(line: str) -> dict[str, Any]:
    """Parse one line.

    Raises:
        ValueError: it is no JSON object; the message is one line.
    """
    try:
        data = json.loads(line)
    except RecursionError:
        raise ValueError("not JSON: nested too deep") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    return data


def _cell(value: object) -> Cell:
    """Return a value as a table's cell: a string, or the strings of a list."""
    if value is None or isinstance(value, Mapping):
        return ""
    if isinstance(value, list):
        return [str(each) for each in value if isinstance(each, str | int)]
    return str(value)


plugin = Jsonl()

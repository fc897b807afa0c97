"""Plain text: each line that is not blank is a document, its id the file's name and line number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from decoct.errors import Faults
from decoct.formats.base import STANDARD_INPUT, read_lines
from decoct.records import Document


class PlainText:
    """Read a document from every line."""

    name = "text"
    suffixes = (".txt",)

    def read(self, path: Path, faults: Faults, **_options: Any) -> Iterator[Document]:  # noqa: ANN401
        """Yield one document a line; offsets point into the line as it stands."""
        stem = "stdin" if path == STANDARD_INPUT else path.name
        for number, line in read_lines(path, faults):
            yield Document(id=f"{stem}:{number}", text=line)


plugin = PlainText()

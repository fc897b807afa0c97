"""Plain text: each line that is not blank is a document, its id the file's name and line number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from decoct.errors import Faults
from decoct.formats._files import write_lines
from decoct.formats._losses import Losses
from decoct.formats.base import STANDARD_INPUT, read_lines, writable
from decoct.records import Document, one_line

_LINE_ENDS = re.compile(r"[\r\n]")


class PlainText:
    """Read a document from every line, and write one as a line."""

    name = "text"
    suffixes = (".txt",)
    endings = suffixes
    carries: tuple[str, ...] = ()
    one_a_line = True

    def read(self, path: Path, faults: Faults, **_options: Any) -> Iterator[Document]:  # noqa: ANN401
        """Yield one document a line; offsets point into the line as it stands."""
        stem = "stdin" if path == STANDARD_INPUT else path.name
        for number, line in read_lines(path, faults):
            yield Document(id=f"{stem}:{number}", text=line)

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write the texts alone; see `Writer.write`. Line ends in them become spaces."""
        n_documents = 0

        def lines() -> Iterator[str]:
            nonlocal n_documents
            for document in writable(documents, faults):
                line = _LINE_ENDS.sub(" ", document.text)
                if not line.strip():
                    faults.add(one_line(document.id), "has no text, so no line", "not_written")
                    continue
                n_documents += 1
                losses.compare(document, Document(id=f"{path.name}:{n_documents}", text=line))
                yield f"{line}\n"

        write_lines(path, lines())
        return n_documents


plugin = PlainText()

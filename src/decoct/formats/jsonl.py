"""JSONL: decoct's own form, one document a line (see `decoct.records.Document`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from decoct.errors import Faults, RecordError
from decoct.formats._files import write_lines
from decoct.formats._losses import Losses
from decoct.formats.base import read_lines, writable
from decoct.records import Document
from decoct.store import atomic_write


class Jsonl:
    """Read and write documents as JSONL; offsets are checked both ways."""

    name = "jsonl"
    suffixes = (".jsonl", ".ndjson", ".json")
    endings = suffixes
    carries = ("everything",)
    one_a_line = True

    def read(self, path: Path, faults: Faults, **_options: Any) -> Iterator[Document]:  # noqa: ANN401
        """Yield documents; a line that is not one, or has an id again, is a fault."""
        line_of_id: dict[str, int] = {}
        for number, line in read_lines(path, faults):
            where = f"{path}:{number}"
            try:
                document = Document.from_json(line)
            except RecordError as error:
                faults.add(where, str(error), "bad_line")
                continue
            first = line_of_id.setdefault(document.id, number)
            if first == number:
                yield document
            else:
                faults.add(where, f"id {document.id!r} is on line {first} already", "duplicate_id")

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write a file; see `Writer.write`. Nothing is lost."""
        del losses
        n_documents = 0

        def lines() -> Iterator[str]:
            nonlocal n_documents
            for document in writable(documents, faults):
                yield checked_line(document)
                n_documents += 1

        write_lines(path, lines())
        return n_documents


def write_jsonl(path: Path, documents: Iterable[Document]) -> int:
    """Write documents atomically, as they come, and return how many.

    Raises:
        StoreError: the file can't be written; what was there before still is.
        RecordError: a document contradicts itself (made by `model_construct` or `model_copy`).
    """
    n_documents = 0
    with atomic_write(path) as handle:
        for document in documents:
            handle.write(checked_line(document))
            n_documents += 1
    return n_documents


def checked_line(document: Document) -> str:
    """Return a document's JSONL line, line end included, its offsets checked once more.

    Raises:
        RecordError: a span's text is not what stands at its offsets.
    """
    line = document.to_json()
    Document.from_json(line)
    return line + "\n"


plugin = Jsonl()

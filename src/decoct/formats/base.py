"""What a format is, and the lines that all of them read.

A reader yields documents one at a time and puts what it can't read into `faults`; it raises only
when nothing at all can be read. `-` is standard input.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from decoct.errors import Faults, FormatError, StoreError
from decoct.records import Document
from decoct.registry import Shelf

FORMATS = Shelf("decoct.formats", noun="format")
STANDARD_INPUT = Path("-")


class Format(Protocol):
    """One file format.

    Attributes:
        name: the word after `--from`.
        suffixes: file endings that this format is guessed by.
    """

    name: str
    suffixes: tuple[str, ...]

    def read(self, path: Path, faults: Faults, **options: Any) -> Iterator[Document]:  # noqa: ANN401
        """Yield the documents of a file or folder.

        Raises:
            StoreError: it can't be opened.
            FormatError: it holds nothing of this format.
        """
        ...


def read_documents(path: Path, faults: Faults, format: str | None = None) -> Iterator[Document]:  # noqa: A002
    """Yield the documents of a file in any known format, each id once.

    Args:
        path: a file, or `-` for standard input.
        faults: gets a line for every one that is skipped.
        format: a name on the shelf; None guesses by ending, plain text where that says nothing.

    Raises:
        StoreError: it can't be opened.
        FormatError: it holds nothing that could be read.
    """
    reader: Format = FORMATS.get(format or guess_format(path))
    return unique(reader.read(path, faults), path, faults)


def read(path: str | Path, format: str | None = None) -> list[Document]:  # noqa: A002
    """Read all documents of a file, or fail at the first line that is not one.

    Args:
        path: a file in any known format, or `-` for standard input.
        format: a name on the shelf; None guesses by ending.

    Raises:
        FormatError: a line can't be read; `read_documents` goes on past those.
        StoreError: the file can't be opened.
    """
    faults = Faults()
    documents = list(read_documents(Path(path), faults, format))
    if faults:
        raise FormatError(f"{faults.kept[0]} ({faults.n} such lines)")
    return documents


def guess_format(path: Path) -> str:
    """Return the format's name by the file's ending: `jsonl`, or `text` for anything else."""
    endings = [suffix for suffix in path.suffixes if suffix != ".gz"]
    return "jsonl" if endings and endings[-1] in (".jsonl", ".ndjson", ".json") else "text"


def unique(documents: Iterable[Document], path: Path, faults: Faults) -> Iterator[Document]:
    """Pass on the first document of each id and count the others as faults."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            faults.add(str(path), f"id {document.id!r} occurs twice; the first is kept", "duplicate_id")
            continue
        seen.add(document.id)
        yield document


def read_lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    r"""Yield (line number from 1, text without its line end) of a UTF-8 file, gzipped or not.

    Only `\n` and `\r\n` end a line. A line that is not UTF-8 is a fault; a blank one is passed over.

    Raises:
        StoreError: the file can't be opened or is broken off.
        FormatError: the file is empty.
    """
    empty = True
    try:
        with _open(path) as handle:
            for number, raw in enumerate(handle, start=1):
                line = raw.removesuffix(b"\n").removesuffix(b"\r")
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if not line.strip():
                    continue
                empty = False
                try:
                    yield number, line.decode("utf-8")
                except UnicodeDecodeError as error:
                    faults.add(f"{path}:{number}", f"not UTF-8 at byte {error.start}", "bad_line")
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{path}: can't be read: {reason}") from None
    if empty:
        raise FormatError(f"{path}: is empty; one document a line is expected")


def _open(path: Path) -> IO[bytes]:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    return path.open("rb")

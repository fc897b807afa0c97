"""What a format is, and the lines that all of them read.

A reader yields documents one at a time and puts what it can't read into `faults`; it raises only
when nothing at all can be read. `-` is standard input.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from decoct.errors import Faults, FormatError, StoreError
from decoct.records import Document
from decoct.registry import Shelf

FORMATS = Shelf("decoct.formats", noun="format")
STANDARD_INPUT = Path("-")


class Format(Protocol):
    """One file format.

    Attributes:
        name: the word after `--from`.
        suffixes: file endings, without `.gz`, that this format is guessed by.
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


def read_documents(path: Path, faults: Faults, format: str | None = None) -> Iterator[Document]:
    """Yield the documents of a file in any known format, each id once.

    Args:
        path: a file, or `-` for standard input.
        faults: gets a line for every one that is skipped.
        format: a name on the shelf; None guesses by ending, plain text where that says nothing.

    Raises:
        StoreError: it can't be opened.
        FormatError: it is empty.
    """
    reader: Format = FORMATS.get(format or guess_format(path))
    return unique(reader.read(path, faults), path, faults)


def read(path: str | Path, format: str | None = None) -> list[Document]:
    """Read all documents of a file, or fail where a line of it is not one.

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
    """Return the name of the format that has the file's ending, `.gz` or not; else `text`.

    Standard input has no ending: what begins like a JSON object is taken for JSONL.
    """
    if path == STANDARD_INPUT:
        return "jsonl" if _peek().lstrip().startswith(b'{"') else "text"
    file_name = path.name.lower().removesuffix(".gz")
    for name in FORMATS.names():
        if file_name.endswith(FORMATS.get(name).suffixes):
            return name
    return "text"


def unique(documents: Iterable[Document], path: Path, faults: Faults) -> Iterator[Document]:
    """Pass on the first document of each id and count the others as faults."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            faults.add(
                str(path), f"id {document.id!r} occurs twice; the first is kept", "duplicate_id"
            )
            continue
        seen.add(document.id)
        yield document


def read_lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    r"""Yield (line number from 1, text without its line end) of a UTF-8 file, gzipped or not.

    Only `\n` and `\r\n` end a line. One that is not UTF-8 is a fault; a blank one is passed over.

    Raises:
        StoreError: the file can't be opened or is broken off.
        FormatError: the file is empty.
    """
    empty = True
    try:
        with _open(path) as handle:
            for number, raw in enumerate(handle, start=1):
                where = f"{path}:{number}"
                line = _decode(raw, number == 1, where, faults)
                if line is None:
                    empty = False
                elif line.strip():
                    empty = False
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{path}: can't be read: {reason}") from None
    if empty:
        raise FormatError(f"{path}: is empty; one document a line is expected")


def _decode(raw: bytes, first: bool, where: str, faults: Faults) -> str | None:
    line = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return line.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError as error:
        faults.add(where, f"not UTF-8 at byte {error.start}", "bad_line")
        return None


def _peek() -> bytes:
    """Return what standard input begins with, without taking it."""
    peek = getattr(sys.stdin.buffer, "peek", None)
    return bytes(peek(64)) if peek else b""


def _open(path: Path) -> AbstractContextManager[Iterable[bytes]]:
    if path == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)  # not ours to close
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    return path.open("rb")

"""What a format is, and the lines that all of them read.

A reader yields documents one at a time and puts what it can't read into `faults`; it raises only
when nothing at all can be read. `-` is standard input. A writer says in `losses` what its format
can't carry.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from decoct.errors import ConfigError, Faults, FormatError, RecordError, StoreError
from decoct.formats._losses import Losses as Losses
from decoct.formats._options import accepted as accepted
from decoct.formats._options import split_options as split_options
from decoct.records import Document, one_line
from decoct.registry import Shelf
from decoct.store import open_unzipped

FORMATS = Shelf("decoct.formats", noun="format")
STANDARD_INPUT = Path("-")
_HEAD_BYTES = 4096


class Format(Protocol):
    """One file format.

    Keyword-only parameters of `read` and `write` are the options that users may give; others that
    come by are passed over. A format whose files are known by what they hold rather than by their
    ending has a method `knows(path, head)` too, see `guess_format`. One whose files hold a document
    a line says so by `one_a_line = True`, and is counted without being read.

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


@runtime_checkable
class Writer(Protocol):
    """A format that can be written too.

    Attributes:
        name: the word after `--to`.
        endings: of files, without `.gz`, that this format is guessed by when they are written.
        carries: what of a document comes back, in words; all of it is one word.
    """

    name: str
    endings: tuple[str, ...]
    carries: tuple[str, ...]

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        **options: Any,  # noqa: ANN401
    ) -> int:
        """Write documents atomically, as they come, and return how many.

        Args:
            path: the file or folder.
            documents: what to write.
            losses: gets what the format can't carry of them.
            faults: gets documents that can't be written at all.
            options: the format's own.

        Raises:
            StoreError: it can't be written; what was there before still is.
        """
        ...


def get_writer(name: str) -> Writer:
    """Return the format of that name.

    Raises:
        RegistryError: there is none.
        ConfigError: it is only read.
    """
    plugin = FORMATS.get(name)
    if not isinstance(plugin, Writer):
        can = [one for one in FORMATS.names() if isinstance(FORMATS.get(one), Writer)]
        raise ConfigError(f"{name} is only read; these can be written: {', '.join(can)}")
    return plugin


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
    """Return the name of the format that a file or folder is taken for; else `text`.

    What it holds goes first (XML, folders, JSON, tables: whatever a format's `knows` says), then
    its ending, `.gz` or not, the longest that fits. Standard input has no ending: what begins like
    a JSON object is taken for JSONL.
    """
    if path == STANDARD_INPUT:
        return "jsonl" if _peek().lstrip().startswith(b'{"') else "text"
    plugins = [FORMATS.get(name) for name in FORMATS.names()]
    if path.exists():
        head = b"" if path.is_dir() else _head(path)
        for plugin in plugins:
            if hasattr(plugin, "knows") and plugin.knows(path, head):
                return str(plugin.name)
    return _by_ending(path, {plugin.name: plugin.suffixes for plugin in plugins}) or "text"


def guess_writer(path: Path) -> str:
    """Return the name of the format that a file to be written is meant to have, by its ending.

    Raises:
        ConfigError: the ending says nothing.
    """
    if path == STANDARD_INPUT:
        raise ConfigError(f"--out {path}: a conversion goes to a file or folder; name one")
    plugins = [FORMATS.get(name) for name in FORMATS.names()]
    endings = {one.name: one.endings for one in plugins if isinstance(one, Writer)}
    name = "brat" if path.is_dir() or not path.suffix else _by_ending(path, endings)
    if not name:
        known = ", ".join(sorted(ending for some in endings.values() for ending in some))
        raise ConfigError(f"--out {path}: no format has that ending ({known}); name one by --to")
    return name


def _by_ending(path: Path, endings: Mapping[str, tuple[str, ...]]) -> str:
    file_name = path.name.lower().removesuffix(".gz")
    fits = [
        (len(ending), name)
        for name, some in endings.items()
        for ending in some
        if file_name.endswith(ending)
    ]
    return max(fits)[1] if fits else ""


def _head(path: Path) -> bytes:
    """Return what a file begins with, unzipped; nothing where it can't be read."""
    try:
        with open_bytes(path) as handle:
            return handle.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""


def writable(documents: Iterable[Document], faults: Faults) -> Iterator[Document]:
    """Pass on the documents that can be written as UTF-8 at all; others are faults."""
    for document in documents:
        try:
            document.to_json()
        except RecordError as error:
            faults.add(one_line(document.id), str(error), "not_written")
            continue
        yield document


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


def read_lines(path: Path, faults: Faults, *, blank: bool = False) -> Iterator[tuple[int, str]]:
    r"""Yield (line number from 1, text without its line end) of a UTF-8 file, gzipped or not.

    Only `\n` and `\r\n` end a line. One that is not UTF-8 is a fault; a blank one is passed over,
    unless `blank`.

    Raises:
        StoreError: the file can't be opened or is broken off.
        FormatError: the file is empty.
    """
    empty = True
    try:
        with open_bytes(path) as handle:
            for number, raw in enumerate(handle, start=1):
                where = f"{path}:{number}"
                line = _decode(raw, number == 1, where, faults)
                if line is None:
                    empty = False
                elif line.strip():
                    empty = False
                    yield number, line
                elif blank:
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from None
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


def open_bytes(path: Path) -> AbstractContextManager[IO[bytes]]:
    """Open a file, unzipping one whose name ends in `.gz`, or standard input."""
    if path == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)  # not ours to close
    return open_unzipped(path)


def unreadable(path: Path, error: Exception) -> StoreError:
    """Return the error of a file that can't be opened or is broken off."""
    reason = getattr(error, "strerror", None) or str(error)
    return StoreError(one_line(f"{path}: can't be read: {reason}"))

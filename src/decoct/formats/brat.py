"""BRAT standoff: a folder with a `.txt` and a `.ann` for each document.

A document's id is its file's name without the ending, within subfolders their names before it. When
written, signs that a file's name can't hold everywhere stand as `%` and two digits, so an id can't
lead out of the folder; what stands so is read back.

Events are read as relations from the trigger to each argument, and kept whole with attributes,
equivalences and notes in `meta["brat"]`, from which they are written again. An attribute
`Confidence` between 0 and 1 is a span's or relation's confidence. `N` lines are links; an id
without a database's name before it is written as `_:ID`, and NIL as `_:NIL`.

Source: https://brat.nlplab.org/standoff.html.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from decoct.errors import Faults, FormatError
from decoct.formats._files import atomic_folder
from decoct.formats._losses import Losses
from decoct.formats._offsets import Unit
from decoct.formats._standoff import read_standoff
from decoct.formats._standoff_lines import standoff_lines
from decoct.formats.base import unreadable, writable
from decoct.records import Document, one_line

_MAX_NAME_BYTES = 200
_HASH_CHARS = 12


class Brat:
    """Read and write folders of text and annotation files."""

    name = "brat"
    suffixes = (".ann",)
    endings: tuple[str, ...] = ()  # a folder
    carries = ("spans", "nested", "discontinuous", "relations", "links' ids", "confidences")

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is a folder that holds, or whose folders hold, a `.ann`."""
        del head
        return path.is_dir() and any(True for form in ("*.ann", "*/*.ann") for _ in path.glob(form))

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        offsets: Unit = "codepoints",
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield the documents of a folder and the folders in it, by name, or of one pair of files.

        A text without annotations is a document too.

        Args:
            path: the folder, or one of its files.
            faults: gets a line for each that can't be read, placed or resolved.
            offsets: what the annotations count: codepoints, utf8 (bytes) or utf16 (units).

        Raises:
            FormatError: it holds no text.
            StoreError: a file can't be opened.
        """
        if path.is_dir():
            texts = sorted(path.rglob("*.txt"))
            for lonely in sorted(
                {*path.rglob("*.ann")} - {one.with_suffix(".ann") for one in texts}
            ):
                faults.add(str(lonely), "has no .txt beside it", "missing_text")
            folder = path
        else:
            if path.exists() and path.suffix not in (".ann", ".txt"):
                raise FormatError(f"{path}: not a folder, .txt or .ann; BRAT has pairs of the two")
            texts, folder = [path.with_suffix(".txt")], path.parent
        if not texts:
            raise FormatError(f"{path}: holds no .txt; BRAT has one beside each .ann")
        for one in texts:
            document = _read_pair(one, folder, faults, offsets)
            if document is not None:
                yield document

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        *,
        offsets: Unit = "codepoints",
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write a folder, which must not be there yet or be empty; see `Writer.write`.

        Args:
            path: the folder.
            documents: what to write.
            losses: gets what can't be carried.
            faults: gets documents that can't be written.
            offsets: what the annotations shall count.
        """
        taken: set[str] = set()
        with atomic_folder(path) as folder:
            for document in writable(documents, faults):
                file_name = _file_name(document.id, taken)
                lines = standoff_lines(document, offsets)
                (folder / f"{file_name}.txt").write_bytes(document.text.encode("utf-8"))
                content = "".join(f"{line}\n" for line in lines).encode("utf-8")
                (folder / f"{file_name}.ann").write_bytes(content)
                read = read_standoff(
                    _id(file_name), document.text, _numbered("", lines), Faults(), offsets
                )
                losses.compare(document, read)
        return len(taken)


def _read_pair(text_file: Path, folder: Path, faults: Faults, unit: Unit) -> Document | None:
    annotations = text_file.with_suffix(".ann")
    try:
        text = text_file.read_bytes().decode("utf-8")
        lines = annotations.read_bytes().split(b"\n") if annotations.exists() else []
    except UnicodeDecodeError as error:
        faults.add(str(text_file), f"not UTF-8 at byte {error.start}", "bad_text")
        return None
    except OSError as error:
        raise unreadable(text_file, error) from None
    decoded: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            decoded.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError as error:
            faults.add(f"{annotations}:{number}", f"not UTF-8 at byte {error.start}", "bad_line")
            decoded.append("")
    parts = text_file.relative_to(folder).with_suffix("").parts
    id_ = "/".join(map(_id, parts))
    return read_standoff(id_, text, _numbered(f"{annotations}:", decoded), faults, unit)


def _numbered(before: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((f"{before}{number}", line) for number, line in enumerate(lines, start=1))


def _file_name(id_: str, taken: set[str]) -> str:
    """Return a name that any file system can hold and that no document before has, case aside."""
    name = quote(id_, safe="")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name) > _MAX_NAME_BYTES or name.casefold() in taken:
        digest = hashlib.sha256(id_.encode("utf-8")).hexdigest()[:_HASH_CHARS]
        name = f"{name[:_MAX_NAME_BYTES].rpartition('%')[0] or name[:_MAX_NAME_BYTES]}-{digest}"
    taken.add(name.casefold())
    return name


def _id(file_name: str) -> str:
    """Return the id that a file's name stands for: unquoted if it is what `_file_name` makes."""
    unquoted = unquote(file_name, errors="replace")
    return unquoted if _file_name(unquoted, set()) == file_name else one_line(file_name)


plugin = Brat()

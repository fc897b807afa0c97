"""BioC in JSON: a collection, a list of documents, a document a line, or PubTator's own export.

See `bioc_xml` for what is kept of it. Read and written a document at a time.

Source: Comeau et al. 2013, Database; https://github.com/bionlproc/BioC-JSON, which is also what the
Python package `bioc` reads and writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from decoct.errors import Faults, FormatError
from decoct.formats._bioc import to_bioc
from decoct.formats._bioc_reading import from_bioc
from decoct.formats._files import atomic_text
from decoct.formats._losses import Losses
from decoct.formats._offsets import Unit
from decoct.formats.base import open_bytes, unreadable, writable
from decoct.records import Document, one_line

_LISTS = re.compile(rb'"(documents|PubTator3|passages|text)"\s*:')
_HEAD = {"bioctype": "BioCCollection", "source": "decoct", "date": "", "key": "", "version": "1.0"}
_HEAD_BYTES = 1 << 16


class BiocJson:
    """Read and write BioC JSON."""

    name = "bioc_json"
    suffixes = (".bioc.json", ".bioc.jsonl")
    endings = (".bioc.json",)
    carries = ("everything",)

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is a .json whose first list is one of BioC's, before any text."""
        found = _LISTS.search(head)
        json_like = re.match(rb"(\xef\xbb\xbf)?\s*[\[{]", head) is not None
        name = path.name.lower().removesuffix(".gz")
        return json_like and name.endswith(".json") and found is not None and found[1] != b"text"

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        offsets: Unit = "codepoints",
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield documents, one at a time.

        Args:
            path: the file.
            faults: gets what can't be read, placed or resolved.
            offsets: what the file counts: codepoints, utf8 (bytes) or utf16 (units).

        Raises:
            FormatError: it is empty or no JSON from its beginning.
            StoreError: it can't be opened.
        """
        for number, data in enumerate(_documents(path, faults), start=1):
            document = from_bioc(data, f"{path}: document {number}", faults, offsets)
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
        """Write a collection; see `Writer.write`.

        Args:
            path: the file.
            documents: what to write.
            losses: gets what can't be carried.
            faults: gets documents that can't be written.
            offsets: what offsets shall count.
        """
        n_documents = 0
        with atomic_text(path) as handle:
            head = json.dumps({**_HEAD, "infons": {}})
            handle.write(f'{head[:-1]}, "documents": [')
            for document in writable(documents, faults):
                data = to_bioc(document, offsets)
                handle.write(",\n" if n_documents else "\n")
                handle.write(json.dumps(data, ensure_ascii=False))
                compare(document, data, losses, offsets)
                n_documents += 1
            handle.write("\n]}\n")
        return n_documents


def compare(document: Document, data: dict[str, Any], losses: Losses, unit: Unit) -> None:
    """Count what of a document is not in what was made of it."""
    after = from_bioc(data, "", Faults(), unit)
    if after is not None:
        losses.compare(document, after)


def _documents(path: Path, faults: Faults) -> Iterator[Any]:
    import ijson

    n_documents = 0
    try:
        with open_bytes(path) as handle:
            head = handle.read(_HEAD_BYTES)
            if not head.strip():
                raise FormatError(f"{path}: is empty; BioC JSON is expected")
            source = _Again(head.removeprefix(b"\xef\xbb\xbf"), handle)
            for data in ijson.items(source, _where(head), multiple_values=True, use_float=True):
                n_documents += 1
                yield data
    except (ijson.JSONError, UnicodeDecodeError) as error:
        reason = one_line(str(error).splitlines()[0])
        if not n_documents:
            raise FormatError(f"{path}: not BioC JSON: {reason}") from None
        message = f"no JSON after document {n_documents}: {reason}; the rest can't be read"
        faults.add(str(path), message, "bad_json")
    except (OSError, EOFError) as error:
        raise unreadable(path, error) from None
    if not n_documents:
        raise FormatError(f"{path}: holds no documents of BioC")


class _Again:
    """A file whose beginning has been read already."""

    def __init__(self, head: bytes, rest: Any) -> None:  # noqa: ANN401
        self._head, self._rest = head, rest

    def read(self, n_bytes: int) -> bytes:
        if n_bytes == 0 or not self._head:
            return bytes(self._rest.read(n_bytes))
        taken, self._head = self._head[:n_bytes], self._head[n_bytes:]
        return taken


def _where(head: bytes) -> str:
    """Return where in the file documents are, as ijson says it."""
    if re.match(rb"(\xef\xbb\xbf)?\s*\[", head):
        return "item"
    found = _LISTS.search(head)
    if found is not None and found[1] in (b"passages", b"text"):
        return ""
    return f"{found[1].decode()}.item" if found else "documents.item"


plugin = BiocJson()

"""`link`: mentions and a linker in, links out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from decoct.errors import Faults, MissingExtraError
from decoct.formats.base import STANDARD_INPUT, read_documents
from decoct.formats.jsonl import checked_line
from decoct.inference.onnx_graph import Engine
from decoct.linker.settings import LinkerSettings
from decoct.progress import Progress, Silent
from decoct.recipes.convert import nothing_read
from decoct.records import MENTION, Document, Span
from decoct.store import resumable_lines, sha256_file, sha256_json

if TYPE_CHECKING:
    from decoct.linker.linker import Linker


@dataclass(frozen=True, slots=True)
class Linked:
    """What linking a file wrote.

    Attributes:
        n_documents: documents in the output.
        n_resumed: of them, written by an earlier run that was interrupted.
        n_mentions: mentions that this run linked, NIL included.
        n_nil: of them, NIL.
    """

    n_documents: int
    n_resumed: int
    n_mentions: int
    n_nil: int

    def to_dict(self) -> dict[str, int]:
        """Return plain JSON types."""
        return {
            "n_documents": self.n_documents,
            "n_resumed": self.n_resumed,
            "n_mentions": self.n_mentions,
            "n_nil": self.n_nil,
        }


def load_linker(
    source: Path, engine: Engine = "auto", device: str = "auto", **settings: object
) -> Linker:
    """Load a linker, or make one of an index alone.

    Args:
        source: the folder of either.
        engine: what runs encoders, see `Linker.load`.
        device: where torch runs them.
        settings: any of `LinkerSettings`, in place of its own.

    Raises:
        ArtifactError: it is neither, or damaged.
        ConfigError: a setting is wrong, or there is no such device.
        MissingExtraError: a library that it needs is not installed.
    """
    from dataclasses import replace

    from decoct.config import check

    try:
        from decoct.linker.linker import Linker
    except ImportError as error:
        raise MissingExtraError(error.name or "a library", "link", "linking") from None
    linker = Linker.load(source, device=device, engine=engine)
    own = {name: value for name, value in settings.items() if value is not None}
    wanted = {**linker.settings.model_dump(), **own}
    return replace(linker, settings=check(LinkerSettings, wanted, "link"))


def link_file(
    linker: Linker,
    source: Path,
    out: Path,
    *,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Linked:
    """Link a file's mentions; an interrupted run goes on where it was.

    Args:
        linker: from `load_linker`.
        source: documents with spans in any format that is read, or `-`.
        out: the JSONL file; it is there only when it is whole.
        faults: gets lines that can't be read.
        progress: shown how far it is.

    Raises:
        StoreError: a file can't be read or written; what was written is kept for the next run.
        FormatError: `source` holds no document.
    """
    faults = faults if faults is not None else Faults()
    fingerprint = None
    if source != STANDARD_INPUT:
        fingerprint = sha256_json([sha256_file(source), linker.fingerprint])
    n_written = n_mentions = n_nil = 0
    with resumable_lines(out, fingerprint) as (n_resumed, write):
        rest = islice(read_documents(source, faults), n_resumed, None)
        linked = (progress or Silent()).track(linker.link_documents(rest), None, "link")
        for document in linked:
            write(checked_line(document))
            n_written += 1
            links = [span.link for span in document.spans if span.link is not None]
            n_mentions += len(links)
            n_nil += sum(link.id is None for link in links)
        if not n_written + n_resumed:
            raise nothing_read(source, faults)
    return Linked(n_written + n_resumed, n_resumed, n_mentions, n_nil)


def link_stream(linker: Linker, source: Path, faults: Faults) -> Iterator[Document]:
    """Yield a linked document for each document of a file, in order, as they are read."""
    return linker.link_documents(read_documents(source, faults))


def link_mentions(linker: Linker, mentions: Sequence[str]) -> Iterator[Document]:
    """Yield a linked document for each mention, numbered, of which it is the whole text."""
    alone = (
        Document(
            id=str(number),
            text=text,
            spans=(Span(id="T1", start=0, end=len(text), label=MENTION, text=text),),
        )
        for number, text in enumerate(mentions, start=1)
        if text
    )
    return linker.link_documents(alone)

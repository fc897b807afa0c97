"""`convert`: any format in, decoct's JSONL out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from decoct.errors import Faults, FormatError
from decoct.formats.base import FORMATS, Format, unique
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Progress, Silent
from decoct.records import Document


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion wrote.

    Attributes:
        n_documents: documents, ...
        n_negative: ... of them without a relation.
        n_spans: spans in all.
        n_relations: relations in all.
        n_skipped: lines that could not be read.
    """

    n_documents: int
    n_negative: int
    n_spans: int
    n_relations: int
    n_skipped: int

    def to_dict(self) -> dict[str, int]:
        """Return plain JSON types."""
        return asdict(self)


def convert(
    source: Path,
    out: Path,
    from_: str,
    *,
    positives_only: bool = False,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Converted:
    """Read documents of any format and write them as JSONL.

    Args:
        source: file or folder.
        out: the JSONL file; written atomically.
        from_: the format's name, such as `ade_corpus`.
        positives_only: leave out what the format keeps as negatives.
        faults: gets a line for each that is skipped.
        progress: shown how far it is.

    Raises:
        FormatError: nothing could be read.
        StoreError: `source` can't be read or `out` written.
    """
    faults = faults if faults is not None else Faults()
    reader: Format = FORMATS.get(from_)
    n_before = faults.n
    tally = {"documents": 0, "negative": 0, "spans": 0, "relations": 0}
    read = unique(reader.read(source, faults, positives_only=positives_only), source, faults)
    tracked = (progress or Silent()).track(read, None, "convert")
    n_documents = write_jsonl(out, _counted(tracked, source, tally, faults))
    return Converted(
        n_documents, tally["negative"], tally["spans"], tally["relations"], faults.n - n_before
    )


def nothing_read(source: Path, faults: Faults) -> FormatError:
    """Return the error of a file that holds lines but no document, with one of its faults."""
    example = f"; {faults.kept[-1]}" if faults.kept else ""
    return FormatError(f"{source}: no line of it could be read as a document{example}")


def _counted(
    documents: Iterator[Document], source: Path, tally: dict[str, int], faults: Faults
) -> Iterator[Document]:
    for document in documents:
        tally["documents"] += 1
        tally["negative"] += not document.relations
        tally["spans"] += len(document.spans)
        tally["relations"] += len(document.relations)
        yield document
    if not tally["documents"]:
        raise nothing_read(source, faults)

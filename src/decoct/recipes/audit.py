"""`audit`: how noisy is silver? A sample for people to correct, and how far two sides agree."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from decoct.errors import ConfigError, Faults, FormatError
from decoct.evaluation.agreement import Agreement, measure_agreement
from decoct.formats.base import read_documents
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Progress, Silent
from decoct.recipes.evaluate import read_predictions
from decoct.records import Document

__all__ = ["Agreement", "Drawn", "SampleBy", "agreement", "measure_agreement", "sample"]

SampleBy = Literal["random", "doubt"]
_Key = tuple[float, float, int, bytes]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a sample was drawn from, and what it holds.

    Attributes:
        n_documents: silver documents that were read, ...
        n_drawn: ... of them drawn: what was asked for, or all where there are fewer.
        n_at_random: drawn ones that lots alone decided on; by doubt, those that have neither a
            confidence nor an ungrounded claim.
        n_not_silver: documents passed over, since no teacher annotated them.
        by: how they were drawn.
        seed: of the lots.
    """

    n_documents: int
    n_drawn: int
    n_at_random: int
    n_not_silver: int
    by: SampleBy
    seed: int

    def to_dict(self) -> dict[str, int | str]:
        """Return plain JSON types."""
        return asdict(self)


def sample(
    source: Path,
    out: Path,
    n: int,
    *,
    by: SampleBy = "random",
    seed: int = 13,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Drawn:
    """Draw silver documents for people to correct, and write them in an order drawn by lot too.

    No more than `n` documents are held at once. A document's lot is a hash of the seed and its id,
    so a file's order changes nothing, and a smaller random sample is a part of a larger one.

    Args:
        source: silver.
        out: the JSONL file; written atomically.
        n: how many.
        by: `random`, every document as likely as any other: what noise is to be measured on; or
            `doubt`, those the teacher was least sure of. First comes the lowest confidence of a
            span or relation (the document's, where these have none), then the lowest confidence of
            the document, then the most ungrounded claims; lots decide where these say nothing.
        seed: of the lots.
        faults: gets a line for each that can't be read.
        progress: shown how far it is.

    Raises:
        ConfigError: `n` is less than 1.
        FormatError: there is no silver document.
        StoreError: `source` can't be read or `out` written.
    """
    if n < 1:
        raise ConfigError(f"a sample has at least one document, got n = {n}")
    tally = Counter[str]()
    read = read_documents(source, faults if faults is not None else Faults())
    silver = _silver((progress or Silent()).track(read, None, "sample"), tally)
    drawn = heapq.nsmallest(n, silver, key=lambda document: _key(document, by, seed))
    if not drawn:
        raise FormatError(
            f"{source}: no document of source silver; a sample is drawn from what decoct label "
            "writes"
        )
    drawn.sort(key=lambda document: _lot(document, seed))
    return Drawn(
        n_documents=tally["silver"],
        n_drawn=write_jsonl(out, drawn),
        n_at_random=sum(by == "random" or not _speaks_of_doubt(document) for document in drawn),
        n_not_silver=tally["other"],
        by=by,
        seed=seed,
    )


def agreement(
    a: Path, b: Path, *, label: str | None = None, seed: int = 13, faults: Faults | None = None
) -> Agreement:
    """Compare two files with annotations of the same documents.

    Args:
        a: one annotation, the reference where errors are told apart: a person's.
        b: the other: a teacher's.
        label: look at relations of this label only.
        seed: of the bootstrap.
        faults: gets a line for each document that can't be read or that only one side has.

    Raises:
        EvaluationError: they can't be compared (see `measure_agreement`), or are of two tasks.
        FormatError: a file is empty.
        StoreError: a file can't be read.
    """
    faults = faults if faults is not None else Faults()
    first = list(read_documents(a, faults))
    second = read_predictions(b, first, faults)
    measured = measure_agreement(first, second, label=label, seed=seed)
    for document_id in measured.only_a:
        faults.add(document_id, f"only in {a}; not compared", "only_in_a")
    for document_id in measured.only_b:
        faults.add(document_id, f"only in {b}; not compared", "only_in_b")
    return measured


def _silver(documents: Iterator[Document], tally: Counter[str]) -> Iterator[Document]:
    for document in documents:
        is_silver = document.source == "silver"
        tally["silver" if is_silver else "other"] += 1
        if is_silver:
            yield document


def _key(document: Document, by: SampleBy, seed: int) -> _Key:
    """Return what is lowest for the documents to draw first; no sign of doubt is confidence 1."""
    lot = _lot(document, seed)
    if by == "random":
        return 0.0, 0.0, 0, lot
    stated = _document_confidence(document)
    whole = 1.0 if stated is None else stated
    return min(_confidences(document), default=whole), whole, -_n_ungrounded(document), lot


def _lot(document: Document, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{document.id}".encode("utf-8", "surrogatepass")).digest()


def _speaks_of_doubt(document: Document) -> bool:
    return bool(
        _confidences(document)
        or _document_confidence(document) is not None
        or _n_ungrounded(document)
    )


def _confidences(document: Document) -> list[float]:
    found = [relation.confidence for relation in document.relations]
    found += [span.confidence for span in document.spans]
    return [confidence for confidence in found if confidence is not None]


def _document_confidence(document: Document) -> float | None:
    found = document.meta.get("confidence")
    return float(found) if isinstance(found, int | float) and 0 <= found <= 1 else None


def _n_ungrounded(document: Document) -> int:
    claims = document.meta.get("ungrounded")
    return len(claims) if isinstance(claims, list) else 0

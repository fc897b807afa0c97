"""Where gold and a system part ways, document by document, ready to be shown."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from decoct.evaluation.items import place, ungrounded
from decoct.records import Document

Mark = Literal["none", "both", "gold", "predicted", "gap"]

_CONTEXT_CHARS = 160  # shown on either side of a marked stretch in a long text
_LONG_CHARS = 1200  # a text up to this long is shown whole

_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text marked by gold, by the system, by both or by none; a gap is left out."""

    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Finding:
    """A pair or a span that only one side has.

    Attributes:
        label: of the relation, or of the span.
        subject: the subject's string, or the span's.
        object: the object's string; None for a span.
        in_text: False for strings that a teacher stated and that the text does not hold.
    """

    label: str
    subject: str
    object: str | None = None
    in_text: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """One document in which gold and the system differ.

    Attributes:
        document_id: which.
        pieces: its text, marked.
        missed: what only gold has.
        invented: what only the system has.
    """

    document_id: str
    pieces: tuple[Piece, ...]
    missed: tuple[Finding, ...]
    invented: tuple[Finding, ...]


def find_differences(
    examples: Iterable[tuple[Document, Document]], limit: int = 30
) -> list[Difference]:
    """Return documents in which gold and predicted pairs differ strictly by offsets.

    Where neither side has a pair, spans are compared. More documents than `limit` are thinned by
    a hash of the id: the choice is always the same and favors neither the first nor the worst.

    Args:
        examples: (gold document, predicted document) of one id and text each.
        limit: at most this many.

    Raises:
        EvaluationError: a prediction's `meta["ungrounded"]` is malformed.
    """
    differing = [
        (gold, predicted, missed, invented)
        for gold, predicted in examples
        for missed, invented in [_compare(gold, predicted)]
        if missed or invented
    ]
    differing.sort(key=lambda row: hashlib.sha256(_bytes(row[0].id)).digest())
    chosen = sorted(differing[:limit], key=lambda row: row[0].id)
    return [
        Difference(gold.id, tuple(_pieces(gold, predicted)), missed, invented)
        for gold, predicted, missed, invented in chosen
    ]


def _compare(
    gold: Document, predicted: Document
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    nowhere = tuple(
        Finding(label, subject, object_, in_text=False)
        for label, subject, object_ in dict.fromkeys(ungrounded(predicted))
    )
    if gold.relations or predicted.relations or nowhere:
        in_gold, in_predicted = _pairs(gold), _pairs(predicted)
    else:
        in_gold, in_predicted = _spans(gold), _spans(predicted)
    missed = tuple(found for key, found in in_gold.items() if key not in in_predicted)
    invented = tuple(found for key, found in in_predicted.items() if key not in in_gold)
    return missed, invented + nowhere


def _pairs(document: Document) -> dict[_Key, Finding]:
    return {
        (relation.label, place(subject), place(object_)): Finding(
            relation.label, subject.text, object_.text
        )
        for relation, subject, object_ in document.pairs()
    }


def _spans(document: Document) -> dict[_Key, Finding]:
    return {place(span): Finding(span.label, span.text) for span in document.spans}


def _pieces(gold: Document, predicted: Document) -> Iterable[Piece]:
    """Cut the text wherever a mark begins or ends; leave out what is far from any mark."""
    by_gold, by_predicted = _covered(gold), _covered(predicted)
    shown = _shown(gold.text, by_gold + by_predicted)
    stretches = by_gold + by_predicted + shown
    cuts = sorted({0, len(gold.text), *(edge for stretch in stretches for edge in stretch)})
    for start, end in itertools.pairwise(cuts):
        if not _inside(start, shown):
            yield Piece("…", "gap")
        else:
            mark = _mark(_inside(start, by_gold), _inside(start, by_predicted))
            yield Piece(gold.text[start:end], mark)


def _covered(document: Document) -> list[tuple[int, int]]:
    return [fragment for span in document.spans for fragment in place(span)[1]]


def _shown(text: str, marked: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the stretches to show: all of a short text, else those around the marks, merged."""
    if len(text) <= _LONG_CHARS:
        return [(0, len(text))]
    shown: list[tuple[int, int]] = []
    for start, end in sorted(marked) or [(0, _LONG_CHARS)]:
        first, last = max(0, start - _CONTEXT_CHARS), min(len(text), end + _CONTEXT_CHARS)
        if shown and first <= shown[-1][1]:
            first, last = shown[-1][0], max(last, shown[-1][1])
            shown.pop()
        shown.append((first, last))
    return shown


def _inside(position: int, stretches: Sequence[tuple[int, int]]) -> bool:
    return any(start <= position < end for start, end in stretches)


def _mark(gold: bool, predicted: bool) -> Mark:
    if gold and predicted:
        return "both"
    if gold:
        return "gold"
    return "predicted" if predicted else "none"


def _bytes(string: str) -> bytes:
    return string.encode("utf-8", "surrogatepass")

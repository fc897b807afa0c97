"""Links where the mentions had to be found too: (span, entity) pairs, right only if both are.

Labels do not count, since a corpus may tell kinds of disease apart that an extractor does not. NIL
is no pair, on either side. What a system links where gold has a span that nobody has linked is
passed over: it can't be judged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decoct.evaluation.counts import Counts, Match
from decoct.evaluation.items import place, places_agree
from decoct.records import Document

_Fragments = tuple[tuple[int, int], ...]
_Pair = tuple[_Fragments, frozenset[str]]  # where, and the ids that are right or predicted


def count_links(gold: Sequence[Document], predicted: Sequence[Document], *, match: Match) -> Counts:
    """Count right, predicted and gold pairs in each document.

    Args:
        gold: human annotations.
        predicted: predictions for the same documents in the same order, as `align` gives them.
        match: strict, the spans are equal; or lenient, they have a character in common.
    """
    rows = []
    for golden, found in zip(gold, predicted, strict=True):
        wanted, stated = _pairs(golden), _stated(found, _unlinked(golden))
        rows.append(
            (
                sum(any(_agree(one, other, match) for other in wanted) for one in stated),
                len(stated),
                sum(any(_agree(one, other, match) for other in stated) for one in wanted),
                len(wanted),
            )
        )
    return Counts(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def n_beyond(gold: Sequence[Document], predicted: Sequence[Document]) -> int:
    """Count the predicted links at places where gold has no span."""
    n = 0
    for golden, found in zip(gold, predicted, strict=True):
        at_gold = {place(span)[1] for span in golden.spans}
        n += sum(fragments not in at_gold for fragments, _ in _pairs(found))
    return n


def _pairs(document: Document) -> set[_Pair]:
    return {
        (place(span)[1], frozenset(span.link.ids))
        for span in document.spans
        if span.link is not None and span.link.ids
    }


def _stated(document: Document, passed_over: set[_Fragments]) -> set[_Pair]:
    return {
        (place(span)[1], frozenset([span.link.id]))
        for span in document.spans
        if span.link is not None and span.link.id is not None and place(span)[1] not in passed_over
    }


def _unlinked(document: Document) -> set[_Fragments]:
    linked = {place(span)[1] for span in document.spans if span.link is not None}
    return {place(span)[1] for span in document.spans} - linked


def _agree(one: _Pair, other: _Pair, match: Match) -> bool:
    if one[1].isdisjoint(other[1]):
        return False
    return one[0] == other[0] or (match == "lenient" and places_agree(("", one[0]), ("", other[0])))

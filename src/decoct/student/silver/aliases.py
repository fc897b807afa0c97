"""Other names in brackets: `diethylstilbestrol (DES)`, `glatiramer acetate (Copaxone)`.

A teacher that is asked what a drug does names it once. The name in brackets behind it says the same
of the same drug, and a student that is told it is no drug learns to pass over half of all names.

Source: Schwartz and Hearst 2003 (PSB 8:451) for how a short form is told by the letters of the long
one, read from the right.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from decoct.records import Document, Relation, Span
from decoct.student.silver.caveats import unknown_subjects
from decoct.student.silver.completion import Words, fold
from decoct.student.silver.edits import fresh_ids, moved
from decoct.text.align import Place

_BRACKET = re.compile(r"\s*[(\[]\s*([^()\[\];,]+?)\s*[)\];,]")
_LAST_BRACKET = re.compile(r"\s*[(\[]\s*([^()\[\];,]+?)\s*[)\]]?$")
_NAME = re.compile(r"[A-Z][A-Za-z-]{3,}")  # as of a brand
_MAX_SHORT = 10


def expand_aliases(documents: Sequence[Document], tagged: Collection[str]) -> list[Document]:
    """Give the name in brackets behind a span the span's label and its relations.

    It is one if it is short for the span, or, behind a tagged span, if it is a capitalized word or
    one that is such a span elsewhere. A span that itself ends with its short form in brackets is
    cut in two. Names that touch another span are left alone.

    Args:
        documents: silver.
        tagged: labels of the spans that are found by themselves, such as subjects.
    """
    known = {
        fold(span.text) for document in documents for span in document.spans if span.label in tagged
    }
    return [_expand(document, tagged, known) for document in documents]


def is_short_for(short: str, long: str) -> bool:
    """Whether a string's letters and digits all stand in another, in order, from a word's start.

    Example:
        >>> is_short_for("DES", "diethylstilbestrol"), is_short_for("ARF", "renal failure")
        (True, False)
    """
    letters = [char for char in short.casefold() if char.isalnum()]
    if (
        not 2 <= len(short) <= _MAX_SHORT
        or len(short) >= len(long)
        or not any(map(str.isalpha, letters))
    ):
        return False
    at = len(long)
    folded = long.casefold()
    if len(folded) != len(long):
        return False
    for number, letter in enumerate(reversed(letters), start=1):
        is_first = number == len(letters)
        at = folded.rfind(letter, 0, at)
        while is_first and at > 0 and folded[at - 1].isalnum():
            at = folded.rfind(letter, 0, at)
        if at < 0:
            return False
    return True


def _expand(document: Document, tagged: Collection[str], known: Collection[Words]) -> Document:
    spans, relations = list(document.spans), list(document.relations)
    fresh = fresh_ids(document, "B")
    unknown = unknown_subjects(document)
    for number, span in enumerate(document.spans):
        if span.fragments is not None or span.id in unknown:
            continue
        inside = _LAST_BRACKET.search(span.text)
        if inside and inside.start() and is_short_for(inside[1], span.text[: inside.start()]):
            start = span.start + inside.start(1)
            place = Place(start, start + len(inside[1]))
            spans[number] = moved(document, span, Place(span.start, span.start + inside.start()))
        else:
            behind = _BRACKET.match(document.text, span.end)
            if not behind or not _is_name(behind[1], span, tagged, known):
                continue
            place = Place(*behind.span(1))
            if any(place.overlaps(Place(other.start, other.end)) for other in spans):
                continue
        alias = moved(document, span, place).model_copy(update={"id": next(fresh)})
        spans.append(alias)
        relations += _relations(span, alias, relations)
    if len(spans) == len(document.spans):
        return document
    update = {"spans": tuple(spans), "relations": tuple(relations)}
    return document.model_copy(update=update)


def _is_name(name: str, span: Span, tagged: Collection[str], known: Collection[Words]) -> bool:
    if is_short_for(name, span.text):
        return True
    if span.label not in tagged:
        return False
    return _NAME.fullmatch(name) is not None or fold(name) in known


def _relations(span: Span, alias: Span, relations: Sequence[Relation]) -> list[Relation]:
    """Return the relations of a span as those of its other name."""
    found = []
    for relation in relations:
        if relation.subject == span.id:
            found.append(relation.model_copy(update={"subject": alias.id}))
        if relation.object == span.id:
            found.append(relation.model_copy(update={"object": alias.id}))
    return found

"""What steps do to documents: new spans get new ids, and spans are set anew."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from decoct.records import Document, Span
from decoct.text.align import Place


def fresh_ids(document: Document, letter: str) -> Iterator[str]:
    """Yield ids of that letter and a number that no span of the document has."""
    taken = {span.id for span in document.spans}
    return (name for number in count(1) if (name := f"{letter}{number}") not in taken)


def moved(document: Document, span: Span, place: Place) -> Span:
    """Return a span of a document as it would be at another place of its text."""
    text = document.text[place.start : place.end]
    return span.model_copy(update={"start": place.start, "end": place.end, "text": text})

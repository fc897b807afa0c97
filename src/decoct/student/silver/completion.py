"""A subject that is named in one document is one in the others.

A teacher that is asked for events names few drugs that have none. Taken at its word, every other
drug is no drug, and a student learns to miss drugs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence

from decoct.records import Document, Span
from decoct.student.silver.caveats import add_unknown_subjects
from decoct.student.silver.edits import fresh_ids
from decoct.text.align import Place
from decoct.text.words import find_words

Words = tuple[str, ...]
_MAX_WORDS = 8


def complete_subjects(
    documents: Sequence[Document], label: str, min_share: float
) -> list[Document]:
    """Mark in every document the subjects that are named in others.

    Args:
        documents: silver.
        label: of subjects.
        min_share: see `SilverSettings`.
    """
    known = _subject_strings(documents, label, min_share)
    return [_complete(document, label, known) for document in documents]


def fold(surface: str) -> Words:
    """Return a string's words without regard to case and spacing."""
    return tuple(surface[word.start : word.end].casefold() for word in find_words(surface))


def _subject_strings(documents: Sequence[Document], label: str, min_share: float) -> set[Words]:
    """Return what is named as a subject often enough where it occurs, as folded words."""
    named = Counter(
        words
        for document in documents
        for words in {fold(span.text) for span in document.spans if span.label == label}
    )
    occurring = Counter(
        words
        for document in documents
        for words in {found for found, _ in _occurrences(document.text, named)}
    )
    return {words for words, n in named.items() if words and n >= min_share * occurring[words]}


def _complete(document: Document, label: str, known: set[Words]) -> Document:
    """Mark the strings where they touch no annotation, of several the longest."""
    taken = [Place(span.start, span.end) for span in document.spans]
    added: list[Place] = []
    found = [place for _, place in _occurrences(document.text, known)]
    for place in sorted(found, key=lambda place: (place.start - place.end, place.start)):
        if not any(place.overlaps(other) for other in taken):
            taken.append(place)
            added.append(place)
    return _with_unknown(document, sorted(added), label) if added else document


def _with_unknown(document: Document, places: Sequence[Place], label: str) -> Document:
    """Return a document with more subjects, of which nobody knows whether they have objects."""
    fresh = fresh_ids(document, "S")
    spans = [
        Span(
            id=next(fresh),
            start=place.start,
            end=place.end,
            label=label,
            text=document.text[place.start : place.end],
        )
        for place in places
    ]
    completed = document.model_copy(update={"spans": (*document.spans, *spans)})
    return add_unknown_subjects(completed, [span.id for span in spans])


def _occurrences(text: str, strings: Container[Words]) -> Iterator[tuple[Words, Place]]:
    """Yield which of the strings stand in a text, and where."""
    places = find_words(text)
    words = [text[place.start : place.end].casefold() for place in places]
    for first in range(len(words)):
        for last in range(first + 1, min(len(words), first + _MAX_WORDS) + 1):
            string = tuple(words[first:last])
            if string in strings:
                yield string, Place(places[first].start, places[last - 1].end)

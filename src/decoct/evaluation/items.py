"""What is compared: a document's spans and pairs, as places in the text or as strings.

Items are plain tuples, so that a set of them holds each once and equality is the strict match;
`..._agree` is the lenient one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from decoct.errors import EvaluationError
from decoct.records import Document, Span

Place = tuple[str, tuple[tuple[int, int], ...]]  # span label, fragments; none if not in the text
PlacePair = tuple[str, Place, Place]  # relation label, subject, object
Surface = tuple[str, str]  # span label, string
SurfacePair = tuple[str, str, str]  # relation label, subject string, object string

_WORD = re.compile(r"\w{3,}")


def place(span: Span) -> Place:
    """Return where a span is; a discontinuous one is where its fragments are."""
    return span.label, span.fragments or ((span.start, span.end),)


def places(document: Document, label: str | None = None) -> set[Place]:
    """Return the places of a document's spans, or of those of one label."""
    return {place(span) for span in document.spans if label in (None, span.label)}


def surfaces(document: Document, label: str | None = None) -> set[Surface]:
    """Return the strings of a document's spans, or of those of one label."""
    return {
        (span.label, normalize_surface(span.text))
        for span in document.spans
        if label in (None, span.label)
    }


def place_pairs(document: Document) -> set[PlacePair]:
    """Return a document's relations as pairs of places."""
    return {
        (relation.label, place(subject), place(object_))
        for relation, subject, object_ in document.pairs()
    }


def surface_pairs(document: Document) -> set[SurfacePair]:
    """Return a document's relations as pairs of strings."""
    return {
        (relation.label, normalize_surface(subject.text), normalize_surface(object_.text))
        for relation, subject, object_ in document.pairs()
    }


def ungrounded(document: Document) -> list[SurfacePair]:
    """Return the pairs that a teacher stated in strings that are not in the text, as it wrote them.

    Raises:
        EvaluationError: `meta["ungrounded"]` is not a list of label, subject and object strings.
    """
    claims = document.meta.get("ungrounded") or []
    try:
        pairs = [(claim["label"], claim["subject"], claim["object"]) for claim in claims]
    except (TypeError, KeyError):
        pairs = [(None, None, None)]
    if not all(isinstance(string, str) for pair in pairs for string in pair):
        raise EvaluationError(
            f"document {document.id!r}: meta.ungrounded must be a list of objects with the strings "
            f"label, subject and object, got {type(claims).__name__} that is not"
        )
    return pairs


def ungrounded_surface_pairs(document: Document) -> set[SurfacePair]:
    """Return the ungrounded pairs as pairs of strings, like any other."""
    return {
        (label, normalize_surface(subject), normalize_surface(object_))
        for label, subject, object_ in ungrounded(document)
    }


def ungrounded_place_pairs(document: Document) -> set[PlacePair]:
    """Return the ungrounded pairs as places without fragments, which agree with nothing."""
    return {
        (label, (subject, ()), (object_, ()))
        for label, subject, object_ in ungrounded_surface_pairs(document)
    }


def places_agree(one: Place, other: Place) -> bool:
    """Whether two places have one label and at least one character in common."""
    return one[0] == other[0] and any(
        start < other_end and other_start < end
        for start, end in one[1]
        for other_start, other_end in other[1]
    )


def place_pairs_agree(one: PlacePair, other: PlacePair) -> bool:
    """Whether two pairs have one label and their subjects and objects agree."""
    return one[0] == other[0] and places_agree(one[1], other[1]) and places_agree(one[2], other[2])


def surfaces_agree(one: Surface, other: Surface) -> bool:
    """Whether two strings have one label and are alike (see `strings_agree`)."""
    return one[0] == other[0] and strings_agree(one[1], other[1])


def surface_pairs_agree(one: SurfacePair, other: SurfacePair) -> bool:
    """Whether two pairs have one label and their subjects and objects are alike."""
    return (
        one[0] == other[0] and strings_agree(one[1], other[1]) and strings_agree(one[2], other[2])
    )


def strings_agree(one: str, other: str) -> bool:
    """Whether one normalized string contains the other, or they share a word of three letters.

    Example:
        >>> strings_agree("severe skin rash", "a rash"), strings_agree("rash", "fever")
        (True, False)
    """
    if not one or not other:
        return one == other
    return one in other or other in one or not _words(one).isdisjoint(_words(other))


def normalize_surface(text: str) -> str:
    """Return a string as it is compared by surface: case-folded, white space collapsed."""
    return " ".join(text.casefold().split())


@lru_cache(maxsize=4096)
def _words(string: str) -> frozenset[str]:
    return frozenset(_WORD.findall(string))

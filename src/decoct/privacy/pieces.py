"""The stretches of a text that have to go: PHI spans as pieces that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from decoct.privacy.ages import generalise_age
from decoct.privacy.labels import AGE, Labels
from decoct.privacy.words import is_cjk
from decoct.records import Document, Span

Origin = Literal["span", "pattern", "sweep"]


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A stretch of PHI.

    Attributes:
        start: first code point.
        end: one past the last code point.
        label: its type of PHI.
        text: what stands there.
        origin: how it was found: a document's own span, a pattern, or a string seen elsewhere.
    """

    start: int
    end: int
    label: str
    text: str
    origin: Origin = "span"

    def overlaps(self, start: int, end: int) -> bool:
        """Whether it shares a character with a place."""
        return self.start < end and start < self.end

    def __repr__(self) -> str:
        return f"Piece({self.label} at {self.start}:{self.end})"  # never the text


def pieces_of(document: Document, labels: Labels) -> list[Piece]:
    """Return a document's PHI as it is marked: a piece for each fragment, in order of place.

    A piece that ends within a word or a number is widened to all of it.
    """
    found = []
    for span in document.spans:
        label = type_of(span, labels)
        if label is None:
            continue
        for start, end in span.fragments or ((span.start, span.end),):
            first, last = _whole(document.text, start, end)
            found.append(Piece(first, last, label, document.text[first:last]))
    return sorted(found, key=lambda piece: (piece.start, -piece.end, piece.label))


def type_of(span: Span, labels: Labels) -> str | None:
    """Return the type of PHI that a span marks; None for what may be told, ages up to 89 too."""
    label = labels.type_of(span.label)
    return None if label == AGE and generalise_age(span.text) == span.text else label


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a place that cuts a word or a number."""
    while start > 0 and _go_together(text[start - 1], text[start]):
        start -= 1
    while end < len(text) and _go_together(text[end - 1], text[end]):
        end += 1
    return start, end


def _go_together(one: str, other: str) -> bool:
    if is_cjk(one) or is_cjk(other):
        return False
    return (one.isalpha() and other.isalpha()) or (one.isdecimal() and other.isdecimal())


def merge(text: str, pieces: Iterable[Piece]) -> list[Piece]:
    """Make one piece of those that overlap: all that they cover, of the longest's label.

    Args:
        text: the document's.
        pieces: in any order; of equally long ones the first counts, and marked ones before found.
    """
    merged: list[list[Piece]] = []
    reached = -1
    for piece in sorted(pieces, key=lambda one: (one.start, -one.end)):
        if merged and piece.start < reached:
            merged[-1].append(piece)
        else:
            merged.append([piece])
        reached = max(reached, piece.end)
    return [_one(text, group) for group in merged]


def _one(text: str, group: Sequence[Piece]) -> Piece:
    if len(group) == 1:
        return group[0]
    start, end = group[0].start, max(piece.end for piece in group)
    longest = max(group, key=lambda piece: (piece.end - piece.start, piece.origin == "span"))
    origin: Origin = "span" if any(one.origin == "span" for one in group) else longest.origin
    return Piece(start, end, longest.label, text[start:end], origin)

"""Everything else in a document, taken over to the text that has been changed under it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from decoct.privacy.pieces import Piece
from decoct.records import Document, Relation, Span


@dataclass(frozen=True, slots=True, repr=False)
class Rewritten:
    """A text with other words in the place of pieces, and where everything is now.

    Attributes:
        text: the new text.
        places: where each piece's replacement stands, (start, end), in order.
        pieces: what was replaced, in order.
    """

    text: str
    places: tuple[tuple[int, int], ...]
    pieces: tuple[Piece, ...]
    _starts: tuple[int, ...]
    _shifts: tuple[int, ...]

    @classmethod
    def of(cls, text: str, pieces: Sequence[Piece], words: Sequence[str]) -> Rewritten:
        """Put words in the place of pieces, which are in order and do not overlap."""
        parts: list[str] = []
        places: list[tuple[int, int]] = []
        shifts: list[int] = []
        at = n_written = 0
        for piece, word in zip(pieces, words, strict=True):
            parts += [text[at : piece.start], word]
            n_written += piece.start - at
            places.append((n_written, n_written + len(word)))
            n_written += len(word)
            at = piece.end
            shifts.append(n_written - at)
        parts.append(text[at:])
        starts = tuple(piece.start for piece in pieces)
        return cls("".join(parts), tuple(places), tuple(pieces), starts, tuple(shifts))

    def move(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where a stretch is now; None where a piece took a part of it, or all.

        A stretch that holds a piece whole grows or shrinks with it.
        """
        first = bisect_right(self._starts, start) - 1  # the last piece that begins at or before it
        last = bisect_right(self._starts, end - 1) - 1
        new_start = self._at(first, start, is_end=False)
        new_end = self._at(last, end, is_end=True)
        if new_start is None or new_end is None:
            return None
        return (new_start, new_end) if new_end > new_start else None

    def touches(self, start: int, end: int) -> bool:
        """Whether a piece shares a character with a stretch of the old text."""
        last = bisect_right(self._starts, end - 1) - 1
        return last >= 0 and self.pieces[last].end > start

    def whole(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch is now, with all of the replacements that it shares a part of."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1) - 1
        new_start, new_end = self._at(first, start, is_end=False), self._at(last, end, is_end=True)
        return (
            self.places[first][0] if new_start is None else new_start,
            self.places[last][1] if new_end is None else new_end,
        )

    def _at(self, number: int, offset: int, *, is_end: bool) -> int | None:
        """Return where an offset is now, given the last piece that begins before it."""
        if number < 0:
            return offset
        piece = self.pieces[number]
        if offset >= piece.end:
            return offset + self._shifts[number]
        if not is_end and offset == piece.start:
            return self.places[number][0]
        return None


@dataclass(frozen=True, slots=True)
class Carried:
    """What was taken over.

    Attributes:
        spans: with their new offsets.
        relations: those whose spans are both there.
        n_spans_lost: spans that PHI took a part of, or all.
        n_relations_lost: relations that went with a span.
    """

    spans: tuple[Span, ...]
    relations: tuple[Relation, ...]
    n_spans_lost: int
    n_relations_lost: int


def carry(document: Document, phi: frozenset[str], to: Rewritten, keep_phi: bool) -> Carried:
    """Take spans and relations over.

    A link of a span that PHI is in is left out: it may say what was there.

    Args:
        document: as it was.
        phi: ids of the spans that mark PHI.
        to: its new text.
        keep_phi: whether those are to mark what stands for them.
    """
    spans: list[Span] = []
    n_lost = 0
    for span in document.spans:
        if span.id in phi:
            spans += [_phi_span(span, to)] if keep_phi else []
            continue
        moved = _moved(span, to)
        spans += [moved] if moved else []
        n_lost += moved is None
    ids = {span.id for span in spans}
    relations = tuple(one for one in document.relations if one.subject in ids and one.object in ids)
    n_relations_lost = len(document.relations) - len(relations)
    return Carried(tuple(spans), relations, n_lost, n_relations_lost)


def _moved(span: Span, to: Rewritten) -> Span | None:
    old = span.fragments or ((span.start, span.end),)
    if any(to.touches(piece, until) and not _holds_whole(piece, until, to) for piece, until in old):
        return None
    places = [to.move(start, end) for start, end in old]
    found = [place for place in places if place is not None]
    if len(found) < len(places):
        return None
    is_changed = any(to.touches(start, end) for start, end in old)
    return _span_at(span, found, to.text, without_link=is_changed)


def _holds_whole(start: int, end: int, to: Rewritten) -> bool:
    """Whether all pieces that touch a stretch lie in it and leave something of it."""
    inside = [one for one in to.pieces if one.overlaps(start, end)]
    n_taken = sum(one.end - one.start for one in inside)
    return n_taken < end - start and all(start <= one.start and one.end <= end for one in inside)


def _phi_span(span: Span, to: Rewritten) -> Span:
    """Return a span over what stands in its place now, as one stretch where fragments meet."""
    places = [to.whole(start, end) for start, end in span.fragments or ((span.start, span.end),)]
    joined = [places[0]]
    for start, end in places[1:]:
        if start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return _span_at(span, joined, to.text, without_link=True)


def _span_at(
    span: Span, places: Sequence[tuple[int, int]], text: str, *, without_link: bool
) -> Span:
    return Span(
        id=span.id,
        start=places[0][0],
        end=places[-1][1],
        label=span.label,
        text=" ".join(text[start:end] for start, end in places),
        fragments=tuple(places) if len(places) > 1 else None,
        confidence=span.confidence,
        link=None if without_link else span.link,
    )

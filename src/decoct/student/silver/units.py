"""Units: what a span's end may move over at once, a word or a bracket with all that is in it."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Literal

from decoct.records import Span
from decoct.text.align import Place
from decoct.text.words import find_words

Side = Literal["left", "right"]
Range = tuple[int, int]  # positions of the first word and of the one behind the last
SIDES: tuple[Side, Side] = ("left", "right")


class Units:
    """The units of a text. Signs other than brackets that have a partner belong to none."""

    def __init__(self, text: str) -> None:
        self._words = find_words(text)
        self._surfaces = [text[word.start : word.end].casefold() for word in self._words]

    def touched(self, span: Span) -> Range:
        """Return the words that have a character in common with a span."""
        first = bisect_right(self._words, span.start, key=lambda word: word.end)
        return first, bisect_left(self._words, span.end, key=lambda word: word.start)

    def range_of(self, span: Span) -> Range | None:
        """Return the words of a span, or None where it is in pieces or an edge is no word's."""
        first, last = self.touched(span)
        fits = first < last and self.place((first, last)) == Place(span.start, span.end)
        return (first, last) if fits and span.fragments is None else None

    def place(self, words: Range) -> Place:
        """Return where a stretch of words stands."""
        return Place(self._words[words[0]].start, self._words[words[1] - 1].end)

    def key(self, unit: Range) -> str:
        """Return what makes a unit the same as another: a word, or how much is in a bracket."""
        first, last = unit
        return self._surfaces[first] if last - first == 1 else f"({last - first - 2})"

    def core(self, words: Range) -> tuple[str, ...]:
        """Return a stretch's words without regard to case."""
        return tuple(self._surfaces[slice(*words)])

    def outer(self, words: Range, side: Side) -> Range | None:
        """Return the unit directly beside that end of a stretch."""
        unit = self._unit(words[0] - 1 if side == "left" else words[1])
        if unit is None or (unit[1] != words[0] if side == "left" else unit[0] != words[1]):
            return None
        return unit

    def inner(self, words: Range, side: Side) -> Range | None:
        """Return the unit at that end of a stretch, if another one stands directly behind it.

        The `2` of `interleukin-2` is none: what is joined by a sign is no word beside another.
        """
        unit = self._unit(words[0] if side == "left" else words[1] - 1)
        if unit is None:
            return None
        behind = self._unit(unit[1] if side == "left" else unit[0] - 1)
        whole = behind is not None and words[0] <= min(unit[0], behind[0])
        return (
            unit if whole and behind is not None and max(unit[1], behind[1]) <= words[1] else None
        )

    def _unit(self, position: int) -> Range | None:
        if not 0 <= position < len(self._words):
            return None
        if any(map(str.isalnum, self._surfaces[position])):
            return position, position + 1
        partner = self._partners.get(position)
        if partner is None:
            return None
        return min(position, partner), max(position, partner) + 1

    @cached_property
    def _partners(self) -> dict[int, int]:
        """Return for each bracket that has one the position of its partner."""
        partners: dict[int, int] = {}
        opened: list[int] = []
        for position, surface in enumerate(self._surfaces):
            kind = unicodedata.category(surface[0])
            if kind == "Ps":
                opened.append(position)
            elif kind == "Pe" and opened:
                partners[position] = opened.pop()
                partners[partners[position]] = position
        return partners

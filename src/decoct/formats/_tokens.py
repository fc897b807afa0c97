"""Tokens for formats that mark tokens: words, cut wherever a span begins or ends."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import pairwise

from decoct.records import Span
from decoct.text.words import find_words


def cut_tokens(text: str, spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Return the tokens of a text in order; between them is white space alone.

    A token is a word, or a part of one if a span or one of its fragments ends within it.
    """
    edges = sorted({edge for span in spans for edge in edges_of(span)})
    tokens: list[tuple[int, int]] = []
    for word in find_words(text):
        inner = edges[bisect_right(edges, word.start) : bisect_left(edges, word.end)]
        cuts = [word.start, *inner, word.end]
        tokens += pairwise(cuts)
    return tokens


def edges_of(span: Span) -> list[int]:
    """Return where a span and its fragments begin and end."""
    return [edge for piece in span.fragments or ((span.start, span.end),) for edge in piece]


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order of place that share no character: the longest first, then the first."""
    kept: list[tuple[int, int, Span]] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        place = bisect_left(kept, (span.start, span.end), key=lambda one: (one[0], one[1]))
        before = place == 0 or kept[place - 1][1] <= span.start
        after = place == len(kept) or span.end <= kept[place][0]
        if before and after:
            kept.insert(place, (span.start, span.end, span))
    return [span for _, _, span in kept]

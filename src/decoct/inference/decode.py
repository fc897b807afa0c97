"""From probabilities over words to spans: runs of likely words, with a confidence for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OUTSIDE, BEGIN, INSIDE = 0, 1, 2
MAX_BRIDGE_WORDS = 2
_CLOSING_OF = {"(": ")", "[": "]"}
_OPENING_OF = {closing: opening for opening, closing in _CLOSING_OF.items()}


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive words that form a span.

    Attributes:
        first: position of the first word.
        last: one past the last word.
        confidence: 0 to 1, the mean of its words' probabilities.
    """

    first: int
    last: int
    confidence: float


def tagged_runs(tag_probs: NDArray[np.float32], threshold: float = 0.5) -> list[Run]:
    """Read spans off begin-inside-outside probabilities, consecutive words forming one span.

    A begin right behind a marked word goes on with the span. Two subjects with nothing at all
    between them hardly occur, but a teacher that sometimes takes `topical` into the name and
    sometimes not teaches its student to begin twice.

    Args:
        tag_probs: (n_words, 3) outside, begin, inside; rows sum to 1.
        threshold: a word belongs to a span when begin and inside together reach it.
    """
    return marked_runs(1.0 - tag_probs[:, OUTSIDE], threshold)


def marked_runs(
    probs: NDArray[np.float32], threshold: float = 0.5, bridge: float = 1.0
) -> list[Run]:
    """Read spans off independent probabilities, consecutive words forming one span.

    Args:
        probs: (n_words,) probability that the word is in a span.
        threshold: a word belongs to a span at or above it.
        bridge: two spans with at most `MAX_BRIDGE_WORDS` between them are one where each word
            between has at least this probability.
    """
    marked = np.concatenate([[False], probs >= threshold, [False]])
    edges = np.flatnonzero(marked[1:] != marked[:-1]).tolist()
    spans: list[tuple[int, int]] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        between = probs[spans[-1][1] : first] if spans else probs[:0]
        if 0 < len(between) <= MAX_BRIDGE_WORDS and between.min() >= bridge:
            first = spans.pop()[0]
        spans.append((first, last))
    return [
        Run(first, last, float(np.clip(probs[first:last].mean(), 0.0, 1.0)))
        for first, last in spans
    ]


def trim(run: Run, surfaces: Sequence[str]) -> Run | None:
    """Take signs such as commas off a span's ends, or return None if nothing else is left.

    A bracket stays where its partner is inside, a percent or plus sign where it ends the span.
    """
    first, last = run.first, run.last
    if not any(map(_is_word, surfaces[first:last])):
        return None
    while not _may_begin(surfaces, first, last):
        first += 1
    while not _may_end(surfaces, first, last):
        last -= 1
    return Run(first, last, run.confidence)


def _is_word(surface: str) -> bool:
    """Whether there is a letter or digit; a word may end with a combining mark."""
    return any(map(str.isalnum, surface))


def _may_begin(surfaces: Sequence[str], first: int, last: int) -> bool:
    if surfaces[first] in _CLOSING_OF:
        return _CLOSING_OF[surfaces[first]] in surfaces[first + 1 : last]
    return _is_word(surfaces[first])


def _may_end(surfaces: Sequence[str], first: int, last: int) -> bool:
    if surfaces[last - 1] in _OPENING_OF:
        return _OPENING_OF[surfaces[last - 1]] in surfaces[first : last - 1]
    return _is_word(surfaces[last - 1]) or surfaces[last - 1] in ("%", "+")

"""Windows: what of a text goes through an encoder at once, with nothing cut off in silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from decoct.text.align import Place
from decoct.text.sentences import split_sentences


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of text that is encoded at once.

    Attributes:
        start: first code point.
        end: one past the last.
        owns_from: a span is taken from this window if it starts at or after this point...
        owns_to: ...and before this one; the owned stretches of a text's windows tile it.
    """

    start: int
    end: int
    owns_from: int
    owns_to: int


def cut_windows(
    text: str, words: Sequence[Place], n_tokens: Callable[[int, int], int], max_tokens: int
) -> list[Window]:
    """Cut a text into windows of at most `max_tokens`.

    A text that fits is one window. One that does not is taken sentence by sentence, and a sentence
    that does not fit is cut into windows that overlap by half, each owning its middle. Only a
    single word of too many tokens makes a window that is too long.

    Args:
        text: the text.
        words: its words, in order.
        n_tokens: tokens of words [first, last), by position in `words`.
        max_tokens: the most that a window may hold.
    """
    if not words or n_tokens(0, len(words)) <= max_tokens:
        return [Window(0, len(text), 0, len(text) + 1)]
    cuts: list[tuple[int, int]] = []
    first = last = 0
    for sentence in split_sentences(text):
        while last < len(words) and words[last].start < sentence.end:
            last += 1
        if last > first:
            cuts += _cut_sentence(first, last, n_tokens, max_tokens)
        first = last
    middles = (words[(b[0] + a[1]) // 2].start for a, b in pairwise(cuts))
    edges = [0, *middles, len(text) + 1]
    return [
        Window(words[first].start, words[last - 1].end, *owned)
        for (first, last), owned in zip(cuts, pairwise(edges), strict=True)
    ]


def _cut_sentence(
    first: int, last: int, n_tokens: Callable[[int, int], int], max_tokens: int
) -> list[tuple[int, int]]:
    """Return windows as words [first, last); each starts and ends after the one before it."""
    if n_tokens(first, last) <= max_tokens:
        return [(first, last)]
    cuts: list[tuple[int, int]] = []
    start = first
    while not cuts or cuts[-1][1] < last:
        end = start + 1
        while end < last and n_tokens(start, end + 1) <= max_tokens:
            end += 1
        if not cuts or end > cuts[-1][1]:
            cuts.append((start, end))
        start += max(1, (end - start) // 2)
    return cuts

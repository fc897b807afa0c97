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


def cut_windows(text: str, words: Sequence[Place], n_tokens: Callable[[int, int], int], max_tokens: int) -> list[Window]:
    """Cut a text into windows of at most `max_tokens`.

    A text that fits is one window. One that does not is taken sentence by sentence, and a sentence that
    does not fit is cut into windows that overlap by half, each owning its middle.

    Args:
        text: the text.
        words: its words, in order.
        n_tokens: tokens of words [first, last), by position in `words`.
        max_tokens: the most that a window may hold.
    """
    if n_tokens(0, len(words)) <= max_tokens:
        return [Window(0, len(text), 0, len(text) + 1)]
    windows: list[Window] = []
    first = 0
    for sentence in split_sentences(text):
        while first < len(words) and words[first].start < sentence.start:
            first += 1
        last = first
        while last < len(words) and words[last].start < sentence.end:
            last += 1
        windows += _cut_sentence(words, first, last, n_tokens, max_tokens)
        first = last
    return windows


def _cut_sentence(
    words: Sequence[Place], first: int, last: int, n_tokens: Callable[[int, int], int], max_tokens: int
) -> list[Window]:
    bounds = [(first, last)] if n_tokens(first, last) <= max_tokens else []
    start = first
    while not bounds or bounds[-1][1] < last:
        end = start + 1
        while end < last and n_tokens(start, end + 1) <= max_tokens:
            end += 1
        bounds.append((start, end))
        start = max(start + 1, start + (end - start) // 2)
    edges = [words[first].start, *(words[(b[0] + a[1]) // 2].start for a, b in pairwise(bounds)), words[last - 1].end]
    return [
        Window(words[a].start, words[b - 1].end, edges[i], edges[i + 1]) for i, (a, b) in enumerate(bounds) if b > a
    ]

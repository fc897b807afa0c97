"""Windows: what of a text goes through an encoder at once, with nothing cut off in silence."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from decoct.text.align import Place
from decoct.text.sentences import split_sentences

_MAX_CONTEXT = 4  # a fourth of a window at most is context on one side, so half of it on both
_WANTED_CONTEXT = 8  # an eighth is enough


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

    A text that fits is one window. Of one that does not, a window owns as many whole sentences as
    fit together with context on both sides: whole sentences, of at least an eighth of the window
    where there are so many, or words where the next sentence takes more than a fourth of it. A
    sentence that does not fit is owned by several windows, and a sentence that leaves no room for
    so much context has less. Only a single word of too many tokens makes a window that is too long.
    Two windows share half a window at most. Time is linear but for a logarithm.

    Args:
        text: the text.
        words: its words, in order.
        n_tokens: tokens of words [first, last), by position in `words`; adds up.
        max_tokens: the most that a window may hold.
    """
    if not words or n_tokens(0, len(words)) <= max_tokens:
        return [Window(0, len(text), 0, len(text) + 1)]
    cutter = _Cutter(_sentence_edges(text, words), n_tokens, max_tokens)
    return _windows(text, words, _cuts(cutter))


def cut_sentences(
    text: str, words: Sequence[Place], n_tokens: Callable[[int, int], int], max_tokens: int
) -> list[Window]:
    """Cut a text into a window for each sentence, for who has learnt from single sentences.

    A sentence that does not fit is cut as `cut_windows` does it.

    Args:
        text: the text.
        words: its words, in order.
        n_tokens: tokens of words [first, last), by position in `words`; adds up.
        max_tokens: the most that a window may hold.
    """
    cuts: list[_Cut] = []
    for first, last in pairwise(_sentence_edges(text, words)):
        if n_tokens(first, last) <= max_tokens:
            cuts.append(_Cut(first, last, first, last))
        else:
            cuts += _cuts_within(first, last, n_tokens, max_tokens)
    return _windows(text, words, cuts)


def _cuts_within(
    first: int, last: int, n_tokens: Callable[[int, int], int], max_tokens: int
) -> list[_Cut]:
    """Cut words [first, last) as if there were no others."""
    found = _cuts(
        _Cutter(
            [0, last - first], lambda one, other: n_tokens(first + one, first + other), max_tokens
        )
    )
    return [
        _Cut(cut.first + first, cut.last + first, cut.owns_from + first, cut.owns_to + first)
        for cut in found
    ]


def _cuts(cutter: _Cutter) -> list[_Cut]:
    """Make windows until all words are owned."""
    cuts: list[_Cut] = []
    while not cuts or cuts[-1].owns_to < cutter.edges[-1]:
        new = cutter.cut(cuts[-1].owns_to if cuts else 0)
        while cuts and new.first <= cuts[-1].first:  # it holds all that the one before it does
            new = _Cut(new.first, new.last, cuts.pop().owns_from, new.owns_to)
        if cuts and new.last <= cuts[-1].last:
            old = cuts.pop()
            new = _Cut(old.first, old.last, old.owns_from, new.owns_to)
        cuts.append(new)
    return cuts


def _windows(text: str, words: Sequence[Place], cuts: Sequence[_Cut]) -> list[Window]:
    """Turn words into places; what the windows own tiles the text."""
    edges = [0, *(words[cut.owns_from].start for cut in cuts[1:]), len(text) + 1]
    return [
        Window(words[cut.first].start, words[cut.last - 1].end, *owned)
        for cut, owned in zip(cuts, pairwise(edges), strict=True)
    ]


def _sentence_edges(text: str, words: Sequence[Place]) -> list[int]:
    """Return the first word of each sentence, and the number of words."""
    starts = [word.start for word in words]
    firsts = {bisect_left(starts, sentence.start) for sentence in split_sentences(text)}
    return sorted({0, *firsts, len(words)})


@dataclass(frozen=True, slots=True)
class _Cut:
    """A window as words [first, last), of which it owns [owns_from, owns_to)."""

    first: int
    last: int
    owns_from: int
    owns_to: int


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Makes one window after the other.

    Attributes:
        edges: where sentences begin, by word, and the number of words.
        n_tokens: tokens of words [first, last).
        max_tokens: the most that a window may hold.
    """

    edges: list[int]
    n_tokens: Callable[[int, int], int]
    max_tokens: int

    def cut(self, start: int) -> _Cut:
        """Return the window that owns word `start` and what comes next."""
        first = self._context_before(start, self.max_tokens // _MAX_CONTEXT)
        end = self._core_end(first, start)
        room = max(0, self.max_tokens - self.n_tokens(start, end))
        if self.n_tokens(first, end) > self.max_tokens - min(room // 2, self._n_wanted_after(end)):
            first = self._context_before(start, min(room // 2, self.max_tokens // _MAX_CONTEXT))
        room = max(0, self.max_tokens - self.n_tokens(first, end))
        last = self._context_after(end, min(room, self.max_tokens // _MAX_CONTEXT))
        return _Cut(first, last, start, end)

    def _core_end(self, first: int, start: int) -> int:
        """Return where the words that a window owns end, its context beginning at `first`."""
        number = bisect_right(self.edges, start)
        sentence_end = self.edges[number]
        at_most = self._last_edge(first, number, self.max_tokens)
        for end in reversed(self.edges[number : at_most + 1]):
            if self._fits(first, end):
                return end
        if self._is_edge(start) and self.n_tokens(start, sentence_end) <= self.max_tokens:
            return sentence_end
        room = self.max_tokens - self.max_tokens // _MAX_CONTEXT
        return max(start + 1, self._last_within(first, room, sentence_end))

    def _fits(self, first: int, end: int) -> bool:
        return self.n_tokens(first, end) + self._n_wanted_after(end) <= self.max_tokens

    def _n_wanted_after(self, end: int) -> int:
        """Return how many tokens of context there should be after a sentence."""
        most = self.max_tokens // _MAX_CONTEXT
        last = self._context_after(end, most)
        if self._is_edge(last):
            return self.n_tokens(end, last)
        return self.max_tokens // _WANTED_CONTEXT

    def _is_edge(self, word: int) -> bool:
        return self.edges[bisect_left(self.edges, word)] == word

    def _context_before(self, start: int, budget: int) -> int:
        """Return the first word of the context before a word: whole sentences if one fits."""
        number = bisect_left(self.edges, start)
        least = max(0, number - budget)
        edges = self.edges[least:number] if self.edges[number] == start else []

        def size(edge: int) -> int:
            return -self.n_tokens(edge, start)

        fits = bisect_left(edges, -budget, key=size)
        if fits == len(edges):
            return self._first_within(start, budget)
        enough = bisect_right(edges, -(self.max_tokens // _WANTED_CONTEXT), key=size) - 1
        return edges[max(fits, enough)]

    def _context_after(self, end: int, budget: int) -> int:
        """Return where the context after a word ends."""
        number = bisect_left(self.edges, end)
        fits = self._last_edge(end, number + 1, budget) if self.edges[number] == end else number
        if fits <= number:
            return self._last_within(end, budget, self.edges[-1])
        enough = self._last_edge(end, number + 1, self.max_tokens // _WANTED_CONTEXT - 1) + 1
        return self.edges[min(fits, enough)]

    def _last_edge(self, first: int, number: int, budget: int) -> int:
        """Return which edge, from `number` on, ends at most `budget` tokens from `first` on."""
        most = min(len(self.edges), number + max(budget, 0))
        found = bisect_right(
            self.edges, budget, number, most, key=lambda edge: self.n_tokens(first, edge)
        )
        return found - 1

    def _first_within(self, end: int, budget: int) -> int:
        """Return the first word from which on there are at most `budget` tokens up to `end`."""
        firsts = range(max(0, end - budget), end)
        return firsts.start + bisect_left(
            firsts, -budget, key=lambda first: -self.n_tokens(first, end)
        )

    def _last_within(self, start: int, budget: int, most: int) -> int:
        """Return where at most `budget` tokens from `start` on end, not after `most`."""
        ends = range(start + 1, min(most, start + budget) + 1)
        return start + bisect_right(ends, budget, key=lambda end: self.n_tokens(start, end))

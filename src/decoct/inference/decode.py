"""From tag probabilities over words to spans: the likeliest tags that go together.

Sources: Viterbi 1967 (the algorithm); Ratinov and Roth 2009 (W09-1119), who find that tags for a
span's last word and for a span of one word do better than begin and inside alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
N_TAGS = 5
# A tag depends on the one before it only by whether that leaves a span open.
_CLOSES = np.array([OUTSIDE, END, SINGLE])
_LEAVES_OPEN = np.array([BEGIN, INSIDE])
_NEEDS_OPEN = np.array([0, 0, 1, 1, 0])  # of each tag, whether it goes on with a span
_LEAST = 1e-30  # stands for probability 0, which has no logarithm
_CLOSING_OF = {"(": ")", "[": "]"}
_OPENING_OF = {closing: opening for opening, closing in _CLOSING_OF.items()}


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive words that form a span.

    Attributes:
        first: position of the first word.
        last: one past the last word.
        confidence: 0 to 1, the mean of its words' probabilities to be in a span.
    """

    first: int
    last: int
    confidence: float


def best_runs_by_row(
    tag_probs: NDArray[np.float32],
    n_words: Sequence[int],
    threshold: float = 0.5,
    join: bool = False,
) -> list[list[Run]]:
    """Read spans off tag probabilities, all rows at once.

    Args:
        tag_probs: (n_rows, widest, 5) outside, begin, inside, end, single; they sum to 1.
        n_words: how many words each row has; what is behind them is not looked at.
        threshold: the odds of outside are multiplied by threshold / (1 - threshold), so that 0.5
            changes nothing and less marks more.
        join: make one span of two that touch.

    Returns:
        Each row's spans, from left to right.
    """
    found: list[list[Run]] = [[] for _ in tag_probs]
    if not tag_probs.size:
        return found
    nothing = np.eye(N_TAGS, dtype=np.float32)[OUTSIDE]
    is_word = np.arange(tag_probs.shape[1]) < np.asarray(n_words)[:, None]
    tag_probs = np.where(is_word[..., None], tag_probs, nothing)
    tags = best_tags(tag_probs, threshold)
    marked = np.pad(tags != OUTSIDE, ((0, 0), (1, 1)))
    starts, ends = marked[:, 1:-1] & ~marked[:, :-2], marked[:, 1:-1] & ~marked[:, 2:]
    if not join:
        starts |= (tags == BEGIN) | (tags == SINGLE)
        ends |= (tags == END) | (tags == SINGLE)
    rows, firsts = np.nonzero(starts)
    lasts = np.nonzero(ends)[1] + 1
    sums = np.zeros((len(tags), tags.shape[1] + 1))
    np.cumsum(1.0 - tag_probs[..., OUTSIDE], axis=1, out=sums[:, 1:])
    means = ((sums[rows, lasts] - sums[rows, firsts]) / (lasts - firsts)).clip(0.0, 1.0)
    for row, first, last, mean in zip(
        rows.tolist(), firsts.tolist(), lasts.tolist(), means.tolist(), strict=True
    ):
        found[row].append(Run(first, last, mean))
    return found


def best_tags(tag_probs: NDArray[np.float32], threshold: float = 0.5) -> NDArray[np.intp]:
    """Return for each row the best tags of which every span begins and ends (Viterbi).

    Best is the highest product over words of the probability to be outside, or that to be in a span
    times how near the tag comes to the likeliest of those in one.

    Args:
        tag_probs: (n_rows, n_words, 5), at least one word.
        threshold: see `best_runs_by_row`.

    Returns:
        (n_rows, n_words).
    """
    words = np.ascontiguousarray(tag_probs.transpose(1, 2, 0), dtype=np.float64)
    logs = np.log(np.maximum(words, _LEAST))
    # a word that is surely in a span is not to be outside because its place there is not sure
    together = np.log(np.maximum(1.0 - words[:, OUTSIDE], _LEAST))
    logs[:, BEGIN:] += (together - logs[:, BEGIN:].max(axis=1))[:, None]
    logs[:, OUTSIDE] += np.log(max(threshold, _LEAST) / max(1.0 - threshold, _LEAST))
    n_words, _, n_rows = logs.shape
    scores = np.empty_like(logs)  # of the best tags up to a word of which it has this one
    before = np.stack([np.zeros(n_rows), np.full(n_rows, -np.inf)])  # without and with open span
    for log, score in zip(logs, scores, strict=True):
        np.add(log, before[_NEEDS_OPEN], out=score)
        np.maximum(score[OUTSIDE], np.maximum(score[END], score[SINGLE]), out=before[0])
        np.maximum(score[BEGIN], score[INSIDE], out=before[1])
    best = np.stack(
        [
            _CLOSES[scores[:, _CLOSES].argmax(axis=1)],
            _LEAVES_OPEN[scores[:, _LEAVES_OPEN].argmax(axis=1)],
        ]
    )
    tags = np.empty((n_words, n_rows), dtype=np.intp)
    leaves_open, row = np.zeros(n_rows, dtype=np.intp), np.arange(n_rows)
    for word in reversed(range(n_words)):
        tags[word] = best[leaves_open, word, row]
        leaves_open = _NEEDS_OPEN[tags[word]]
    return tags.T


def trim(run: Run, surfaces: Sequence[str]) -> Run | None:
    """Take signs such as commas off a span's ends, or return None if nothing else is left.

    A bracket stays where its partner is inside, a percent or plus sign where it ends the span, and
    a full stop behind an initial.
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
    if surfaces[last - 1] == "." and last - 2 >= first:  # of an initial, as in "Jane D."
        return len(surfaces[last - 2]) == 1 and surfaces[last - 2].isupper()
    return _is_word(surfaces[last - 1]) or surfaces[last - 1] in ("%", "+")

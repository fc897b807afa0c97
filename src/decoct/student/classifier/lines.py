"""Of a long second text, the lines that are most like the first one; and how like the two are.

Plain counting of words, so that it needs no model and is the same in training and after.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from decoct.text.align import Place
from decoct.text.sentences import split_sentences
from decoct.text.words import find_words

N_FEATURES = 5
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_K1 = 1.2  # BM25's; its other constant, for the length of a line, is left out: a list's lines are
# short, and a long one says more


def rank_lines(first: str, second: str) -> list[Place]:
    """Return the lines of a text, those most like another text before the others.

    A line that is longer than a sentence comes as its sentences. Likeness is BM25's, each word
    counting by how few of the lines have it; lines that are as like keep their order.

    Args:
        first: what they are to be like.
        second: the text.

    Returns:
        Places in `second`, which hold all of it but white space.

    Source: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond",
    without its normalization for length.
    """
    lines = split_sentences(second)
    counts = [Counter(_words(second[line.start : line.end])) for line in lines]
    n_having = Counter(word for count in counts for word in count)
    wanted = set(_words(first))

    def likeness(count: Counter[str]) -> float:
        return sum(
            math.log(1 + (len(lines) - n_having[word] + 0.5) / (n_having[word] + 0.5))
            * count[word]
            * (_K1 + 1)
            / (count[word] + _K1)
            for word in wanted & count.keys()
        )

    scores = [likeness(count) for count in counts]
    return [lines[at] for at in sorted(range(len(lines)), key=lambda at: (-scores[at], at))]


def headings(second: str, lines: Sequence[Place]) -> dict[Place, Place]:
    """Return for each line the heading above it: the nearest line before it that ends in a colon.

    Args:
        second: the text.
        lines: some of its lines, in any order.
    """
    found: dict[Place, Place] = {}
    heading = None
    for line in sorted(lines):
        if second[line.start : line.end].endswith((":", "：")):
            heading = line
        elif heading is not None:
            found[line] = heading
    return found


def overlap_features(first: str, second: str) -> list[float]:
    """Return how much of a text another one has: `N_FEATURES` numbers from 0 to 1.

    The share of the first text's different words and numbers that the second one has, the share of
    its words that the likest line has, whether it has a number, and whether one that the second
    text lacks.
    """
    words, numbers = set(_words(first)), set(_NUMBER.findall(first))
    there = set(_words(second))
    there_numbers = set(_NUMBER.findall(second))
    lines = [
        set(_words(second[line.start : line.end])) for line in rank_lines(first, second)[:_BEST]
    ]
    return [
        _share(words, there),
        _share(numbers, there_numbers) if numbers else 0.5,
        max((_share(words, line) for line in lines), default=0.0),
        float(bool(numbers)),
        float(bool(numbers - there_numbers)),
    ]


_BEST = 8  # lines among which the likest by share of words is looked for


def _share(wanted: set[str], there: set[str]) -> float:
    return len(wanted & there) / max(1, len(wanted))


def _words(text: str) -> list[str]:
    folded = text.casefold()
    found = (folded[word.start : word.end] for word in find_words(folded))
    return [word for word in found if word[0].isalnum()]

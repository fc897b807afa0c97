"""From a quoted string back to its places in a text.

LLMs answer in strings; everything after them needs offsets. A quote is looked for without regard to
case, width and spacing, in Chinese and Japanese then without any spaces and in simplified
characters, then nearly (a changed letter or hyphen). Every occurrence is returned; which of
them is meant is decided where two quotes meet (`nearest_pair`).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from rapidfuzz import fuzz

from decoct.text.fold import fold_script, fold_width

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
MARKS = "\u0300-\u036f\u200d\ufe0f"
MAX_CASED_CHARS = 3
MAX_QUOTE_CHARS = 1000
MIN_FUZZY_CHARS = 8
MAX_FUZZY_CHARS = 200
MIN_FUZZY_SCORE = 93.0
_CLAUSE_COST_CHARS = 12
_SENTENCE_COST_CHARS = 200
_HYPHENS = "\\-\u2010\u2011\u2012\u2013\u2014"
# a letter or digit of a script that puts spaces between words, or a mark on one
_LETTER = rf"(?:[^\W_{CJK}]|[{MARKS}])"
_HAS_CJK = re.compile(f"[{CJK}]")
_NO_SPACE = re.compile(r"\S")
_INSIDE_WORD = re.compile(rf"(?<={_LETTER})(?={_LETTER})")
_BREAKS = re.compile(
    r"(?P<sentence>[.!?]\s+(?=[A-Z\"'(\[])|[。！？；｡]|\n)|[,;:()\[\]，：、（）［］【】]"
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a quote stands: half-open code-point offsets."""

    start: int
    end: int

    def overlaps(self, other: Place) -> bool:
        """Whether the two share at least one character."""
        return self.start < other.end and other.start < self.end

    def labelled(self, label: str) -> tuple[int, int, str]:
        """Return (start, end, label): what is marked here, as records number it."""
        return (self.start, self.end, label)


def find_quote(text: str, quote: str) -> list[Place]:
    """Return every place of `quote` in `text`, in order, or an empty list.

    Case, spacing, kind of hyphen or quotation mark and full-width forms do not matter (case does
    for quotes of up to three characters: `ARA` is not `ara`). Occurrences that are whole words win
    over those inside a longer word; Chinese and Japanese, which put no spaces between words, have
    no such insides. A Chinese or Japanese quote that is nowhere is looked for without regard to
    any spaces, and traditional characters as simplified ones where OpenCC is installed
    (`decoct[zh]`). A quote of `MIN_FUZZY_CHARS` to `MAX_FUZZY_CHARS` that is nowhere still is
    looked for nearly (`MIN_FUZZY_SCORE` of 100) and snapped to words; one of more than
    `MAX_QUOTE_CHARS` is not looked for at all.

    Example:
        >>> find_quote("Lithium toxicity: lithium was stopped.", "lithium")
        [Place(start=0, end=7), Place(start=18, end=25)]
    """
    wanted = fold_width(quote.strip())
    if not wanted or len(wanted) > MAX_QUOTE_CHARS:
        return []
    text = fold_width(text)
    flags = re.IGNORECASE if len(wanted) > MAX_CASED_CHARS else 0
    pattern = re.compile(_loose(wanted), flags)
    return (
        list(_find_whole(text, pattern))
        or _find_without_spaces(text, wanted)
        or [Place(*match.span()) for match in pattern.finditer(text)]
        or _find_nearly(text, wanted)
    )


def nearest_pair(
    text: str, subjects: Sequence[Place], objects: Sequence[Place]
) -> tuple[Place, Place] | None:
    """Return the (subject, object) places that most likely belong together.

    The pair with the fewest characters between wins. A comma or bracket between counts like a dozen
    characters more, another sentence like hundreds, and a pair that overlaps is taken only where
    there is no other. Ties go to the earlier subject.
    """
    if not subjects or not objects:
        return None
    if len(subjects) * len(objects) == 1:
        return subjects[0], objects[0]
    breaks = list(_BREAKS.finditer(text))
    ends = [match.end() for match in breaks]
    costs = [_SENTENCE_COST_CHARS if match["sentence"] else _CLAUSE_COST_CHARS for match in breaks]
    cost_before = [0, *accumulate(costs)]

    def cost(pair: tuple[Place, Place]) -> tuple[int, int, int]:
        first, second = sorted(pair)
        crossed = cost_before[bisect_right(ends, second.start)]
        crossed -= cost_before[bisect_right(ends, first.end)]
        return (second.start - first.end + crossed, pair[0].start, pair[1].start)

    apart = _neighbors(subjects, objects)
    return min(apart, key=cost, default=(min(subjects), min(objects)))


def _neighbors(
    subjects: Sequence[Place], objects: Sequence[Place]
) -> Iterator[tuple[Place, Place]]:
    """Yield each subject with the object that ends last before it and the one that starts next."""
    by_end = sorted(objects, key=lambda place: (place.end, -place.start))
    by_start = sorted(objects)
    for subject in subjects:
        n_before = bisect_right(by_end, subject.start, key=lambda place: place.end)
        if n_before:
            yield subject, by_end[n_before - 1]
        after = bisect_left(by_start, subject.end, key=lambda place: place.start)
        if after < len(by_start):
            yield subject, by_start[after]


def _loose(quote: str) -> str:
    """Return a pattern that ignores kinds of space and hyphen."""
    pieces = re.split(rf"(\s+|[{_HYPHENS}])", quote)
    return "".join(
        r"\s+"
        if piece.isspace()
        else f"[{_HYPHENS}]"
        if re.fullmatch(f"[{_HYPHENS}]", piece)
        else re.escape(piece)
        for piece in pieces
        if piece
    )


def _find_whole(text: str, pattern: re.Pattern[str]) -> Iterator[Place]:
    """Yield the matches that neither begin nor end inside a word."""
    match = pattern.search(text)
    while match:
        start, end = match.span()
        inside = _INSIDE_WORD.match(text, start) or _INSIDE_WORD.match(text, end)
        if not inside:
            yield Place(start, end)
        match = pattern.search(text, start + 1 if inside else end)


def _find_without_spaces(text: str, quote: str) -> list[Place]:
    """Return the places of a Chinese or Japanese quote, spaces and traditional characters aside."""
    if not _HAS_CJK.search(quote):
        return []
    kept = [match.start() for match in _NO_SPACE.finditer(text)]
    bare = fold_script("".join(text[at] for at in kept))
    wanted = fold_script("".join(quote.split()))
    pattern = re.compile(_loose(wanted), re.IGNORECASE if len(wanted) > MAX_CASED_CHARS else 0)
    found = (match.span() for match in pattern.finditer(bare))
    places = [Place(kept[start], kept[end - 1] + 1) for start, end in found]
    return [
        place
        for place in places
        if not (_INSIDE_WORD.match(text, place.start) or _INSIDE_WORD.match(text, place.end))
    ]


def _find_nearly(text: str, quote: str) -> list[Place]:
    if not MIN_FUZZY_CHARS <= len(quote) <= MAX_FUZZY_CHARS:
        return []
    best = fuzz.partial_ratio_alignment(
        quote.lower(), _same_length_lower(text), score_cutoff=MIN_FUZZY_SCORE
    )
    if best is None or best.dest_end <= best.dest_start:
        return []
    start, end = _snap(text, quote, best.dest_start, best.dest_end)
    grown = (end - start) - len(quote)
    fits = end > start and abs(grown) <= max(2, len(quote) // 8)
    return [Place(start, end)] if fits else []


def _snap(text: str, quote: str, start: int, end: int) -> tuple[int, int]:
    """Grow a stretch to whole words, then take off signs at its edges that the quote has not."""
    while _INSIDE_WORD.match(text, start):
        start -= 1
    while _INSIDE_WORD.match(text, end):
        end += 1
    while start < end and not text[start].isalnum() and text[start] != quote[0]:
        start += 1
    while start < end and not text[end - 1].isalnum() and text[end - 1] != quote[-1]:
        end -= 1
    return start, end


def _same_length_lower(text: str) -> str:
    """Lower-case without ever changing the number of code points."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)

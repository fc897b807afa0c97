"""From a quoted string back to its places in a text.

LLMs answer in strings; everything after them needs offsets. A quote is looked for without regard to
case and spacing, then nearly (a changed letter or hyphen). Every occurrence is returned; which of
them is meant is decided where two quotes meet (`nearest_pair`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from rapidfuzz import fuzz

MAX_CASED_CHARS = 3
MIN_FUZZY_CHARS = 8
MIN_FUZZY_SCORE = 93.0
_OVERLAP_COST_CHARS = 10_000
_SENTENCE_COST_CHARS = 200
_CLAUSE_COST_CHARS = 12
_HYPHENS = "\\-\u2010\u2011\u2012\u2013\u2014"
_CLAUSE_END = re.compile(r"[,;:()\[\]，；：（）]")
_SENTENCE_END = re.compile(r"[.!?]\s+(?=[A-Z\"'(\[])|[。！？]|\n")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a quote stands: half-open code-point offsets."""

    start: int
    end: int

    def overlaps(self, other: Place) -> bool:
        """Whether the two share at least one character."""
        return self.start < other.end and other.start < self.end


def find_quote(text: str, quote: str) -> list[Place]:
    """Return every place of `quote` in `text`, in order, or an empty list.

    Case, spacing and kind of hyphen do not matter (case does for quotes of up to three characters:
    `ARA` is not `ara`). Occurrences that are whole words win over those inside a longer word. A quote
    of eight characters or more that is nowhere is looked for nearly (`MIN_FUZZY_SCORE` of 100) and
    snapped to words.

    Example:
        >>> find_quote("Lithium toxicity: lithium was stopped.", "lithium")
        [Place(start=0, end=7), Place(start=18, end=25)]
    """
    wanted = quote.strip()
    if not wanted:
        return []
    flags = re.IGNORECASE if len(wanted) > MAX_CASED_CHARS else 0
    places = [Place(match.start(), match.end()) for match in re.finditer(_loose(wanted), text, flags)]
    return [place for place in places if _is_whole(text, place)] or places or _find_nearly(text, wanted)


def nearest_pair(text: str, subjects: Sequence[Place], objects: Sequence[Place]) -> tuple[Place, Place] | None:
    """Return the (subject, object) places that most likely belong together.

    The pair with the fewest characters between wins. A comma or bracket between counts like a dozen
    characters more, another sentence like hundreds, and a pair that overlaps is taken only where there
    is no other. Ties go to the earlier subject.
    """
    if len(subjects) * len(objects) == 1:
        return subjects[0], objects[0]
    breaks = [(match.end(), _SENTENCE_COST_CHARS) for match in _SENTENCE_END.finditer(text)]
    breaks += [(match.end(), _CLAUSE_COST_CHARS) for match in _CLAUSE_END.finditer(text)]

    def cost(pair: tuple[Place, Place]) -> tuple[int, int, int]:
        first, second = sorted(pair)
        between = max(0, second.start - first.end)
        if first.overlaps(second):
            between += _OVERLAP_COST_CHARS
        crossed = sum(chars for end, chars in breaks if first.end < end <= second.start)
        return (between + crossed, pair[0].start, pair[1].start)

    return min(product(subjects, objects), key=cost, default=None)


def _loose(quote: str) -> str:
    """Return a pattern that ignores kinds of space and hyphen."""
    pieces = re.split(rf"(\s+|[{_HYPHENS}])", quote)
    return "".join(
        r"\s+" if piece.isspace() else f"[{_HYPHENS}]" if re.fullmatch(f"[{_HYPHENS}]", piece) else re.escape(piece)
        for piece in pieces
        if piece
    )


def _is_whole(text: str, place: Place) -> bool:
    before, after = text[place.start - 1 : place.start], text[place.end : place.end + 1]
    starts = not (before.isalnum() and text[place.start].isalnum())
    ends = not (after.isalnum() and text[place.end - 1].isalnum())
    return starts and ends


def _find_nearly(text: str, quote: str) -> list[Place]:
    if len(quote) < MIN_FUZZY_CHARS:
        return []
    best = fuzz.partial_ratio_alignment(quote.lower(), _same_length_lower(text), score_cutoff=MIN_FUZZY_SCORE)
    if best is None or best.dest_end <= best.dest_start:
        return []
    start, end = best.dest_start, best.dest_end
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    while start < end and not text[start].isalnum():
        start += 1
    grown = (end - start) - len(quote)
    return [Place(start, end)] if abs(grown) <= max(2, len(quote) // 8) else []


def _same_length_lower(text: str) -> str:
    """Lower-case without ever changing the number of code points."""
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)

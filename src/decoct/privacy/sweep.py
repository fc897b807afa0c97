"""What was marked once is looked for everywhere: strings of PHI that stand elsewhere in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from decoct.privacy.labels import AGE, DATE, LOCATION, NAME
from decoct.privacy.names import name_tokens
from decoct.privacy.pieces import Piece
from decoct.privacy.words import CUES, INSTITUTIONS, ORDINARY, ROADS, folded, is_cjk, plain

_MIN_SIGNS = 3
_LETTERS = r"A-Za-z0-9\u00c0-\u024f"


@dataclass(slots=True)
class Sweep:
    """The strings of one patient or document that must not be left anywhere.

    A string counts where it stands by itself, upper or lower case, whatever the white space in it;
    a name that is also a word, such as "May", only with a capital. Too short ones (fewer than three
    signs, two if Chinese), dates without a digit and plain numbers of up to three digits do not
    count: they would be found in every text.
    """

    _labels: dict[str, str] = field(default_factory=dict)
    _exact: set[str] = field(default_factory=set)

    def add(self, label: str, text: str) -> None:
        """Look for a piece's text, and for each token of a name."""
        for string in (text, *(name_tokens(text) if label == NAME else ())):
            key = folded(string)
            if _is_telling(label, key) and key not in self._labels:
                self._labels[key] = label
                if label in (NAME, LOCATION) and plain(key) in ORDINARY:
                    self._exact.add(key)

    def find(self, text: str, covered: Iterable[tuple[int, int]] = ()) -> Iterator[Piece]:
        """Yield pieces of a text that are such strings and not covered, in order of place.

        Args:
            text: what to search.
            covered: places that are dealt with; what overlaps one of them does not count.
        """
        gaps = list(_gaps(sorted(covered), len(text)))
        expression = self._expression(text, gaps)
        if expression is None:
            return
        for start, end in gaps:
            for match in expression.finditer(text, start, end):
                found = match.group()
                key = folded(found)
                if key in self._labels and (key not in self._exact or found[:1].isupper()):
                    yield Piece(match.start(), match.end(), self._labels[key], found, "sweep")

    def holds(self, text: str) -> bool:
        """Whether any of the strings is in a text."""
        return next(self.find(text), None) is not None

    def _expression(self, text: str, gaps: list[tuple[int, int]]) -> re.Pattern[str] | None:
        """Return what finds those strings that may be in a text, longest first; None for none."""
        near = folded("\n".join(text[start:end] for start, end in gaps))
        strings = [key for key in self._labels if key in near]
        if not strings:
            return None
        strings.sort(key=lambda one: (-len(one), one))
        return re.compile("|".join(map(_expression, strings)), re.IGNORECASE)


def _expression(string: str) -> str:
    """Return an expression that finds a folded string where no letter or digit touches it."""
    body = r"\s+".join(re.escape(word).replace("'", "['’]") for word in string.split(" "))
    # in Chinese text a name in letters or a number may touch the characters around it
    before = f"(?<![{_LETTERS}])" if string[0].isalnum() and not is_cjk(string[0]) else ""
    after = f"(?![{_LETTERS}])" if string[-1].isalnum() and not is_cjk(string[-1]) else ""
    return f"{before}{body}{after}"


def _is_telling(label: str, key: str) -> bool:
    signs = [char for char in key if char.isalnum()]
    if len(signs) < (2 if is_cjk(key) else _MIN_SIGNS):
        return False
    digits = sum(char.isdecimal() for char in signs)
    if digits == len(signs) and digits < 4 and not re.search(r"\d\D+\d", key):
        return False
    if label in (DATE, AGE):
        return digits > 0
    return key.count(" ") > 0 or plain(key) not in CUES | INSTITUTIONS | ROADS


def _gaps(taken: list[tuple[int, int]], n_chars: int) -> Iterator[tuple[int, int]]:
    at = 0
    for start, end in taken:
        if start > at:
            yield at, start
        at = max(at, end)
    if at < n_chars:
        yield at, n_chars

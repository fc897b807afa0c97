"""Words: the unit that students predict over: every predicted span ends at a word's edge."""

from __future__ import annotations

import re

from decoct.text.align import CJK, MARKS, Place

MAX_WORD_CHARS = 64
_WORD = re.compile(
    rf"[{CJK}]"
    rf"|(?:(?![{CJK}_])[\w{MARKS}]){{1,{MAX_WORD_CHARS}}}"
    rf"|\S[{MARKS}]*"
)


def find_words(text: str) -> list[Place]:
    """Return the words of a text in order.

    A word is a run of letters and digits with their combining marks; a CJK character is a word by
    itself, and so is every other sign. A run longer than `MAX_WORD_CHARS` is cut.

    Example:
        >>> [text[w.start:w.end] for text in ["5-FU-induced"] for w in find_words(text)]
        ['5', '-', 'FU', '-', 'induced']
    """
    return [Place(match.start(), match.end()) for match in _WORD.finditer(text)]

"""Words: the unit that students predict over, so that every predicted span ends at a word's edge."""

from __future__ import annotations

import re

from decoct.text.align import Place

MAX_WORD_CHARS = 64
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "\u0300-\u036f\u200d\ufe0f"
_WORD = re.compile(
    rf"[{_CJK}]"
    rf"|(?:(?![{_CJK}_])[\w{_MARKS}]){{1,{MAX_WORD_CHARS}}}"
    rf"|\S[{_MARKS}]*"
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

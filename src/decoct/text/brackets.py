"""Brackets and where they close."""

from __future__ import annotations

import re

_MAX_CHARS = 400
_BRACKET = re.compile(r"[()\[\]（）［］]|\n[^\S\n]*\n")
_OPENER_OF = {")": "(", "]": "[", "）": "（", "］": "［"}


def outer_brackets(text: str) -> tuple[list[int], list[int]]:
    """Return where the brackets of a text open and close, those that are not within others.

    A bracket is closed within its paragraph and `_MAX_CHARS`, or it counts for nothing; so does
    one that closes what was never opened, as in `1)`.
    """
    pairs: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []
    for match in _BRACKET.finditer(text):
        sign = match.group()
        if sign in _OPENER_OF.values():
            stack.append((sign, match.start()))
        elif sign not in _OPENER_OF:
            stack.clear()
        elif stack and stack[-1][0] == _OPENER_OF[sign]:
            pairs.append((stack.pop()[1], match.start()))
    opens: list[int] = []
    closes: list[int] = []
    for first, last in sorted(pairs):
        if last - first <= _MAX_CHARS and (not closes or first > closes[-1]):
            opens.append(first)
            closes.append(last)
    return opens, closes

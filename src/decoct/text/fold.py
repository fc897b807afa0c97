"""Text without differences of writing that say nothing, character by character, offsets kept."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Protocol

# full-width and half-width forms, compatibility characters and radicals, small digits, micro sign
_FOLDED = (
    range(0xFF01, 0xFFEF),
    range(0x3000, 0x3001),
    range(0xF900, 0xFAFF),
    range(0x2F00, 0x2FD6),
    range(0x2070, 0x2090),
    (0xB2, 0xB3, 0xB9, 0xB5),
)
_QUOTES = {"‘": "'", "’": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "″": '"'}


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


def fold_width(text: str) -> str:
    """Return a text of the same length with full-width forms, small digits and quotes as ASCII.

    Example:
        >>> fold_width("ＩＬ－２：５ｍｇ，CO₂")
        'IL-2:5mg,CO2'
    """
    return text if text.isascii() else text.translate(_widths())


def fold_script(text: str) -> str:
    """Return a Chinese text of the same length in simplified characters.

    Character by character, by OpenCC (`pip install 'decoct[zh]'`); where that is not installed the
    text comes back as it is.
    """
    converter = _converter()
    if converter is None or text.isascii():
        return text
    table = {ord(char): _one(converter, char) for char in set(text) if char >= "\u3400"}
    return text.translate(table)


@cache
def _widths() -> dict[int, str]:
    table = {ord(sign): plain for sign, plain in _QUOTES.items()}
    for codes in _FOLDED:
        for code in codes:
            plain = unicodedata.normalize("NFKC", chr(code))
            if len(plain) == 1:
                table[code] = plain
    return table


@cache
def _converter() -> _Converter | None:
    try:
        from opencc import OpenCC
    except ImportError:
        return None
    converter: _Converter = OpenCC("t2s")
    return converter


def _one(converter: _Converter, char: str) -> str:
    simple = converter.convert(char)
    return simple if len(simple) == 1 else char

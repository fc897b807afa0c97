"""Text as the lexical retrievers see it: case, width and accents aside, as code points."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from decoct.text.align import CJK

MAX_CHARS = 2000  # of a text; no name is longer, and a mention of a page is no mention
GAP, LETTER, CHARACTER = 0, 1, 2
_ACCENTS = re.compile("(?<=[a-z\u03b1-\u03c9])[\u0300-\u036f]+")  # Latin and Greek ones
_CJK = re.compile(f"[{CJK}]")
_N_LISTED, _N_CHARACTERS = 0x20000, 0x40000  # between them are rare Chinese characters alone


def fold(text: str) -> str:
    """Return a text without differences that say nothing: case, full width, accents, surrogates.

    Example:
        >>> fold("Sjögren's ＳＹＮＤＲＯＭＥ, Ⅳ期")
        "sjogren's syndrome, iv期"
    """
    text = text[:MAX_CHARS]
    if text.isascii():
        return text.lower()
    whole = text.encode("utf-8", "replace").decode("utf-8")
    apart = unicodedata.normalize("NFKD", whole.casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


@dataclass(frozen=True, slots=True)
class Folded:
    """Texts, one after another, each between two gaps.

    Attributes:
        codes: (n_chars,) uint32, code points; 0 for whatever is no letter, digit or character.
        kinds: (n_chars,) uint8, `GAP`, `LETTER` (a letter or digit), or `CHARACTER`, of a script
            that puts no spaces between words.
        owners: (n_chars,) int32, the text that each is of.
    """

    codes: NDArray[np.uint32]
    kinds: NDArray[np.uint8]
    owners: NDArray[np.int32]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Folded:
        """Fold texts."""
        line = "\n".join(["", *(fold(text).replace("\n", " ") for text in texts), ""])
        codes = np.frombuffer(line.encode("utf-32-le"), dtype=np.uint32)
        ends = codes == ord("\n")
        owners = np.cumsum(ends, dtype=np.int32) - 1
        owners[-1] = max(len(texts) - 1, 0)  # what ends the last text is its own
        kinds = _kinds()[codes]
        return cls(np.where(kinds == GAP, np.uint32(0), codes), kinds, owners)


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return the kind of every code point, about a megabyte."""
    kinds = np.zeros(sys.maxunicode + 1, dtype=np.uint8)
    kinds[_N_LISTED:_N_CHARACTERS] = CHARACTER
    listed = [code for code in range(_N_LISTED) if chr(code).isalnum()]
    kinds[listed] = LETTER
    found = _CJK.findall("".join(map(chr, listed)))
    kinds[[ord(sign) for sign in found]] = CHARACTER
    return kinds

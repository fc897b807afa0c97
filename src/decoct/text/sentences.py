"""Sentences by exact offsets, for texts longer than an encoder's window."""

from __future__ import annotations

import re

from decoct.text.align import Place

_BREAK = re.compile(
    r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])"
    r"|(?<=[。！？；])[”’」』）]*(?![。！？；”’」』）])"
    r"|\n"
)
_NO_BREAK = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|Dr|Mr|Mrs|Ms|Prof|vs|etc|e\.g|i\.e|cf|al|Fig|Figs|No|no|approx|i\.v|i\.m|p\.o|"
    r"s\.c|resp|ca|St|Jr|Ref|Refs|Eq|spp|var)\.$"
)
_LOOK_BACK_CHARS = 16


def split_sentences(text: str) -> list[Place]:
    """Return the sentences of a text, without white space around them; they hold all else.

    Breaks after `.`, `!`, `?` before a capital or digit (not after an initial or a known
    abbreviation), after `。！？；` and the quotes and brackets that close there, and at line ends.
    """
    sentences: list[Place] = []
    start = 0
    for match in _BREAK.finditer(text):
        tail = text[max(start, match.start() - _LOOK_BACK_CHARS) : match.start()]
        if "\n" not in match.group() and _NO_BREAK.search(tail):
            continue
        _append(sentences, text, start, match.end())
        start = match.end()
    _append(sentences, text, start, len(text))
    return sentences


def _append(sentences: list[Place], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        first = start + len(piece) - len(piece.lstrip())
        sentences.append(Place(first, first + len(stripped)))

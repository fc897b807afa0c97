"""Offsets of spans as files count them: in code points, or in another unit if the user says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from decoct.errors import RecordError

Unit = Literal["codepoints", "utf8", "utf16"]  # as in `text.offsets`, which needs numpy
Convert = Callable[[Sequence[int]], list[int]]


def reading(text: str, unit: Unit) -> Convert:
    """Return what turns a file's offsets into this text into code points.

    It raises RecordError for one outside of the text or within a character.
    """
    if unit == "codepoints" or text.isascii():
        return lambda offsets: _inside(text, offsets)
    from decoct.text.offsets import OffsetMap

    units = OffsetMap(text, unit)
    return lambda offsets: _ints(units.to_points, offsets)


def writing(text: str, unit: Unit) -> Convert:
    """Return what turns code points into the offsets of a file."""
    if unit == "codepoints" or text.isascii():
        return list
    from decoct.text.offsets import OffsetMap

    units = OffsetMap(text, unit)
    return lambda offsets: _ints(units.from_points, offsets)


def fragments_of(pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return pieces in order, those that touch or overlap as one, empty ones left out."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(piece for piece in pieces if piece[0] < piece[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def surface_of(text: str, pieces: Sequence[tuple[int, int]]) -> str:
    """Return the text of a span of these pieces."""
    return " ".join(text[start:end] for start, end in pieces)


def same_letters(one: str, other: str) -> bool:
    """Whether two surfaces are the same but for white space, which files flatten."""
    return one == other or "".join(one.split()) == "".join(other.split())


def _inside(text: str, offsets: Sequence[int]) -> list[int]:
    for offset in offsets:
        if not 0 <= offset <= len(text):
            raise RecordError(f"offset {offset} is outside of a text of {len(text)}")
    return list(offsets)


def _ints(convert: Callable[..., object], offsets: Sequence[int]) -> list[int]:
    try:
        return [int(one) for one in convert(offsets)]  # type: ignore[attr-defined]
    except OverflowError:
        raise RecordError("an offset is outside of the text") from None

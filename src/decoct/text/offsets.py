"""Offsets in other units: UTF-8 bytes and UTF-16 code units, to and from code points, exactly.

decoct counts code points, as Python does. Java, JavaScript and C# count UTF-16 code units, in which
an emoji or a rare Chinese character is two; C and Rust programs mostly count bytes of UTF-8.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from decoct.errors import RecordError

Unit = Literal["codepoints", "utf8", "utf16"]
_TWO_BYTES, _THREE_BYTES, _ASTRAL = 0x80, 0x800, 0x10000


class OffsetMap:
    """The offsets of one text in one unit.

    Args:
        text: the text; a lone surrogate is one UTF-16 unit and three bytes.
        unit: what others count in.

    Example:
        >>> units = OffsetMap("𝛼-blocker", "utf16")
        >>> units.from_points([0, 1, 9]).tolist()
        [0, 2, 10]
        >>> units.to_points([2, 10]).tolist()
        [1, 9]
    """

    def __init__(self, text: str, unit: Unit) -> None:
        self.unit = unit
        self.n_points = len(text)
        self._edges: NDArray[np.int64] | None = None  # (n_points + 1,): where each character starts
        if unit != "codepoints" and not text.isascii():
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
            widths = 1 + (points >= _ASTRAL)
            if unit == "utf8":
                widths = widths + (points >= _TWO_BYTES) + (points >= _THREE_BYTES)
            self._edges = np.concatenate(([0], np.cumsum(widths, dtype=np.int64)))

    @property
    def n_units(self) -> int:
        """The length of the text, in the unit."""
        return self.n_points if self._edges is None else int(self._edges[-1])

    def from_points(self, offsets: ArrayLike) -> NDArray[np.int64]:
        """Turn code-point offsets into the unit.

        Args:
            offsets: (any shape) integers, 0 to `n_points`.

        Returns:
            The same shape, int64.

        Raises:
            RecordError: one lies outside of the text.
        """
        points = np.asarray(offsets, dtype=np.int64)
        self._check(points, self.n_points)
        return points if self._edges is None else self._edges[points]

    def to_points(self, offsets: ArrayLike) -> NDArray[np.int64]:
        """Turn offsets in the unit into code-point offsets.

        Args:
            offsets: (any shape) integers, 0 to `n_units`.

        Returns:
            The same shape, int64.

        Raises:
            RecordError: one lies outside of the text, or within a character.
        """
        units = np.asarray(offsets, dtype=np.int64)
        self._check(units, self.n_units)
        if self._edges is None:
            return units
        points = np.searchsorted(self._edges, units)
        within = units[self._edges[points] != units]
        if within.size:
            raise RecordError(f"offset {within.flat[0]} in {self.unit} is within a character")
        return points.astype(np.int64, copy=False)

    def _check(self, offsets: NDArray[np.int64], most: int) -> None:
        outside = offsets[(offsets < 0) | (offsets > most)]
        if outside.size:
            raise RecordError(f"offset {outside.flat[0]} is outside of a text of {most}")

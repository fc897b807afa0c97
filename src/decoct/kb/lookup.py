"""From a key to the rows that have it, on disk: hashes in order, searched by halving.

A knowledge base of a million names has as many keys. Kept as 64-bit hashes in an array that is
mapped, not read, they take no memory to speak of. Two keys may share a hash, so whoever looks one
up checks what it finds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from decoct.errors import StoreError

Table = npt.NDArray[np.uint64]


def key_hash(key: str) -> int:
    """Return the first 64 bits of a key's BLAKE2b, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True)
class Lookup:
    """Which rows have a key.

    Attributes:
        table: (2, n_keys) uint64; the hashes, rising, and under each its row.
    """

    table: Table

    @classmethod
    def build(cls, hashes: Sequence[int] | Table, rows: Sequence[int] | Table) -> Self:
        """Put hashes, and the row of each, in order."""
        keys, places = np.asarray(hashes, dtype=np.uint64), np.asarray(rows, dtype=np.uint64)
        order = np.lexsort((places, keys))
        return cls(np.stack([keys[order], places[order]]))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map a table that `save` wrote.

        Raises:
            StoreError: it is missing or is no such table.
        """
        table = open_array(path)
        if table.dtype != np.uint64 or table.ndim != 2 or len(table) != 2:
            raise StoreError(f"{path}: is no lookup table; read the knowledge base again")
        return cls(table)

    def save(self, path: Path) -> None:
        """Write the table."""
        save_array(path, self.table)

    def __len__(self) -> int:
        return int(self.table.shape[1])

    def rows(self, key: str) -> list[int]:
        """Return the rows that may have a key, rising."""
        hashes = self.table[0]
        wanted = np.uint64(key_hash(key))  # another dtype would have the whole array converted
        first = np.searchsorted(hashes, wanted, "left")
        last = np.searchsorted(hashes, wanted, "right")
        return [int(row) for row in self.table[1, first:last]]

    def changed(self, added: Lookup, dead_rows: Sequence[int]) -> Lookup:
        """Return a table with more keys, and without those of some rows."""
        kept = np.asarray(self.table)
        if len(dead_rows):
            kept = kept[:, ~np.isin(kept[1], np.array(dead_rows, dtype=np.uint64))]
        places = np.searchsorted(kept[0], added.table[0], "right")
        return Lookup(np.insert(kept, places, added.table, axis=1))

    def n_shared(self) -> int:
        """Count the hashes that more than one row has."""
        same = self.table[0, 1:] == self.table[0, :-1]
        return int(np.count_nonzero(same[1:] & ~same[:-1]) + (same[0] if len(same) else 0))

    def shared(self, limit: int) -> list[tuple[int, int]]:
        """Return (hash, first row) of some that more than one row has: those of the lowest rows."""
        hashes, rows = self.table
        first = np.flatnonzero(hashes[1:] == hashes[:-1])
        order = np.argsort(rows[first], kind="stable")[: limit * 4]
        found = {int(hashes[place]): int(rows[place]) for place in first[order][::-1]}
        return sorted(found.items(), key=lambda pair: pair[1])[:limit]


def open_array(path: Path) -> Table:
    """Map an array of numbers.

    Raises:
        StoreError: it is missing or is none.
    """
    try:
        array: Table = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise StoreError(f"{path}: can't be read: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise StoreError(f"{path}: is no array ({error}); read the knowledge base again") from None
    return array


def save_array(path: Path, array: npt.NDArray[np.uint64]) -> None:
    """Write an array of numbers.

    Raises:
        StoreError: the disk is full, or the folder can't be written.
    """
    try:
        np.save(path, array, allow_pickle=False)
    except OSError as error:
        raise StoreError(f"{path}: can't be written: {error.strerror or error}") from None

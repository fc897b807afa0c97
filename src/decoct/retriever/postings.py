"""An inverted index of terms on disk: which names hold a term, and which terms a name holds.

::

    terms.npy                    hashes, rising
    starts.npy rows.npy counts.npy
                                 of each term the names that hold it, rising, and how often
    row_starts.npy row_terms.npy row_counts.npy
                                 the same the other way round: of each name its terms, rising
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ConfigError
from decoct.progress import Progress
from decoct.retriever.arrays import Array, ArrayFile, damaged, open_array, save_array
from decoct.retriever.names import NameTable
from decoct.retriever.terms import Terms

CHUNK_NAMES = 8192
MAX_COUNT = 255
_MAX_POSTINGS = 2**31 - 1
_PIECE = 1 << 20
_LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Postings:
    """An inverted index; every array is mapped.

    Attributes:
        terms: (n_terms,) uint32, rising.
        starts: (n_terms + 1,) int32, where each term's postings begin.
        rows: (n_postings,) int32, the names, rising within a term.
        counts: (n_postings,) uint8, how often the term stands in the name.
        row_starts: (n_names + 1,) int32.
        row_terms: (n_postings,) int32, places in `terms`, rising within a name.
        row_counts: (n_postings,) uint8.
    """

    terms: Array
    starts: Array
    rows: Array
    counts: Array
    row_starts: Array
    row_terms: Array
    row_counts: Array

    @classmethod
    def open(cls, folder: Path) -> Postings:
        """Map what `build` wrote.

        Raises:
            ArtifactError: a file is missing or damaged.
        """
        terms = open_array(folder / "terms.npy", np.uint32)
        starts = open_array(folder / "starts.npy", np.int32, len(terms) + 1)
        row_starts = open_array(folder / "row_starts.npy", np.int32)
        n = int(starts[-1])
        if not len(row_starts) or int(row_starts[-1]) != n:
            raise damaged(folder / "row_starts.npy", f"does not end at {n}")
        return cls(
            terms,
            starts,
            open_array(folder / "rows.npy", np.int32, n),
            open_array(folder / "counts.npy", np.uint8, n),
            row_starts,
            open_array(folder / "row_terms.npy", np.int32, n),
            open_array(folder / "row_counts.npy", np.uint8, n),
        )

    @property
    def n_names(self) -> int:
        """How many names there are, those without a term included."""
        return len(self.row_starts) - 1

    @property
    def n_bytes(self) -> int:
        """What all arrays take."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def find(self, hashes: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the place of each hash in `terms`, and whether it is there."""
        places = np.searchsorted(self.terms, hashes)
        places[places == len(self.terms)] = 0
        there = self.terms[places] == hashes if len(self.terms) else np.zeros(len(hashes), bool)
        return places, there


def build_postings(
    names: NameTable,
    folder: Path,
    terms_of: Callable[[Sequence[str]], Terms],
    progress: Progress,
    title: str,
) -> None:
    """Write an inverted index of names; memory holds a few million names' worth of numbers.

    Args:
        names: the names; their rows are what is found.
        folder: made anew.
        terms_of: gives the terms of texts.
        progress: shown how many names are done.
        title: what it is called there.

    Raises:
        StoreError: the folder can't be written.
        ConfigError: there are more postings than 32-bit numbers can count.
    """
    folder.mkdir(parents=True, exist_ok=True)
    terms, row_starts = _collect(names, folder, terms_of, progress, title)
    save_array(folder / "terms.npy", terms)
    save_array(folder / "row_starts.npy", row_starts)
    hashes = open_array(folder / "hashes.npy", np.uint32)
    with ArrayFile(folder / "row_terms.npy", np.int32) as places:
        for first in range(0, len(hashes), _PIECE):
            places.append(np.searchsorted(terms, hashes[first : first + _PIECE]))
    del hashes
    (folder / "hashes.npy").unlink()
    _invert(folder, len(terms), row_starts)


def _collect(
    names: NameTable,
    folder: Path,
    terms_of: Callable[[Sequence[str]], Terms],
    progress: Progress,
    title: str,
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Write hashes and counts of every name's terms; return all terms, and where names begin."""
    known = np.zeros(0, dtype=np.uint32)
    lengths = np.zeros(len(names) + 1, dtype=np.int64)
    chunks = progress.track(
        names.chunks(CHUNK_NAMES), -(-len(names) // CHUNK_NAMES), f"{title}, {CHUNK_NAMES} names"
    )
    with (
        ArrayFile(folder / "hashes.npy", np.uint32) as hashes,
        ArrayFile(folder / "row_counts.npy", np.uint8) as counts,
    ):
        for first, texts in chunks:
            owners, found, often = tally(terms_of(texts))
            lengths[first + 1 : first + 1 + len(texts)] = np.bincount(owners, minlength=len(texts))
            hashes.append(found)
            counts.append(np.minimum(often, MAX_COUNT))
            known = np.union1d(known, found)
    ends = np.cumsum(lengths)
    if ends[-1] > _MAX_POSTINGS:
        raise ConfigError(
            f"{ends[-1]:,} pairs of a name and one of its terms are too many for one index "
            f"(at most {_MAX_POSTINGS:,}); use fewer sizes of n-grams, or split the knowledge base"
        )
    return known, ends.astype(np.int32)


def tally(terms: Terms) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]:
    """Count each text's terms.

    Returns:
        texts, rising; their terms, rising within a text; and how often each is in it.
    """
    keys = terms.owners.astype(np.uint64) << np.uint64(32) | terms.hashes
    keys.sort()
    new = np.ones(len(keys), dtype=bool)
    new[1:] = keys[1:] != keys[:-1]
    first = np.flatnonzero(new)
    often = np.diff(np.append(first, len(keys)))
    keys = keys[first]
    return (keys >> np.uint64(32)).astype(np.int64), (keys & _LOW).astype(np.uint32), often


def _invert(folder: Path, n_terms: int, row_starts: NDArray[np.int32]) -> None:
    """Write the postings of each term from the terms of each name."""
    from scipy.sparse import csr_matrix

    held = open_array(folder / "row_terms.npy", np.int32)
    counts = open_array(folder / "row_counts.npy", np.uint8)
    by_name = csr_matrix((counts, held, row_starts), shape=(len(row_starts) - 1, n_terms))
    by_term = by_name.tocsc()
    save_array(folder / "starts.npy", by_term.indptr.astype(np.int32))
    save_array(folder / "rows.npy", by_term.indices.astype(np.int32, copy=False))
    save_array(folder / "counts.npy", by_term.data)

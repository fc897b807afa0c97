"""How much a term counts in a name and in a mention: TF-IDF cosine, and BM25."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from decoct.retriever.arrays import Array, ArrayFile, open_array, save_array
from decoct.retriever.postings import Postings
from decoct.retriever.terms import Terms

Floats = NDArray[np.float32]
_BLOCK = 1 << 21  # postings weighed at a time
_BLOCK_ROWS = 1 << 16


class Weighing(Protocol):
    """What a lexical retriever does with terms.

    A name's similarity to a mention is the sum, over the terms that they share, of the term's
    weight in the one times that in the other.
    """

    def terms(self, texts: Sequence[str]) -> Terms:
        """Return the terms of texts."""
        ...

    def idf(self, n_with: NDArray[np.int64], n_names: int) -> Floats:
        """Return how telling terms are, of how many names hold each, and of how many in all."""
        ...

    def of_mention(self, counts: Floats, idf: Floats, owners: NDArray[np.int64]) -> Floats:
        """Return weights of mentions' terms; a mention's terms stand together."""
        ...

    def scale(self, postings: Postings, idf: Floats, mean_length: float) -> Floats:
        """Return a number for each name on which its terms' weights depend: (n_names,)."""
        ...

    def of_name(self, counts: Floats, idf: Floats, scale: Floats) -> Floats:
        """Return weights of names' terms; 0 where `scale` is not a number."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """One segment's inverted index and the weights in it.

    Attributes:
        postings: what is where.
        idf: (n_terms,) float32, over all segments.
        n_with: (n_terms,) int32, living names that hold the term, in all segments.
        scale: (n_names,) float32; not a number for names that were removed.
        weights: (n_postings,) float32, as `of_name` gives them.
    """

    postings: Postings
    idf: Array
    n_with: Array
    scale: Array
    weights: Array

    @property
    def n_bytes(self) -> int:
        """What all arrays take."""
        others = (self.idf, self.n_with, self.scale, self.weights)
        return self.postings.n_bytes + sum(array.nbytes for array in others)


def open_part(folder: Path, generation: int) -> Part:
    """Map a segment's inverted index and the weights of a generation.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    postings = Postings.open(folder)
    n_terms, n_postings = len(postings.terms), len(postings.rows)
    return Part(
        postings,
        open_array(folder / f"idf.{generation}.npy", np.float32, n_terms),
        open_array(folder / f"n_with.{generation}.npy", np.int32, n_terms),
        open_array(folder / f"scale.{generation}.npy", np.float32, postings.n_names),
        open_array(folder / f"weights.{generation}.npy", np.float32, n_postings),
    )


def weigh(
    folders: Sequence[Path],
    alive: Sequence[NDArray[np.bool_]],
    weighing: Weighing,
    generation: int,
) -> None:
    """Write weights of all segments from what they hold together; removed names get 0.

    A term is as telling as all living names make it, so that adding and removing names leaves the
    scores that building anew would give. It takes a pass over the postings and no text.

    Args:
        folders: of the segments' postings.
        alive: for each segment, (n_names,) whether a name is still there.
        weighing: of this retriever.
        generation: number that the files get.
    """
    parts = [Postings.open(folder) for folder in folders]
    n_names = sum(int(names.sum()) for names in alive)
    lengths = [n_terms_of(part) for part in parts]
    n_terms = sum(int(each[names].sum()) for each, names in zip(lengths, alive, strict=True))
    held = [_n_with(part, names) for part, names in zip(parts, alive, strict=True)]
    for number, (folder, part, names) in enumerate(zip(folders, parts, alive, strict=True)):
        n_with = held[number].copy()
        for other, more in zip(parts, held, strict=True):
            if other is not part:
                places, there = other.find(np.asarray(part.terms))
                n_with[there] += more[places[there]]
        idf = weighing.idf(n_with, n_names)
        scale = weighing.scale(part, idf, n_terms / max(n_names, 1))
        scale[~names] = np.nan
        save_array(folder / f"idf.{generation}.npy", idf)
        save_array(folder / f"n_with.{generation}.npy", n_with.astype(np.int32))
        save_array(folder / f"scale.{generation}.npy", scale)
        with ArrayFile(folder / f"weights.{generation}.npy", np.float32) as weights:
            for first, last in _blocks(part.starts):
                start, end = int(part.starts[first]), int(part.starts[last])
                repeats = np.diff(part.starts[first : last + 1])
                rows, counts = part.rows[start:end], part.counts[start:end]
                telling = np.repeat(idf[first:last], repeats)
                weights.append(weighing.of_name(counts.astype(np.float32), telling, scale[rows]))


def row_sums(values: Callable[[int, int], NDArray[Any]], starts: Array) -> NDArray[np.float64]:
    """Return the sum of each row's values, 0 for a row without any: (n_rows,).

    Args:
        values: gives those of places [first, last).
        starts: (n_rows + 1,) where rows begin.
    """
    sums = np.zeros(len(starts) - 1)
    for first in range(0, len(sums), _BLOCK_ROWS):
        edges = starts[first : first + _BLOCK_ROWS + 1].astype(np.int64)
        filled = np.flatnonzero(np.diff(edges))
        if len(filled):
            inside = values(int(edges[0]), int(edges[-1])).astype(np.float64)
            sums[first + filled] = np.add.reduceat(inside, edges[filled] - edges[0])
    return sums


def n_terms_of(postings: Postings) -> NDArray[np.float64]:
    """Return how many terms each name has, repeats included: (n_names,)."""
    return row_sums(lambda first, last: postings.row_counts[first:last], postings.row_starts)


def _n_with(part: Postings, alive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return of each term how many living names hold it."""
    if alive.all():
        return np.diff(part.starts).astype(np.int64)
    return np.concatenate(
        [np.zeros(0, dtype=np.int64)]
        + [
            np.add.reduceat(
                alive[part.rows[part.starts[first] : part.starts[last]]].astype(np.int64),
                part.starts[first:last] - part.starts[first],
            )
            for first, last in _blocks(part.starts)
        ]
    )


def _blocks(starts: Array) -> list[tuple[int, int]]:
    """Cut terms, each with postings, into runs [first, last) of few enough postings, or of one."""
    edges = [0]
    while edges[-1] < len(starts) - 1:
        last = int(np.searchsorted(starts, int(starts[edges[-1]]) + _BLOCK, side="right")) - 1
        edges.append(max(last, edges[-1] + 1))
    return list(pairwise(edges))

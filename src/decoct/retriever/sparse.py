"""Terms of mentions, and products of sparse matrices: the best of each line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from decoct.retriever.weighing import Floats, Part

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_LIKELY = 0.3  # of the best score


@dataclass(frozen=True, slots=True)
class Asked:
    """Mentions as a lexical retriever sees them; a mention's terms stand together, rising.

    Attributes:
        starts: (n_mentions + 1,) int64, where each mention's terms begin.
        hashes: (n_terms,) uint32.
        weights: (n_terms,) float32, all things considered.
        telling: (n_terms,) bool, those that are looked up among all names.
    """

    starts: NDArray[np.int64]
    hashes: NDArray[np.uint32]
    weights: Floats
    telling: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def slice(self, first: int, last: int) -> Asked:
        """Return mentions [first, last)."""
        start, end = int(self.starts[first]), int(self.starts[last])
        inside = slice(start, end)
        return Asked(
            self.starts[first : last + 1] - start,
            self.hashes[inside],
            self.weights[inside],
            self.telling[inside],
        )

    def take(self, mentions: NDArray[np.int64]) -> Asked:
        """Return some mentions."""
        lengths = np.diff(self.starts)[mentions]
        places = spread(self.starts[mentions], lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return Asked(starts, self.hashes[places], self.weights[places], self.telling[places])


def spread(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places start, start + 1, ... of each stretch, one after another."""
    before = np.cumsum(lengths) - lengths
    places: NDArray[np.int64] = np.repeat(starts - before, lengths)
    return places + np.arange(len(places))


def best(rows: NDArray[np.int64], scores: Floats, k: int) -> tuple[NDArray[np.int32], Floats]:
    """Return the `k` best of each mention, the earlier row first where scores are equal.

    Args:
        rows: (n_mentions, n) of names, -1 for none.
        scores: (n_mentions, n) of them, not above 0 for those that are not to be returned.
        k: how many, filled up with -1 where there are fewer.
    """
    scores = np.where((rows >= 0) & (scores > 0), scores, -np.inf).astype(np.float32)
    order = np.lexsort((rows, -scores), axis=-1)[:, :k]
    scores = np.take_along_axis(scores, order, axis=1)
    rows = np.where(np.isfinite(scores), np.take_along_axis(rows, order, axis=1), -1)
    lacking = ((0, 0), (0, k - rows.shape[1]))
    return (
        np.pad(rows, lacking, constant_values=-1).astype(np.int32),
        np.pad(np.where(rows >= 0, scores, np.float32(0)), lacking),
    )


def running(
    values: NDArray[Any], starts: NDArray[np.int64], owners: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return running sums that begin anew with each mention."""
    sums = np.cumsum(values, dtype=np.float64)
    before: NDArray[np.float64] = np.append(0, sums)[starts[:-1]]
    return sums - before[owners]


def weight_matrix(asked: Asked, part: Part, weights: Floats) -> csr_matrix:
    """Return the weights of mentions' terms, those that are not 0: (n_mentions, n_terms)."""
    from scipy.sparse import csr_matrix

    places, there = part.postings.find(asked.hashes)
    there &= weights != 0
    starts = np.append(0, np.cumsum(there))[asked.starts]
    shape = (len(asked), len(part.postings.terms))
    return csr_matrix((weights[there], places[there].astype(np.int32), starts), shape=shape)


def keep_best(found: csr_matrix, rows: NDArray[np.int64], scores: Floats) -> None:
    """Write the best of each line of a sparse matrix into the lines of two arrays, in no order."""
    k = rows.shape[1]
    for line, (start, end) in enumerate(pairwise(found.indptr.tolist())):
        names, values = found.indices[start:end], found.data[start:end]
        if len(names) > k:
            kept = _largest(values, k)
            names, values = names[kept], values[kept]
        rows[line, : len(names)] = names
        scores[line, : len(names)] = values


def _largest(values: Floats, k: int) -> NDArray[np.int64]:
    """Return the places of the `k` largest of more than `k` values above 0."""
    likely = np.flatnonzero(values > _LIKELY * values.max())  # a few hundred of many thousand
    if len(likely) < k:
        return np.argpartition(values, len(values) - k)[len(values) - k :]
    kept = np.argpartition(values[likely], len(likely) - k)[len(likely) - k :]
    return likely[kept]

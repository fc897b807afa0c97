"""Search by shared terms, in the inverted indexes of all segments."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from decoct.errors import MissingExtraError
from decoct.inference.cores import n_cores
from decoct.kb.base import Query
from decoct.retriever.postings import tally
from decoct.retriever.sparse import Asked, best, keep_best, running, spread, weight_matrix
from decoct.retriever.weighing import Floats, Part, Weighing

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_BLOCK_MENTIONS = 128
_MAX_THREADS = 8
_REACH = 2  # names found by telling terms for each that is asked for, where others are left out


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of a mention is looked up among all names.

    Terms that many names hold cost much and tell little. A mention's terms are taken, the rarest
    first, until they make up a share of its weight; more are taken while they are cheap. What they
    find is then scored with all terms.

    Attributes:
        share: of a mention's squared weight.
        n_postings: what is cheap: so many names at least are looked at for a mention.
    """

    share: float
    n_postings: int


class LexicalSearch:
    """Looks mentions up in the inverted indexes of all segments.

    Args:
        parts: the segments', in order.
        weighing: what terms are and count.
        n_names: living names in all segments.
        effort: how much of a mention is looked up.
    """

    def __init__(
        self, parts: Sequence[Part], weighing: Weighing, n_names: int, effort: Effort
    ) -> None:
        try:
            import scipy.sparse
        except ImportError:
            raise MissingExtraError("scipy", "link", "lexical retrieval") from None
        self._parts = parts
        self._by_term = [
            scipy.sparse.csr_matrix(
                (part.weights, part.postings.rows, part.postings.starts),
                shape=(len(part.postings.terms), part.postings.n_names),
            )
            for part in parts
        ]
        self._weighing = weighing
        self._n_names = n_names  # of living ones
        self._effort = effort
        sizes = [part.postings.n_names for part in parts]
        self._firsts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def prepare(self, queries: Sequence[Query]) -> Asked:
        """Find out what the mentions' terms are, and what they count."""
        texts = [query.text for query in queries]
        owners, hashes, counts = tally(self._weighing.terms(texts))
        n_with = np.zeros(len(hashes), dtype=np.int64)
        for part in self._parts:
            places, there = part.postings.find(hashes)
            n_with[there] = part.n_with[places[there]]
        idf = self._weighing.idf(n_with, self._n_names)
        weights = self._weighing.of_mention(counts.astype(np.float32), idf, owners)
        starts = np.searchsorted(owners, np.arange(len(texts) + 1))
        return Asked(starts, hashes, weights, self._telling(owners, starts, weights, n_with))

    def take(self, asked: Asked, mentions: NDArray[np.int64]) -> Asked:
        """Return what some of the mentions are looked up by."""
        return asked.take(mentions)

    def search(self, asked: Asked, k: int) -> tuple[NDArray[np.int32], Floats]:
        """Return the names most like each mention, best first.

        Returns:
            rows: (n_mentions, k) int32, over all segments, -1 where there are fewer.
            scores: (n_mentions, k) float32, 0 there.
        """
        firsts = range(0, len(asked), _BLOCK_MENTIONS)
        blocks = [asked.slice(first, min(first + _BLOCK_MENTIONS, len(asked))) for first in firsts]
        if len(blocks) < 2:
            found = [self._search(block, k) for block in blocks]
        else:
            with ThreadPoolExecutor(min(n_cores(), len(blocks), _MAX_THREADS)) as pool:
                found = list(pool.map(partial(self._search, k=k), blocks))
        rows = [np.zeros((0, k), dtype=np.int32), *(rows for rows, _ in found)]
        scores = [np.zeros((0, k), dtype=np.float32), *(scores for _, scores in found)]
        return np.concatenate(rows), np.concatenate(scores)

    def similarities(
        self, asked: Asked, mentions: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> Floats:
        """Return how like names are to mentions, pair by pair: (n_pairs,)."""
        found = np.zeros(len(rows), dtype=np.float32)
        for number, part in enumerate(self._parts):
            first, last = self._firsts[number], self._firsts[number + 1]
            here = np.flatnonzero((rows >= first) & (rows < last))
            if len(here):
                weights = weight_matrix(asked, part, asked.weights)[mentions[here]]
                names = self._names(part, rows[here] - first)
                found[here] = np.asarray(weights.multiply(names).sum(axis=1)).ravel()
        return found

    def facts(self) -> dict[str, int]:
        """Return how much is mapped, which is the most that it can take of memory."""
        n_bytes = sum(part.n_bytes for part in self._parts)
        return {"n_bytes": n_bytes, "n_terms": sum(len(part.idf) for part in self._parts)}

    def _search(self, asked: Asked, k: int) -> tuple[NDArray[np.int32], Floats]:
        some_left_out = not asked.telling.all()
        reach = k * _REACH if some_left_out else k
        rows = np.full((len(asked), reach * len(self._parts)), -1, dtype=np.int64)
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        weights = np.where(asked.telling, asked.weights, np.float32(0))
        for number, part in enumerate(self._parts):
            columns = slice(number * reach, (number + 1) * reach)
            found = weight_matrix(asked, part, weights) @ self._by_term[number]
            keep_best(found, rows[:, columns], scores[:, columns])
            rows[:, columns] += np.where(rows[:, columns] >= 0, self._firsts[number], 0)
        if some_left_out:
            mentions, places = np.nonzero(rows >= 0)
            every = self.similarities(asked, mentions, rows[mentions, places])
            scores[mentions, places] = every
        return best(rows, scores, k)

    def _telling(
        self,
        owners: NDArray[np.int64],
        starts: NDArray[np.int64],
        weights: Floats,
        n_with: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Return which terms are looked up among all names."""
        order = np.lexsort((n_with, owners))
        squares = np.where(n_with > 0, weights.astype(np.float64) ** 2, 0.0)[order]
        taken = running(squares, starts, owners)
        whole = np.bincount(owners, squares, minlength=len(starts) - 1)[owners]
        needed = taken - squares < self._effort.share * whole
        cheap = running(n_with[order], starts, owners) <= self._effort.n_postings
        telling = np.zeros(len(owners), dtype=bool)
        telling[order] = needed | cheap
        return telling

    def _names(self, part: Part, rows: NDArray[np.int64]) -> csr_matrix:
        """Return the weights of names' terms: (n_rows, n_terms)."""
        from scipy.sparse import csr_matrix

        postings = part.postings
        lengths = (postings.row_starts[rows + 1] - postings.row_starts[rows]).astype(np.int64)
        places = spread(postings.row_starts[rows].astype(np.int64), lengths)
        terms = postings.row_terms[places]
        counts = postings.row_counts[places].astype(np.float32)
        scale = np.repeat(part.scale[rows], lengths)
        weights = self._weighing.of_name(counts, part.idf[terms], scale)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return csr_matrix((weights, terms, starts), shape=(len(rows), len(postings.terms)))

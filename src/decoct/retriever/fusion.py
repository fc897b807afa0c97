"""From names to entities, and from several retrievers' lists to one: reciprocal rank fusion.

Source: Cormack, Clarke and Büttcher 2009 (SIGIR), with a weight for each retriever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# entity -> its rank from 1, its best name's row and that one's score; best first
NameHits = Mapping[int, tuple[int, int, float]]


@dataclass(slots=True)
class Fused:
    """An entity as all retrievers together see it.

    Attributes:
        entity: its number.
        score: sum over retrievers of weight / (k + rank).
        row: the name that the first of the retrievers that found it found it by.
        ranks: retriever's number -> rank, from 1; those that did not find it are left out.
        scores: retriever's number -> similarity of the name that it likes best.
    """

    entity: int
    score: float
    row: int
    ranks: dict[int, int]
    scores: dict[int, float]


def hits(rows: Sequence[int], scores: Sequence[float], entities: Sequence[int]) -> NameHits:
    """Return the entities of a list of names, best first, each by its best name.

    Args:
        rows: of the names, best first; below 0 where there are no more, or a name is not to count.
        scores: the names'.
        entities: whose each name is.
    """
    found: dict[int, tuple[int, int, float]] = {}
    for row, score, entity in zip(rows, scores, entities, strict=True):
        if row >= 0 and entity not in found:
            found[entity] = (len(found) + 1, row, score)
    return found


def fuse(lists: Sequence[NameHits], weights: Sequence[float], k: float, n: int) -> list[Fused]:
    """Return the `n` best entities of several lists, best first.

    Of equal ones the one goes first that an earlier retriever ranks higher.

    Example:
        >>> one, other = {7: (1, 0, 0.9), 8: (2, 1, 0.5)}, {8: (1, 1, 12.0)}
        >>> [(fused.entity, fused.ranks) for fused in fuse([one, other], [1, 1], 60, 2)]
        [(8, {0: 2, 1: 1}), (7, {0: 1})]
    """
    scores: dict[int, float] = {}
    for found, weight in zip(lists, weights, strict=True):
        for entity, (rank, _, _) in found.items():
            scores[entity] = scores.get(entity, 0.0) + weight / (k + rank)
    best = sorted(scores.items(), key=lambda pair: -pair[1])[:n]
    return [_seen_by(lists, entity, score) for entity, score in best]


def _seen_by(lists: Sequence[NameHits], entity: int, score: float) -> Fused:
    hits = {number: found[entity] for number, found in enumerate(lists) if entity in found}
    return Fused(
        entity,
        score,
        next(iter(hits.values()))[1],
        {number: rank for number, (rank, _, _) in hits.items()},
        {number: similarity for number, (_, _, similarity) in hits.items()},
    )


def n_distinct(entities: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many entities, other than -1, each line has: (n_lines,)."""
    if entities.shape[1] == 0:
        return np.zeros(len(entities), dtype=np.int64)
    ordered = np.sort(entities, axis=1)
    new = np.ones(ordered.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return np.asarray((new & (ordered >= 0)).sum(axis=1))

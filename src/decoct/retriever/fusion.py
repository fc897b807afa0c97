"""From names to entities, and from several retrievers' lists to one: reciprocal rank fusion.

Source: Cormack, Clarke and Büttcher 2009 (SIGIR), with a weight for each retriever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NameHits = Mapping[int, tuple[int, float]]  # entity -> its best name's row, and that one's score


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
    score: float = 0.0
    row: int = -1
    ranks: dict[int, int] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)


def hits(rows: Sequence[int], scores: Sequence[float], entities: Sequence[int]) -> NameHits:
    """Return the entities of a list of names, best first, each by its best name.

    Args:
        rows: of the names, best first; below 0 where there are no more, or a name is not to count.
        scores: the names'.
        entities: whose each name is.
    """
    found: dict[int, tuple[int, float]] = {}
    for row, score, entity in zip(rows, scores, entities, strict=True):
        if row >= 0 and entity not in found:
            found[entity] = (row, score)
    return found


def fuse(lists: Sequence[NameHits], weights: Sequence[float], k: float, n: int) -> list[Fused]:
    """Return the `n` best entities of several lists, best first.

    Of equal ones the one goes first that an earlier retriever ranks higher.

    Example:
        >>> one, other = {7: (0, 0.9), 8: (1, 0.5)}, {8: (1, 12.0)}
        >>> [(fused.entity, fused.ranks) for fused in fuse([one, other], [1, 1], 60, 2)]
        [(8, {0: 2, 1: 1}), (7, {0: 1})]
    """
    every: dict[int, Fused] = {}
    for number, (found, weight) in enumerate(zip(lists, weights, strict=True)):
        for rank, (entity, (row, score)) in enumerate(found.items(), start=1):
            fused = every.get(entity)
            if fused is None:
                fused = every[entity] = Fused(entity, row=row)
            fused.score += weight / (k + rank)
            fused.ranks[number] = rank
            fused.scores[number] = score
    return sorted(every.values(), key=lambda fused: -fused.score)[:n]


def n_distinct(entities: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many entities, other than -1, each line has: (n_lines,)."""
    if entities.shape[1] == 0:
        return np.zeros(len(entities), dtype=np.int64)
    ordered = np.sort(entities, axis=1)
    new = np.ones(ordered.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return np.asarray((new & (ordered >= 0)).sum(axis=1))

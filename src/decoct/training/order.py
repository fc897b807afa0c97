"""The order in which an epoch goes through its examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

_POOL_BATCHES = 16
Length = TypeVar("Length", int, tuple[int, int])


def shuffled_batches(
    rng: np.random.Generator, n_examples: int, batch_size: int, length: Callable[[int], Length]
) -> list[list[int]]:
    """Return an epoch's batches: shuffled, sorted by length within pools, then shuffled again.

    Args:
        rng: two permutations are drawn from it.
        n_examples: how many there are.
        batch_size: the most in a batch.
        length: position of an example -> what it is sorted by.

    Returns:
        Positions of examples, each of them once.
    """
    order = rng.permutation(n_examples).tolist()
    pool = batch_size * _POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, n_examples, pool):
        by_length = sorted(order[start : start + pool], key=length)
        batches += [by_length[at : at + batch_size] for at in range(0, len(by_length), batch_size)]
    return [batches[at] for at in rng.permutation(len(batches))]

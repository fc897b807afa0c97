"""A linear model that chooses from lists: conditional logit, fitted to the end by L-BFGS.

The probability of an option is a softmax over the list's scores, NIL's among them. The loss is
convex, so there is one best model, and no seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Vector = NDArray[np.float64]
_MAX_STEPS = 200
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists of options, put below each other.

    Attributes:
        sizes: (n_lists,) int64, candidates of each; may be 0.
        dense: (n_rows, n_dense) float64, a row for each candidate.
        sparse: (n_rows, n_sparse) scipy CSR matrix.
        nil: (n_lists, n_nil) float64, what NIL's score is made of; the first column is 1.
    """

    sizes: NDArray[np.int64]
    dense: Vector
    sparse: Any
    nil: Vector

    @property
    def n_weights(self) -> int:
        """Weights of a model of these lists."""
        return int(self.dense.shape[1] + self.sparse.shape[1] + self.nil.shape[1])

    def scores(self, weights: Vector) -> tuple[Vector, Vector]:
        """Return the scores of all candidates (n_rows,), and of NIL (n_lists,)."""
        first, second = self.dense.shape[1], self.dense.shape[1] + self.sparse.shape[1]
        rows = self.dense @ weights[:first] + self.sparse @ weights[first:second]
        return rows, self.nil @ weights[second:]

    def take(self, places: Sequence[int]) -> Lists:
        """Return some of the lists."""
        ends = np.cumsum(self.sizes)
        rows = np.concatenate(
            [np.arange(ends[place] - self.sizes[place], ends[place]) for place in places]
            or [np.zeros(0, dtype=np.int64)]
        ).astype(np.int64)
        at = list(places)
        return Lists(self.sizes[at], self.dense[rows], self.sparse[rows], self.nil[at])


def fit_listwise(
    lists: Lists,
    targets: NDArray[np.int64],
    weights: Vector,
    penalty: Vector,
    start: Vector | None = None,
) -> Vector:
    """Return the weights that make the choices likeliest, (n_weights,) float64.

    Args:
        lists: what was chosen from.
        targets: (n_lists,) place of the right option; a list's size for NIL.
        weights: (n_lists,) what each choice counts.
        penalty: (n_weights,) what the square of each weight costs, halved.
        start: where the search begins; 0 if None.
    """
    owner = np.repeat(np.arange(len(lists.sizes)), lists.sizes)
    begins = np.cumsum(lists.sizes) - lists.sizes
    is_nil = targets == lists.sizes
    chosen = (begins + targets)[~is_nil]

    def loss(at: Vector) -> tuple[float, Vector]:
        rows, nil = lists.scores(at)
        top = nil.copy()
        np.maximum.at(top, owner, rows)
        shares, nil_shares = np.exp(rows - top[owner]), np.exp(nil - top)
        total = nil_shares + np.bincount(owner, shares, minlength=len(nil))
        right = nil - top - np.log(total)
        right[~is_nil] += rows[chosen] - nil[~is_nil]
        slope = shares / total[owner] * weights[owner]
        slope[chosen] -= weights[~is_nil]
        nil_slope = (nil_shares / total - is_nil) * weights
        gradient = np.concatenate(
            [lists.dense.T @ slope, lists.sparse.T @ slope, lists.nil.T @ nil_slope]
        )
        value = -float(weights @ right) + 0.5 * float(penalty @ at**2)
        return value, gradient + penalty * at

    found = minimize(
        loss,
        np.zeros(lists.n_weights) if start is None else start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MAX_STEPS, "ftol": _TOLERANCE},
    )
    return np.asarray(found.x, dtype=np.float64)


def mean_log_prob(
    lists: Lists, targets: NDArray[np.int64], weights: Vector, model: Vector
) -> float:
    """Return the weighted mean log probability, in nats, that a model gives the right options."""
    rows, nil = lists.scores(model)
    total = 0.0
    end = 0
    for place, size in enumerate(lists.sizes.tolist()):
        scores = np.append(rows[end : end + size], nil[place])
        end += size
        top = scores.max()
        log_prob = scores[targets[place]] - top - np.log(np.exp(scores - top).sum())
        total += float(weights[place] * log_prob)
    return total / float(weights.sum())

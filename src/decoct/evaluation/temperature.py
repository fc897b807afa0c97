"""The temperature that makes confidences fit what came out.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv 1706.04599), here of a
sigmoid instead of a softmax.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from decoct.errors import EvaluationError

COLDEST, HOTTEST = 0.05, 20.0  # temperatures beyond these say no more than these
_CLOSEST = 1e-7  # probabilities nearer to 0 or 1 are taken for this near: their logits are finite
_HALVINGS = 60


def fit_temperature(
    probs: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Find the temperature that makes probabilities fit what came out, by maximum likelihood.

    Above 1 the probabilities were too sure.

    Args:
        probs: any shape, 0 to 1, of a sigmoid.
        targets: the same shape, 1 or 0 (or between).
        weights: the same shape, 0 or more; None weighs all alike.

    Returns:
        `COLDEST` to `HOTTEST`; these two themselves where all is right, or worse than chance; 1
        where nothing can be told, as of probabilities that are all 0.5.

    Raises:
        EvaluationError: there is no probability, or the shapes differ.
    """
    prob, target = np.asarray(probs, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    weight = np.ones_like(prob) if weights is None else np.asarray(weights, dtype=np.float64)
    if not prob.size or not prob.shape == target.shape == weight.shape:
        raise EvaluationError(
            "a temperature needs as many targets (and weights) as probabilities, at least one; got "
            f"shapes {prob.shape}, {target.shape} and {weight.shape}"
        )
    logit = _logit(prob)
    pull = weight * logit
    if not pull.any():
        return 1.0

    def slope(inverse: float) -> float:
        return float(np.sum(pull * (_sigmoid(logit * inverse) - target)))

    return find_temperature(slope)


def apply_temperature(probs: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return probabilities at a temperature: nearer to 0.5 above 1, farther below, order kept.

    Example:
        >>> apply_temperature([0.5, 0.9], 2.0).round(3).tolist()
        [0.5, 0.75]
    """
    if not temperature > 0:
        raise EvaluationError(f"a temperature must be above 0, got {temperature}")
    return _sigmoid(_logit(np.asarray(probs, dtype=np.float64)) / temperature)


def find_temperature(slope: Callable[[float], float]) -> float:
    """Find the temperature of the greatest likelihood by halving.

    Args:
        slope: 1 / temperature -> the slope of minus the log-likelihood there, which rises all
            along, so that it is 0 once.

    Returns:
        `COLDEST` to `HOTTEST`; these two themselves where it is 0 nowhere between them.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def _logit(probs: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probs, _CLOSEST, 1 - _CLOSEST)
    return np.log(clipped) - np.log1p(-clipped)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute 1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))

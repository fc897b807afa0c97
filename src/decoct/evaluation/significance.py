"""Is one system better than another, or was it luck: a paired test on the same documents.

Source: approximate randomisation as in Yeh (2000), "More accurate tests for the statistical
significance of result differences" (C00-2137), with documents as the units that are swapped; the
interval is a paired percentile bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.errors import EvaluationError
from decoct.evaluation.counts import Counts
from decoct.evaluation.scores import Interval, Setup, bootstrap, interval, precision_recall_f1

_ROWS_AT_ONCE = 256  # shuffles held in memory together
_EPSILON = 1e-12  # ties among differences that only rounding tells apart
_F1 = 2


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """The difference in F1 between two systems, and how surprising it is.

    Attributes:
        f1_a: F1 of the first system, 0 to 1.
        f1_b: F1 of the second system, 0 to 1.
        difference: `f1_a - f1_b` with its paired-bootstrap 95 % interval; above 0, a is better.
        p: two-sided p-value: how often a difference at least this large arises when the two
            systems' outputs are swapped document by document at random.
        n_documents: documents compared.
        missing_a: how many of them the first system made no prediction for (scored as empty).
        missing_b: the same for the second.
        signature: how the numbers were made.
    """

    f1_a: float
    f1_b: float
    difference: Interval
    p: float
    n_documents: int
    missing_a: int
    missing_b: int
    signature: str

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "f1_a": round(self.f1_a, 6),
            "f1_b": round(self.f1_b, 6),
            "difference": self.difference.to_dict(),
            "p": round(self.p, 6),
            "n_documents": self.n_documents,
            "missing_a": self.missing_a,
            "missing_b": self.missing_b,
            "signature": self.signature,
        }

    def __repr__(self) -> str:
        low, high = 100 * self.difference.low, 100 * self.difference.high
        return (
            f"Comparison(F1 {100 * self.f1_a:.1f} against {100 * self.f1_b:.1f}: "
            f"{100 * self.difference.value:+.1f} [{low:+.1f}, {high:+.1f}], p={self.p:.4f}, "
            f"{self.signature})"
        )


def compare_counts(
    a: Counts,
    b: Counts,
    setup: Setup,
    *,
    head: str,
    n_shuffles: int = 10_000,
    missing_a: int = 0,
    missing_b: int = 0,
) -> Comparison:
    """Compare two systems' counts over the same documents in the same order.

    Args:
        a: counts of the first system.
        b: counts of the second.
        setup: seed, number of bootstrap resamples and name of the gold data.
        head: head of the signature, such as `relations:strict|by:offsets`.
        n_shuffles: random swaps behind the p-value, whose smallest value is 1 / (n_shuffles + 1).
        missing_a: handed on to the result.
        missing_b: handed on to the result.

    Raises:
        EvaluationError: the two were not counted against the same gold, or `n_shuffles` < 1.
    """
    if not np.array_equal(a.gold, b.gold):
        raise EvaluationError("the two systems were not counted against the same gold documents")
    matrix_a, matrix_b = a.to_matrix(), b.to_matrix()
    f1_a, f1_b = _f1(matrix_a.sum(axis=0)), _f1(matrix_b.sum(axis=0))
    sums_a, sums_b = bootstrap([matrix_a, matrix_b], setup)
    signature = setup.signature(f"difference|{head}|shuffles:{n_shuffles}", a.n_documents)
    return Comparison(
        f1_a=float(f1_a),
        f1_b=float(f1_b),
        difference=interval(float(f1_a - f1_b), _f1(sums_a) - _f1(sums_b)),
        p=randomisation_p(matrix_a, matrix_b, setup.seed, n_shuffles, _f1),
        n_documents=a.n_documents,
        missing_a=missing_a,
        missing_b=missing_b,
        signature=signature,
    )


def randomisation_p(
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    seed: int,
    n_shuffles: int,
    measure: Callable[[NDArray[np.int64]], NDArray[np.float64]],
) -> float:
    """Return (k + 1) / (n + 1), k being the shuffles whose difference is at least the real one.

    Only documents on which the two differ can change a shuffle, so only those are drawn.

    Args:
        a: (n_documents, n_counts) int64.
        b: (n_documents, n_counts) int64.
        seed: of the swaps.
        n_shuffles: how many, at least 1.
        measure: what is compared, from summed counts (..., n_counts) to (...).

    Raises:
        EvaluationError: `n_shuffles` < 1.
    """
    if n_shuffles < 1:
        raise EvaluationError(f"n_shuffles must be at least 1, got {n_shuffles}")
    total_a, total_b = a.sum(axis=0), b.sum(axis=0)
    observed = abs(measure(total_a) - measure(total_b)) - _EPSILON
    shift = (b - a)[np.any(a != b, axis=1)].astype(np.float64)
    random = np.random.default_rng(seed)
    n_as_large = 0
    for first in range(0, n_shuffles, _ROWS_AT_ONCE):
        n_rows = min(_ROWS_AT_ONCE, n_shuffles - first)
        swapped = random.integers(2, size=(n_rows, len(shift))).astype(np.float64)
        moved = (swapped @ shift).astype(np.int64)  # exact: all integers
        differences = np.abs(measure(total_a + moved) - measure(total_b - moved))
        n_as_large += int(np.count_nonzero(differences >= observed))
    return (n_as_large + 1) / (n_shuffles + 1)


def _f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    return precision_recall_f1(totals)[..., _F1]

"""Precision, recall and F1, each with its 95 % bootstrap interval and a signature.

Source: the percentile bootstrap of Efron (1979) over documents; signatures after sacrebleu (Post
2018, W18-6319).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from decoct.errors import EvaluationError
from decoct.evaluation.counts import Counts

CONFIDENCE = 0.95
_ROWS_AT_ONCE = 64  # resamples held in memory together
_DIGITS = 6


@dataclass(frozen=True, slots=True, repr=False)
class Interval:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "value": round(self.value, _DIGITS),
            "low": round(self.low, _DIGITS),
            "high": round(self.high, _DIGITS),
        }

    @property
    def percent(self) -> str:
        """The number as papers print it, such as `78.4 [76.1, 80.5]`."""
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def __repr__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a signature repeats for every number of one evaluation.

    Attributes:
        gold_hash: names the gold data, from `hash_gold`.
        seed: of the resampling.
        n_resamples: how many times the documents are resampled.

    Raises:
        EvaluationError: `n_resamples` is less than 1 or the seed is negative.
    """

    gold_hash: str
    seed: int = 13
    n_resamples: int = 1000

    def __post_init__(self) -> None:
        if self.n_resamples < 1:
            raise EvaluationError(f"n_resamples must be at least 1, got {self.n_resamples}")
        if self.seed < 0:
            raise EvaluationError(f"seed must not be negative, got {self.seed}")

    def signature(self, head: str, n_documents: int) -> str:
        """Return the line that says how a number was made, such as `relations:strict|by:…`."""
        return (
            f"{head}|n:{n_documents}|gold:{self.gold_hash}|seed:{self.seed}"
            f"|resamples:{self.n_resamples}|decoct:{decoct_version()}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Score:
    """Micro-averaged precision, recall and F1 over the documents of a corpus.

    Attributes:
        precision: right predicted items / predicted items.
        recall: found gold items / gold items.
        f1: their harmonic mean.
        n_documents: documents scored, which are what is resampled.
        n_gold: gold items.
        n_predicted: predicted items.
        n_correct_gold: gold items that were found.
        n_correct_predicted: predicted items that are right; may differ from `n_correct_gold` when
            matching leniently.
        signature: how the number was made; two scores may be compared when theirs agree.
    """

    precision: Interval
    recall: Interval
    f1: Interval
    n_documents: int
    n_gold: int
    n_predicted: int
    n_correct_gold: int
    n_correct_predicted: int
    signature: str

    @property
    def is_vacuous(self) -> bool:
        """Whether there was nothing to find and nothing was predicted (then F1 is 1)."""
        return self.n_gold == 0 and self.n_predicted == 0

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "precision": self.precision.to_dict(),
            "recall": self.recall.to_dict(),
            "f1": self.f1.to_dict(),
            "n_documents": self.n_documents,
            "n_gold": self.n_gold,
            "n_predicted": self.n_predicted,
            "n_correct_gold": self.n_correct_gold,
            "n_correct_predicted": self.n_correct_predicted,
            "signature": self.signature,
        }

    def __repr__(self) -> str:
        return (
            f"Score(P {100 * self.precision.value:.1f} R {100 * self.recall.value:.1f} "
            f"F1 {self.f1.percent}, {self.signature})"
        )


def score(counts: Mapping[str, Counts], setup: Setup) -> dict[str, Score]:
    """Score several sets of counts over the same documents, all with the same resamples.

    Args:
        counts: head of a signature, such as `relations:strict|by:offsets`, -> counts.
        setup: seed, number of resamples and name of the gold data.

    Returns:
        the same keys -> scores.

    Raises:
        EvaluationError: the counts are of no documents, or of different numbers of them.
    """
    matrices = [one.to_matrix() for one in counts.values()]
    if not matrices:
        return {}
    totals = [matrix.sum(axis=0) for matrix in matrices]
    sums = bootstrap(matrices, setup)
    return {
        head: _score(total, resampled, setup.signature(head, one.n_documents), one.n_documents)
        for (head, one), total, resampled in zip(counts.items(), totals, sums, strict=True)
    }


def bootstrap(matrices: Sequence[NDArray[np.int64]], setup: Setup) -> list[NDArray[np.int64]]:
    """Sum counts over resamples of the documents, drawn with replacement.

    Every matrix sees the same resamples, so differences between them are paired.

    Args:
        matrices: each (n_documents, n_counts) int64, such as `Counts.to_matrix` with its 4.
        setup: seed and number of resamples.

    Returns:
        for each matrix (n_resamples, n_counts) int64.

    Raises:
        EvaluationError: no documents, or different numbers of them.
    """
    sizes = {len(matrix) for matrix in matrices}
    if len(sizes) != 1 or sizes == {0}:
        raise EvaluationError(
            f"counts must be of the same documents, at least one; got {sorted(sizes)} documents"
        )
    columns = np.concatenate(matrices, axis=1).astype(np.float64)
    all_weights = resample_weights(sizes.pop(), setup)
    sums = [weights @ columns for weights in all_weights]  # exact: all integers
    stacked = np.concatenate(sums).astype(np.int64)
    ends = np.cumsum([matrix.shape[1] for matrix in matrices])
    return np.split(stacked, ends[:-1], axis=1)


def precision_recall_f1(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute precision, recall and F1 from summed counts.

    With nothing gold and nothing predicted all three are 1, so that gold against gold is always 1.
    With only one of the two empty all three are 0.

    Args:
        totals: (..., 4) int64: correct predicted, predicted, correct gold, gold.

    Returns:
        (..., 3) float64: precision, recall, F1, each 0 to 1.
    """
    correct_predicted, predicted, correct_gold, gold = np.moveaxis(totals, -1, 0)
    vacuous = (predicted == 0) & (gold == 0)
    precision = np.where(vacuous, 1.0, correct_predicted / np.maximum(predicted, 1))
    recall = np.where(vacuous, 1.0, correct_gold / np.maximum(gold, 1))
    both = precision + recall
    f1 = np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1.0), 0.0)
    return np.stack([precision, recall, f1], axis=-1)


def interval(value: float, samples: NDArray[np.float64]) -> Interval:
    """Return a value with the central 95 % of its resampled values, samples: (n_resamples,)."""
    low, high = np.quantile(samples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(value), float(low), float(high))


def decoct_version() -> str:
    """Return the installed version of decoct, or `unknown` from a bare checkout."""
    try:
        return version("decoct")
    except PackageNotFoundError:
        return "unknown"


def resample_weights(n_documents: int, setup: Setup) -> Iterator[NDArray[np.float64]]:
    """Yield how often each resample holds each document, (at most 64, n_documents) at a time."""
    random = np.random.default_rng(setup.seed)
    for first in range(0, setup.n_resamples, _ROWS_AT_ONCE):
        n_rows = min(_ROWS_AT_ONCE, setup.n_resamples - first)
        weights = np.empty((n_rows, n_documents))
        for row in weights:
            row[:] = np.bincount(
                random.integers(n_documents, size=n_documents), minlength=n_documents
            )
        yield weights


def _score(
    totals: NDArray[np.int64], sums: NDArray[np.int64], signature: str, n_documents: int
) -> Score:
    values = precision_recall_f1(totals)
    samples = precision_recall_f1(sums)
    precision, recall, f1 = (interval(values[i], samples[:, i]) for i in range(3))
    correct_predicted, predicted, correct_gold, gold = (int(total) for total in totals)
    return Score(
        precision=precision,
        recall=recall,
        f1=f1,
        n_documents=n_documents,
        n_gold=gold,
        n_predicted=predicted,
        n_correct_gold=correct_gold,
        n_correct_predicted=correct_predicted,
        signature=signature,
    )

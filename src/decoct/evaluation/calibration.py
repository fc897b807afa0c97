"""Is a confidence a probability: how far off it is, and where to cut.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv 1706.04599) for the
expected calibration error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from decoct.errors import EvaluationError
from decoct.evaluation import items
from decoct.evaluation.align import align, hash_gold
from decoct.evaluation.counts import By, Match, count_relations
from decoct.evaluation.scores import Interval, Setup, interval, precision_recall_f1
from decoct.records import Document

_F1 = 2


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about the same confidence.

    Attributes:
        low: the least confidence that belongs here.
        high: the confidence from which on the next bin goes; the last one holds 1 itself.
        n: predictions.
        mean_confidence: of theirs.
        share_right: of them that are right.
    """

    low: float
    high: float
    n: int
    mean_confidence: float
    share_right: float


@dataclass(frozen=True, slots=True, repr=False)
class Calibration:
    """How far confidences are from the shares that are right.

    Attributes:
        ece: expected calibration error, 0 to 1, 0 is best: over the bins, the gap between mean
            confidence and share right, weighted by predictions. Of few predictions it is above 0
            also where every confidence is a true probability, and its interval lies higher still.
        brier: mean squared gap between a confidence and 1 or 0, 0 to 1, 0 is best.
        bins: those of equal width that hold any prediction, in order.
        n: predictions, which are what is resampled for the intervals.
        signature: how the numbers were made.
    """

    ece: Interval
    brier: Interval
    bins: tuple[Bin, ...]
    n: int
    signature: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "ece": self.ece.to_dict(),
            "brier": self.brier.to_dict(),
            "bins": [{k: round(v, 6) for k, v in asdict(one).items()} for one in self.bins],
            "n": self.n,
            "signature": self.signature,
        }

    def __repr__(self) -> str:
        return f"Calibration(ECE {self.ece.percent}, Brier {self.brier!r}, {self.signature})"


def expected_calibration_error(
    confidences: ArrayLike,
    correct: ArrayLike,
    n_bins: int = 10,
    *,
    setup: Setup | None = None,
    head: str = "calibration",
) -> Calibration:
    """Compare confidences with what is right, in bins of equal width.

    Args:
        confidences: (n,) probabilities 0 to 1.
        correct: (n,) whether each prediction is right.
        n_bins: how many parts 0 to 1 is cut into.
        setup: seed, number of resamples and name of the gold data; None for the defaults.
        head: of the signature, such as `calibration:relations:lenient|by:offsets`.

    Raises:
        EvaluationError: there is no prediction, a confidence is no probability, the two are not as
            many, or `n_bins` < 1.
    """
    confidence, right = _checked(confidences, correct)
    if not len(confidence) or n_bins < 1:
        raise EvaluationError(
            f"calibration needs at least one prediction and one bin, got {len(confidence)} "
            f"predictions and {n_bins} bins"
        )
    setup = setup or Setup(gold_hash="unnamed")
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    bin_of = np.minimum(np.searchsorted(edges, confidence, side="right") - 1, n_bins - 1)
    gaps = confidence - right
    n = len(gaps)

    def errors(drawn: NDArray[np.int64] | slice) -> tuple[float, float]:
        sums = np.bincount(bin_of[drawn], weights=gaps[drawn], minlength=n_bins)
        return float(np.abs(sums).sum() / n), float(np.mean(gaps[drawn] ** 2))

    random = np.random.default_rng(setup.seed)
    resampled = np.array([errors(random.integers(n, size=n)) for _ in range(setup.n_resamples)])
    ece, brier = errors(slice(None))
    return Calibration(
        ece=interval(ece, resampled[:, 0]),
        brier=interval(brier, resampled[:, 1]),
        bins=tuple(
            Bin(
                low=float(edges[number]),
                high=float(edges[number + 1]),
                n=int(np.sum(bin_of == number)),
                mean_confidence=float(np.mean(confidence[bin_of == number])),
                share_right=float(np.mean(right[bin_of == number])),
            )
            for number in np.unique(bin_of)
        ),
        n=n,
        signature=setup.signature(f"{head}|bins:{n_bins}", n),
    )


def relation_confidences(
    reference: Sequence[Document], predicted: Sequence[Document], *, match: Match, by: By
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each predicted relation's confidence, and whether it is right.

    What is right is as in `count_relations`, and identical relations of a document count once, with
    the highest of their confidences. Ungrounded claims have none, and no place here.

    Args:
        reference: human annotations, or another system's.
        predicted: predictions for the same documents in the same order, as `align` gives them.
        match: strict or lenient.
        by: offsets or surface.

    Returns:
        confidences (n,) float64 and right (n,) bool.

    Raises:
        EvaluationError: a predicted relation carries no confidence, or the documents are not as
            many.
    """
    pairs_of = items.place_pairs if by == "offsets" else items.surface_pairs
    confidences: list[float] = []
    references: list[Document] = []
    alone: list[Document] = []
    if len(reference) != len(predicted):
        raise EvaluationError(
            f"{len(reference)} reference documents against {len(predicted)} predicted; join them "
            "with align()"
        )
    for gold, document in zip(reference, predicted, strict=True):
        best: dict[object, tuple[float, Document]] = {}
        for relation in document.relations:
            if relation.confidence is None:
                raise EvaluationError(
                    f"document {document.id!r}: a relation {relation.label} carries no confidence; "
                    "students' predictions do, and a teacher's where it was asked several times"
                )
            single = document.model_copy(update={"relations": (relation,), "meta": {}})
            (item,) = pairs_of(single)
            if item not in best or best[item][0] < relation.confidence:
                best[item] = relation.confidence, single
        for confidence, single in best.values():
            confidences.append(confidence)
            references.append(gold)
            alone.append(single)
    counts = count_relations(references, alone, match=match, by=by)
    return np.array(confidences, dtype=np.float64), counts.correct_predicted > 0


def relation_calibration(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    *,
    seed: int = 13,
    n_resamples: int = 1000,
) -> Calibration | None:
    """Compare the confidences of predicted relations with gold, lenient by offsets.

    Args:
        gold: human annotations.
        predicted: a model's or teacher's, joined by document id.
        seed: of the bootstrap.
        n_resamples: resamples behind each interval.

    Returns:
        None where no relation is predicted, or one of them carries no confidence.

    Raises:
        EvaluationError: the two can't be joined (see `align`).
    """
    aligned = align(gold, predicted)
    relations = [relation for document in aligned.predicted for relation in document.relations]
    if not relations or any(relation.confidence is None for relation in relations):
        return None
    confidences, right = relation_confidences(
        aligned.gold, aligned.predicted, match="lenient", by="offsets"
    )
    return expected_calibration_error(
        confidences,
        right,
        setup=Setup(hash_gold(aligned.gold), seed, n_resamples),
        head="calibration:relations:lenient|by:offsets",
    )


def best_threshold(
    confidences: ArrayLike, correct: ArrayLike, n_reference: int
) -> tuple[float, float]:
    """Find the confidence from which on relations are to be kept for the best F1.

    Choose it on data kept apart, never on what is then scored. With lenient matching several
    predictions may be right about one reference relation; recall is taken from the right
    predictions all the same, and is at most 1.

    Args:
        confidences: (n,) of the predicted relations.
        correct: (n,) whether each is right.
        n_reference: reference relations, found or not.

    Returns:
        The threshold, one of the confidences or 0.5, and the F1 of what has at least so much; of
        thresholds that are as good, the one nearest to 0.5.

    Raises:
        EvaluationError: a confidence is no probability, the two are not as many, or `n_reference`
            is negative.
    """
    confidence, right = _checked(confidences, correct)
    if n_reference < 0:
        raise EvaluationError(f"n_reference must not be negative, got {n_reference}")
    order = np.argsort(confidence)
    thresholds = np.unique(np.append(confidence, 0.5))
    first = np.searchsorted(confidence[order], thresholds, side="left")
    n_right_before = np.append(0, np.cumsum(right[order])).astype(np.int64)
    n_kept = len(order) - first
    n_right = n_right_before[-1] - n_right_before[first]
    totals = [n_right, n_kept, np.minimum(n_right, n_reference), np.full_like(n_kept, n_reference)]
    f1 = precision_recall_f1(np.stack(totals, axis=-1))[:, _F1]
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    chosen = best[np.argmin(np.abs(thresholds[best] - 0.5))]
    return float(thresholds[chosen]), float(f1[chosen])


def _checked(
    confidences: ArrayLike, correct: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    confidence = np.asarray(confidences, dtype=np.float64)
    right = np.asarray(correct, dtype=np.float64)
    if confidence.ndim != 1 or confidence.shape != right.shape:
        raise EvaluationError(
            f"there must be as many confidences as judgements, got shapes {confidence.shape} and "
            f"{right.shape}"
        )
    if not np.all((confidence >= 0) & (confidence <= 1)):
        raise EvaluationError("a confidence must be a probability, 0 to 1")
    return confidence, right

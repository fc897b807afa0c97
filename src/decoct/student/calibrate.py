"""Calibrating a student: its relations' confidences against silver that it did not learn from.

Gold is not looked at, so a calibrated confidence says how often the teacher agrees.

Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", for the targets that a
temperature is fitted to: as if one more right and one more wrong prediction had been seen, so that
a student that errs nowhere in a small dev part is not taken for one that never errs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from decoct.evaluation.calibration import (
    best_threshold,
    expected_calibration_error,
    relation_confidences,
)
from decoct.evaluation.counts import count_relations
from decoct.evaluation.temperature import apply_temperature, fit_temperature
from decoct.records import Document
from decoct.student.settings import RelationCalibration, StudentCard
from decoct.student.silver import unknown_subjects

MIN_RELATIONS = 20
DIGITS = 4  # of every confidence that is given out


def calibrate(
    silver: Sequence[Document], predicted: Sequence[Document], *, given_out: bool = True
) -> RelationCalibration | None:
    """Fit a temperature and the best threshold to what a student finds in silver kept apart.

    Args:
        silver: the teacher's documents.
        predicted: the same by the student, in the same order, its relations with the confidences
            of an `uncalibrated` card. Relations of subjects whose objects silver does not know
            are not judged.
        given_out: whether the threshold is for confidences at the temperature, or for those before.

    Returns:
        None where there are fewer than `MIN_RELATIONS` relations to be judged.

    Raises:
        EvaluationError: a relation carries no confidence, or the documents are not as many.
    """
    judged = [_judged(*pair) for pair in zip(silver, predicted, strict=True)]
    before, right = relation_confidences(silver, judged, match="lenient", by="offsets")
    if len(before) < MIN_RELATIONS:
        return None
    temperature = round(fit_temperature(before, _platt_targets(right)), DIGITS)
    after = at_temperature(before, temperature)
    n_silver = int(count_relations(silver, judged, match="lenient", by="offsets").gold.sum())
    threshold, _ = best_threshold(after if given_out else before, right, n_silver)
    found = [expected_calibration_error(one, right) for one in (before, after)]
    (ece_before, ece_after), (brier_before, brier_after) = (
        [round(one.ece.value, DIGITS) for one in found],
        [round(one.brier.value, DIGITS) for one in found],
    )
    return RelationCalibration(
        temperature=temperature,
        threshold=threshold,
        n_relations=len(before),
        ece_before=ece_before,
        ece_after=ece_after,
        brier_before=brier_before,
        brier_after=brier_after,
    )


def at_temperature(confidences: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return confidences, any shape, at a temperature, rounded as they are given out."""
    return np.round(apply_temperature(confidences, temperature), DIGITS)


def uncalibrated(card: StudentCard) -> StudentCard:
    """Return a card by which everything found is given out, as sure as the network is."""
    everything = {"calibrate": False, "tune_threshold": False, "relation_threshold": 0.0}
    settings = card.settings.model_copy(update=everything)
    return card.model_copy(update={"settings": settings, "calibration": None})


def _judged(silver: Document, predicted: Document) -> Document:
    """Leave out the predicted relations of which silver says neither that they are nor are not."""
    unknown = unknown_subjects(silver)
    silent = [span for span in silver.spans if span.id in unknown]
    kept = [
        relation
        for relation, subject, _ in predicted.pairs()
        if not any(span.label == subject.label and span.overlaps(subject) for span in silent)
    ]
    return predicted.model_copy(update={"relations": tuple(kept)})


def _platt_targets(right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each prediction, right or wrong (n,), what its confidence should be near to."""
    n_right = int(right.sum())
    n_wrong = len(right) - n_right
    return np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))

"""Calibrating a classifier by silver that it did not learn from; gold is not looked at.

So a calibrated confidence says how often the teacher agrees.

Source: Guo et al. 2017 (arXiv 1706.04599) for temperature scaling of a softmax; Platt 1999 for the
targets, as if each other class had been seen once more, so that a classifier that errs nowhere in
a small dev part is not taken for one that never errs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from decoct.evaluation.calibration import best_threshold, expected_calibration_error
from decoct.evaluation.temperature import find_temperature
from decoct.student.classifier.settings import ClassifierCard, LabelCalibration

MIN_DOCUMENTS = 20
DIGITS = 4  # of every probability that is given out
_LEAST_PROB = 1e-7
Floats = NDArray[np.float64]


def calibrate(
    probs: Floats, labels: Sequence[str], card: ClassifierCard
) -> LabelCalibration | None:
    """Fit a temperature, and of a task with a positive class the threshold of the best F1.

    Args:
        probs: (n_documents, n_labels), the network's own.
        labels: silver's of the same documents.
        card: the labels' order, the positive one, and whether calibrated probabilities are given
            out, which then the threshold is for.

    Returns:
        None where there are fewer than `MIN_DOCUMENTS` documents.
    """
    if len(labels) < MIN_DOCUMENTS:
        return None
    right = np.array([card.labels.index(label) for label in labels])
    temperature = round(fit_temperature(probs, right), DIGITS)
    after = np.round(at_temperature(probs, temperature), DIGITS)
    found = [
        expected_calibration_error(np.clip(one.max(axis=1), 0, 1), one.argmax(axis=1) == right)
        for one in (probs, after)
    ]
    (ece_before, ece_after), (brier_before, brier_after) = (
        [round(one.ece.value, DIGITS) for one in found],
        [round(one.brier.value, DIGITS) for one in found],
    )
    threshold = None
    if card.positive is not None:
        place = card.labels.index(card.positive)
        given_out = after if card.settings.calibrate else np.round(probs, DIGITS)
        positive = right == place
        threshold, _ = best_threshold(
            np.clip(given_out[:, place], 0, 1), positive, int(positive.sum())
        )
    return LabelCalibration(
        temperature=temperature,
        threshold=threshold,
        n_documents=len(labels),
        ece_before=ece_before,
        ece_after=ece_after,
        brier_before=brier_before,
        brier_after=brier_after,
    )


def at_temperature(probs: Floats, temperature: float) -> Floats:
    """Return distributions (..., n_labels) at a temperature: more even above 1, less below.

    Example:
        >>> at_temperature(np.array([0.1, 0.9]), 2.0).round(3).tolist()
        [0.25, 0.75]
    """
    logs = np.log(np.clip(probs, _LEAST_PROB, 1.0)) / temperature
    powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
    scaled: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return scaled


def fit_temperature(probs: Floats, right: NDArray[np.int64]) -> float:
    """Find the temperature at which distributions fit what came out, by maximum likelihood.

    Args:
        probs: (n_documents, n_labels), of a softmax.
        right: (n_documents,) places of the right labels.

    Returns:
        `COLDEST` to `HOTTEST`; 1 where nothing can be told, as of distributions that are all even.
    """
    n_documents, n_labels = probs.shape
    logs = np.log(np.clip(probs, _LEAST_PROB, 1.0))
    targets = np.full_like(probs, 1.0 / (n_documents + n_labels))
    targets[np.arange(n_documents), right] += n_documents / (n_documents + n_labels)
    pull = logs - logs.mean(axis=1, keepdims=True)
    if not pull.any():
        return 1.0

    def slope(inverse: float) -> float:
        return float(np.sum(pull * (at_temperature(probs, 1 / inverse) - targets)))

    return find_temperature(slope)

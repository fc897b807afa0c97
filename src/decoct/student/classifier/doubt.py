"""Labels that classifiers contradict which did not learn from the document.

Source: Northcutt et al. 2021, Confident Learning (arXiv 1911.00068): out-of-sample probabilities,
and a label is doubtful where another class reaches the mean probability that this other class has
on the documents that are labelled so. Of its ways to clean, `drop` is the one by thresholds; to
`weigh` by the probability of the given label is ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from decoct.progress import Progress
from decoct.records import Document
from decoct.student.classifier.settings import ClassifierSettings
from decoct.student.silver.caveats import weigh
from decoct.student.silver.out_of_fold import FitAndPredict, out_of_fold

_EPSILON = 1e-9  # what only the rounding of a mean tells apart


def doubt_labels(
    silver: Sequence[Document],
    settings: ClassifierSettings,
    fit_and_predict: FitAndPredict,
    progress: Progress,
) -> list[Document]:
    """Have each part of silver judged by classifiers of the others, and act on what is doubtful.

    Args:
        silver: labelled documents.
        settings: `doubt`, `doubt_folds`, `min_weight` and the seed.
        fit_and_predict: trains on the first documents and predicts the second.
        progress: told how many are doubtful.

    Raises:
        ConfigError: there are fewer texts than folds.
    """
    judged = out_of_fold(silver, settings.doubt_folds, settings.seed, fit_and_predict)
    probs = [dict(one.meta["probabilities"]) for one in judged]
    thresholds = _thresholds(silver, probs)
    doubtful = [
        _is_doubtful(str(one.label), found, thresholds)
        for one, found in zip(silver, probs, strict=True)
    ]
    progress.note(f"doubt: {sum(doubtful)} of {len(silver)} labels are doubtful")
    if settings.doubt == "drop":
        return [one for one, bad in zip(silver, doubtful, strict=True) if not bad]
    return [
        weigh(one, max(settings.min_weight, found[str(one.label)])) if bad else one
        for one, found, bad in zip(silver, probs, doubtful, strict=True)
    ]


def _thresholds(
    silver: Sequence[Document], probs: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Return for each label the mean of its probability where silver has it."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for document, prob in zip(silver, probs, strict=True):
        found[str(document.label)].append(prob[str(document.label)])
    return {label: sum(some) / len(some) for label, some in found.items()}


def _is_doubtful(label: str, probs: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
    reached = {
        one: prob for one, prob in probs.items() if prob >= thresholds.get(one, 2.0) - _EPSILON
    }
    return bool(reached) and max(reached, key=lambda one: reached[one]) != label

"""Choices in, a ranker out: the re-ranker, how far each choice is to be trusted, and the blend.

Silver choices are wrong now and then, and a model that has few of them learns the errors by heart.
So each part of the choices is first judged by a re-ranker that has not seen it. Where a teacher who
is right with probability c chose what that re-ranker gives the probability p, both hold with
c p / (c p + (1 - c) (1 - p)), were their errors independent; that is the weight of the choice.

Source: cross-fitting after Northcutt et al. 2021 (confident learning, arXiv 1911.00068).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ConfigError
from decoct.evaluation.items import normalize_surface
from decoct.progress import Progress, Silent
from decoct.reranker.base import KINDS, Choice, Lookup, Reranker
from decoct.reranker.blend import Blend, fit_blend, log_softmax
from decoct.reranker.ranker import Ranker
from decoct.reranker.settings import RankerSettings

_SURE = 0.999  # of a person's choice


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained ranker, and how it came about.

    Attributes:
        ranker: it.
        trusts: for each choice, the weight that it had in the end.
        counts: `choices`, `gold`, `doubted` (silver that weighs less than half of what it came
            with) and `dropped`.
        out_of_fold_accuracy: share of the choices, gold ones where there are any, that the blend
            chooses too when it has not learnt from them; None without folds.
    """

    ranker: Ranker
    trusts: tuple[float, ...]
    counts: dict[str, int]
    out_of_fold_accuracy: float | None


def fit_ranker(
    choices: Sequence[Choice],
    lookup: Lookup,
    settings: RankerSettings | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Train a ranker.

    Args:
        choices: silver and gold.
        lookup: gives a candidate's aliases and definition.
        settings: None for the defaults.
        progress: shown each fold and epoch.

    Raises:
        ConfigError: there are too few choices, no such kind, or one of its options is wrong.
        MissingExtraError: the kind needs a library that is not installed.
    """
    settings, progress = settings or RankerSettings(), progress or Silent()
    if len(choices) < max(2, settings.folds):
        raise ConfigError(
            f"{len(choices)} choices are too few for {settings.folds} folds; give more, or set "
            "folds = 0"
        )
    kind: type[Reranker] = KINDS.get(settings.kind)
    trusts, blend, accuracy = [choice.weight for choice in choices], Blend(), None
    if settings.folds:
        logits = _cross_fit(kind, choices, lookup, settings, progress)
        if settings.doubt != "keep":
            trusts = [_trust(*pair) for pair in zip(choices, logits, strict=True)]
        lists = [choice.question.candidates for choice in choices]
        targets = [choice.target for choice in choices]
        blend = fit_blend(logits, lists, targets, trusts, retrieval=settings.retrieval)
        accuracy = _accuracy(choices, logits, blend)
    kept = [
        replace(choice, weight=trust)
        for choice, trust in zip(choices, trusts, strict=True)
        if choice.gold or settings.doubt != "drop" or trust >= settings.min_trust
    ]
    reranker = kind.fit(kept, lookup, settings.options, progress=progress)
    doubted = sum(trust < choice.weight / 2 for choice, trust in zip(choices, trusts, strict=True))
    counts = {
        "choices": len(choices),
        "gold": sum(choice.gold for choice in choices),
        "doubted": doubted,
        "dropped": len(choices) - len(kept),
    }
    return Fitted(Ranker(reranker, blend), tuple(trusts), counts, accuracy)


def _cross_fit(
    kind: type[Reranker],
    choices: Sequence[Choice],
    lookup: Lookup,
    settings: RankerSettings,
    progress: Progress,
) -> list[NDArray[np.float32]]:
    """Return each choice's logits by a re-ranker that was trained on the other parts."""
    part_of = _divide(choices, settings)
    found: dict[int, NDArray[np.float32]] = {}
    for part in range(settings.folds):
        progress.note(f"part {part + 1} of {settings.folds}: judged by what the others teach")
        others = [choice for choice, own in zip(choices, part_of, strict=True) if own != part]
        places = [place for place, own in enumerate(part_of) if own == part]
        trained = kind.fit(others, lookup, settings.options, progress=progress)
        mine = trained.scores([choices[place].question for place in places], lookup)
        found.update(zip(places, mine, strict=True))
    return [found[place] for place in range(len(choices))]


def _divide(choices: Sequence[Choice], settings: RankerSettings) -> list[int]:
    """Return each choice's part: the same for mentions that are written the same."""
    texts = [normalize_surface(choice.question.query.text) for choice in choices]
    rng = np.random.default_rng(settings.seed)
    distinct = sorted(set(texts))
    if len(distinct) < settings.folds:
        raise ConfigError(
            f"{len(distinct)} different mentions are too few for {settings.folds} folds; give "
            "more, or set folds = 0"
        )
    order = rng.permutation(len(distinct))
    part_of = {distinct[place]: n % settings.folds for n, place in enumerate(order.tolist())}
    return [part_of[text] for text in texts]


def _trust(choice: Choice, logits: NDArray[np.float32]) -> float:
    """Return how far a choice holds, given what one says who has not learnt from it."""
    if choice.gold:
        return choice.weight
    prior = min(choice.weight, _SURE)
    likely = float(np.exp(log_softmax(logits)[choice.target]))
    agreed = prior * likely
    return agreed / max(agreed + (1.0 - prior) * (1.0 - likely), 1e-12)


def _accuracy(
    choices: Sequence[Choice], logits: Sequence[NDArray[np.float32]], blend: Blend
) -> float:
    counted = Counter[bool]()
    any_gold = any(choice.gold for choice in choices)
    for choice, own in zip(choices, logits, strict=True):
        if choice.gold or not any_gold:
            best = int(blend.log_probs(own, choice.question.candidates).argmax())
            counted[best == choice.target] += 1
    return counted[True] / counted.total()

"""From judged mentions to numbers with intervals, all groups over the same resamples.

Source: the percentile bootstrap of Efron (1979), over documents; in a corpus of single mentions
each has a document of its own, so that it is over mentions there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from decoct.evaluation.counts import Counts
from decoct.evaluation.linking_groups import Group
from decoct.evaluation.linking_mentions import Judged, Order
from decoct.evaluation.linking_metrics import LinkingScores
from decoct.evaluation.scores import Interval, Score, Setup, interval, resample_weights, score

ACCURACY_AT = (1, 5)
RECALL_AT = (1, 5, 10, 16, 20, 50)
_NO_CONCEPT = -1

_Floats = NDArray[np.float64]
_Key = tuple[str, int]  # a measure and its k


def score_groups(
    mentions: Sequence[Judged],
    groups: Mapping[str, Group],
    n_documents: int,
    depth: int,
    order: Order,
    setup: Setup,
) -> dict[str, LinkingScores]:
    """Score each group of mentions.

    Args:
        mentions: all gold mentions, judged.
        groups: name -> which of them, at least one each.
        n_documents: how many documents there are, with or without a mention.
        depth: length of the longest list of candidates.
        order: of the candidates, for the signature.
        setup: seed, number of resamples and name of the gold data.
    """
    shares = _shares(mentions, depth)
    concepts = _concepts(mentions)
    samples = _resample(mentions, groups, shares, concepts, n_documents, setup)
    nil_heads = {name: f"nil|{group.head}" for name, group in groups.items()}
    nil = score(
        {nil_heads[name]: _nil(mentions, group, n_documents) for name, group in groups.items()},
        setup,
    )
    scores = {}
    for name, group in groups.items():
        head = f"linking|{group.head}|mentions:{group.mask.sum()}|candidates:{order}"
        signature = setup.signature(head, n_documents)
        scores[name] = _scores(
            mentions, group, samples[name], concepts, nil[nil_heads[name]], signature
        )
    return scores


def _shares(mentions: Sequence[Judged], depth: int) -> dict[_Key, tuple[_Floats, _Floats]]:
    """Return for each measure what a mention adds to its numerator and to its denominator."""
    rank = np.array([one.rank for one in mentions], dtype=np.float64)
    retrieved = np.array([one.retrieved for one in mentions], dtype=np.float64)
    entity = np.array([bool(one.gold.ids) for one in mentions], dtype=np.float64)
    one = np.ones(len(mentions))
    reciprocal = np.where(rank > 0, 1 / np.maximum(rank, 1), 0.0)
    shares = {
        ("mrr", 0): (reciprocal, one),
        ("entity accuracy", 1): ((rank == 1) * entity, entity),
    }
    for k in ACCURACY_AT[: 1 if depth == 0 else None]:
        shares["accuracy", k] = ((rank >= 1) & (rank <= k)) * one, one
    for k in sorted({k for k in RECALL_AT if k <= depth} | ({depth} - {0})):
        shares["recall", k] = ((retrieved >= 1) & (retrieved <= k)) * entity, entity
    return shares


def _concepts(mentions: Sequence[Judged]) -> NDArray[np.int64]:
    """Return a number for each mention's set of gold ids, (n_mentions,); -1 for NIL."""
    numbers: dict[frozenset[str], int] = {frozenset(): _NO_CONCEPT}
    found = [numbers.setdefault(frozenset(one.gold.ids), len(numbers) - 1) for one in mentions]
    return np.array(found, dtype=np.int64)


def _resample(
    mentions: Sequence[Judged],
    groups: Mapping[str, Group],
    shares: Mapping[_Key, tuple[_Floats, _Floats]],
    concepts: NDArray[np.int64],
    n_documents: int,
    setup: Setup,
) -> dict[str, dict[_Key, _Floats]]:
    """Return by group and measure its value, then that of each resample; nan where undefined.

    Every array is (1 + n_resamples,) float64.
    """
    document = np.array([one.document for one in mentions])
    right = shares["accuracy", 1][0]
    columns = [
        np.bincount(document, weights=part * group.mask, minlength=n_documents)
        for group in groups.values()
        for pair in shares.values()
        for part in pair
    ]
    table = np.stack(columns, axis=1)  # (n_documents, 2 * n_shares * n_groups)
    sums: list[_Floats] = []
    macro: dict[str, list[float]] = {name: [] for name in groups}
    for weights in (np.ones((1, n_documents)), *resample_weights(n_documents, setup)):
        sums.append(weights @ table)
        for row in weights:
            for name, group in groups.items():
                macro[name].append(_macro(row[document] * group.mask, right, concepts))
    ratios = iter(_ratios(np.concatenate(sums)).T)
    return {
        name: {
            **{key: next(ratios) for key in shares},
            ("macro", 1): np.array(macro[name]),
        }
        for name in groups
    }


def _ratios(sums: _Floats) -> _Floats:
    """Divide every even column by the next, (n, 2 * m) -> (n, m)."""
    over, under = sums[:, ::2], sums[:, 1::2]
    return np.where(under > 0, over / np.where(under > 0, under, 1.0), np.nan)


def _macro(weights: _Floats, right: _Floats, concepts: NDArray[np.int64]) -> float:
    """Return the mean over concepts of the share of their mentions that are right."""
    with_one = concepts != _NO_CONCEPT
    which, weight = concepts[with_one], weights[with_one]
    totals = np.bincount(which, weights=weight)
    there = totals > 0
    if not there.any():
        return float("nan")
    hits = np.bincount(which, weights=weight * right[with_one])
    return float(np.mean(hits[there] / totals[there]))


def _nil(mentions: Sequence[Judged], group: Group, n_documents: int) -> Counts:
    document = np.array([one.document for one in mentions])
    said = np.array([one.says_nil for one in mentions]) & group.mask
    true = np.array([not one.gold.ids for one in mentions]) & group.mask

    def count(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(document[which], minlength=n_documents).astype(np.int64)

    return Counts(count(said & true), count(said), count(said & true), count(true))


def _scores(
    mentions: Sequence[Judged],
    group: Group,
    samples: Mapping[_Key, _Floats],
    concepts: NDArray[np.int64],
    nil: Score,
    signature: str,
) -> LinkingScores:
    intervals = {key: one for key, drawn in samples.items() if (one := _interval(drawn))}
    inside = [one for one, is_in in zip(mentions, group.mask, strict=True) if is_in]
    return LinkingScores(
        recall={k: one for (name, k), one in intervals.items() if name == "recall"},
        accuracy={k: one for (name, k), one in intervals.items() if name == "accuracy"},
        entity_accuracy=intervals.get(("entity accuracy", 1)),
        mrr=intervals["mrr", 0],
        macro=intervals.get(("macro", 1)),
        nil=None if nil.is_vacuous else nil,
        n_mentions=len(inside),
        n_entity=sum(bool(one.gold.ids) for one in inside),
        n_missed=sum(one.predicted is None for one in inside),
        n_concepts=len(set(concepts[group.mask].tolist()) - {_NO_CONCEPT}),
        signature=signature,
    )


def _interval(samples: _Floats) -> Interval | None:
    """Return a number with its interval, over the resamples in which it is defined."""
    value, drawn = float(samples[0]), samples[1:]
    if np.isnan(value):
        return None
    defined = drawn[~np.isnan(drawn)]
    return interval(value, defined if len(defined) else samples[:1])

"""Gold links and predicted links in, every metric of linking out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from decoct.errors import EvaluationError
from decoct.evaluation.align import Aligned, align, hash_gold
from decoct.evaluation.linking_end_to_end import count_links, n_beyond
from decoct.evaluation.linking_groups import group_mentions
from decoct.evaluation.linking_mentions import Judged, candidate_order, has_links, judge
from decoct.evaluation.linking_mentions import n_candidates as depth_of
from decoct.evaluation.linking_metrics import ALL, LinkingComparison, LinkingMetrics
from decoct.evaluation.linking_scores import score_groups
from decoct.evaluation.scores import Setup, bootstrap, interval, score
from decoct.evaluation.significance import randomisation_p
from decoct.records import Document


def evaluate_linking(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    *,
    labelled: Sequence[Document] = (),
    seed: int = 13,
    n_resamples: int = 1000,
) -> LinkingMetrics:
    """Score predicted links against gold's; see `linking_mentions` for what is right.

    Args:
        gold: documents whose spans have links; a span without one is not judged.
        predicted: a system's, joined by document id and span; a mention without one is missed.
        labelled: what the system has learnt from; mentions and concepts that are in it, and those
            that are not, are also scored apart.
        seed: of the bootstrap, which resamples documents.
        n_resamples: resamples behind each interval.

    Raises:
        EvaluationError: the two can't be joined (see `align`), or no gold span has a link.
    """
    aligned = _align(gold, predicted)
    setup = Setup(hash_gold(aligned.gold), seed, n_resamples)
    order = candidate_order(aligned.predicted)
    mentions = judge(aligned, order)
    ends = {
        f"links:{match}|by:offsets": count_links(aligned.gold, aligned.predicted, match=match)
        for match in ("strict", "lenient")
    }
    strict, lenient = score(ends, setup).values()
    return LinkingMetrics(
        groups=score_groups(
            mentions,
            group_mentions(mentions, labelled),
            n_documents=len(aligned.gold),
            depth=depth_of(aligned.predicted),
            order=order,
            setup=setup,
        ),
        end_to_end={"strict": strict, "lenient": lenient},
        order=order,
        n_documents=len(aligned.gold),
        n_beyond=n_beyond(aligned.gold, aligned.predicted),
        missing=aligned.missing,
        unknown=aligned.unknown,
    )


def compare_linking(
    gold: Sequence[Document],
    predicted_a: Sequence[Document],
    predicted_b: Sequence[Document],
    *,
    labelled: Sequence[Document] = (),
    group: str = ALL,
    k: int = 1,
    seed: int = 13,
    n_resamples: int = 1000,
    n_shuffles: int = 10_000,
) -> LinkingComparison:
    """Test whether two systems' Acc@k differ on the same gold mentions.

    Args:
        gold: documents whose spans have links.
        predicted_a: the first system's.
        predicted_b: the second's.
        labelled: as in `evaluate_linking`.
        group: the mentions to compare on, such as `unseen mentions`.
        k: how many entries of the ranking may hold the right one.
        seed: of the bootstrap and of the random swaps.
        n_resamples: resamples behind the interval.
        n_shuffles: random swaps of documents behind the p-value.

    Raises:
        EvaluationError: either can't be joined with gold, the group holds no mention, or a number
            is less than 1.
    """
    if k < 1:
        raise EvaluationError(f"k must be at least 1, got {k}")
    aligned = _align(gold, predicted_a)
    mentions_a, mentions_b = judge(aligned), judge(_align(gold, predicted_b))
    groups = group_mentions(mentions_a, labelled)
    if group not in groups:
        raise EvaluationError(f"no gold mention is in {group!r}; there are {', '.join(groups)}")
    mask, head = groups[group].mask, groups[group].head
    setup = Setup(hash_gold(aligned.gold), seed, n_resamples)
    n_documents = len(aligned.gold)
    a, b = (_hits(mentions, mask, k, n_documents) for mentions in (mentions_a, mentions_b))
    accuracy_a, accuracy_b = _share(a.sum(axis=0)), _share(b.sum(axis=0))
    sums_a, sums_b = bootstrap([a, b], setup)
    defined = sums_a[:, 1] > 0  # a resample may hold no mention of the group
    samples = (_share(sums_a) - _share(sums_b))[defined]
    difference = float(accuracy_a - accuracy_b)
    return LinkingComparison(
        accuracy_a=float(accuracy_a),
        accuracy_b=float(accuracy_b),
        difference=interval(difference, samples if len(samples) else np.array([difference])),
        p=randomisation_p(a, b, seed, n_shuffles, _share),
        n_mentions=int(mask.sum()),
        n_documents=n_documents,
        missed_a=_n_missed(mentions_a, mask),
        missed_b=_n_missed(mentions_b, mask),
        k=k,
        signature=setup.signature(
            f"difference|acc@{k}|{head}|mentions:{mask.sum()}|shuffles:{n_shuffles}", n_documents
        ),
    )


def _align(gold: Sequence[Document], predicted: Sequence[Document]) -> Aligned:
    if not has_links(gold):
        raise EvaluationError("no gold span has a link; links are scored against gold that has")
    return align(gold, predicted)


def _hits(
    mentions: Sequence[Judged], mask: NDArray[np.bool_], k: int, n_documents: int
) -> NDArray[np.int64]:
    """Return (n_documents, 2) int64: how many mentions of the group are right, and how many."""
    document = np.array([one.document for one in mentions])
    right = np.array([1 <= one.rank <= k for one in mentions]) & mask
    counts = [np.bincount(document[which], minlength=n_documents) for which in (right, mask)]
    return np.stack(counts, axis=1)


def _share(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(totals[..., 0] / np.maximum(totals[..., 1], 1), dtype=np.float64)


def _n_missed(mentions: Sequence[Judged], mask: NDArray[np.bool_]) -> int:
    return sum(one.predicted is None for one, inside in zip(mentions, mask, strict=True) if inside)

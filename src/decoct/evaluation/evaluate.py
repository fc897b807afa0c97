"""Gold and predictions in, every metric out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from decoct.errors import EvaluationError
from decoct.evaluation.align import Aligned, align, hash_gold
from decoct.evaluation.counts import By, Counts, Match, count_relations, count_spans
from decoct.evaluation.labels import has_labels
from decoct.evaluation.metrics import SETTINGS, Metrics, Negatives, Setting, wilson
from decoct.evaluation.scores import Score, Setup, decoct_version, score
from decoct.evaluation.significance import Comparison, compare_counts
from decoct.records import Document


def evaluate(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    *,
    seed: int = 13,
    n_resamples: int = 1000,
) -> Metrics:
    """Score predictions against gold: relations and spans, strict and lenient, both readings.

    Args:
        gold: human annotations.
        predicted: a model's or teacher's, joined by document id; a gold document without one is
            scored as empty.
        seed: of the bootstrap.
        n_resamples: resamples behind each interval.

    Raises:
        EvaluationError: the two can't be joined (see `align`), a prediction's
            `meta["ungrounded"]` is malformed, or gold has classes of documents alone.
    """
    if has_labels(gold):
        raise EvaluationError(
            "gold has classes of documents and no spans; score them with "
            "decoct.evaluation.labels.evaluate_labels, or by decoct evaluate"
        )
    aligned = align(gold, predicted)
    setup = Setup(hash_gold(aligned.gold), seed, n_resamples)
    scores = score(_all_counts(aligned), setup)
    return Metrics(
        relations={setting: scores[_head("relations", *setting)] for setting in SETTINGS},
        spans={setting: scores[_head("spans", *setting)] for setting in SETTINGS},
        span_labels={label: _of_label(label, scores) for label in _labels(aligned)},
        negatives=_negatives(aligned, setup),
        missing=aligned.missing,
        unknown=aligned.unknown,
    )


def compare(
    gold: Sequence[Document],
    predicted_a: Sequence[Document],
    predicted_b: Sequence[Document],
    *,
    of: Literal["relations", "spans"] = "relations",
    match: Match = "strict",
    by: By = "offsets",
    seed: int = 13,
    n_resamples: int = 1000,
    n_shuffles: int = 10_000,
) -> Comparison:
    """Test whether two systems' F1 differ on the same gold.

    Args:
        gold: human annotations.
        predicted_a: the first system's predictions.
        predicted_b: the second's.
        of: compare their relations or their spans.
        match: strict or lenient.
        by: offsets or surface.
        seed: of the bootstrap and of the random swaps.
        n_resamples: resamples behind the interval.
        n_shuffles: random swaps behind the p-value.

    Raises:
        EvaluationError: either can't be joined with gold (see `align`).
    """
    aligned_a, aligned_b = align(gold, predicted_a), align(gold, predicted_b)
    count = count_relations if of == "relations" else count_spans
    return compare_counts(
        count(aligned_a.gold, aligned_a.predicted, match=match, by=by),
        count(aligned_b.gold, aligned_b.predicted, match=match, by=by),
        Setup(hash_gold(aligned_a.gold), seed, n_resamples),
        head=_head(of, match, by),
        n_shuffles=n_shuffles,
        missing_a=len(aligned_a.missing),
        missing_b=len(aligned_b.missing),
    )


def _all_counts(aligned: Aligned) -> dict[str, Counts]:
    gold, predicted = aligned.gold, aligned.predicted
    counts: dict[str, Counts] = {}
    for match, by in SETTINGS:
        counts[_head("relations", match, by)] = count_relations(gold, predicted, match=match, by=by)
        counts[_head("spans", match, by)] = count_spans(gold, predicted, match=match, by=by)
        for label in _labels(aligned):
            counts[_head("spans", match, by, label)] = count_spans(
                gold, predicted, match=match, by=by, label=label
            )
    return counts


def _of_label(label: str, scores: dict[str, Score]) -> dict[Setting, Score]:
    return {setting: scores[_head("spans", *setting, label)] for setting in SETTINGS}


def _labels(aligned: Aligned) -> list[str]:
    documents = aligned.gold + aligned.predicted
    return sorted({span.label for document in documents for span in document.spans})


def _head(of: str, match: Match, by: By, label: str | None = None) -> str:
    head = f"{of}:{match}|by:{by}"
    return head if label is None else f"{head}|label:{label}"


def _negatives(aligned: Aligned, setup: Setup) -> Negatives | None:
    counts = count_relations(aligned.gold, aligned.predicted, match="strict", by="offsets")
    negative = counts.gold == 0
    n = int(negative.sum())
    if n == 0:
        return None
    n_false_positive = int((negative & (counts.predicted > 0)).sum())
    return Negatives(
        n_documents=n,
        n_false_positive=n_false_positive,
        rate=wilson(n_false_positive, n),
        signature=(
            f"negatives:relations|n:{n}|gold:{setup.gold_hash}|interval:wilson"
            f"|decoct:{decoct_version()}"
        ),
    )

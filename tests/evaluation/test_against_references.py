"""The same numbers as nervaluate and seqeval, where they speak of the same thing.

Both know spans only. nervaluate's offsets include the last character, and its lenient scheme,
`ent_type`, pairs each gold span with one prediction at most; ours counts many to many, so the two
agree wherever no span overlaps two of the other side.
"""

from __future__ import annotations

import random

import pytest

from decoct.evaluation.evaluate import evaluate
from decoct.records import Document, Span

nervaluate = pytest.importorskip("nervaluate")
seqeval_metrics = pytest.importorskip("seqeval.metrics")
seqeval_scheme = pytest.importorskip("seqeval.scheme")

LABELS = ["Drug", "Effect"]
N_TOKENS = 24  # of one character each, so that token and character offsets are the same


def random_spans(rng):
    """Spans that do not overlap one another, as (start, end, label)."""
    cuts = sorted(rng.sample(range(N_TOKENS + 1), 2 * rng.randint(0, 4)))
    return [
        (start, end, rng.choice(LABELS)) for start, end in zip(cuts[::2], cuts[1::2], strict=True)
    ]


def perturbed(rng, gold):
    """Predictions near gold: kept, moved, relabeled or lost; still not overlapping."""
    spans, last = [], 0
    for start, end, label in gold:
        kind = rng.choice(["keep", "keep", "shrink", "relabel", "lose"])
        if kind == "lose" or start < last:
            continue
        if kind == "shrink" and end - start > 1:
            start += 1
        if kind == "relabel":
            label = rng.choice(LABELS)
        spans.append((start, end, label))
        last = end
    return spans


def document(id_, spans):
    text = "x" * N_TOKENS
    made = [
        Span(id=f"T{n}", start=start, end=end, label=label, text=text[start:end])
        for n, (start, end, label) in enumerate(spans)
    ]
    return Document(id=id_, text=text, spans=made)


def to_bio(spans):
    tags = ["O"] * N_TOKENS
    for start, end, label in spans:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return tags


def to_dicts(spans):
    return [{"start": start, "end": end - 1, "label": label} for start, end, label in spans]


def corpus(seed, near):
    rng = random.Random(seed)
    gold = [random_spans(rng) for _ in range(30)]
    predicted = [perturbed(rng, spans) if near else random_spans(rng) for spans in gold]
    return gold, predicted


def ours(gold, predicted):
    def side(spans):
        return [document(f"{n:02}", one) for n, one in enumerate(spans)]

    return evaluate(side(gold), side(predicted), n_resamples=5)


def theirs(gold, predicted):
    sides = ([to_dicts(spans) for spans in side] for side in (gold, predicted))
    return nervaluate.Evaluator(*sides, tags=LABELS, loader="dict").evaluate()


def numbers(score):
    return (score.precision.value, score.recall.value, score.f1.value)


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_strict_spans_equal_seqeval(seed, near):
    gold, predicted = corpus(seed, near)
    metrics = ours(gold, predicted)
    tags = ([to_bio(spans) for spans in side] for side in (gold, predicted))
    report = seqeval_metrics.classification_report(
        *tags, mode="strict", scheme=seqeval_scheme.IOB2, output_dict=True, zero_division=0
    )
    for name, scores in {"micro avg": metrics.spans, **metrics.span_labels}.items():
        row = report[name]
        expected = (row["precision"], row["recall"], row["f1-score"])
        assert numbers(scores["strict", "offsets"]) == pytest.approx(expected)


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_strict_spans_equal_nervaluate(seed, near):
    gold, predicted = corpus(seed, near)
    metrics, reference = ours(gold, predicted), theirs(gold, predicted)
    strict = reference["overall"]["strict"]
    assert numbers(metrics.spans["strict", "offsets"]) == pytest.approx(
        (strict.precision, strict.recall, strict.f1)
    )
    for label, scores in metrics.span_labels.items():
        strict = reference["entities"][label]["strict"]
        assert numbers(scores["strict", "offsets"]) == pytest.approx(
            (strict.precision, strict.recall, strict.f1)
        )


@pytest.mark.parametrize("seed", range(10))
def test_lenient_spans_equal_nervaluate_where_overlaps_are_one_to_one(seed):
    gold, predicted = corpus(seed, near=True)
    metrics, reference = ours(gold, predicted), theirs(gold, predicted)
    of_type = reference["overall"]["ent_type"]
    assert numbers(metrics.spans["lenient", "offsets"]) == pytest.approx(
        (of_type.precision, of_type.recall, of_type.f1)
    )


@pytest.mark.parametrize("seed", range(10))
def test_lenient_spans_are_never_below_nervaluate(seed):
    gold, predicted = corpus(seed, near=False)
    score = ours(gold, predicted).spans["lenient", "offsets"]
    of_type = theirs(gold, predicted)["overall"]["ent_type"]
    assert min(score.n_correct_gold, score.n_correct_predicted) >= of_type.correct


def test_two_predictions_in_one_gold_span_are_where_nervaluate_differs():
    # Gold 0-10, predicted 0-4 and 6-10, one label. Both predictions are right and gold is found:
    # P 2/2, R 1/1. nervaluate gives the second to nobody: P 1/2.
    gold, predicted = [[(0, 10, "Drug")]], [[(0, 4, "Drug"), (6, 10, "Drug")]]
    assert numbers(ours(gold, predicted).spans["lenient", "offsets"]) == (1, 1, 1)
    of_type = theirs(gold, predicted)["overall"]["ent_type"]
    assert (of_type.precision, of_type.recall) == (0.5, 1.0)

"""Classes of documents against gold: accuracy, F1, and whether two systems differ.

A document without a prediction, or whose prediction has no label, is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoct.evaluation.align import align
from decoct.evaluation.calibration import Calibration, expected_calibration_error
from decoct.evaluation.label_counts import NONE, Counts, Floats, hash_labels, join
from decoct.evaluation.label_metrics import ClassScore, LabelComparison, LabelMetrics
from decoct.evaluation.scores import Setup, bootstrap, interval
from decoct.evaluation.significance import randomisation_p
from decoct.records import Document

_F1 = 2


def has_labels(documents: Sequence[Document]) -> bool:
    """Whether documents are annotated with classes and with no spans."""
    return any(one.label is not None for one in documents) and not any(
        one.spans for one in documents
    )


def evaluate_labels(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    *,
    positive: str | None = None,
    seed: int = 13,
    n_resamples: int = 1000,
) -> LabelMetrics:
    """Score predicted classes against gold.

    Args:
        gold: human annotations; documents without a label are not scored.
        predicted: a model's or teacher's, joined by document id.
        positive: the class that precision, recall and F1 are of; None for the mean over gold's.
        seed: of the bootstrap.
        n_resamples: resamples behind each interval.

    Raises:
        EvaluationError: the two can't be joined (see `align`), gold has no label, or `positive` is
            none of them.
    """
    answers = join(gold, predicted, positive)
    cells = answers.cells
    total = cells.sum(axis=0)
    setup = Setup(answers.gold_hash, seed, n_resamples)
    (sums,) = bootstrap([cells], setup)
    per_class, per_class_sums = answers.scores(total), answers.scores(sums)
    n_gold = total.reshape(answers.shape).sum(axis=1)
    n_said = total.reshape(answers.shape).sum(axis=0)
    classes = {
        label: _class_score(
            per_class[at], per_class_sums[:, at], (int(n_gold[at]), int(n_said[at]))
        )
        for at, label in enumerate(answers.labels)
        if label != NONE
    }
    n_main = (len(cells), len(cells) - len(answers.missing))
    if positive is not None:
        n_main = classes[positive].n_gold, classes[positive].n_predicted
    return LabelMetrics(
        accuracy=interval(float(answers.accuracy(total)), answers.accuracy(sums)),
        main=_class_score(answers.main(total), answers.main(sums), n_main),
        classes=classes,
        mcc=interval(float(answers.mcc(total)), answers.mcc(sums)),
        confusion={
            (answers.labels[at // len(answers.labels)], answers.labels[at % len(answers.labels)]): n
            for at, n in enumerate(total.tolist())
            if n
        },
        positive=positive,
        n_documents=len(cells),
        missing=answers.missing,
        unknown=answers.unknown,
        signature=_sign(setup, positive, len(cells)),
    )


def compare_labels(
    gold: Sequence[Document],
    predicted_a: Sequence[Document],
    predicted_b: Sequence[Document],
    *,
    positive: str | None = None,
    seed: int = 13,
    n_resamples: int = 1000,
    n_shuffles: int = 10_000,
) -> LabelComparison:
    """Test whether two systems differ on the same gold, by swapping their answers at random.

    Args:
        gold: as for `evaluate_labels`.
        predicted_a: the first system's predictions.
        predicted_b: the second's.
        positive: as for `evaluate_labels`.
        seed: of the bootstrap and of the random swaps.
        n_resamples: resamples behind the intervals.
        n_shuffles: random swaps behind the p-values.

    Raises:
        EvaluationError: either can't be joined with gold.
    """
    known = tuple({one.label for one in (*predicted_a, *predicted_b) if one.label is not None})
    a, b = (join(gold, one, positive, known) for one in (predicted_a, predicted_b))
    setup = Setup(a.gold_hash, seed, n_resamples)
    sums_a, sums_b = bootstrap([a.cells, b.cells], setup)
    total_a, total_b = a.cells.sum(axis=0), b.cells.sum(axis=0)

    def f1(totals: Counts) -> Floats:
        found: Floats = a.main(totals)[..., _F1]
        return found

    return LabelComparison(
        accuracy=interval(
            float(a.accuracy(total_a) - a.accuracy(total_b)),
            a.accuracy(sums_a) - a.accuracy(sums_b),
        ),
        f1=interval(float(f1(total_a) - f1(total_b)), f1(sums_a) - f1(sums_b)),
        p_accuracy=randomisation_p(a.cells, b.cells, seed, n_shuffles, a.accuracy),
        p_f1=randomisation_p(a.cells, b.cells, seed, n_shuffles, f1),
        main_name="macro F1" if positive is None else f"F1 of {positive}",
        n_documents=len(a.cells),
        missing_a=len(a.missing),
        missing_b=len(b.missing),
        signature=f"difference|{_sign(setup, positive, len(a.cells))}|shuffles:{n_shuffles}",
    )


def label_calibration(
    gold: Sequence[Document], predicted: Sequence[Document], *, seed: int = 13
) -> Calibration | None:
    """Compare the confidences of predicted classes, `meta["confidence"]`, with gold.

    Returns:
        None where nothing is predicted, or something without a confidence from 0 to 1.

    Raises:
        EvaluationError: the two can't be joined (see `align`).
    """
    aligned = align([one for one in gold if one.label is not None], predicted)
    pairs = [
        (one, other)
        for one, other in zip(aligned.gold, aligned.predicted, strict=True)
        if other.label is not None
    ]
    stated = [other.meta.get("confidence") for _, other in pairs]
    sure = [one for one in stated if isinstance(one, int | float) and 0 <= one <= 1]
    if not pairs or len(sure) < len(pairs):
        return None
    right = [one.label == other.label for one, other in pairs]
    return expected_calibration_error(
        sure, right, setup=Setup(hash_labels(aligned.gold), seed), head="calibration:labels"
    )


def _class_score(values: Floats, samples: Floats, n: tuple[int, int]) -> ClassScore:
    """Return a score of (3,) values and (n_resamples, 3) samples, n being gold and predicted."""
    precision, recall, f1 = (interval(float(values[i]), samples[:, i]) for i in range(3))
    return ClassScore(precision, recall, f1, n_gold=n[0], n_predicted=n[1])


def _sign(setup: Setup, positive: str | None, n_documents: int) -> str:
    of = "macro" if positive is None else f"positive:{positive}"
    return setup.signature(f"labels|f1:{of}", n_documents)

"""Linking metrics against scikit-learn's, on rankings without ties."""

from __future__ import annotations

import numpy as np
import pytest

from decoct.evaluation.linking import evaluate_linking
from decoct.records import Candidate, Link
from fakes.linked import mention

sklearn_metrics = pytest.importorskip("sklearn.metrics")

IDS = [f"C{n:02}" for n in range(30)]
N = 300


@pytest.fixture(scope="module")
def drawn():
    """Return true classes (300,) and scores (300, 30) that know something of them."""
    random = np.random.default_rng(5)
    true = random.integers(len(IDS), size=N)
    scores = random.random((N, len(IDS)))
    scores[np.arange(N), true] += 0.5 * random.random(N)
    return true, scores


@pytest.fixture(scope="module")
def scores(drawn):
    true, scores = drawn
    gold, predicted = [], []
    for number, (right, row) in enumerate(zip(true, scores, strict=True)):
        ranking = [IDS[place] for place in np.argsort(-row)]
        candidates = tuple(Candidate(id=one, name=one) for one in ranking)
        gold.append(mention(str(number), "x", Link(id=IDS[right])))
        predicted.append(mention(str(number), "x", Link(id=ranking[0], candidates=candidates)))
    return evaluate_linking(gold, predicted, n_resamples=5).all


def test_recall_and_accuracy_at_k(drawn, scores):
    true, scored = drawn
    assert list(scores.recall) == [1, 5, 10, 16, 20, 30]
    assert scores.recall[30].value == 1
    for k in (1, 5, 10, 16, 20):
        wanted = sklearn_metrics.top_k_accuracy_score(true, scored, k=k, labels=range(len(IDS)))
        assert scores.recall[k].value == pytest.approx(wanted)
        if k in scores.accuracy:
            assert scores.accuracy[k].value == pytest.approx(wanted)


def test_mean_reciprocal_rank(drawn, scores):
    true, scored = drawn
    # with one right label, average precision is the reciprocal of its rank
    wanted = sklearn_metrics.label_ranking_average_precision_score(np.eye(len(IDS))[true], scored)
    assert scores.mrr.value == pytest.approx(wanted)


def test_macro_by_concept(drawn, scores):
    true, scored = drawn
    wanted = sklearn_metrics.recall_score(true, scored.argmax(axis=1), average="macro")
    assert scores.macro.value == pytest.approx(wanted)


def test_nil():
    random = np.random.default_rng(7)
    true, said = random.integers(4, size=N), random.integers(4, size=N)

    def documents(numbers):
        return [
            mention(str(n), "x", Link(id=IDS[one] if one else None))
            for n, one in enumerate(numbers)
        ]

    nil = evaluate_linking(documents(true), documents(said), n_resamples=5).all.nil
    wanted = sklearn_metrics.precision_recall_fscore_support(true == 0, said == 0, average="binary")
    found = (nil.precision.value, nil.recall.value, nil.f1.value)
    assert found == pytest.approx(wanted[:3])

"""Calibration: numbers worked out by hand, sklearn's, and what must hold of any."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import EvaluationError, MissingExtraError
from decoct.evaluation.calibration import (
    best_threshold,
    expected_calibration_error,
    relation_calibration,
    relation_confidences,
)
from decoct.evaluation.chart import draw_reliability
from decoct.evaluation.counts import count_relations
from decoct.evaluation.scores import Setup, precision_recall_f1
from decoct.evaluation.temperature import COLDEST, HOTTEST, apply_temperature, fit_temperature

PROBS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30)


def calibrated(n, seed=0, sharpness=1.0):
    """Probabilities, and outcomes of just these, told at another temperature."""
    rng = np.random.default_rng(seed)
    probs = rng.beta(4, 1.5, n)
    outcomes = rng.random(n) < probs
    return apply_temperature(probs, 1 / sharpness), outcomes


def test_by_hand():
    found = expected_calibration_error(
        [0.95, 0.9, 0.7, 0.65, 0.1], [True, False, True, True, False], n_bins=5
    )
    # [0.8, 1]: two of confidence 0.925, one right; [0.6, 0.8): two of 0.675, both; [0, 0.2): one
    low, middle, high = found.bins
    assert (high.low, high.high, high.n) == (0.8, 1.0, 2)
    assert (low.n, middle.n, found.n) == (1, 2, 5)
    assert high.mean_confidence == pytest.approx(0.925)
    assert high.share_right == 0.5
    assert middle.share_right == 1.0
    assert low.share_right == 0.0
    assert found.ece.value == pytest.approx((2 * 0.425 + 2 * 0.325 + 1 * 0.1) / 5)
    assert found.brier.value == pytest.approx((0.05**2 + 0.9**2 + 0.3**2 + 0.35**2 + 0.1**2) / 5)


def test_a_confidence_on_an_edge_belongs_to_the_bin_that_it_opens_and_1_to_the_last():
    found = expected_calibration_error([0.0, 0.5, 1.0], [False, True, True], n_bins=2)
    assert [(one.low, one.high, one.n) for one in found.bins] == [(0.0, 0.5, 1), (0.5, 1.0, 2)]


def test_gaps_of_both_signs_in_one_bin_cancel():
    assert expected_calibration_error([0.5, 0.5], [True, False], n_bins=1).ece.value == 0
    assert expected_calibration_error([0.45, 0.55], [True, False], 10).ece.value == pytest.approx(
        0.55
    )


def test_calibrated_probabilities_have_hardly_an_error_and_sharper_ones_have():
    probs, outcomes = calibrated(20_000)
    assert expected_calibration_error(probs, outcomes).ece.high < 0.015
    sharper, outcomes = calibrated(20_000, sharpness=3)
    assert expected_calibration_error(sharper, outcomes).ece.low > 0.1


def test_the_interval_holds_the_value_narrows_with_more_and_is_the_same_each_time():
    probs, outcomes = calibrated(4000, sharpness=2)
    few = expected_calibration_error(probs[:200], outcomes[:200])
    many = expected_calibration_error(probs, outcomes)
    for found in (few, many):
        for one in (found.ece, found.brier):
            assert one.low <= one.value <= one.high
    assert many.ece.high - many.ece.low < few.ece.high - few.ece.low
    assert many == expected_calibration_error(probs, outcomes)
    other = expected_calibration_error(probs, outcomes, setup=Setup("abc", seed=1, n_resamples=99))
    assert other.ece.value == many.ece.value
    assert other.ece.low != many.ece.low
    assert "gold:abc|seed:1|resamples:99" in other.signature


@given(PROBS, st.integers(1, 20))
def test_any_calibration(pairs, n_bins):
    confidences, correct = zip(*pairs, strict=True)
    found = expected_calibration_error(
        confidences, correct, n_bins, setup=Setup("x", n_resamples=20)
    )
    assert 0 <= found.ece.value <= 1
    assert 0 <= found.brier.value <= 1
    assert sum(one.n for one in found.bins) == found.n == len(pairs)
    for one in found.bins:
        assert one.n > 0
        assert one.low - 1e-9 <= one.mean_confidence <= one.high + 1e-9
    weighted = sum(one.n * abs(one.mean_confidence - one.share_right) for one in found.bins)
    assert found.ece.value == pytest.approx(weighted / found.n)


def test_against_sklearn():
    calibration = pytest.importorskip("sklearn.calibration")
    metrics = pytest.importorskip("sklearn.metrics")
    probs, outcomes = calibrated(1000, seed=3, sharpness=2)
    found = expected_calibration_error(probs, outcomes, n_bins=10)
    shares, means = calibration.calibration_curve(outcomes, probs, n_bins=10)
    assert [one.share_right for one in found.bins] == pytest.approx(list(shares))
    assert [one.mean_confidence for one in found.bins] == pytest.approx(list(means))
    assert found.brier.value == pytest.approx(metrics.brier_score_loss(outcomes, probs))


def test_temperature_against_sklearn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    probs, outcomes = calibrated(3000, sharpness=2)
    model = linear_model.LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
    model.fit(np.log(probs / (1 - probs))[:, None], outcomes)
    assert fit_temperature(probs, outcomes) == pytest.approx(1 / model.coef_[0, 0], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("sharpness", [0.3, 1.0, 2.0, 5.0])
def test_the_temperature_that_was_used_is_found_and_undone(sharpness):
    probs, outcomes = calibrated(40_000, sharpness=sharpness)
    temperature = fit_temperature(probs, outcomes)
    assert temperature == pytest.approx(sharpness, rel=0.05)
    mended = expected_calibration_error(apply_temperature(probs, temperature), outcomes)
    assert mended.ece.value < 0.015


def test_no_temperature_fits_better():
    probs, outcomes = calibrated(500, seed=5, sharpness=2)

    def loss(temperature):
        mended = apply_temperature(probs, temperature)
        return -np.mean(np.where(outcomes, np.log(mended), np.log(1 - mended)))

    best = fit_temperature(probs, outcomes)
    assert loss(best) == min(loss(best * factor) for factor in (0.5, 0.9, 0.99, 1, 1.01, 1.1, 2))


def test_a_temperature_weighs_as_repeating_does():
    probs, outcomes = calibrated(300, sharpness=2)
    weights = np.arange(300) % 4
    repeated = fit_temperature(np.repeat(probs, weights), np.repeat(outcomes, weights))
    assert fit_temperature(probs, outcomes, weights) == pytest.approx(repeated)
    assert fit_temperature(probs, outcomes) != pytest.approx(repeated, rel=1e-6)


def test_a_temperature_takes_any_shape_and_targets_between():
    probs, outcomes = calibrated(300, sharpness=2)
    flat = fit_temperature(probs, outcomes)
    assert fit_temperature(probs.reshape(10, 30), outcomes.reshape(10, 30)) == flat
    half = fit_temperature(probs, 0.5 + 0.4 * (2 * outcomes - 1))
    assert half > flat  # less sure


@pytest.mark.parametrize(
    ("probs", "targets", "temperature"),
    [
        ([0.9, 0.6, 0.2], [1, 1, 0], COLDEST),  # all right
        ([0.9, 0.6, 0.2], [0, 0, 1], HOTTEST),  # all wrong
        ([1.0, 0.0], [1, 0], COLDEST),
        ([1.0, 0.0], [0, 1], HOTTEST),
        ([0.5, 0.5], [1, 0], 1.0),  # nothing to be told
        ([0.9], [0.9], 1.0),
    ],
)
def test_temperatures_have_bounds(probs, targets, temperature):
    assert fit_temperature(probs, targets) == pytest.approx(temperature)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.05, 20))
def test_a_temperature_keeps_order_sides_and_bounds(probs, temperature):
    probs = np.sort(probs)
    found = apply_temperature(probs, temperature)
    assert found.shape == probs.shape
    assert np.all((found >= 0) & (found <= 1))
    assert np.all(np.diff(found) >= 0)
    assert np.all(found[probs > 0.5] >= 0.5)
    assert np.all(found[probs < 0.5] <= 0.5)
    assert apply_temperature([0.5], temperature)[0] == 0.5


def test_temperature_1_changes_nothing():
    probs = np.linspace(0.001, 0.999, 50)
    assert apply_temperature(probs, 1.0) == pytest.approx(probs)


def test_the_best_threshold_by_hand():
    confidences, correct = [0.9, 0.8, 0.6, 0.55], [True, True, False, True]
    # of 4 reference relations: all kept 3/4 and 3/4; from 0.8 on 2/2 and 2/4: F1 0.75 beats 0.667
    assert best_threshold(confidences, correct, 4) == (0.5, pytest.approx(0.75))
    # of 2: from 0.8 on everything is right and found
    assert best_threshold(confidences, correct, 2) == (0.8, 1.0)


def test_of_thresholds_as_good_the_one_nearest_to_a_half():
    assert best_threshold([0.9, 0.7], [True, True], 2) == (0.5, 1.0)
    assert best_threshold([0.4, 0.3, 0.2], [True, True, False], 2) == (0.3, 1.0)
    assert best_threshold([0.9, 0.4], [False, False], 1) == (0.5, 0.0)


@pytest.mark.parametrize(("n_reference", "f1"), [(0, 1.0), (3, 0.0)])
def test_the_threshold_of_nothing(n_reference, f1):
    assert best_threshold([], [], n_reference) == (0.5, f1)


@given(PROBS, st.integers(0, 40))
def test_no_threshold_is_better(pairs, n_more):
    confidence, right = (np.array(column) for column in zip(*pairs, strict=True))
    n_reference = int(right.sum()) + n_more

    def f1(threshold):
        kept = confidence >= threshold
        n_right = int((kept & right).sum())
        totals = np.array([n_right, kept.sum(), n_right, n_reference])
        return precision_recall_f1(totals)[2]

    threshold, best = best_threshold(confidence, right, n_reference)
    assert best == pytest.approx(f1(threshold))
    others = [f1(one) for one in [*confidence, 0.5]]
    assert best >= max(others) - 1e-9


def test_lenient_predictions_beyond_the_reference_do_not_lift_recall_above_1():
    assert best_threshold([0.9, 0.8, 0.7], [True, True, True], 2) == (0.5, 1.0)


def with_confidences(document, *confidences):
    relations = tuple(
        relation.model_copy(update={"confidence": confidence})
        for relation, confidence in zip(document.relations, confidences, strict=True)
    )
    return document.model_copy(update={"relations": relations})


@pytest.fixture
def pair_of_documents(build):
    text = "aspirin caused a severe rash and fever; aspirin again: rash"
    gold = build(text, [("Drug", "aspirin"), ("Effect", "severe rash")], [(0, 1)])
    spans = [
        ("Drug", "aspirin"),
        ("Effect", "rash"),
        ("Effect", "fever"),
        ("Drug", [(40, 47)]),
        ("Effect", [(55, 59)]),
    ]
    predicted = build(
        text, spans, [(0, 1), (0, 2), (3, 4)], ungrounded=[("ADE", "aspirin", "coma")]
    )
    return gold, with_confidences(predicted, 0.7, 0.6, 0.9)


@pytest.mark.parametrize(
    ("match", "by", "wanted"),
    [
        ("strict", "offsets", {(0.7, False), (0.6, False), (0.9, False)}),
        ("lenient", "offsets", {(0.7, True), (0.6, False), (0.9, False)}),
        # by surface the two mentions are one pair, as sure as the surer
        ("strict", "surface", {(0.9, False), (0.6, False)}),
        ("lenient", "surface", {(0.9, True), (0.6, False)}),
    ],
)
def test_relations_are_right_as_they_are_counted(build, pair_of_documents, match, by, wanted):
    gold, predicted = pair_of_documents
    nothing = build("no event", id="d2")
    confidences, right = relation_confidences(
        [gold, nothing], [predicted, nothing], match=match, by=by
    )
    assert set(zip(confidences.tolist(), right.tolist(), strict=True)) == wanted
    assert right.dtype == bool
    grounded = predicted.model_copy(update={"meta": {}})
    counts = count_relations([gold], [grounded], match=match, by=by)
    assert (len(right), right.sum()) == (counts.predicted.sum(), counts.correct_predicted.sum())


def test_gold_against_itself_is_all_right(build):
    gold = build("aspirin: rash", [("Drug", "aspirin"), ("Effect", "rash")], [(0, 1)])
    confidences, right = relation_confidences(
        [gold], [with_confidences(gold, 0.8)], match="strict", by="offsets"
    )
    assert confidences.tolist() == [0.8]
    assert right.tolist() == [True]


def test_no_relation_is_no_confidence(build):
    document = build("nothing")
    confidences, right = relation_confidences([document], [document], match="strict", by="offsets")
    assert len(confidences) == len(right) == 0
    with pytest.raises(EvaluationError, match="at least one prediction"):
        expected_calibration_error(confidences, right)


def test_a_relation_without_a_confidence_is_an_error(build):
    gold = build("aspirin: rash", [("Drug", "aspirin"), ("Effect", "rash")], [(0, 1)])
    with pytest.raises(EvaluationError, match="'d1': a relation ADE carries no confidence"):
        relation_confidences([gold], [gold], match="strict", by="offsets")


def rash(build, id, *confidences):
    """A document with a right and a wrong relation, as sure as that; gold without any."""
    spans = [("Drug", "aspirin"), ("Effect", "rash"), ("Effect", "fever")]
    text = "aspirin: rash, no fever"
    if not confidences:
        return build(text, spans[:2], [(0, 1)], id=id)
    return with_confidences(build(text, spans, [(0, 1), (0, 2)], id=id), *confidences)


def test_relations_against_gold_whatever_the_order(build):
    gold = [rash(build, id) for id in ("a", "b", "c")]
    predicted = [rash(build, "c", 0.9, 0.6), rash(build, "a", 0.8, 0.3)]
    found = relation_calibration(gold, predicted, n_resamples=50)
    wanted = expected_calibration_error([0.9, 0.6, 0.8, 0.3], [True, False, True, False])
    assert (found.n, found.bins) == (4, wanted.bins)
    assert found.ece.value == pytest.approx(wanted.ece.value)
    assert found.brier.value == pytest.approx(wanted.brier.value)
    head = "calibration:relations:lenient|by:offsets|bins:10|n:4|gold:"
    assert found.signature.startswith(head)
    assert "|gold:unnamed" not in found.signature
    assert found == relation_calibration(gold[::-1], predicted[::-1], n_resamples=50)
    other = relation_calibration(gold, predicted, seed=1, n_resamples=50)
    assert "|seed:1|resamples:50|" in other.signature


def test_without_confidences_there_is_nothing_to_calibrate(build):
    gold = [rash(build, "a"), rash(build, "b")]
    sure = rash(build, "b", 0.8, 0.3)
    assert relation_calibration(gold, [sure]) is not None
    assert relation_calibration(gold, gold) is None
    assert relation_calibration(gold, [gold[0], sure]) is None, "one without, one with"
    assert relation_calibration(gold, [gold[0].bare()]) is None
    assert relation_calibration(gold[:1], [sure]) is None, "not in gold"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: expected_calibration_error([0.5, 1.2], [True, False]),
        lambda: expected_calibration_error([0.5, float("nan")], [True, False]),
        lambda: expected_calibration_error([0.5], [True, False]),
        lambda: expected_calibration_error([0.5], [True], n_bins=0),
        lambda: best_threshold([0.5], [True], -1),
        lambda: best_threshold([-0.1], [True], 1),
        lambda: fit_temperature([], []),
        lambda: fit_temperature([0.5, 0.4], [1]),
        lambda: fit_temperature([0.5], [1], [1, 2]),
        lambda: apply_temperature([0.5], 0),
        lambda: apply_temperature([0.5], float("nan")),
        lambda: relation_confidences([], [None], match="strict", by="offsets"),
    ],
)
def test_what_makes_no_sense_is_an_error_in_one_line(wrong):
    with pytest.raises(EvaluationError) as caught:
        wrong()
    assert "\n" not in str(caught.value)


def test_as_plain_types_and_as_a_line():
    found = expected_calibration_error([0.9, 0.3], [True, False])
    data = found.to_dict()
    assert data["n"] == 2
    assert data["bins"][1] == {
        "low": 0.9,
        "high": 1.0,
        "n": 1,
        "mean_confidence": 0.9,
        "share_right": 1.0,
    }
    assert repr(found).startswith("Calibration(ECE 20.0 [")
    assert "\n" not in repr(found)


@pytest.mark.parametrize("n_systems", [1, 2, 5])
def test_the_reliability_chart_names_each_system_and_counts_each_bin(n_systems):
    pytest.importorskip("matplotlib")
    probs, outcomes = calibrated(777)
    found = expected_calibration_error(probs, outcomes)
    svg = draw_reliability({f"system {n} <&> $x$": found for n in range(n_systems)})
    assert svg.startswith("<svg viewBox=")
    assert "xmlns" not in svg
    assert "currentColor" in svg
    for number in range(n_systems):
        assert f"system {number} &lt;&amp;&gt; $x$" in svg
    assert svg.count(f"ECE {found.ece.percent}") == n_systems
    for one in found.bins:
        assert svg.count(f">{one.n}</text>") >= n_systems
    assert svg == draw_reliability({f"system {n} <&> $x$": found for n in range(n_systems)})


def test_without_matplotlib_the_chart_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = expected_calibration_error([0.9], [True])
    with pytest.raises(MissingExtraError, match=r"decoct\[report\]"):
        draw_reliability({"a": found})

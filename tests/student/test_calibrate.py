"""Calibrating on silver: what is fitted, when there is too little, which settings go together."""

import numpy as np
import pytest

from decoct.config import check
from decoct.errors import ConfigError
from decoct.evaluation.calibration import best_threshold, expected_calibration_error
from decoct.evaluation.temperature import apply_temperature
from decoct.records import Document
from decoct.student.calibrate import MIN_RELATIONS, at_temperature, calibrate, uncalibrated
from decoct.student.settings import RelationCalibration, StudentCard, StudentSettings
from fakes.drugs import sentence

WORDS = ("zorafen", "kutamab", "rash", "coma")


def found(number, confidence):
    """A student's document with one relation of that confidence."""
    document = sentence(0, WORDS, f"d{number}", "predicted")
    relations = (document.relations[0].model_copy(update={"confidence": confidence}),)
    return document.model_copy(update={"relations": relations})


def judged_by(confidences, right):
    """Silver that has these relations where they are right, and the student's documents."""
    silver = [sentence(0, WORDS, f"d{number}") for number in range(len(right))]
    silver = [
        document if is_right else Document(id=document.id, text=document.text, source="silver")
        for document, is_right in zip(silver, right, strict=True)
    ]
    return silver, [found(*pair) for pair in enumerate(confidences)]


def too_sure(n, sharpness=3.0):
    rng = np.random.default_rng(1)
    probs = rng.beta(4, 1.5, n)
    return apply_temperature(probs, 1 / sharpness).round(4), rng.random(n) < probs


def test_the_temperature_of_one_who_is_too_sure():
    confidences, right = too_sure(1500)
    made = calibrate(*judged_by(confidences, right))
    assert made.temperature == pytest.approx(3.0, rel=0.1)
    assert made.n_relations == 1500
    before = expected_calibration_error(confidences, right)
    after = expected_calibration_error(at_temperature(confidences, made.temperature), right)
    assert made.ece_before == pytest.approx(before.ece.value, abs=1e-4)
    assert made.ece_after == pytest.approx(after.ece.value, abs=1e-4)
    assert made.brier_before == pytest.approx(before.brier.value, abs=1e-4)
    assert made.brier_after == pytest.approx(after.brier.value, abs=1e-4)
    assert made.ece_after < 0.05 < made.ece_before
    assert made.brier_after < made.brier_before


@pytest.mark.parametrize("given_out", [True, False])
def test_the_threshold_is_the_best_one_of_what_is_given_out(given_out):
    confidences, right = too_sure(200)
    silver, predicted = judged_by(confidences, right)
    silver += [sentence(0, WORDS, f"missed{n}") for n in range(30)]
    predicted += [Document(id=f"missed{n}", text=silver[-1].text) for n in range(30)]
    made = calibrate(silver, predicted, given_out=given_out)
    compared = at_temperature(confidences, made.temperature) if given_out else confidences
    assert made.threshold == best_threshold(compared, right, int(right.sum()) + 30)[0]
    assert made.threshold in [*compared, 0.5]


@pytest.mark.parametrize(("n", "enough"), [(MIN_RELATIONS - 1, False), (MIN_RELATIONS, True)])
def test_it_takes_enough_relations(n, enough):
    made = calibrate(*judged_by([0.8] * n, [True] * n))
    assert (made is not None) == enough


def test_one_who_errs_nowhere_in_a_small_part_is_not_made_certain():
    confidences = np.linspace(0.6, 0.95, 25).round(4)
    made = calibrate(*judged_by(confidences, [True] * 25))
    mended = at_temperature(confidences, made.temperature)
    assert mended.max() < 0.9999
    assert np.all(np.diff(mended) > 0)
    assert mended.mean() == pytest.approx(26 / 27, abs=0.05)


def test_what_silver_does_not_know_is_not_held_against_a_student():
    silver, predicted = judged_by([0.9] * 60, [True] * 30 + [False] * 30)
    plain = calibrate(silver, predicted)
    drug = silver[0].spans[:1]
    silent = [
        document.model_copy(update={"spans": drug, "meta": {"unknown_subjects": [drug[0].id]}})
        for document in silver[30:]
    ]
    made = calibrate([*silver[:30], *silent], predicted)
    assert made == calibrate(silver[:30], predicted[:30])
    assert made.n_relations == 30
    assert made.temperature < 1 < plain.temperature


def test_uncalibrated_gives_out_everything():
    calibration = RelationCalibration(
        temperature=2,
        threshold=0.7,
        n_relations=99,
        ece_before=0.1,
        ece_after=0.1,
        brier_before=0.1,
        brier_after=0.1,
    )
    settings = StudentSettings(seed=5, tune_threshold=True)
    card = StudentCard(
        task="ade",
        tagged=("Drug",),
        relation_types=(("ADE", "Drug", "AdverseEffect"),),
        settings=settings,
        calibration=calibration,
    )
    raw = uncalibrated(card)
    assert raw.calibration is None
    assert raw.settings == StudentSettings(seed=5, calibrate=False)
    other = settings.model_copy(update={"tune_threshold": False, "relation_threshold": 0.4})
    assert uncalibrated(card.model_copy(update={"settings": other})) == raw


def test_one_threshold_or_the_other():
    with pytest.raises(ConfigError, match=r"relation_threshold 0\.3 and tune_threshold") as caught:
        check(StudentSettings, {"relation_threshold": 0.3, "tune_threshold": True}, "distill")
    assert "\n" not in str(caught.value)
    check(StudentSettings, {"relation_threshold": 0.0, "tune_threshold": True}, "distill")
    check(StudentSettings, {"relation_threshold": 0.3}, "distill")

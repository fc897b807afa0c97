"""Out of fold: nobody judges what it has learnt."""

import pytest

from decoct.errors import ConfigError
from decoct.student.silver.out_of_fold import out_of_fold
from fakes.marked import marked

SILVER = [marked(f"d{n}", f"‹gold› {n % 7}", confidence=0.5, weight=0.5) for n in range(10)]


def test_each_document_is_predicted_once_by_who_has_not_learnt_its_text():
    calls = []

    def fit_and_predict(learnt, held):
        calls.append((learnt, held))
        return [one.model_copy(update={"label": str(len(calls))}) for one in held]

    predicted = out_of_fold(SILVER, 3, 13, fit_and_predict)
    assert [(one.id, one.text) for one in predicted] == [(one.id, one.text) for one in SILVER]
    assert {one.label for one in predicted} == {"1", "2", "3"}
    for learnt, held in calls:
        assert not {one.text for one in learnt} & {one.text for one in held}
        assert len(learnt) + len(held) == len(SILVER)
        assert all(one in SILVER for one in learnt)
        assert all(one.spans == () and one.meta == {} for one in held)
        assert 2 <= len({one.text for one in held}) <= 3  # of seven


def test_the_folds_are_those_of_the_seed():
    def folds(seed):
        held = []
        out_of_fold(SILVER, 2, seed, lambda _, own: held.append([one.id for one in own]) or own)
        return held

    assert folds(1) == folds(1)
    assert any(folds(1) != folds(seed) for seed in range(2, 6))


@pytest.mark.parametrize("n_folds", [1, 8])
def test_as_many_folds_as_texts_at_most(n_folds):
    with pytest.raises(ConfigError, match=f"{n_folds} folds of 7 texts"):
        out_of_fold(SILVER, n_folds, 13, lambda _, held: held)
    assert out_of_fold(SILVER, 7, 13, lambda _, held: held)


def test_other_documents_are_no_answer():
    with pytest.raises(ValueError, match="documents it was given"):
        out_of_fold(SILVER, 2, 13, lambda _, held: held[::-1])

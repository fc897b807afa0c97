"""The scores of folds: pooled as one evaluation would, and their spread."""

from __future__ import annotations

from statistics import mean, stdev

import pytest

from decoct.errors import EvaluationError
from decoct.evaluation.cross_validation import TABLE_HEADER, Spread, score_folds
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.folds import Folding
from decoct.evaluation.metrics import SETTINGS
from fakes.drugs import corpus

GOLD = corpus(60)
FOLDING = Folding(3, 7)
FOLD_OF = FOLDING.assign(GOLD)


def predictions(fold):
    """Everything right, but nothing found in every document whose number is the fold's multiple."""
    held_out = [document for document in GOLD if FOLD_OF[document.id] == fold]
    return [
        document.bare() if number % (fold + 2) == 0 else document
        for number, document in enumerate(held_out)
    ]


@pytest.fixture(scope="module")
def scored():
    return score_folds(GOLD, {fold: predictions(fold) for fold in range(3)}, FOLDING)


def test_the_pooled_score_is_that_of_all_predictions(scored):
    together = [document for fold in (2, 0, 1) for document in predictions(fold)]
    whole = evaluate(GOLD, together).to_dict()
    for of in ("relations", "spans"):
        for match, by in SETTINGS:
            one, other = scored.pooled.to_dict()[of][by][match], whole[of][by][match]
            assert one.pop("signature") == (
                other.pop("signature") + "|folds:3|fold_seed:7|group:text"
            )
            assert one == other


def test_the_spread_is_that_of_the_folds(scored):
    values = []
    for fold in range(3):
        held_out = [document for document in GOLD if FOLD_OF[document.id] == fold]
        values.append(evaluate(held_out, predictions(fold)).strict.f1.value)
    assert len(set(values)) == 3, "the folds are to differ"
    spread = scored.spread(("strict", "offsets"))
    assert spread.mean == pytest.approx(mean(values))
    assert spread.sd == pytest.approx(stdev(values))
    written = scored.to_dict()["over_folds"]["relations"]["offsets"]["strict"]["f1"]
    assert written == {"mean": round(mean(values), 6), "sd": round(stdev(values), 6)}
    assert spread.percent == f"{100 * mean(values):.1f} ± {100 * stdev(values):.1f}"


def test_false_alarms_are_counted_on_documents_without_relations(scored):
    negatives = scored.pooled.negatives
    assert negatives.n_documents == sum(not document.relations for document in GOLD)
    assert scored.to_dict()["over_folds"]["negatives"] == {"mean": 0.0, "sd": 0.0}
    assert any("false alarms: 0.0 [0.0, " in line for line in scored.lines())


def test_folds_that_are_not_done_are_named():
    scored = score_folds(GOLD, {1: predictions(1)}, FOLDING, note="given:subjects")
    n_held_out = sum(fold == 1 for fold in FOLD_OF.values())
    assert scored.missing == (0, 2)
    assert scored.pooled.n_documents == n_held_out
    assert scored.pooled.missing == ()
    assert f"not done: fold 0, 2 of 3; scored on {n_held_out} of 60 documents" in scored.lines()
    assert scored.pooled.strict.signature.endswith(
        "|folds:1/3|fold_seed:7|group:text|given:subjects"
    )
    assert scored.spread(("strict", "offsets")).sd is None
    folds = scored.to_dict()["folds"]
    assert folds["done"] == [1]
    assert folds["missing"] == [0, 2]


def test_no_fold_at_all_is_an_error():
    with pytest.raises(EvaluationError):
        score_folds(GOLD, {}, FOLDING)


def test_the_table_has_a_row_for_each_setting_and_label(scored):
    rows = scored.rows()
    assert [row[0] for row in rows] == [
        f"{of}, {match}, by {by}"
        for of in ("relations", "spans", "AdverseEffect", "Drug")
        for match, by in SETTINGS
    ]
    assert {len(row) for row in rows} == {len(TABLE_HEADER)}
    lines = scored.to_markdown().splitlines()
    assert lines[2] == f"| {' | '.join(rows[0])} |"
    assert scored.pooled.strict.signature in lines


def test_a_label_that_only_some_folds_have():
    rare = next(document for document in GOLD if FOLD_OF[document.id] == 2 and document.relations)
    renamed = rare.model_copy(
        update={"spans": tuple(s.model_copy(update={"label": "Rare"}) for s in rare.spans)}
    )
    gold = [renamed if document.id == rare.id else document for document in GOLD]
    scored = score_folds(gold, {fold: predictions(fold) for fold in range(3)}, FOLDING)
    assert scored.to_dict()["over_folds"]["span_labels"]["Rare"]["offsets"]["strict"] == {
        "precision": {"mean": 0.0, "sd": None},
        "recall": {"mean": 0.0, "sd": None},
        "f1": {"mean": 0.0, "sd": None},
        "n_folds": 1,
    }


def test_a_spread_of_one_value():
    assert Spread.of([0.5]).percent == "50.0"
    assert Spread.of([0.5]).to_dict() == {"mean": 0.5, "sd": None}

"""Classes against gold: known answers, scikit-learn as the oracle, and what is missing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

from decoct.errors import EvaluationError
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.label_counts import NONE
from decoct.evaluation.label_metrics import table_rows
from decoct.evaluation.label_report import LabelSection, confusion_rows, find_wrong
from decoct.evaluation.labels import (
    compare_labels,
    evaluate_labels,
    has_labels,
    hash_labels,
    label_calibration,
)
from decoct.evaluation.report import write_report
from decoct.records import Document, Span

QUICK = {"n_resamples": 20}
CLASSES = st.sampled_from(["no", "yes", "maybe"])


def documents(labels, source="gold", **meta):
    return [
        Document(id=f"d{n:03}", text=f"text {n}", source=source, label=label, meta=meta)
        for n, label in enumerate(labels)
    ]


def pairs(n_min=1):
    return st.lists(st.tuples(CLASSES, CLASSES), min_size=n_min, max_size=30)


@given(pairs(2))
def test_as_scikit_learn_counts(made):
    gold, said = ([pair[side] for pair in made] for side in (0, 1))
    found = evaluate_labels(documents(gold), documents(said, "predicted"), **QUICK)
    assert found.accuracy.value == pytest.approx(accuracy_score(gold, said))
    assert found.mcc.value == pytest.approx(matthews_corrcoef(gold, said))
    labels = sorted(set(gold))
    macro = f1_score(gold, said, average="macro", labels=labels, zero_division=0)
    assert found.main.f1.value == pytest.approx(macro)
    each = precision_recall_fscore_support(gold, said, labels=labels, zero_division=0)
    for at, label in enumerate(labels):
        one = found.classes[label]
        assert (one.precision.value, one.recall.value, one.f1.value, one.n_gold) == pytest.approx(
            tuple(column[at] for column in each)
        )


@given(pairs())
def test_numbers_stay_in_their_range_and_order_does_not_count(made):
    gold, said = (documents([pair[side] for pair in made]) for side in (0, 1))
    found = evaluate_labels(gold, said, **QUICK)
    for one in (found.accuracy, *(score.f1 for score in found.classes.values())):
        assert 0 <= one.low <= one.high <= 1
    assert -1 - 1e-9 <= found.mcc.value <= 1 + 1e-9
    assert sum(found.confusion.values()) == len(gold)
    assert evaluate_labels(gold[::-1], said[::-1], **QUICK) == found


def test_gold_against_itself_is_right():
    gold = documents(["yes", "no", "no", "maybe"])
    found = evaluate_labels(gold, gold, positive="yes", **QUICK)
    assert found.accuracy.value == found.main.f1.value == found.mcc.value == 1.0
    assert found.main_name == "F1 of yes"
    assert not found.missing
    assert find_wrong(gold, gold) == []


def test_what_is_missing_is_wrong_and_named():
    gold = documents(["yes", "yes", "no", "no"])
    said = [gold[0], gold[1].model_copy(update={"label": None}), gold[2]]
    said.append(Document(id="other", text="text", label="yes"))
    found = evaluate_labels(gold, said, positive="yes", **QUICK)
    assert found.missing == ("d001", "d003")
    assert found.unknown == ("other",)
    assert found.accuracy.value == 0.5
    assert found.main.recall.value == 0.5
    assert found.main.precision.value == 1.0
    assert found.confusion["yes", NONE] == 1
    assert NONE not in found.classes
    assert confusion_rows(found) == (
        ("gold", "no", "yes", NONE),
        [("no", "1", "0", "1"), ("yes", "0", "1", "1")],
    )
    assert [(one.document_id, one.predicted) for one in find_wrong(gold, said)] == [
        ("d001", NONE),
        ("d003", NONE),
    ]


def test_one_class_for_all_says_nothing():
    gold = documents(["yes", "no"] * 10)
    found = evaluate_labels(gold, documents(["yes"] * 20, "predicted"), positive="yes", **QUICK)
    assert found.mcc.value == 0.0
    assert found.accuracy.value == 0.5
    assert found.main.f1.value == pytest.approx(2 / 3)


def test_the_interval_holds_the_truth():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(40):
        right = rng.random(120) < 0.7
        gold = documents(["yes"] * 120)
        said = documents(["yes" if one else "no" for one in right], "predicted")
        found = evaluate_labels(gold, said, n_resamples=200).accuracy
        held += found.low <= 0.7 <= found.high
    assert held >= 34


def test_two_systems():
    gold = documents(["yes", "no"] * 40)
    good = documents([d.label if n % 10 else "maybe" for n, d in enumerate(gold)], "predicted")
    bad = documents(["yes"] * 80, "predicted")
    found = compare_labels(gold, good, bad, n_resamples=100, n_shuffles=500)
    assert found.accuracy.value == pytest.approx(0.9 - 0.5)
    assert found.accuracy.low > 0
    assert found.p_accuracy < 0.01
    assert found.p_f1 < 0.01
    same = compare_labels(gold, good, good, n_resamples=20, n_shuffles=50)
    assert same.accuracy.value == 0
    assert same.p_accuracy == same.p_f1 == 1.0
    f1s = [evaluate_labels(gold, one, **QUICK).main.f1.value for one in (good, bad)]
    assert found.f1.value == pytest.approx(f1s[0] - f1s[1])


def test_the_same_numbers_for_the_same_seed_and_a_signature():
    gold, said = documents(["yes", "no"] * 8), documents(["yes"] * 16, "predicted")
    one, other = (evaluate_labels(gold, said, seed=3, **QUICK) for _ in range(2))
    assert one == other
    assert one.signature.startswith(f"labels|f1:macro|n:16|gold:{hash_labels(gold)}|seed:3|")
    relabelled = documents(["no", "no"] * 8)
    assert hash_labels(gold) != hash_labels(relabelled)
    assert hash_labels(gold) == hash_labels(gold[::-1])


def test_json_and_rows():
    gold, said = documents(["yes", "no", "no"]), documents(["yes", "no", "yes"], "predicted")
    found = evaluate_labels(gold, said, **QUICK)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["confusion"] == {"no": {"no": 1, "yes": 1}, "yes": {"yes": 1}}
    assert data["accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-5)
    assert [row[0] for row in table_rows(found)] == ["no", "yes", "mean over classes"]
    assert "accuracy" in found._repr_html_()
    assert "missing" not in repr(found)


def test_calibration_of_confidences():
    gold = documents(["yes", "no"] * 10)
    sure = documents(["yes"] * 20, "predicted", confidence=0.5)
    assert label_calibration(gold, sure).ece.value == pytest.approx(0.0)
    assert label_calibration(gold, documents(["yes"] * 20)) is None


def test_label_documents_are_told_apart():
    span = Span(id="T1", start=0, end=4, label="Drug", text="text")
    assert has_labels(documents(["yes", None]))
    assert not has_labels([Document(id="d", text="text", label="yes", spans=[span])])
    assert not has_labels(documents([None]))


def test_what_can_not_be_scored():
    gold = documents(["yes", "no"])
    with pytest.raises(EvaluationError, match="no gold document has a label"):
        evaluate_labels(documents([None]), gold)
    with pytest.raises(EvaluationError, match="gold has classes of documents and no spans"):
        evaluate(gold, gold)
    with pytest.raises(EvaluationError, match="no gold document is 'maybe'"):
        evaluate_labels(gold, gold, positive="maybe")


def test_the_report_shows_classes(tmp_path):
    gold = documents(["yes", "no", "no"])
    said = documents(["yes", "no", "<b>yes</b>"], "predicted", confidence=0.8)
    one, other = evaluate_labels(gold, said, **QUICK), evaluate_labels(gold, gold, **QUICK)
    calibration = label_calibration(gold, said)
    difference = compare_labels(gold, said, gold, n_resamples=20, n_shuffles=20)
    section = LabelSection(
        {"ours": one, "theirs": other}, {"ours": calibration}, difference, find_wrong(gold, said)
    )
    path = tmp_path / "report.html"
    write_report(path, "labels", {}, {}, labels=section)
    page = path.read_text(encoding="utf-8")
    for part in ("ours", "theirs", "Matthews", one.signature, "text 2", "p=", "ECE"):
        assert part in page
    assert "<b>yes" not in page

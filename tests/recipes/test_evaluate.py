"""A student against gold."""

import pytest

from decoct.errors import EvaluationError, Faults
from decoct.formats.jsonl import write_jsonl
from decoct.recipes.evaluate import (
    evaluate,
    evaluate_student,
    read_gold,
    relation_calibration,
)
from decoct.records import Document, Span
from fakes.drugs import corpus

GOLD = corpus(60, seed=8)


def test_a_student_is_scored_on_the_texts_alone(student):
    metrics, predicted = evaluate_student(student, GOLD)
    bare = list(student.extract([document.bare() for document in GOLD]))
    assert [document.spans for document in predicted] == [document.spans for document in bare]
    assert metrics.to_dict() == evaluate(GOLD, bare).to_dict()
    score = metrics.to_dict()["relations"]["offsets"]["strict"]
    assert score["f1"]["value"] >= 0.9


def test_a_students_confidences_are_held_against_gold(student):
    _, predicted = evaluate_student(student, GOLD)
    found = relation_calibration(GOLD, predicted)
    assert found.n == sum(len(document.relations) for document in predicted)
    assert found.ece.value < 0.2
    assert relation_calibration(GOLD, GOLD) is None


def test_given_subjects_are_all_found(student):
    metrics, predicted = evaluate_student(student, GOLD, given_subjects=True)
    for gold, found in zip(GOLD, predicted, strict=True):
        assert [s.text for s in gold.spans if s.label == "Drug"] == [
            s.text for s in found.spans if s.label == "Drug"
        ]
    assert metrics.to_dict()["relations"]["offsets"]["strict"]["recall"]["value"] >= 0.9


def test_gold_of_another_task_is_an_error(student):
    span = Span(id="T1", start=0, end=5, label="Gene", text="BRCA1")
    with pytest.raises(
        EvaluationError, match="gold speaks of Gene, the student of AdverseEffect, Drug"
    ):
        evaluate_student(student, [Document(id="d", text="BRCA1", spans=[span])])


def test_read_gold(tmp_path):
    path = tmp_path / "gold.jsonl"
    write_jsonl(path, GOLD)
    assert read_gold(path, Faults()) == GOLD
    write_jsonl(path, [document.bare() for document in GOLD])
    with pytest.raises(EvaluationError, match="no document has an annotation"):
        read_gold(path, Faults())

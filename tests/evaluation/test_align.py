from __future__ import annotations

import pytest

from decoct.errors import EvaluationError
from decoct.evaluation.align import align, hash_gold
from decoct.records import Document


def docs(*ids):
    return [Document(id=id_, text=f"text of {id_}") for id_ in ids]


def test_joins_by_id_whatever_the_order():
    aligned = align(docs("b", "a", "c"), docs("z", "c", "a"))
    assert [document.id for document in aligned.gold] == ["a", "b", "c"]
    assert [document.id for document in aligned.predicted] == ["a", "b", "c"]
    assert aligned.missing == ("b",)
    assert aligned.unknown == ("z",)
    assert aligned.predicted[1].spans == ()
    assert repr(aligned) == "Aligned(3 documents, 1 missing, 1 unknown)"


def test_another_text_under_one_id_is_named_with_its_place():
    gold = [Document(id="d9", text="a rash after aspirin")]
    with pytest.raises(EvaluationError, match=r"'d9'.*from character 2 .*'rash.*'RASH"):
        align(gold, [Document(id="d9", text="a RASH after aspirin")])
    with pytest.raises(EvaluationError, match="from character 20"):
        align(gold, [Document(id="d9", text="a rash after aspirin.")])


@pytest.mark.parametrize("side", ["gold", "predicted"])
def test_a_repeated_id_is_named_with_its_side(side):
    one = docs("a")
    sides = {"gold": one, "predicted": one} | {side: one * 2}
    with pytest.raises(EvaluationError, match=f"'a' occurs twice among the {side}"):
        align(**sides)


def test_no_gold_is_refused():
    with pytest.raises(EvaluationError, match="no gold"):
        align([], docs("a"))


def test_the_hash_names_the_data_and_not_its_order(build):
    text = "aspirin caused fever"
    one = build(text, [("Drug", "aspirin"), ("Effect", "fever")], [(0, 1)])
    same = build(text, [("Effect", "fever"), ("Drug", "aspirin")], [(1, 0)])
    other = build(text, [("Drug", "aspirin"), ("Effect", "caused fever")], [(0, 1)])
    bare = build("other", id="d2")
    assert hash_gold([one, bare]) == hash_gold([bare, same])
    assert len({hash_gold([one]), hash_gold([other]), hash_gold([one, bare])}) == 3
    assert len(hash_gold([one])) == 8
    assert hash_gold([Document(id="s", text="\ud800")])  # a lone surrogate has a hash too

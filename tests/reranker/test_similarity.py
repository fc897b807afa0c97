"""How alike a mention and a name are, in English and in Chinese."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.reranker.similarity import COLUMNS, Comparison, Rarity, Text

NAMES = ["左侧腹股沟疝", "未特指的腹股沟疝", "其他疝", "Pain in left arm", "Type 2 diabetes"]
COMPARISON = Comparison(Rarity.learn(map(Text.of, NAMES)))
texts = st.text(max_size=40)


def numbers(mention, name):
    return dict(zip(COLUMNS, COMPARISON.numbers(mention, name), strict=True))


@given(texts, texts)
def test_all_numbers_are_numbers(mention, name):
    found = COMPARISON.numbers(mention, name)
    assert len(found) == len(COLUMNS)
    assert np.isfinite(found).all()
    shares = [value for column, value in numbers(mention, name).items() if "of_" in column]
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in shares)


@given(texts.filter(lambda text: any(char.isalnum() for char in text)))
def test_the_same_text_is_as_alike_as_can_be(text):
    found = numbers(text, f"  {text} ")
    assert found["equal"] == 1.0
    assert found["of_both_2"] == pytest.approx(1.0)
    assert found["missing"] == pytest.approx(0.0)
    assert COMPARISON.terms(text, text) == []


def test_case_width_and_spaces_are_no_difference():
    assert numbers("ＴＹＰＥ　２  Diabetes", "type 2 diabetes")["equal"] == 1.0


@pytest.mark.parametrize(
    ("mention", "name", "column", "value"),
    [
        ("stage IV cancer", "cancer stage 4", "number_+", 1),
        ("stage Ⅳ cancer", "cancer stage 3", "number_-", 1),
        ("2型糖尿病", "1型糖尿病", "number_~", 1),
        ("二型糖尿病", "2型糖尿病", "number_+", 1),
        ("乙型肝炎", "hepatitis b", "number_+", 1),
        ("left arm", "右臂", "side_-", 1),
        ("双侧疝", "bilateral hernia", "side_+", 1),
        ("pain without fever", "pain with fever", "negation_-", 1),
        ("未特指的疝", "疝", "negation_-", 1),
        ("MI", "myocardial infarction", "initials", 1),
        ("chronic obstructive pulmonary disease", "C.O.P.D.", "initials", 1),
        ("mi", "mi", "initials", 0),
        ("疝", "腹股沟疝", "inside", 1),
        ("腹股沟疝", "疝", "around", 1),
        ("冠心病", "冠状动脉粥样硬化性心脏病", "run_of_mention", 1),
    ],
)
def test_what_must_not_differ_is_counted(mention, name, column, value):
    assert numbers(mention, name)[column] == pytest.approx(value)


def test_a_rare_word_says_more_than_a_common_one():
    common, rare = numbers("疝x", "疝"), numbers("疝x", "x")
    assert rare["of_mention_1"] > common["of_mention_1"]


def test_terms_are_those_that_only_one_has():
    terms = COMPARISON.terms("左侧疝", "未特指的疝")
    assert {"-左侧", "-左", "+未特指", "+未特", "0未特指"} <= set(terms)
    assert not any(term.endswith("疝") and len(term) == 2 for term in terms)
    assert {"-severe", "+in"} <= set(COMPARISON.terms("severe pain", "pain in"))


def test_how_much_is_covered_goes_with_the_added_term():
    assert "3其他" in COMPARISON.terms("疝", "其他疝")
    assert "1其他" in COMPARISON.terms("腹疝", "其他疝")


def test_a_long_text_is_cut():
    assert len(Text.of("a b " * 5000).text) <= 400

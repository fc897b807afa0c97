"""What folding takes for the same, and what it leaves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.retriever.fold import CHARACTER, GAP, LETTER, MAX_CHARS, Folded, fold
from decoct.text.words import find_words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Heart ATTACK", "heart attack"),
        ("ＡＢＣ１２３", "abc123"),
        ("Sjögren", "SJOGREN"),
        ("Ⅳ期", "iv期"),
        ("straße", "STRASSE"),
        ("ﬁbrosis", "fibrosis"),
        ("Ménière", "Me\u0301nie\u0300re"),
        ("β₂", "Β2"),
    ],
)
def test_the_same(one, other):
    assert fold(one) == fold(other)


def test_what_makes_another_word_is_left():
    assert fold("が") != fold("か")
    assert fold("й") != fold("и")
    assert fold("한국") == "한국"
    assert fold("糖尿病") == "糖尿病"


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_is_folded_once_and_for_all(text):
    folded = fold(text)
    folded.encode("utf-8")
    assert fold(folded) == folded


def test_a_page_is_cut():
    assert len(fold("x" * 100_000)) == MAX_CHARS


ANY = st.characters(exclude_categories=(), max_codepoint=0x1FFFF)


@given(st.lists(st.text(ANY, max_size=20), max_size=6))
def test_owners_and_gaps(texts):
    folded = Folded.of(texts)
    assert len(folded.codes) == len(folded.kinds) == len(folded.owners)
    assert folded.kinds[0] == folded.kinds[-1] == GAP
    assert (np.diff(folded.owners) >= 0).all()
    for number, text in enumerate(texts):
        mine = folded.owners == number
        kept = [sign for sign in fold(text) if sign.isalnum()]
        assert [chr(code) for code in folded.codes[mine] if code] == kept


def test_kinds_are_those_of_words():
    text = "abc1, 糖尿病-x_y ・ー가か𠀀é"
    folded = Folded.of([text])
    kinds = dict(zip(fold(text), folded.kinds[1:-1].tolist(), strict=True))
    for word in find_words(fold(text)):
        signs = fold(text)[word.start : word.end]
        if len(signs) > 1:
            assert {kinds[sign] for sign in signs} == {LETTER}
    assert kinds["糖"] == kinds["か"] == kinds["𠀀"] == CHARACTER
    assert kinds["가"] == kinds["e"] == LETTER
    assert kinds["_"] == kinds["・"] == kinds[" "] == GAP

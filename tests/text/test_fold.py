"""Folding: of the same length, and the same again."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.text import fold
from decoct.text.fold import fold_script, fold_width

TEXT = st.text(st.one_of(st.sampled_from("Ａ１：　²頭醫ｶﾞ’a"), st.characters()))


@given(TEXT)
def test_offsets_are_kept(text):
    for folded in (fold_width(text), fold_script(text)):
        assert len(folded) == len(text)
    assert fold_width(fold_width(text)) == fold_width(text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＡＢＣ１２：（ｍｇ）　％", "ABC12:(mg) %"),
        ("CO₂ m² µg", "CO2 m2 μg"),
        ("“it’s”", '"it\'s"'),
        ("①。、《", "①。、《"),
        ("ﬁne", "ﬁne"),
        ("頭痛", "頭痛"),
    ],
)
def test_width(text, folded):
    assert fold_width(text) == folded


def test_script():
    pytest.importorskip("opencc")
    assert fold_script("該病人服藥後頭髮乾") == "该病人服药后头发干"


def test_without_opencc_script_is_left_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "opencc", None)
    monkeypatch.setattr(fold, "_converter", fold._converter.__wrapped__)
    assert fold_script("頭痛") == "頭痛"

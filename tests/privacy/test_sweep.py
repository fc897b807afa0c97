"""Strings of PHI where they stand unmarked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.privacy.sweep import Sweep


def swept(text, *pieces, covered=()):
    sweep = Sweep()
    for label, string in pieces:
        sweep.add(label, string)
    return [piece.text for piece in sweep.find(text, covered)]


def test_names_by_their_tokens():
    text = "Tobin HARROW's wife, harrow; Harrowing, Tobins, Mr. J."
    assert swept(text, ("NAME", "Mr. Tobin J. Harrow")) == ["Tobin", "HARROW", "harrow"]


def test_white_space_and_apostrophes_make_no_difference():
    text = "seen at st. orra’s\n  hospital"
    assert swept(text, ("HOSPITAL", "St. Orra's Hospital")) == ["st. orra’s\n  hospital"]


def test_names_that_are_words_need_a_capital():
    assert swept("He may go. May went. MAY too.", ("NAME", "Ann May")) == ["May", "MAY"]
    assert swept("a rose for Rose", ("NAME", "Rose Ullen")) == ["Rose"]


@pytest.mark.parametrize(
    ("label", "string"),
    [("ID", "12"), ("ID", "123"), ("DATE", "Monday"), ("DATE", "last week"), ("AGE", "92"),
     ("NAME", "J."), ("NAME", "Ng"), ("NAME", "Dr."), ("GEOGRAPHIC_LOCATION", "Clinic"),
     ("ID", "MRN"), ("NAME", "王")],
)  # fmt: skip
def test_what_would_be_found_in_every_text_does_not_count(label, string):
    assert swept(f"x {string} y {string}", (label, string)) == []


def test_what_is_covered_is_dealt_with():
    assert swept("Tobin and Tobin", ("NAME", "Tobin"), covered=[(0, 5)]) == ["Tobin"]
    assert swept("Tobin and Tobin", ("NAME", "Tobin"), covered=[(2, 5), (0, 3), (10, 15)]) == []


def test_in_chinese_nothing_stands_by_itself():
    assert swept("患者沈若兰入院，若兰出院，MRN204481号", ("NAME", "沈若兰")) == ["沈若兰"]
    assert swept("病历号204481入院，2044812", ("ID", "204481")) == ["204481"]


WORD = st.text(alphabet="abcdefghij", min_size=4, max_size=8)


@given(st.lists(WORD, min_size=1, max_size=6), st.lists(WORD, max_size=20), st.integers(0, 2))
def test_every_one_is_found_and_nothing_else(strings, others, how):
    case = (str, str.upper, str.title)[how]
    text = "; ".join([*others, *map(case, strings), *others])
    found = swept(text, *(("GEOGRAPHIC_LOCATION", string) for string in strings))
    wanted = {string.casefold() for string in strings}
    assert {piece.casefold() for piece in found} == wanted
    n_wanted = sum(word.casefold() in wanted for word in text.split("; "))
    assert len(found) == n_wanted

"""Sentences: by exact offsets, none of the text lost."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.text.sentences import split_sentences

CHARS = st.sampled_from(list("aB1 .!?\n\r\t\"')(][。！？；”」阿\u2028\0💊"))


def sentences(text: str) -> list[str]:
    return [text[place.start : place.end] for place in split_sentences(text)]


@given(st.text(st.one_of(CHARS, st.characters())))
def test_nothing_is_lost(text):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
    places = split_sentences(text)
    assert all(a.end <= b.start for a, b in pairwise(places))
    assert all(piece == piece.strip() and piece for piece in sentences(text))


@pytest.mark.parametrize(
    "whole",
    [
        "He took 2.5 mg daily.",
        "Dr. Smith saw Mrs. Jones.",
        "It was given i.v. Monday to Friday.",
        "Some drugs, e.g. Aspirin, i.e. ASA, were stopped.",
        "We saw J. Smith et al. 2012 and others.",
        "See Fig. 2 and Eq. 3 for approx. 5 cases (cf. Table 1).",
        "The p.o. dose was 0.5 mg vs. 1.5 mg.",
        "The rash (p < .05) went.",
    ],
)
def test_no_break_within(whole):
    assert sentences(whole) == [whole]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It went. Then it came.", ["It went.", "Then it came."]),
        ("Why? Because! Yes.", ["Why?", "Because!", "Yes."]),
        ('He said "no." Then (at 5.) He left.', ['He said "no."', "Then (at 5.)", "He left."]),
        ("at 10 a.m. The rash came", ["at 10 a.m.", "The rash came"]),
        ("He took 5 mg. 10 mg was more.", ["He took 5 mg.", "10 mg was more."]),
        ("one\n\n two \r\nthree", ["one", "two", "three"]),
        ("Dr.\nSmith", ["Dr.", "Smith"]),
        ("患者头痛。服药后好转！真的？是", ["患者头痛。", "服药后好转！", "真的？", "是"]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        ("真的吗？！是的。。。走", ["真的吗？！", "是的。。。", "走"]),
        (" \n ", []),
        ("", []),
    ],
)
def test_breaks(text, found):
    assert sentences(text) == found


@pytest.mark.parametrize(
    "text", [" ", "\n", "a", ". ", ".'", "。”", "!", "A. ", "no. A", " \n", "("]
)
def test_a_long_line_is_soon_split(text):
    started = time.perf_counter()
    split_sentences(text * (200_000 // len(text)))
    split_sentences("." + text * (200_000 // len(text)))
    assert time.perf_counter() - started < 4

"""Sentences: by exact offsets, none of the text lost."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.text.sentences import split_sentences

PASSAGES = Path(__file__).parent / "passages"
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
        ("Dr.\nSmith", ["Dr.\nSmith"]),
        ("He took a\ntablet", ["He took a\ntablet"]),
        ("Rash in 2.\n- Fever in 3", ["Rash in 2.", "- Fever in 3"]),
        ("HEADING\nText", ["HEADING", "Text"]),
        ("患者头痛。服药后好转！真的？是", ["患者头痛。", "服药后好转！", "真的？", "是"]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        ("真的吗？！是的。。。走", ["真的吗？！", "是的。。。", "走"]),
        (" \n ", []),
        ("", []),
    ],
)
def test_breaks(text, found):
    assert sentences(text) == found


ODD = [" ", "\n", "a", ". ", ".'", "。”", "!", "A. ", "no. A", " \n", "(", "()", "[1", ".1 ", ".1,"]
ODD += [
    "1.\n",
    "x\n",
    "X\n",
    "a.\n",
    "一",
    "；",
    "）。",
    "e.g. ",
    "- a\n",
    "the rash\n",
    "“",
    "...",
]
ODD += ["… ", "ab.A"]


@pytest.mark.parametrize("text", ODD)
def test_a_long_text_is_soon_split(text):
    started = time.process_time()
    split_sentences("." + text * (30_000 // len(text)))
    assert time.process_time() - started < 1


def test_a_million_characters_are_soon_split():
    prose = "He took 0.5 mg q.d. (see Fig. 2). The rash went,\nbut [12] came. " * 15_000
    started = time.process_time()
    assert len(split_sentences(prose)) == 30_000
    assert time.process_time() - started < 5


def passages():
    """Texts with the sentences that they should be split into; `|` stands between them."""
    for path in sorted(PASSAGES.glob("*.txt")):
        for number, passage in enumerate(path.read_text(encoding="utf-8").split("\n====\n"), 1):
            wanted = [sentence.strip() for sentence in passage.strip().split("|")]
            yield pytest.param(passage.strip().replace("|", ""), wanted, id=f"{path.stem}-{number}")


@pytest.mark.parametrize(("text", "wanted"), list(passages()))
def test_passages(text, wanted):
    assert sentences(text) == wanted


@given(st.text(CHARS), st.text(CHARS))
def test_a_blank_line_keeps_paragraphs_apart(first, second):
    whole = first + "\n\n" + second
    ends = [place.end for place in split_sentences(whole)]
    starts = [place.start for place in split_sentences(whole)]
    assert not any(a < len(first) and b > len(first) + 2 for a, b in zip(starts, ends, strict=True))

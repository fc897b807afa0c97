"""Words: every character that is not space is in exactly one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.text.words import MAX_WORD_CHARS, find_words


def words(text: str) -> list[str]:
    return [text[word.start : word.end] for word in find_words(text)]


@given(
    st.text(
        st.one_of(
            st.characters(), st.sampled_from("a_ -\u0301\u200d\ufe0f👩💊阿カ\u3099𠀀\u00a0\u2028")
        )
    )
)
def test_every_sign_is_in_exactly_one_word(text):
    owners = [0] * len(text)
    for word in find_words(text):
        assert word.end - word.start > 0
        for position in range(word.start, word.end):
            owners[position] += 1
    assert owners == [0 if char.isspace() else 1 for char in text]
    assert find_words(text) == sorted(find_words(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5-FU-induced", ["5", "-", "FU", "-", "induced"]),
        ("cafe\u0301 au lait", ["cafe\u0301", "au", "lait"]),
        ("e\u0301e\u0301", ["e\u0301e\u0301"]),
        ("💊👩\u200d⚕\ufe0f", ["💊", "👩\u200d", "⚕\ufe0f"]),
        ("阿司匹林100mg片", ["阿", "司", "匹", "林", "100mg", "片"]),
        ("カタカナ", ["カ", "タ", "カ", "ナ"]),
        ("IL-2_a", ["IL", "-", "2", "_", "a"]),
        ("\u0301a", ["\u0301a"]),
        ("(a)", ["(", "a", ")"]),
        (" \n\t\u3000", []),
        ("", []),
    ],
)
def test_examples(text, found):
    assert words(text) == found


def test_a_long_run_is_cut():
    assert [len(word) for word in words("x" * 150)] == [MAX_WORD_CHARS, MAX_WORD_CHARS, 22]
    assert len(find_words("x" * 200_000)) == 3125

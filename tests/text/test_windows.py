"""Windows: the text is shared out among them, each word to one that holds it, none too long."""

import time
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.text.sentences import split_sentences
from decoct.text.windows import Window, cut_sentences, cut_windows
from decoct.text.words import find_words

TEXTS = st.text(
    st.one_of(st.sampled_from("ab .!?A\n。\u0301”阿💊\u200d "), st.characters()), max_size=200
)


def cut(text, sizes, max_tokens, cutter=cut_windows):
    words = find_words(text)
    totals = [0, *accumulate(sizes[n % len(sizes)] for n in range(len(words)))]
    windows = cutter(text, words, lambda a, b: totals[b] - totals[a], max_tokens)
    return words, totals, windows


@pytest.mark.parametrize("cutter", [cut_windows, cut_sentences])
@given(
    text=TEXTS.filter(find_words),
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    max_tokens=st.integers(-1, 30),
)
def test_windows_hold_what_they_own(cutter, text, sizes, max_tokens):
    words, totals, windows = cut(text, sizes, max_tokens, cutter)
    assert windows[0].owns_from == 0
    assert windows[-1].owns_to == len(text) + 1
    for before, after in pairwise(windows):
        assert before.owns_to == after.owns_from
        assert before.start < after.start
        assert before.end < after.end
    for word in words:
        (owner,) = [w for w in windows if w.owns_from <= word.start < w.owns_to]
        assert owner.start <= word.start
        assert word.end <= owner.end
    for window in windows:
        inside = [n for n, word in enumerate(words) if window.start <= word.start < window.end]
        n_tokens = totals[inside[-1] + 1] - totals[inside[0]] if inside else 0
        assert n_tokens <= max_tokens or len(inside) <= 1
        assert window.owns_from < window.owns_to


def test_what_fits_is_one_window():
    _, _, windows = cut("One. Two. Three.", [1], 6)
    assert windows == [Window(0, 16, 0, 17)]
    assert cut("", [1], 0)[2] == [Window(0, 0, 0, 1)]


@given(TEXTS, st.lists(st.integers(0, 9), min_size=1, max_size=7), st.integers(1, 30))
def test_what_is_owned_has_context_where_there_is_room(text, sizes, max_tokens):
    words, totals, windows = cut(text, sizes, max_tokens)
    for window in windows[: len(words)]:
        inside = [n for n, word in enumerate(words) if window.start <= word.start < window.end]
        owned = [n for n in inside if window.owns_from <= words[n].start < window.owns_to]
        room = max_tokens - (totals[owned[-1] + 1] - totals[owned[0]])
        share = min(room // 2, max_tokens // 4)
        if owned[0] > 0 and totals[owned[0]] - totals[owned[0] - 1] <= share:
            assert inside[0] < owned[0] or share == 0
        if owned[-1] + 1 < len(words) and totals[owned[-1] + 2] - totals[owned[-1] + 1] <= share:
            assert inside[-1] > owned[-1] or share == 0


@given(TEXTS, st.lists(st.integers(0, 9), min_size=1, max_size=7), st.integers(1, 30))
def test_two_windows_share_half_a_window_at_most(text, sizes, max_tokens):
    words, totals, windows = cut(text, sizes, max_tokens)
    for before, after in pairwise(windows):
        shared = [n for n, word in enumerate(words) if after.start <= word.start < before.end]
        if shared:
            assert totals[shared[-1] + 1] - totals[shared[0]] <= max_tokens // 2
    assert cut(text, sizes, max_tokens)[2] == windows


@given(st.lists(st.integers(1, 5), min_size=1, max_size=60), st.integers(48, 80))
def test_short_sentences_are_owned_whole_with_their_neighbours(lengths, max_tokens):
    text = " ".join("The " + "aa " * length + "went." for length in lengths)
    _, _, windows = cut(text, [1], max_tokens)
    places = split_sentences(text)
    assert len(places) == len(lengths)
    for before, place, after in zip(
        [places[0], *places], places, [*places[1:], places[-1]], strict=False
    ):
        (owner,) = [w for w in windows if w.owns_from <= place.start < w.owns_to]
        assert place.end <= owner.owns_to
        assert owner.start <= before.start
        assert after.end <= owner.end


def test_windows_hold_many_short_sentences():
    text = "Rash. " * 1000  # of 2 words each
    _, _, windows = cut(text, [1], 64)
    assert len(windows) < 2000 / 64 * 1.5


def test_a_sentence_that_fills_a_window_is_owned_whole():
    text = "One two. The third is so long. Four."
    _, _, windows = cut(text, [1], 8)
    assert [text[w.owns_from : w.owns_to] for w in windows] == [
        "One two. ",
        "The third is so long. ",
        "Four.",
    ]
    assert [text[w.start : w.end] for w in windows] == [
        "One two. The third",
        ". The third is so long. Four",
        "long. Four.",
    ]


def test_a_long_sentence_goes_by_halves():
    text = "a b c d e f g h"
    _, _, windows = cut(text, [1], 4)
    assert [text[w.start : w.end] for w in windows] == ["a b c d", "c d e f", "e f g h"]
    assert [text[w.owns_from : w.owns_to] for w in windows] == ["a b c ", "d e ", "f g h"]


def test_a_giant_word_makes_no_idle_windows():
    text = "a b c d GIANT e"
    words = find_words(text)
    totals = [0, *accumulate([1, 1, 1, 1, 99, 1])]
    windows = cut_windows(text, words, lambda a, b: totals[b] - totals[a], 4)
    assert [text[w.start : w.end] for w in windows] == ["a b c d", "GIANT", "e"]


def test_a_sentence_without_a_word_of_its_own():
    text = "a。\u0301"  # the mark belongs to the word of the full stop, in the sentence before
    _, _, windows = cut(text, [1], 1)
    assert windows[-1].end == len(text)


@pytest.mark.slow
@pytest.mark.parametrize("max_tokens", [1, 16, 512])
@pytest.mark.parametrize("text", ["x", " ", "x ", "A. ", "阿", "\n", "-", "x\n", "Rash. ", "- a\n"])
def test_a_long_line_is_soon_cut(text, max_tokens):
    started = time.process_time()
    whole = text * (30_000 // len(text))
    _, _, windows = cut(whole, [1], max_tokens)
    assert windows[-1].owns_to == len(whole) + 1
    assert time.process_time() - started < 3


def test_a_window_for_each_sentence():
    text = "One two. Three four five. Six."
    _, _, windows = cut(text, [1], 10, cut_sentences)
    assert [text[w.start : w.end] for w in windows] == ["One two.", "Three four five.", "Six."]
    assert [w.owns_from for w in windows] == [0, 9, 26]
    _, _, windows = cut(text, [1], 3, cut_sentences)  # four words with the stop
    parts = [text[w.start : w.end] for w in windows]
    assert parts[0] == "One two."
    assert parts[-1] == "Six."
    assert all(part in "Three four five." for part in parts[1:-1])
    assert len(parts) > 3

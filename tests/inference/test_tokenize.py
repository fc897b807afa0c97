"""Tokens and the words they belong to, for the tokenizers that encoders come with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.errors import ArtifactError
from decoct.inference.tokenize import NO_WORD, WordTokenizer, read_tokenizer
from decoct.text.words import find_words
from fakes.encoders import byte_level, gpt, sentencepiece, wordpiece

TEXTS = [
    "Rash after amoxicillin. Zorafen (5-FU) caused severe bleeding, and nausea.",
    "The patient was given 50% dextrose; then kutamab caused a dry cough.",
] * 5
KINDS = {"bert": wordpiece, "roberta": byte_level, "gpt2": gpt, "deberta": sentencepiece}
TOKENIZERS = {kind: make(TEXTS) for kind, make in KINDS.items()}
kinds = pytest.mark.parametrize("kind", KINDS)
TEXT = st.text(st.sampled_from("abz5 .,()-\n\t\r\0é\u0301好。😀\u200d±_"), max_size=200) | st.text(
    max_size=60
)


def owner(words, start, end):
    """The word that holds a token's last character."""
    return next((n for n, word in enumerate(words) if word.start < end <= word.end), NO_WORD)


@kinds
@settings(max_examples=60, deadline=None)
@given(text=TEXT)
def test_words_of_tokens_match_the_character_ranges(kind, text):
    tokenizer = WordTokenizer(TOKENIZERS[kind], 10_000)
    (piece, *more) = list(tokenizer.pieces(text)) or [None]
    assert not more
    if piece is None:
        assert not text.strip() or not find_words(text)
        return
    encoding = TOKENIZERS[kind].encode(text)
    assert piece.input_ids.tolist() == encoding.ids
    for at, (start, end) in enumerate(encoding.offsets):
        empty = start == end or encoding.special_tokens_mask[at]
        wanted = NO_WORD if empty else owner(piece.words, start, end)
        assert piece.word_of_token[at] == wanted, encoding.tokens[at]


@kinds
@pytest.mark.parametrize("max_tokens", [16, 40])
@settings(max_examples=40, deadline=None)
@given(text=st.text(st.sampled_from("ab .,好\n😀Z5\u0301_"), min_size=20, max_size=400))
def test_pieces_fit_the_window_and_every_word_is_owned_once(kind, max_tokens, text):
    tokenizer = WordTokenizer(TOKENIZERS[kind], max_tokens)
    owned = []
    for piece in tokenizer.pieces(text):
        assert 0 < len(piece) <= max_tokens
        assert len(piece.words) <= max_tokens
        assert set(piece.word_of_token.tolist()) <= {NO_WORD, *range(len(piece.words))}
        owned += [
            word
            for word in piece.words
            if piece.window.owns_from <= word.start < piece.window.owns_to
        ]
    assert owned == find_words(text)


@pytest.mark.slow
@kinds
@pytest.mark.parametrize(
    "text",
    [
        "zorafen caused nausea and rash " * 6400,
        "a" * 200_000,
        "好" * 20_000,
        "😀" * 20_000,
        "e" + "\u0301" * 20_000,
        "ж" * 64 + " rash " + "ж" * 64,
        "x." * 20_000,
        "Rash. " * 30_000,
    ],
    ids=["spaces", "no-spaces", "cjk", "emoji", "marks", "cyrillic", "dots", "sentences"],
)
def test_long_lines_are_cut_and_nothing_is_dropped(kind, text):
    tokenizer = WordTokenizer(TOKENIZERS[kind], 32)
    owned = 0
    for piece in tokenizer.pieces(text):
        assert len(piece) <= 32
        owned += sum(
            piece.window.owns_from <= word.start < piece.window.owns_to for word in piece.words
        )
    assert owned == len(find_words(text))


@kinds
def test_a_window_has_the_tokens_that_the_whole_text_has(kind):
    text = "Kutamab caused a dry cough. Zorafen caused nausea, and rash. " * 4
    (whole,) = WordTokenizer(TOKENIZERS[kind], 10_000).pieces(text)
    of_word = {
        word: whole.input_ids[whole.word_of_token == n].tolist()
        for n, word in enumerate(whole.words)
    }
    pieces = list(WordTokenizer(TOKENIZERS[kind], 48).pieces(text))
    assert len(pieces) > 1
    for piece in pieces:
        for n, word in enumerate(piece.words):
            assert piece.input_ids[piece.word_of_token == n].tolist() == of_word[word]
    specials = piece.input_ids[[0, -1]].tolist()
    assert kind == "gpt2" or specials == whole.input_ids[[0, -1]].tolist()


@kinds
@pytest.mark.parametrize("text", ["", " ", "\n\t\r ", "\u3000"])
def test_a_text_without_words_has_no_piece(kind, text):
    assert list(WordTokenizer(TOKENIZERS[kind], 32).pieces(text)) == []


@kinds
def test_truncation_and_padding_of_the_file_are_switched_off(kind):
    tokenizer = KINDS[kind](TEXTS)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=50)
    (piece,) = WordTokenizer(tokenizer, 10_000).pieces(TEXTS[0])
    assert np.unique(piece.word_of_token).size > len(piece.words) // 2


def test_literal_special_tokens_in_a_text_are_text():
    (piece,) = WordTokenizer(TOKENIZERS["bert"], 64).pieces("[CLS] rash [SEP]")
    assert (piece.word_of_token == NO_WORD).sum() == 2


def test_read_tokenizer(tmp_path):
    with pytest.raises(ArtifactError, match=r"holds no tokenizer\.json"):
        read_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(ArtifactError, match="can't be read") as caught:
        read_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)
    TOKENIZERS["bert"].save(str(tmp_path / "tokenizer.json"))
    assert list(WordTokenizer(read_tokenizer(tmp_path), 32).pieces("rash"))

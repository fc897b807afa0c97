"""Nothing of a text is lost in windows, whatever the tokenizer; the likest lines come first."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ArtifactError, ConfigError
from decoct.records import Document
from decoct.student.classifier.lines import headings, overlap_features, rank_lines
from decoct.student.classifier.settings import ClassifierCard, ClassifierSettings
from decoct.student.classifier.windows import WindowTokenizer, pad_windows
from fakes.encoders import byte_level, gpt, sentencepiece, wordpiece

WORDS = ["arm", "dose", "rash", "trial", "cohort", "mg", "12", "median", "patients", "survival"]
CORPUS = [" ".join(WORDS[at:] + WORDS[:at]) for at in range(len(WORDS))]
TOKENIZERS = {make.__name__: make(CORPUS) for make in (wordpiece, byte_level, sentencepiece, gpt)}
TEXT = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


def card(second="premise", **settings):
    values = {"max_tokens": 24, **settings}
    return ClassifierCard(
        task="t", labels=("a", "b"), second=second, settings=ClassifierSettings(**values)
    )


def tiny():
    """A card whose window only an encoder of few positions can have asked for."""
    made = card()
    return made.model_copy(update={"settings": made.settings.model_copy(update={"max_tokens": 6})})


def document(first, second):
    return Document(id="d", text=first, meta={"premise": second})


def plain(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("name", TOKENIZERS)
@given(first=TEXT, second=TEXT)
def test_every_token_is_in_a_window_and_no_window_is_too_long(name, first, second):
    tokenizer = TOKENIZERS[name]
    reading = WindowTokenizer(tokenizer, card()).read(document(first, second))
    assert all(len(window) <= 24 for window in reading.windows)
    assert reading.n_left_out == 0
    firsts = [window.ids[: window.n_first] for window in reading.windows]
    seconds = [window.ids[window.n_first :] for window in reading.windows]
    assert set(plain(tokenizer, first)) <= {id_ for ids in firsts for id_ in ids}
    assert holds(seconds, plain(tokenizer, second))
    assert reading.first_cut == (len(set(firsts)) > 1)


def holds(parts, ids):
    """Whether every run of three ids is in one part."""
    runs = {tuple(ids[at : at + 3]) for at in range(max(0, len(ids) - 2))}
    there = {part[at : at + 3] for part in parts for at in range(len(part))}
    return runs <= there


@given(second=TEXT)
def test_a_text_alone_is_cut_with_overlap(second):
    tokenizer = TOKENIZERS["wordpiece"]
    reading = WindowTokenizer(tokenizer, card(second=None)).read(document(second, ""))
    assert holds([window.ids for window in reading.windows], plain(tokenizer, second))
    assert all(window.n_first == len(window) for window in reading.windows)
    assert all(len(window) == 24 for window in reading.windows[:-1])


@given(st.lists(TEXT.filter(bool), min_size=1, max_size=8), TEXT)
def test_the_likest_lines_lose_nothing(lines, first):
    tokenizer = TOKENIZERS["wordpiece"]
    second = "\n".join(lines)
    made = WindowTokenizer(tokenizer, card(order="likest")).read(document(first, second))
    read = Counter(id_ for window in made.windows for id_ in window.ids[window.n_first :])
    assert Counter(plain(tokenizer, second)) <= read
    assert all(len(window) <= 24 for window in made.windows)


def test_the_likest_lines_come_first_with_their_heading():
    lines = ["arm 12:", *["patients dose mg"] * 6, "cohort:", "median survival rash", *["arm"] * 9]
    second = "\n".join(lines)
    made = WindowTokenizer(TOKENIZERS["wordpiece"], card(order="likest", max_tokens=32))
    ids = made.read(document("the survival and rash", second)).windows[0]
    read = TOKENIZERS["wordpiece"].decode(list(ids.ids[ids.n_first :]))
    assert "cohort median survival rash" in read.replace(" :", "")
    ranked = rank_lines("the survival and rash", second)
    best, above = ranked[0], headings(second, ranked)[ranked[0]]
    assert second[best.start : best.end] == "median survival rash"
    assert second[above.start : above.end] == "cohort:"


def test_windows_that_are_left_out_are_counted():
    tokenizer = TOKENIZERS["wordpiece"]
    whole = WindowTokenizer(tokenizer, card()).read(document("rash", " ".join(CORPUS)))
    some = WindowTokenizer(tokenizer, card(max_windows=2)).read(document("rash", " ".join(CORPUS)))
    assert len(whole.windows) > 2
    assert some.windows == whole.windows[:2]
    assert some.n_left_out == len(whole.windows) - 2


def test_a_pair_is_put_together_as_the_tokenizer_does_it():
    tokenizer = TOKENIZERS["byte_level"]  # RoBERTa's, with two signs between
    (window,) = WindowTokenizer(tokenizer, card()).read(document("rash", "arm")).windows
    assert list(window.ids) == tokenizer.encode("rash", "arm").ids
    batch = pad_windows([window], 1)
    assert batch.token_type_ids.sum() == len(plain(tokenizer, "arm")) + 1


def test_features_of_a_pair():
    assert overlap_features("rash 12 mg", "12 rash in one arm\nmg") == [1.0, 1.0, 2 / 3, 1.0, 0.0]
    assert overlap_features("rash 13", "12 fevers") == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert overlap_features("", "") == [0.0, 0.5, 0.0, 0.0, 0.0]


def test_what_can_not_be_read():
    made = WindowTokenizer(TOKENIZERS["wordpiece"], card())
    with pytest.raises(ConfigError, match=r"document 'd': meta.premise must hold the second text"):
        made.read(Document(id="d", text="rash"))
    with pytest.raises(ValueError, match="max_tokens"):
        card(max_tokens=5)
    with pytest.raises(ArtifactError, match="no room for a text"):
        WindowTokenizer(TOKENIZERS["byte_level"], tiny())

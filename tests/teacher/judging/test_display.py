"""What is shown of candidates and context: as much as fits, the mention always."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.kb.base import Entity, Query
from decoct.records import Candidate
from decoct.teacher.judging.display import MAX_NAME_CHARS, clip, show_candidates, show_context
from decoct.teacher.judging.settings import JudgeSettings
from decoct.teacher.tokens import n_tokens
from fakes.judged import ENTITIES

BY_ID = {entity.id: entity for entity in ENTITIES}
CANDIDATES = (
    Candidate(id="S1", name="Drowsy", alias="Falling asleep"),
    Candidate(id="S2", name="Eye pain"),
    Candidate(id="S3", name="Difficulty opening eyelids", alias="difficulty OPENING eyelids"),
    Candidate(id="gone", name="Not there", alias="Absent"),
)


def lines(candidates=CANDIDATES, lookup=BY_ID.__getitem__, **settings):
    shown = show_candidates(candidates, JudgeSettings(**settings), lookup)
    assert [option.id for option in shown] == [candidate.id for candidate in candidates]
    return [option.line() for option in shown]


def test_everything_where_there_is_room():
    assert lines() == [
        "Drowsy | also: Falling asleep; Sleepy; Somnolent | Ready to fall asleep at a time when "
        "one wants to be awake.",
        "Eye pain | also: Ophthalmalgia; Sore eyes",
        "Difficulty opening eyelids | The lids do not open at will.",
        "Not there | also: Absent",
    ]


@pytest.mark.parametrize(
    ("settings", "first", "third"),
    [
        ({"aliases": 0, "definition_chars": 0}, "Drowsy", "Difficulty opening eyelids"),
        ({"candidate_tokens": 0}, "Drowsy", "Difficulty opening eyelids"),
        (
            {"aliases": 1, "definition_chars": 24},
            "Drowsy | also: Falling asleep | Ready to fall asleep at…",
            "Difficulty opening eyelids | The lids do not open at…",
        ),
        (
            {"aliases": 0},
            "Drowsy | Ready to fall asleep at a time when one wants to be awake.",
            "Difficulty opening eyelids | The lids do not open at will.",
        ),
    ],
)
def test_less_where_less_is_asked_for(settings, first, third):
    shown = lines(**settings)
    assert (shown[0], shown[2]) == (first, third)


def test_without_a_knowledge_base_names_and_what_was_matched():
    assert lines(lookup=None) == [
        "Drowsy | also: Falling asleep",
        "Eye pain",
        "Difficulty opening eyelids",
        "Not there | also: Absent",
    ]
    assert lines(()) == []


@given(st.integers(0, 200), st.integers(0, 4), st.integers(0, 80))
def test_the_budget_is_kept_and_what_matched_goes_in_first(n_tokens_most, aliases, chars):
    settings = {"candidate_tokens": n_tokens_most, "aliases": aliases, "definition_chars": chars}
    names = sum(n_tokens(f"10. {candidate.name}\n") for candidate in CANDIDATES)
    shown = lines(**settings)
    n_shown = sum(n_tokens(f"10. {line}\n") for line in shown)
    assert n_shown <= max(names, n_tokens_most) + 8  # pieces are counted one by one
    if "also:" in shown[0]:
        assert "also: Falling asleep" in shown[0]
    more = lines(**{**settings, "candidate_tokens": n_tokens_most + 50})
    assert sum(map(len, more)) >= sum(map(len, shown))


def test_a_name_without_end_is_cut():
    entity = Entity(id="x", name="pain " * 300, aliases=("ache " * 300,))
    candidate = Candidate(id="x", name=entity.name)
    (line,) = lines((candidate,), {"x": entity}.__getitem__, candidate_tokens=1000)
    assert len(line) < 2 * MAX_NAME_CHARS + 20
    assert line.count("…") == 2


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("short", 10, "short"),
        ("two\n words", 10, "two words"),
        ("one two three four", 12, "one two…"),
        ("onetwothreefour", 6, "onetwo…"),
        ("一二三四五六", 3, "一二三…"),
    ],
)
def test_clip(text, most, expected):
    assert clip(text, most) == expected


# Context


TEXT = "First one. Then my back hurt. It was bad! Last one."


def shown(text, words, max_chars=300):
    start = text.index(words)
    return show_context(Query(words, text, start, start + len(words)), max_chars)


@pytest.mark.parametrize(
    ("max_chars", "expected"),
    [
        (300, "First one. Then my [[back]] hurt. It was bad! Last one."),
        (50, "Then my [[back]] hurt. It was bad! Last one."),
        (30, "Then my [[back]] hurt. It was bad!"),
        (29, "First one. Then my [[back]] hurt."),
        (20, "Then my [[back]] hurt."),
        (12, "my [[back]]"),
        (4, ""),
        (0, ""),
    ],
)
def test_sentences_around_a_mention(max_chars, expected):
    assert shown(TEXT, "back", max_chars) == expected


def test_a_mention_alone_has_no_context():
    assert show_context(Query("back"), 300) == ""


def test_chinese_has_no_words_to_cut_at():
    text = "患者" * 100 + "右乳腺癌" + "骨转移" * 100
    found = shown(text, "右乳腺癌", 40)
    assert len(found) == 44
    assert "[[右乳腺癌]]" in found


def test_a_mention_that_goes_over_sentences():
    assert shown("One. Two. Three.", "One. Two") == "[[One. Two]]. Three."


@given(
    st.text(st.sampled_from("ab .!\n。患"), min_size=1, max_size=120),
    st.integers(0, 119),
    st.integers(1, 8),
    st.integers(0, 100),
)
def test_whatever_the_text_the_mention_stands_in_it(text, start, length, max_chars):
    start = min(start, len(text) - 1)
    end = min(len(text), start + length)
    found = show_context(Query(text[start:end], text, start, end), max_chars)
    if found:
        before, _, rest = found.partition("[[")
        inside, _, after = rest.partition("]]")
        assert inside == text[start:end]
        assert text[:start].endswith(before)
        assert text[end:].startswith(after)
        assert len(found) - 4 <= max_chars
    else:
        assert end - start >= max_chars or not text[start:end].strip()


def test_a_long_document_is_cut_into_sentences_once(monkeypatch):
    from decoct.teacher.judging import display

    calls = []
    split = display.split_sentences
    monkeypatch.setattr(display, "split_sentences", lambda text: calls.append(1) or split(text))
    display._sentences.cache_clear()
    text = "My back hurt today. " * 2000
    for start in range(3, 20_000, 20):
        show_context(Query("back", text, start, start + 4), 300)
    assert len(calls) == 1

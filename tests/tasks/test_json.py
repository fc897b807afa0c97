"""The JSON of an answer: found among words, mended where nothing is lost, refused where cut."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from decoct.errors import AnswerError
from decoct.tasks._json import load_json, load_object

ANSWER = {
    "drugs": ["gold", "5-FU", "vitamin K (oral)"],
    "events": [
        {"drug": "gold", "effect": "Crohn's disease"},
        {"drug": "5-FU", "effect": 'so-called "hand-foot" syndrome, severe: grade [3]'},
    ],
    "sure": True,
    "note": None,
}
STRICT = json.dumps(ANSWER)
PRETTY = json.dumps(ANSWER, indent=2, ensure_ascii=False)
TRAILING = PRETTY.replace("\n  ]", ",\n  ]").replace("null\n}", "null,\n}")
THOUGHT = '<think>\nMaybe {"drugs": ["iron"], "events": []}? No: {"drugs": [\n</think>\n'
SHAPES = {
    "strict": STRICT,
    "pretty": PRETTY,
    "words": f"Here you are:\n{STRICT}\nThe list [1] holds {{all}} drugs. Anything else?",
    "fence": f"```json\n{PRETTY}\n```",
    "two fences": f"First:\n```json\n{PRETTY}\n```\nThat is:\n```\n{STRICT}\n```",
    "list of one": f"[{STRICT}]",
    "thoughts": f"{THOUGHT}{STRICT}",
    "thoughts, then a fence": f"{THOUGHT}```json\n{TRAILING}\n```",
    "trailing commas": TRAILING,
    "missing commas": PRETTY.replace("},\n    {", "}\n    {").replace('"gold",\n', '"gold"\n'),
    "Python": repr(ANSWER),
    "Python, in words": f"Sure! `{ANSWER!r}`",
    "comments": PRETTY.replace('s": [', 's": [ // all, {really}\n').replace(
        "null", "null /* ]} */ # }"
    ),
    "smart quotes": PRETTY.replace('\\"', "'")
    .replace('": ', "”: ")
    .replace('",', "”,")
    .replace('"\n', "”\n")
    .replace('"', "“")
    .replace("'hand-foot'", '\\"hand-foot\\"'),
    "quotes within": STRICT.replace('\\"', '"'),
    "bare keys": PRETTY.replace('"drug"', "drug").replace('"events"', "events"),
    "byte order mark": "\ufeff" + STRICT,
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_shapes_that_endpoints_give(content):
    assert load_object(content) == ANSWER


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_what_is_cut_off_anywhere_is_refused_or_is_whole(content):
    refused = 0
    for end in range(len(content)):
        try:
            assert load_object(content[:end]) == ANSWER
        except AnswerError:
            refused += 1
    assert refused > 50


def test_an_answer_cut_off_is_told_so():
    for cut in (STRICT[:40], STRICT[:-1], "```json\n{", "[{", TRAILING[:50], repr(ANSWER)[:-2]):
        with pytest.raises(AnswerError, match=r"^answer is broken off: .*give the whole"):
            load_json(cut)
    with pytest.raises(AnswerError, match="within its thoughts"):
        load_json(f"<think>{STRICT} Or rather")
    with pytest.raises(AnswerError):
        load_json(f"{STRICT}\nOr rather:\n{STRICT[:-20]}")


def test_thoughts_that_the_chat_template_opened():
    assert load_object(f'I could say {{"drugs": []}} here.\n</think>\n\n{STRICT}') == ANSWER
    odd = {"drugs": ["<think>", "</think>"], "events": []}
    assert load_object(json.dumps(odd)) == odd


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no JSON object"),
        ("None of {these} or [those].", "no JSON object"),
        ('{"drugs": ["gold"]} or {"drugs": ["iron"]}', "2 JSON objects that differ; give one"),
        ('[{"drugs": []}, {"drugs": ["secret"]}]', "is a list"),
        ('{"drugs": ["secret"], "drugs": ["gold"]}', "a key twice"),
        ('{"drugs": ["secret"}, "events": []}', "brackets don't match"),
        ('{"drugs": ["secret", ...], "events": []}', "not valid JSON"),
        ('{"drugs": ["secret" (oral), "iron"]}', "not valid JSON"),
        ('{"drugs": ["secret" + "iron"]}', "not valid JSON"),
        ('{"drugs": [the secret drug]}', "not valid JSON"),
        ('{"drugs"："secret"}', "not valid JSON"),
        ('{"drugs": ["\\ud83d"]}', "lone surrogate"),
        ('{"drugs": ["\\ud83d",]}', "lone surrogate"),
        ('{"n": ' + "1" * 5_000 + "}", "huge number"),
        ('{"n": ' + "1" * 5_000 + ",}", "huge number"),
        ('{"n": ' + "[" * 2_000 + "]" * 2_000 + "}", "nested too deep"),
        ("{'n': " + "[" * 100 + "]" * 100 + "}", "nested too deep"),
    ],
)
def test_what_can_not_be_read_is_said_in_one_line(content, told):
    with pytest.raises(AnswerError, match=rf"^answer .*{told}") as caught:
        load_object(content)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_number_is_null():
    assert load_object('{"n": NaN, "m": [-Infinity]}') == {"n": None, "m": [None]}
    assert load_object("{'n': nan, 'm': [-inf], }") == {"n": None, "m": [None]}


def test_a_line_end_within_a_string_stays():
    assert load_object('{"drugs": ["gold\nsalt\t"]}') == {"drugs": ["gold\nsalt\t"]}


@pytest.mark.parametrize(
    ("events", "meant"),
    [
        ('{"d": "a", "e": "x", "d": "b", "e": "y"}', [("a", "x"), ("b", "y")]),
        ('{"d": "a", "e": "x", "e": "y", "e": "z"}', [("a", "x"), ("a", "y"), ("a", "z")]),
        (
            '{"d": "a", "e": "x"}, {"d": "b", "e": "y", "e": "x"}',
            [("a", "x"), ("b", "y"), ("b", "x")],
        ),
        ('{"d": "a", "e": "x", "d": "a", "e": "x"}', [("a", "x")]),
        ('{"d": "a", "e": "x", "d": "b"}', [("a", "x"), ("b", None)]),
    ],
)
def test_a_key_again_begins_the_next_object_of_a_list(events, meant):
    found = load_object(f'{{"events": [{events}]}}')["events"]
    assert [(event["d"], event.get("e")) for event in found] == meant


def test_a_model_stuck_in_a_loop_is_told_so():
    loop = '"d": "a", "e": "x", "d": "b", "e": "x", '
    with pytest.raises(AnswerError, match="round in circles"):
        load_object('{"events": [{' + loop * 3 + '"d": "c", "e": "x"}]}')


STRINGS = st.text(st.sampled_from("ab \"'’“”\\/n,:#{}[]é阿\n\t"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(STRINGS, VALUES, min_size=1, max_size=4), STRINGS)
@example({"a": 'x "b" y', "c": "'"}, "")
def test_valid_json_is_read_as_it_is_and_python_too_or_not_at_all(value, words):
    words = words.translate({ord(sign): " " for sign in "{["})
    assert load_json(f"{words}{json.dumps(value)}") == value
    assert load_json(f"{json.dumps(value, ensure_ascii=False, indent=1)}{words}") == value
    with suppress(AnswerError):
        assert load_json(f"{words}\n{value!r}") == value
    with suppress(AnswerError):
        assert load_json(json.dumps(value)[:-1] + ",}") == value


SIGNS = "{\" {' \" ' “ ” { } [ ] : , \\ // /* */ # a drugs null None 1 ``` <think> </think> \\u0"
PIECES = st.lists(st.sampled_from([*SIGNS.split(" "), " ", "\n"]), max_size=30).map("".join)


@given(PIECES)
def test_anything_is_read_or_refused(content):
    with suppress(AnswerError):
        assert isinstance(load_json(content), dict | list)


@pytest.mark.parametrize(
    "content",
    [
        "{'drugs': [" + "'go\"ld', " * 10_000 + "]}",
        '{"drugs": [' + '"a "go" ld" ' * 10_000 + "]}",
        '{"drugs": [' + '"a' * 50_000 + "]}",
        '{"a": "x ' + '"b" ' * 30_000,
        '{"a" /*' * 20_000,
        "<think>" * 20_000,
        "{" * 100_000,
        '{"events": [{' + '"d": "a", "e": 1, ' * 10_000 + '"d": "b"}]}',
    ],
    ids=range(8),
)
def test_a_long_answer_takes_no_long_time(content):
    started = time.perf_counter()
    with suppress(AnswerError):
        load_json(content)
    assert time.perf_counter() - started < 3

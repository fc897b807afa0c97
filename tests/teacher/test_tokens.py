"""The token estimate: near what real calls were billed for, quick, and never astray."""

import gzip
import json
import timeit
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.tasks.base import Prompt
from decoct.teacher.base import Request
from decoct.teacher.tokens import MESSAGE_TOKENS, n_tokens, request_tokens

REQUEST = Request("d1", "text", "ade", Prompt("Name each drug.", "He took zorafen."), {})


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("", 0),
        ("rash", 1),
        (" rash", 1),
        ("He had a rash.", 5),
        ("2024", 2),
        ("hypersensitivity", 5),
        ('{"drugs": []}', 4),
        ("皮疹", 2),
        ("皮疹，3 天", 6),
    ],
)
def test_texts_that_can_be_counted_by_hand(text: str, n: int) -> None:
    assert n_tokens(text) == n


@given(st.text(max_size=300))
def test_any_text_has_at_most_as_many_tokens_as_characters(text: str) -> None:
    assert len(text) / 41 <= n_tokens(text) <= len(text)


@given(st.text(max_size=100), st.text(max_size=100))
def test_two_texts_together_are_about_as_long_as_each(one: str, other: str) -> None:
    apart = n_tokens(one) + n_tokens(other)
    assert abs(n_tokens(one + other) - apart) <= 4 + apart // 2


def test_characters_cost_more_than_words() -> None:
    assert n_tokens("患者服用阿莫西林后出现皮疹") == 13
    assert 5 <= n_tokens("Пациент принимал препарат") <= 15
    assert n_tokens("β-blocker naïve") < 15


def test_a_request_is_more_than_its_prompt() -> None:
    bare = request_tokens(REQUEST)
    words = n_tokens(REQUEST.prompt.system) + n_tokens(REQUEST.prompt.user)
    assert words + 2 * MESSAGE_TOKENS <= bare <= words + 2 * MESSAGE_TOKENS + 5

    again = replace(REQUEST, prompt=replace(REQUEST.prompt, turns=(("{}", "No events."),)))
    said = n_tokens("{}") + n_tokens("No events.")
    assert request_tokens(again) == bare + said + 2 * MESSAGE_TOKENS

    schema = {"type": "object", "properties": {"drugs": {"type": "array"}}}
    asked = request_tokens(replace(REQUEST, schema=schema))
    assert asked - bare == n_tokens(json.dumps(schema)) - n_tokens("{}")


def test_an_abstract_takes_no_time() -> None:
    abstract = "Two days after the second dose of amoxicillin, the boy developed a rash. " * 15
    best_s = min(timeit.repeat(lambda: n_tokens(abstract), number=100, repeat=5)) / 100
    assert best_s < 250e-6  # 40 on one core of a laptop


@pytest.fixture(scope="module")
def calls(shared):
    def read(name: str) -> list[dict]:
        path = shared / "data" / "ade" / "teacher" / f"{name}.jsonl.gz"
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            return [json.loads(line) for line in handle]

    return read


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "total", "each"), [("gpt-4-1106-json", 0.02, 0.02), ("o1-2024-12-17", 0.01, 0.01)]
)
def test_real_prompts(shared, calls, name: str, total: float, each: float) -> None:
    system = (shared / "data" / "ade" / "teacher" / "gpt-4.prompt.txt").read_text(encoding="utf-8")
    framing = request_tokens(replace(REQUEST, prompt=Prompt(system, "")))
    pairs = [
        (framing + n_tokens(call["text"]), call["usage"]["prompt_tokens"]) for call in calls(name)
    ]
    check_within(pairs, total, each)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "field", "total", "each"),
    [
        ("gpt-4-1106-json", "content", 0.02, 0.07),
        ("gpt-4-1106-function", "function_arguments", 0.02, 0.085),
    ],
)
def test_real_answers(calls, name: str, field: str, total: float, each: float) -> None:
    pairs = [
        (n_tokens(call[field]), call["usage"]["completion_tokens"])
        for call in calls(name)
        # a few went on with white space to the limit, and not all of that was kept
        if call["finish_reason"] == "stop" and call["usage"]["completion_tokens"] < 400
    ]
    assert len(pairs) > 3700
    check_within(pairs, total, each)


def check_within(pairs: list[tuple[int, int]], total: float, each: float) -> None:
    """Check that the sum is off by no more than `total`, and one call by `each` on average."""
    estimated = sum(guess for guess, _ in pairs)
    billed = sum(tokens for _, tokens in pairs)
    assert abs(estimated / billed - 1) < total
    assert sum(abs(guess / tokens - 1) for guess, tokens in pairs) / len(pairs) < each

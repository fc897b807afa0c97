"""The `ade` task: whatever shape an answer has, it is read or refused in one line."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import AnswerError, RegistryError
from decoct.tasks.ade import plugin
from decoct.tasks.base import Answer, Claim, get_task

RASH = Answer(("gold",), (Claim("ADE", "gold", "rash"),))
EVENT = {"drug": "gold", "effect": "rash"}
BODY = json.dumps({"drugs": ["gold"], "events": [EVENT]})


@pytest.mark.parametrize(
    "content",
    [
        BODY,
        json.dumps({"events": [EVENT]}),
        json.dumps({"drugs": ["gold", "gold"], "relations": [{"drug": "gold", "ade": "rash"}]}),
        json.dumps({"events": [{"drug": "gold", "adverse_effect": "rash", "certain": True}]}),
        json.dumps({"events": [{"drug": ["gold"], "effect": ["rash"]}], "note": "x"}),
        f"```json\n{BODY}\n```",
        f"Here you are:\n```\n{BODY}\n```\nAnything else?",
        f"Here you are: {BODY} Anything else?",
        "\ufeff" + BODY,
    ],
)
def test_shapes_of_an_answer(content):
    assert plugin.parse(content) == RASH


def test_lists_are_multiplied_out():
    content = json.dumps(
        {"drugs": ["iron"], "events": [{"drug": ["a", "b"], "effect": ["c", "d"]}]}
    )
    found = plugin.parse(content)
    assert found.subjects == ("iron", "a", "b")
    assert [(c.subject, c.object) for c in found.claims] == [
        ("a", "c"),
        ("a", "d"),
        ("b", "c"),
        ("b", "d"),
    ]
    assert plugin.parse('{"drugs": [], "events": []}') == Answer((), ())


WRONG = [
    "",
    "No adverse events.",
    "[]",
    "{",
    '{"events": [',
    "{}",
    '{"drugs": []}',
    '{"events": "secret"}',
    '{"events": [{"drug": "gold"}]}',
    '{"events": [{"drug": "gold", "effect": null}]}',
    '{"events": ["secret"]}',
    '{"events": [{"drug": {"secret": 1}, "effect": "secret"}]}',
    '{"events": [], "drugs": "secret"}',
    '{"events": [{"drug": "\\ud83d", "effect": "rash"}]}',
    '{"events": ' + "[" * 100_000,
    '{"events": ' + "1" * 5_000 + "}",
    "```json\nnothing\n```",
]


@pytest.mark.parametrize("content", WRONG, ids=range(len(WRONG)))
def test_a_wrong_answer_is_refused_in_one_line_without_its_words(content):
    with pytest.raises(AnswerError, match=r"^answer \w") as caught:
        plugin.parse(content)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.text(st.one_of(st.sampled_from('{}[]",:`\\ue0 drugsevents'), st.characters())))
def test_any_words_are_read_or_refused(content):
    with suppress(AnswerError):
        assert isinstance(plugin.parse(content), Answer)


def test_the_prompt_and_the_schema():
    prompt = plugin.prompt("Rash after {gold}.")
    assert prompt.user == "Rash after {gold}."
    assert '"drugs"' in prompt.system
    assert '"events"' in prompt.system
    schema = plugin.schema
    assert schema["required"] == ["drugs", "events"]
    assert schema["additionalProperties"] is False
    assert json.loads(json.dumps(schema)) == schema


def test_it_is_on_the_shelf():
    assert get_task("ade") is plugin
    with pytest.raises(RegistryError, match="did you mean 'ade'"):
        get_task("aed")

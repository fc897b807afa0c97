"""The `ade` task: whatever shape an answer has, it is read or refused in one line."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import AnswerError, RegistryError
from decoct.records import Document, Relation, Span, number_annotations
from decoct.tasks.ade import ADVERSE_EVENT, plugin
from decoct.tasks.base import Answer, Claim, get_task
from decoct.teacher.grounding import ground
from fakes.drugs import DRUGS, EFFECTS, TEMPLATES, sentence

RASH = Answer((("Drug", "gold"),), (Claim(ADVERSE_EVENT, "gold", "rash"),))
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
        f"<think>{{{BODY}</think>{BODY}",
        f"[{BODY}]",
        str(json.loads(BODY)),
    ],
)
def test_shapes_of_an_answer(content):
    assert plugin.parse(content) == RASH


def test_lists_are_multiplied_out():
    content = json.dumps(
        {"drugs": ["iron"], "events": [{"drug": ["a", "b"], "effect": ["c", "d"]}]}
    )
    found = plugin.parse(content)
    assert [string for _, string in found.mentions] == ["iron", "a", "b"]
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


def test_what_does_not_fit_is_told_by_its_place():
    with pytest.raises(AnswerError, match=r"the ade schema: events\.1\.effect: Field required$"):
        plugin.parse(json.dumps({"events": [EVENT, {"drug": "gold"}]}))


def test_the_schema():
    schema = plugin.schema
    assert schema["required"] == ["drugs", "events"]
    assert schema["additionalProperties"] is False
    assert json.loads(json.dumps(schema)) == schema


def test_a_document_s_annotations_as_an_answer():
    text = "Rash and fever after gold, then Gold and iron; gold again, no rash."
    places = {
        "a": (21, 25, "Drug"),
        "b": (32, 36, "Drug"),
        "c": (41, 45, "Drug"),
        "d": (47, 51, "Drug"),
        "e": (0, 4, "AdverseEffect"),
        "f": (9, 14, "AdverseEffect"),
    }
    spans = [Span(id=i, start=s, end=e, label=n, text=text[s:e]) for i, (s, e, n) in places.items()]
    spans.append(
        Span(
            id="p",
            start=0,
            end=14,
            label="AdverseEffect",
            text="Rash fever",
            fragments=((0, 4), (9, 14)),
        )
    )
    links = [("d", "e"), ("a", "f"), ("a", "e"), ("b", "p")]
    document = Document(
        id="d",
        text=text,
        spans=spans[::-1],
        relations=[Relation(label="ADE", subject=s, object=o) for s, o in links],
    )
    assert plugin.answer(document) == {
        "drugs": ["gold", "Gold", "iron"],
        "events": [
            {"drug": "gold", "effect": "Rash"},
            {"drug": "gold", "effect": "fever"},
            {"drug": "Gold", "effect": "Rash and fever"},
        ],
    }
    assert plugin.answer(document.bare()) == {"drugs": [], "events": []}


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(TEMPLATES) - 1),
            st.lists(st.sampled_from(DRUGS), min_size=2, max_size=2, unique=True),
            st.lists(st.sampled_from(EFFECTS), min_size=2, max_size=2, unique=True),
        ),
        max_size=4,
    )
)
def test_answered_parsed_and_grounded_the_strings_are_the_same(sentences):
    text, marks, links = "", {}, {}
    for template, drugs, effects in sentences:
        one = sentence(template, (*drugs, *effects), "one")
        shifted = {s.id: (s.start + len(text), s.end + len(text), s.label) for s in one.spans}
        marks |= dict.fromkeys(shifted.values())
        links |= {("ADE", shifted[r.subject], shifted[r.object]): None for r in one.relations}
        text += f"{one.text}\n"
    spans, relations = number_annotations(text, marks, links)
    document = Document(id="d", text=text, spans=spans, relations=relations)
    answer = plugin.answer(document)
    found = ground(plugin, text, plugin.parse(json.dumps(answer)))
    assert found.ungrounded == found.lost_subjects == ()
    again = Document(id="d", text=text, spans=found.spans, relations=found.relations)
    events = {(event["drug"], event["effect"]) for event in answer["events"]}
    grounded = plugin.answer(again)
    assert grounded["drugs"] == answer["drugs"]
    assert {(event["drug"], event["effect"]) for event in grounded["events"]} == events


def test_it_is_on_the_shelf():
    assert get_task("ade") is plugin
    with pytest.raises(RegistryError, match="did you mean 'ade'"):
        get_task("adde")

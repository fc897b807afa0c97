"""The `choice` task: a candidate by number, name or id, in any order, or none; never a guess."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import AnswerError, ConfigError
from decoct.records import Document
from decoct.tasks.base import Answer, QuestionTask, SpanTask, get_span_task, get_task
from decoct.tasks.choice import NIL, CandidateChoice, Option, Shown, plugin
from fakes.judged import question

NAMES = ("Drowsy", "Eye pain", "Neck pain", "Neck pain", "Back pain, 2. degree")
ASKED = question(*NAMES)
SHUFFLED = CandidateChoice(shuffle=True, seed=3)


def read(said, task=plugin, asked=ASKED, sample=0):
    content = said if isinstance(said, str) else json.dumps(said)
    return task.read(content, asked, sample)


@pytest.mark.parametrize(
    "said",
    [
        {"choice": 2},
        {"choice": "2"},
        {"choice": 2.0},
        {"choice": " [2] "},
        {"choice": "2."},
        {"choice": "#2"},
        {"choice": "2. Eye pain"},
        {"choice": "2) eye  pain"},
        {"choice": "eye pain"},
        {"choice": " Eye Pain "},
        {"choice": "E2"},
        {"choice": [2]},
        {"choice": {"number": 2, "name": "Eye pain"}},
        {"number": 2},
        {"answer": 2, "reason": "The 3rd one is about the neck."},
        {"candidate": "Eye pain"},
        {"choice": 2, "name": "Eye pain", "id": "E2"},
        {"choice": 2, "name": "something else"},
        {"choice": 2, "id": None},
        {"id": "E2"},
        {"name": "eye pain"},
        "2",
        " 2.\n",
        '```json\n{"choice": 2}\n```',
        'It is about the eyes: {"choice": 2} I think.',
        '<think>{"choice": 1}? no</think>{"choice": 2}',
        "{'choice': 2,}",
    ],
)
def test_shapes_of_a_choice(said):
    assert read(said) == Answer(label="E2")


@pytest.mark.parametrize(
    "said",
    [
        *({"choice": none} for none in (None, 0, "0", 0.0, "none", "None", "NULL", "nil", "")),
        *({"choice": none} for none in ("None of these.", "none of the above", "无", "以上都不是")),
        *({"id": None}, {"name": None}, {"name": "none"}, "0"),
        {"choice": 0, "name": "none of these"},
    ],
)
def test_shapes_of_none(said):
    assert read(said) == Answer(label=NIL)


WRONG = {
    "": "no JSON",
    "secret": "no JSON",
    "{": "broken off",
    '{"choice": 1} or {"choice": 2}': "differ",
    "{}": "no JSON",
    '{"reason": "secret"}': "has no 'choice'; give a number from 0 to 5",
    '{"choice": 6}': "none of the candidates; give a number from 1 to 5, or 0",
    '{"choice": -1}': "none of the candidates",
    '{"choice": 1.5}': "must be one number from 0 to 5",
    '{"choice": true}': "must be one number",
    '{"choice": [1, 2]}': "must be one number",
    '{"choice": []}': "must be one number",
    '{"choice": "secret"}': "none of the candidates",
    '{"choice": "1 or 2"}': "none of the candidates",
    '{"choice": "neck pain"}': "a name that more than one option has",
    '{"choice": "2. Drowsy"}': "more than one candidate",
    '{"choice": 1, "answer": 2}': "more than one candidate",
    '{"choice": 1, "name": "eye pain"}': "more than one candidate",
    '{"choice": 0, "id": "E2"}': "more than one candidate",
    '{"id": 2}': "none of the candidates",
    '{"name": "secret"}': "none of the candidates",
    '{"choice": {"secret": 1}}': "has no 'choice'",
    "[1, 2]": "no JSON",
    "999999999999999999999999": "none of the candidates",
}


@pytest.mark.parametrize(("said", "told"), WRONG.items(), ids=range(len(WRONG)))
def test_what_is_no_choice_is_told_without_its_words(said, told):
    with pytest.raises(AnswerError, match=told) as caught:
        read(said)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(st.one_of(st.sampled_from('{}[]",:choice0123 Enam'), st.characters())))
def test_any_words_are_read_or_refused(said):
    with suppress(AnswerError):
        assert read(said).label in {NIL, *(f"E{n}" for n in range(1, 6))}


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text() | st.booleans(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_any_value_is_read_or_refused(value):
    with suppress(AnswerError):
        assert read({"choice": value}).label in {NIL, *(f"E{n}" for n in range(1, 6))}


def test_a_candidate_that_is_called_none():
    asked = question("None", "Eye pain")
    assert read({"choice": 1}, asked=asked).label == "E1"
    with pytest.raises(AnswerError, match="give its number"):
        read({"choice": "none"}, asked=asked)


def test_aliases_count_where_no_name_does():
    options = (
        Option(id="a", name="Drowsy", aliases=("Sleepy", "Sore")),
        Option(id="b", name="Sore"),
        Option(id="c", name="Tired", aliases=("sleepy",)),
        Option(id="e", name="Ill", aliases=("unwell",)),
    )
    shown = Shown(options=options).model_dump(mode="json")
    asked = Document(id="d", text="x", meta={"choice": shown})
    assert read({"choice": "sore"}, asked=asked).label == "b"
    assert read({"choice": "Unwell"}, asked=asked).label == "e"
    with pytest.raises(AnswerError, match="more than one"):
        read({"choice": "sleepy"}, asked=asked)


def test_an_id_that_looks_like_a_number():
    options = (Option(id="2", name="Drowsy"), Option(id="271782001", name="Eye pain"))
    shown = Shown(options=options).model_dump(mode="json")
    asked = Document(id="d", text="x", meta={"choice": shown})
    assert read({"choice": 2}, asked=asked).label == "271782001"
    assert read({"choice": "2"}, asked=asked).label == "271782001", "no ids were shown"
    assert read({"choice": 271782001}, asked=asked).label == "271782001"
    assert read({"id": "2"}, asked=asked).label == "2"
    ids = CandidateChoice(show_ids=True)
    assert "1. Drowsy (2)" in ids.question(asked, 0)
    assert read({"choice": 2}, ids, asked).label == "271782001"
    with pytest.raises(AnswerError, match="another's id"):
        read({"choice": "2"}, ids, asked)


@pytest.mark.parametrize(
    ("said", "confidence"),
    [
        *((word, 0.9) for word in ("h", "H", "high", "高")),
        *((word, 0.6) for word in ("m", "Medium")),
        *((word, 0.5) for word in ("l", "low")),
        *((word, None) for word in ("?", None, 0.8, ["h"])),
    ],
)
def test_certainty_is_a_number_that_the_settings_say(said, confidence):
    task = CandidateChoice(certainty=True, certainties={"h": 0.9, "m": 0.6, "l": 0.5})
    assert read({"choice": 1, "certainty": said}, task).confidence == confidence
    assert read({"choice": 1, "confidence": said}, task).confidence == confidence
    assert read({"choice": 1}, task) == Answer(label="E1")


def test_the_schema():
    assert plugin.schema["required"] == ["choice"]
    task = CandidateChoice(reasoning=True, certainty=True)
    assert list(task.schema["properties"]) == ["reason", "choice", "certainty"], "thought first"
    assert task.schema["required"] == ["reason", "choice", "certainty"]
    assert task.schema["additionalProperties"] is False
    assert json.loads(json.dumps(task.schema)) == task.schema


# The order of candidates


def order(task, asked, sample):
    lines = task.question(asked, sample).splitlines()
    return [line.split(". ", 1)[1] for line in lines if line[0].isdigit()][:-1]


def test_the_order_is_the_retriever_s_unless_shuffled():
    assert order(plugin, ASKED, 0) == order(plugin, ASKED, 5) == list(NAMES)
    assert (plugin.varies, SHUFFLED.varies) == (False, True)


def test_each_sample_has_an_order_of_its_own_and_always_the_same():
    asked = question(*(f"name {n}" for n in range(20)))
    orders = [order(SHUFFLED, asked, sample) for sample in range(5)]
    assert len({tuple(one) for one in orders}) == 5
    assert all(sorted(one) == sorted(orders[0]) for one in orders)
    assert orders == [order(CandidateChoice(shuffle=True, seed=3), asked, s) for s in range(5)]
    assert order(CandidateChoice(shuffle=True, seed=4), asked, 0) != orders[0]
    elsewhere = asked.model_copy(update={"id": "another#T7"})
    assert order(SHUFFLED, elsewhere, 1) == orders[1], "the same question is asked once"
    other = question(*(f"name {n}" for n in range(20)), text="bushed")
    assert order(SHUFFLED, other, 0) != orders[0]


def test_every_candidate_is_as_often_first():
    firsts = [order(SHUFFLED, question("a", "b", "c", text=f"m{n}"), 0)[0] for n in range(600)]
    assert all(150 < firsts.count(name) < 250 for name in "abc")


@given(st.integers(0, 9), st.integers(0, 7), st.integers(0, 3))
def test_a_number_is_that_of_the_order_that_was_shown(right, sample, seed):
    asked = question(*(f"name {n}" for n in range(8)))
    task = CandidateChoice(shuffle=True, seed=seed)
    asked = asked.model_copy(update={"label": f"E{right}" if 1 <= right <= 8 else NIL})
    name = f"name {right - 1}"
    shown = order(task, asked, sample)
    number = shown.index(name) + 1 if name in shown else 0
    assert read({"choice": number}, task, asked, sample).label == asked.label
    assert read(task.answer(asked), task, asked, 0).label == asked.label


# What stands in a question


def test_a_question():
    shown = Shown(
        options=(
            Option(id="S1", name="Drowsy", aliases=("Sleepy", "Nodding\noff"), definition="Tired."),
            Option(id="S2", name="Eye\u2028 pain"),
        ),
        context='"So [[nodding off]]",\nhe said.',
        label="Symptom",
    )
    asked = Document(id="d#T1", text="nodding off", meta={"choice": shown.model_dump(mode="json")})
    assert plugin.question(asked, 0).splitlines() == [
        'Mention: "nodding off"',
        'Kind: "Symptom"',
        r'Context: "\"So [[nodding off]]\",\nhe said."',
        "1. Drowsy | also: Sleepy; Nodding off | Tired.",
        "2. Eye pain",
        "0. none of these",
    ]
    assert "Kind" not in plugin.question(question("a", label="Mention"), 0)


def test_a_mention_without_end_is_cut_short():
    asked = question("a", text="ache " * 2000)
    assert len(plugin.question(asked, 0)) < 400
    assert '…"' in plugin.question(asked, 0)


@given(
    st.text(st.one_of(st.sampled_from('[]12"\\\n\r\u2028\x85\x0c. '), st.characters()), min_size=1)
)
def test_nothing_in_a_question_passes_for_its_frame(text):
    asked = question(f"a{text}", "b", text=text, context=f"[[{text}]]", label=f"x{text}")
    lines = plugin.question(asked, 0).splitlines()
    assert [line.split(" ")[0] for line in lines] == [
        "Mention:",
        "Kind:",
        "Context:",
        "1.",
        "2.",
        "0.",
    ]
    assert json.loads(lines[2].removeprefix("Context: ")) == f"[[{text}]]"


def test_what_is_no_question_is_told():
    for document in (
        Document(id="d1", text="nodding off"),
        Document(id="d1", text="x", meta={"choice": {"options": [{"id": "secret"}]}}),
    ):
        with pytest.raises(
            ConfigError, match=r"document 'd1' is no question.*decoct judge"
        ) as told:
            plugin.question(document, 0)
        assert "secret" not in str(told.value)


def test_read_without_its_question_a_choice_is_as_it_stands():
    assert plugin.parse('{"choice": 2, "certainty": "h"}') == Answer(label="2", confidence=0.9)
    assert plugin.parse('{"choice": null}') == plugin.parse("0") == Answer(label=NIL)
    with pytest.raises(AnswerError, match="has no 'choice'"):
        plugin.parse('{"reason": "x"}')


def test_it_is_on_the_shelf_and_has_no_relations():
    assert get_task("choice") is plugin
    assert isinstance(plugin, QuestionTask)
    assert not isinstance(plugin, SpanTask)
    assert isinstance(get_task("ade"), SpanTask)
    assert not isinstance(get_task("ade"), QuestionTask)
    assert get_span_task("ade") is get_task("ade")
    with pytest.raises(ConfigError, match="'choice' has no spans"):
        get_span_task("choice")

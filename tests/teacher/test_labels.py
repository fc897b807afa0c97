"""Labels of whole documents, from answer to silver: asked, read, voted on, put down."""

import json
from contextlib import aclosing

import pytest

from decoct.errors import ConfigError
from decoct.records import Document
from decoct.tasks.ade import plugin as ade
from decoct.tasks.base import Answer, Example
from decoct.tasks.choice import NIL, CandidateChoice
from decoct.teacher.ask import Asking, check_settings
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Usage, request_key
from decoct.teacher.cache import CallLog
from decoct.teacher.few_shot import NearestShots, StaticShots
from decoct.teacher.grounding import Grounded, ground
from decoct.teacher.outcome import Reading, conclude
from decoct.teacher.planning import plan_questions
from decoct.teacher.questions import Questions
from decoct.teacher.settings import AskSettings
from decoct.teacher.vote import vote
from fakes.judged import judge_by, question, read_questions
from fakes.slow_teacher import SlowTeacher
from fakes.virtual_time import run

TASK = CandidateChoice()
SHUFFLED = CandidateChoice(shuffle=True, certainty=True)
DOCUMENT = Document(id="d", text="Gold.", meta={"pmid": "1"})


def said(label, confidence=None) -> Grounded:
    return ground(TASK, "Gold.", Answer(label=label, confidence=confidence))


def elected(*samples, min_agreement=0.5):
    found = vote("Gold.", [said(*one) for one in samples], min_agreement)
    assert found.spans == found.relations == ()
    return found.label, round(found.document_confidence, 3), found.n_outvoted


def test_a_label_needs_no_place_in_the_text():
    assert said("x", 0.7) == Grounded(label="x", confidence=0.7)
    assert ground(TASK, "", Answer(label=NIL)) == Grounded(label=NIL)
    assert ground(ade, "Gold.", Answer()) == Grounded()


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([("a",)], ("a", 1.0, 0)),
        ([("a",), ("a",), ("b",)], ("a", 0.667, 1)),
        ([("b",), ("a",), ("a",)], ("a", 0.667, 1)),
        ([(NIL,), (NIL,), ("b",)], (NIL, 0.667, 1)),
        # of as many votes the surer, then the earlier
        ([("a",), ("b",)], ("a", 0.5, 1)),
        ([("b",), ("a",)], ("b", 0.5, 1)),
        ([("a", 0.5), ("b", 0.9)], ("b", 0.45, 1)),
        # how sure they say that they are, times the share that says so
        ([("a", 0.9), ("a", 0.7), ("b", 0.9)], ("a", 0.533, 1)),
        ([("a", 0.9), ("a",), ("b", 0.9)], ("a", 0.6, 1)),
        ([("a", 0.9)], ("a", 0.9, 0)),
        # none has enough
        ([("a",), ("b",), ("c",)], (None, 0.0, 3)),
    ],
)
def test_labels_are_voted_on(samples, expected):
    assert elected(*samples) == expected


def test_how_many_votes_are_enough():
    assert elected(("a",), ("b",), ("c",), min_agreement=0.3)[0] == "a"
    assert elected(("a",), ("a",), ("b",), min_agreement=0.7)[0] is None
    assert elected(("a",), ("a",), ("b",), min_agreement=2 / 3)[0] == "a"


def reading(label, confidence=None):
    return Reading(
        said(label, confidence), meta={"model": "m", "prompt_hash": "h"}, usage=Usage(5, 2)
    )


def test_what_comes_of_labels():
    one = conclude(DOCUMENT, "openai", [reading("x", 0.9)], 0.5)
    assert one.silver.label == "x"
    assert one.silver.meta == {
        **{"pmid": "1", "backend": "openai", "model": "m", "prompt_hash": "h"},
        "confidence": 0.9,
    }
    none = conclude(DOCUMENT, "openai", [reading(NIL)], 0.5)
    assert (none.silver.label, none.silver.meta["confidence"]) == (NIL, None)
    most = conclude(DOCUMENT, "openai", [reading("x"), reading("y"), reading("x")], 0.5)
    assert (most.silver.label, most.n_outvoted) == ("x", 1)
    assert most.silver.meta["confidence"] == pytest.approx(2 / 3)


def test_labels_that_do_not_agree_are_a_refusal():
    found = conclude(DOCUMENT, "openai", [reading("x"), reading("y"), reading("z")], 0.5)
    assert (found.silver, found.refusal) == (None, "no_agreement")
    assert found.detail == "3 answers, and none has votes enough"
    assert (found.n_outvoted, found.usage) == (3, Usage(15, 6))


# Questions


def test_what_is_asked_is_the_question_and_what_is_remembered_the_text():
    document = question("Drowsy", "Eye pain")
    alone = Questions(TASK).first(document, 0)
    assert alone.text == "nodding off"
    assert alone.question == alone.prompt.user == TASK.question(document, 0)
    packed = Questions(TASK, pack=3)
    both = packed.together([packed.first(document, 1), packed.first(document, 1)])
    assert both.prompt == TASK.prompt(*[TASK.question(document, 1)] * 2, packed=True)
    text = Document(id="d", text="Gold.")
    assert Questions(ade).first(text, 0).question == "Gold."


def test_each_sample_of_a_shuffled_task_is_another_question():
    document = question(*(f"name {n}" for n in range(9)))
    backend = ScriptedBackend(lambda _: "0", {"temperature": 0}, live=True)
    for questions in (Questions(SHUFFLED), Questions(SHUFFLED, pack=4)):
        first, second = (questions.first(document, sample) for sample in range(2))
        assert first.prompt.user != second.prompt.user
        assert request_key(backend, first) != request_key(backend, second)
        assert questions.alone(document, 1).prompt.user == SHUFFLED.question(document, 1)


def test_samples_at_temperature_0_need_a_task_that_varies():
    backend = ScriptedBackend(lambda _: "0", {"temperature": 0}, live=True)
    settings = AskSettings(samples=3)
    check_settings(settings, backend, SHUFFLED)
    for task in (TASK, ade):
        with pytest.raises(ConfigError, match="temperature 0"):
            check_settings(settings, backend, task)


def test_the_nearest_examples_are_those_of_the_mention_not_of_its_candidates():
    examples = [
        Example("Drowsy Eye pain", {"choice": "x"}),
        Example("nodding", {"choice": "y"}),
        Example("nodding off", {"choice": "z"}),
    ]
    document = question("Drowsy", "Eye pain")
    asked = Questions(TASK, NearestShots(examples, 1)).first(document, 0)
    assert '"nodding" -> y' in asked.prompt.user
    assert "-> x" not in asked.prompt.user
    assert "-> z" not in asked.prompt.user, "its own answer"


# The engine


def ask_all(task, documents, backend, log, shots=None, **settings):
    async def go():
        with CallLog(log) as calls:
            asking = Asking(task, backend, calls, AskSettings(**settings), shots=shots)
            async with aclosing(asking.outcomes(documents)) as outcomes:
                return [outcome async for outcome in outcomes]

    return run(go())


def judging(right):
    """Answer as a judge would, who knows names only."""
    handler = judge_by(right)

    def script(request):
        messages = [
            {"role": "system", "content": request.prompt.system},
            {"role": "user", "content": request.prompt.user},
        ]
        return handler(messages)

    return SlowTeacher(script, parameters={"temperature": 0})


MENTIONS = {f"ache {n}": f"name {n * 7 % 8}" for n in range(30)}
ASKED = [
    question(*(f"name {n}" for n in range(8)), text=text).model_copy(update={"id": text})
    for text in MENTIONS
]


@pytest.mark.parametrize("pack", [1, 4])
def test_whatever_the_order_the_entity_is_the_one_that_was_meant(tmp_path, pack):
    teacher = judging(MENTIONS)
    found = ask_all(SHUFFLED, ASKED, teacher, tmp_path / "log", samples=3, pack=pack)
    expected = [f"E{int(name[-1]) + 1}" for name in MENTIONS.values()]
    assert [outcome.silver.label for outcome in found] == expected
    assert all(outcome.silver.meta["confidence"] == 1 for outcome in found)
    orders = {str(read_questions(request.prompt.user)[0][1]) for request in teacher.requests}
    assert len(orders) > 20
    n_asked = len(teacher.requests)
    again = ask_all(SHUFFLED, ASKED, teacher, tmp_path / "log", samples=3, pack=pack)
    assert [outcome.silver for outcome in again] == [outcome.silver for outcome in found]
    assert len(teacher.requests) == n_asked, "asked twice"


def test_what_means_no_candidate_is_asked_again(tmp_path):
    replies = {None: '{"choice": 9}', "none of the candidates": '{"choice": "name 2"}'}

    def script(request):
        turns = request.prompt.turns
        return replies["none of the candidates" if turns else None]

    teacher = SlowTeacher(script)
    (found,) = ask_all(TASK, ASKED[:1], teacher, tmp_path / "log")
    assert found.silver.label == "E3"
    ((first, complaint),) = teacher.requests[1].prompt.turns
    assert first == '{"choice": 9}'
    assert "give a number from 1 to 8, or 0 for none of these" in complaint
    (found,) = ask_all(TASK, ASKED[1:2], SlowTeacher(lambda _: "99"), tmp_path / "log")
    assert (found.silver, found.refusal) == (None, "invalid_answer")


@pytest.mark.parametrize("broken", ['{"choice": 77}', None])
def test_a_broken_item_of_a_pack_is_asked_alone(tmp_path, broken):
    handler = judging(MENTIONS)

    def script(request):
        answer = json.loads(handler._script(request))
        if request.pack:
            items = answer["items"]
            items[1] = {"item": 2, **json.loads(broken)} if broken else items[0]
        return json.dumps(answer)

    teacher = SlowTeacher(script)
    found = ask_all(TASK, ASKED[:4], teacher, tmp_path / "log", pack=4)
    assert [outcome.silver.label for outcome in found] == ["E1", "E8", "E7", "E6"]
    assert [request.pack for request in teacher.requests] == [4, 0]


def test_examples_that_are_given_go_before_those_of_the_settings(tmp_path):
    shots = StaticShots([Example("bushed", {"choice": "Tired"})], 1)
    settings = {"examples": tmp_path / "none.jsonl"}
    teacher = judging(MENTIONS)
    ask_all(TASK, ASKED[:1], teacher, tmp_path / "log", shots, **settings)
    assert '"bushed" -> Tired' in teacher.requests[0].prompt.system
    plan = plan_questions(ASKED, TASK, teacher, AskSettings(**settings), tmp_path / "log", shots)
    assert (plan.n_cached, plan.n_calls) == (1, 29)


# The dry run


@pytest.mark.parametrize("pack", [1, 10])
@pytest.mark.parametrize("task", [TASK, CandidateChoice(reasoning=True, certainty=True)])
def test_answers_of_a_schema_without_lists_are_as_long_as_it_says(tmp_path, task, pack):
    backend = ScriptedBackend(lambda _: "0", live=True)
    plan = plan_questions(ASKED, task, backend, AskSettings(pack=pack), tmp_path / "log")
    each = plan.completion_tokens / len(ASKED)
    assert 5 <= each <= 20 if task is TASK else 30 <= each <= 60
    assert "as its schema is" in plan.assumptions[0]


def test_what_was_answered_wrongly_is_foreseen_to_be_asked_again(tmp_path):
    teacher = SlowTeacher(lambda request: "3" if request.document_id == "ache 0" else "77")
    ask_all(TASK, ASKED[:2], teacher, tmp_path / "log", max_reasks=0)
    plan = plan_questions(ASKED[:2], TASK, teacher, AskSettings(), tmp_path / "log")
    assert (plan.n_cached, plan.n_calls) == (1, 1)

"""What is asked: alone, together, again; and that nothing else tells one question from another."""

import dataclasses
import itertools

import pytest

from decoct.store import sha256_json
from decoct.tasks.ade import plugin as ade
from decoct.tasks.base import Example
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import request_key
from decoct.teacher.few_shot import NearestShots, StaticShots
from decoct.teacher.packing import packed_schema
from decoct.teacher.questions import Questions
from fakes.slow_teacher import NOTHING, RASH, documents, texts_of

BACKEND = ScriptedBackend(lambda _: NOTHING, {"temperature": 0.7}, live=True)
DOCUMENT = documents("Gold: rash.")[0]
EXAMPLES = [
    Example("Iron caused fever.", {"drugs": ["Iron"], "events": []}),
    Example("Rash after gold salts.", {"drugs": ["gold salts"], "events": []}),
]


def key(questions: Questions, document=DOCUMENT, sample=0, backend=BACKEND) -> str:
    return request_key(backend, questions.first(document, sample))


def test_a_question_alone():
    request = Questions(ade).first(DOCUMENT, 2)
    assert request == Questions(ade).alone(DOCUMENT, 2)
    assert (request.document_id, request.text, request.task) == ("d0", "Gold: rash.", "ade")
    assert request.prompt == ade.prompt("Gold: rash.")
    assert request.schema == ade.schema
    assert (request.sample, request.pack, request.key) == (2, 0, "")


def test_a_question_in_a_pack_and_the_pack():
    questions = Questions(ade, pack=3)
    first, second = (questions.first(one, 1) for one in documents("Gold: rash.", "Iron: fever."))
    assert first.prompt == ade.prompt("Gold: rash.", packed=True)
    assert first.schema == packed_schema(ade.schema)
    assert (first.document_id, first.text, first.sample, first.pack) == ("d0", "Gold: rash.", 1, 3)
    both = questions.together([first, second])
    assert both.prompt == ade.prompt("Gold: rash.", "Iron: fever.", packed=True)
    assert (both.schema, both.sample, both.pack) == (first.schema, 1, 3)
    assert texts_of(both) == ["Gold: rash.", "Iron: fever."]
    alone = questions.alone(DOCUMENT, 1)
    assert alone == Questions(ade).first(DOCUMENT, 1)


def test_examples_stand_in_front_or_near():
    static, nearest = StaticShots(EXAMPLES, 2), NearestShots(EXAMPLES, 1)
    assert Questions(ade, static).standing == tuple(EXAMPLES)
    assert Questions(ade, nearest).standing == Questions(ade).standing == ()
    standing = Questions(ade, static).first(DOCUMENT, 0).prompt
    assert standing == ade.prompt(DOCUMENT.text, examples=EXAMPLES)
    near = Questions(ade, nearest).first(DOCUMENT, 0).prompt
    assert near == ade.prompt(DOCUMENT.text, nearest=[EXAMPLES[1]])
    together = Questions(ade, NearestShots(EXAMPLES, 2), pack=2)
    both = together.together([together.first(one, 0) for one in documents("Gold.", "Iron.")])
    assert all(example.text in both.prompt.user for example in EXAMPLES)


def test_what_is_asked_after_an_answer_that_was_no_use():
    questions = Questions(ade, pack=2, max_reasks=2)
    packed = questions.first(DOCUMENT, 1)
    alone = questions.after(packed, DOCUMENT, "whatever", "is no JSON")
    assert alone == questions.alone(DOCUMENT, 1)
    assert questions.after(packed, DOCUMENT, None, "refused") == alone
    assert questions.after(alone, DOCUMENT, None, "refused") is None
    once = questions.after(alone, DOCUMENT, "first answer", "is no JSON")
    twice = questions.after(once, DOCUMENT, "second answer", "has no events")
    assert questions.after(twice, DOCUMENT, "third answer", "has no events") is None
    (said, complaint), (said_then, complaint_then) = twice.prompt.turns
    assert (said, said_then) == ("first answer", "second answer")
    assert "is no JSON" in complaint
    assert "has no events" in complaint_then
    assert once.prompt.turns == twice.prompt.turns[:1]
    assert dataclasses.replace(twice.prompt, turns=()) == alone.prompt
    assert Questions(ade).after(alone, DOCUMENT, "answer", "is no JSON") is None


def test_the_first_versions_keys_still_hit():
    for text, sample in itertools.product(["Gold: rash.", "", "金 \ud83d"], [0, 3]):
        prompt = ade.prompt(text)
        parts = [
            *("scripted", "scripted", {"temperature": 0.7}),
            *(prompt.system, prompt.user, dict(ade.schema), sample),
        ]
        asked = Questions(ade).alone(documents(text)[0], sample)
        assert request_key(BACKEND, asked) == sha256_json(parts)


@pytest.mark.parametrize("pack", [1, 4])
def test_every_change_is_another_question(pack):
    same = Questions(ade, pack=pack)
    request = same.first(DOCUMENT, 0)

    class Reworded(type(ade)):
        def prompt(self, *texts, **how):
            prompt = super().prompt(*texts, **how)
            return dataclasses.replace(prompt, system=prompt.system + " Mind the dose.")

    class Narrower(type(ade)):
        schema = {**ade.schema, "description": "narrow"}

    hot = ScriptedBackend(lambda _: NOTHING, {"temperature": 0.8}, live=True)
    larger, renamed = (ScriptedBackend(lambda _: NOTHING, BACKEND.parameters) for _ in range(2))
    larger.model, renamed.name = "larger", "other"
    keys = [
        key(same),
        key(same, sample=1),
        key(same, documents("Gold: rash!")[0]),
        key(Questions(ade, pack=pack + 1)),
        key(Questions(ade, StaticShots(EXAMPLES, 1), pack)),
        key(Questions(ade, StaticShots(EXAMPLES, 2), pack)),
        key(Questions(ade, NearestShots(EXAMPLES, 1), pack)),
        key(Questions(Reworded(), pack=pack)),
        key(Questions(Narrower(), pack=pack)),
        *(key(same, backend=other) for other in (hot, larger, renamed)),
        request_key(BACKEND, same.again(request, RASH, "is wrong")),
        request_key(BACKEND, same.again(request, NOTHING, "is wrong")),
        request_key(BACKEND, same.again(request, RASH, "is strange")),
        request_key(BACKEND, same.again(same.again(request, RASH, "is wrong"), RASH, "is wrong")),
    ]
    assert len(set(keys)) == len(keys)


def test_nothing_else_is_another_question():
    other = DOCUMENT.model_copy(update={"id": "another", "meta": {"pmid": "1"}})
    for pack in (1, 2):
        questions = Questions(ade, pack=pack)
        assert key(questions, other) == key(questions)
        more_reasks = Questions(ade, pack=pack, max_reasks=5)
        assert key(more_reasks) == key(questions)
    sent = dataclasses.replace(Questions(ade).alone(DOCUMENT, 0), key="its key")
    assert request_key(BACKEND, sent) == key(Questions(ade))

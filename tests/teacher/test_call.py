"""One sending is one row with its attempts; a packed one has a row for each item, all or none."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from decoct.errors import RefusedError, StoreError
from decoct.tasks.ade import plugin as ade
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Usage, request_key
from decoct.teacher.cache import Attempt, CallLog
from decoct.teacher.call import Call, Item, record
from decoct.teacher.questions import Questions
from fakes.slow_teacher import NOTHING, RASH, documents, pack_of

BACKEND = ScriptedBackend(lambda _: NOTHING, live=True)
TEXTS = ("one", "a text that is rather longer", "three")
BILLED = Usage(101, 50, 7)


@pytest.fixture
def log(tmp_path):
    with CallLog(tmp_path / "log.sqlite") as opened:
        yield opened


def packed() -> Call:
    questions = Questions(ade, pack=3)
    requests = [questions.first(document, 0) for document in documents(*TEXTS)]
    items = tuple(Item(request_key(BACKEND, request), request) for request in requests)
    together = questions.together(requests)
    return Call(replace(together, key="the pack"), items)


def rows(log: CallLog, what: str) -> list[tuple]:
    with closing(sqlite3.connect(log.path)) as db:
        return db.execute(what).fetchall()


def test_items_have_their_own_answers_and_their_share_of_the_bill(log):
    call = packed()
    record(log, BACKEND, call, None, Attempt(1.0, error="HTTP 500"))
    assert [log.get(key) for key in call.keys] == [None] * 4
    assert rows(log, "SELECT COUNT(*) FROM calls WHERE part_of = 'the pack'") == [(3,)]
    answer = pack_of([NOTHING, None, RASH], BILLED)
    record(log, BACKEND, call, answer, Attempt(2.0, BILLED))
    whole, first, second, third = (log.get(key) for key in call.keys)
    assert whole.completion == answer
    assert (first.completion.content, third.completion.content) == (NOTHING, RASH)
    assert (second.completion, second.refusal) == (None, "not_in_pack")
    assert second.detail == "answer has no entry for item 2"
    parts = [first.usage, second.usage, third.usage]
    told = sum(parts, Usage())
    assert (told.prompt_tokens, told.completion_tokens) == (101, 50)
    assert second.usage.prompt_tokens > max(first.usage.prompt_tokens, third.usage.prompt_tokens)
    assert rows(log, "SELECT outcome, error FROM attempts ORDER BY number") == [
        ("failed", "HTTP 500"),
        ("answered", None),
    ]
    assert log.counts().prompt_tokens == 101  # items are no attempts of their own


def test_a_pack_that_is_refused_is_refused_to_each(log):
    call = packed()
    record(log, BACKEND, call, RefusedError("truncated", "too long", 101, 50), Attempt(1.0, BILLED))
    ended = [log.get(key) for key in call.keys]
    assert {(one.refusal, one.detail) for one in ended} == {("truncated", "too long")}
    billed = sum((one.usage for one in ended[1:]), Usage())
    assert (billed.prompt_tokens, billed.completion_tokens) == (101, 50)


def test_an_item_that_has_its_answer_keeps_it(log):
    call = packed()
    known = call.items[0]
    log.put(known.key, BACKEND, known.request, Completion(RASH, "earlier"))
    record(log, BACKEND, call, pack_of([NOTHING] * 3), Attempt())
    assert log.get(known.key).completion == Completion(RASH, "earlier")
    assert log.get(call.items[1].key).completion.content == NOTHING


def test_all_of_a_pack_or_nothing(log):
    call = packed()
    broken = Call(call.request, (*call.items[:2], Item(None, call.items[2].request)))
    with pytest.raises(StoreError):
        record(log, BACKEND, broken, pack_of([NOTHING] * 3), Attempt())
    assert rows(log, "SELECT COUNT(*) FROM calls") == [(0,)]
    assert rows(log, "SELECT COUNT(*) FROM attempts") == [(0,)]
    record(log, BACKEND, call, pack_of([NOTHING] * 3), Attempt())
    assert rows(log, "SELECT COUNT(*) FROM calls") == [(4,)]


def test_one_alone(log):
    request = Questions(ade).alone(documents("one")[0], 0)
    call = Call(request)
    assert call.keys == ("",)
    record(log, BACKEND, call, Completion(NOTHING, "m", BILLED), Attempt(0.5, BILLED))
    assert log.get("").usage == BILLED

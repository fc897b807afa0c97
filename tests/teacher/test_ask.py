"""Asking: in order, a bounded number at once, each text at most once ever."""

import asyncio
import json
from contextlib import aclosing

import pytest

from decoct.errors import RefusedError, TeacherError, TransientError
from decoct.records import Document
from decoct.tasks.ade import plugin as ade
from decoct.teacher.ask import Asking
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Usage, prompt_hash
from decoct.teacher.cache import CallLog
from decoct.teacher.outcome import Outcome
from decoct.teacher.settings import AskSettings

NOTHING = '{"drugs": [], "events": []}'
RASH = json.dumps({"drugs": ["gold"], "events": [{"drug": "gold", "effect": "rash"}]})


class SlowBackend(ScriptedBackend):
    """Takes its time, the first ones most, and knows how many it is asked at once."""

    def __init__(self, script, n: int) -> None:
        super().__init__(script)
        self.n = n
        self.now = self.most = 0

    async def complete(self, request):
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep((self.n - self.asked) * 0.001)
            return await super().complete(request)
        finally:
            self.now -= 1


def documents(*texts: str) -> list[Document]:
    return [Document(id=f"d{n}", text=text) for n, text in enumerate(texts)]


def ask_all(documents, backend, log_path, concurrency=4) -> list[Outcome]:
    async def go():
        with CallLog(log_path) as log:
            asking = Asking(ade, backend, log, AskSettings(concurrency=concurrency))
            return [outcome async for outcome in asking.outcomes(documents)]

    return asyncio.run(go())


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log.sqlite"


@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_order_and_concurrency(log, concurrency):
    texts = [f"text {n}" for n in range(20)]
    backend = SlowBackend(lambda _: NOTHING, len(texts))
    found = ask_all(documents(*texts), backend, log, concurrency)
    assert [outcome.document_id for outcome in found] == [f"d{n}" for n in range(20)]
    assert [outcome.silver.text for outcome in found] == texts
    assert backend.most == min(concurrency, 20)


def test_documents_are_taken_as_they_are_needed(log):
    taken = []

    def stream():
        for document in documents(*map(str, range(100))):
            taken.append(document.id)
            yield document

    async def go():
        with CallLog(log) as calls:
            async with aclosing(
                ask(stream(), ade, ScriptedBackend(lambda _: NOTHING), calls, 4)
            ) as outcomes:
                await anext(outcomes)

    asyncio.run(go())
    assert len(taken) == 4


def test_silver(log):
    whole = Completion(RASH, "gpt-x", Usage(7, 3))
    made = Document(
        id="d", text="Gold: rash.", source="gold", label="x", meta={"pmid": "1", "model": "old"}
    )
    backend = ScriptedBackend({"Gold: rash.": whole})
    (outcome,) = ask_all([made], backend, log)
    silver = outcome.silver
    assert (silver.id, silver.text, silver.source, silver.label) == ("d", made.text, "silver", None)
    assert [(s.text, o.text) for _, s, o in silver.pairs("ADE")] == [("Gold", "rash")]
    assert silver.meta == {
        "pmid": "1",
        "backend": "scripted",
        "model": "gpt-x",
        "prompt_hash": prompt_hash(ade.prompt("").system, ade.schema),
        "confidence": None,
    }
    assert (outcome.usage, outcome.cached, outcome.refusal) == (Usage(7, 3), False, None)
    (again,) = ask_all([made], backend, log)
    assert again.cached
    assert again.silver == silver
    assert again.usage == Usage(7, 3)
    assert backend.asked == 1


def test_what_is_not_in_the_text_is_kept_and_counted(log):
    content = json.dumps({"drugs": ["iron"], "events": [{"drug": "gold", "effect": "fever"}]})
    (outcome,) = ask_all(documents("Gold: rash."), ScriptedBackend(lambda _: content), log)
    assert outcome.ungrounded == ("object_not_in_text",)
    assert outcome.lost_subjects == 1
    assert outcome.silver.meta["ungrounded"] == [
        {"label": "ADE", "subject": "gold", "object": "fever", "reason": "object_not_in_text"}
    ]
    assert Document.from_json(outcome.silver.to_json()) == outcome.silver


def test_refusals_have_reasons(log):
    backend = ScriptedBackend(
        {
            "one": RefusedError("content_filter", "detail"),
            "two": "no JSON",
            "three": '{"events": "secret text"}',
            "four": NOTHING,
        }
    )
    found = ask_all(documents("one", "two", "three", "four", "five"), backend, log)
    assert [outcome.refusal for outcome in found] == [
        "content_filter",
        "invalid_answer",
        "invalid_answer",
        None,
        "not_scripted",
    ]
    assert [outcome.silver is None for outcome in found] == [True, True, True, False, True]
    assert "secret" not in found[2].detail
    again = ask_all(documents("one", "two", "three", "four", "five"), backend, log)
    assert backend.asked == 5
    assert [outcome.refusal for outcome in again] == [outcome.refusal for outcome in found]
    assert all(outcome.cached for outcome in again)


def test_what_may_be_answered_later_is_asked_again(log):
    replies = iter([TransientError("busy"), TransientError("busy"), NOTHING])
    backend = ScriptedBackend(lambda _: next(replies))
    for wanted in ("unavailable", "unavailable", None, None):
        (outcome,) = ask_all(documents("one"), backend, log)
        assert outcome.refusal == wanted
    assert backend.asked == 3
    assert outcome.cached
    with CallLog(log) as calls:
        assert calls.counts().n_refusals == 0


def test_the_same_text_is_asked_once_even_at_once(log):
    backend = SlowBackend(lambda _: RASH, 6)
    found = ask_all(documents(*["Gold: rash."] * 6, "other"), backend, log, 8)
    assert backend.asked == 2
    assert [outcome.cached for outcome in found] == [False] + [True] * 5 + [False]
    assert [outcome.silver.id for outcome in found] == [f"d{n}" for n in range(7)]


def test_a_teacher_that_fails_stops_all_and_leaves_nothing_running(log):
    def script(request):
        return TeacherError("no key") if request.document_id == "d3" else NOTHING

    backend = SlowBackend(script, 10)
    with pytest.raises(TeacherError, match="no key"):
        ask_all(documents(*map(str, range(10))), backend, log)
    assert backend.now == 0
    asked = backend.asked
    with CallLog(log) as calls:
        assert calls.counts().n_completions == asked - 1


def test_a_source_that_fails_is_passed_on(log):
    def stream():
        yield from documents("one", "two")
        raise TeacherError("source")

    with pytest.raises(TeacherError, match="source"):
        ask_all(stream(), ScriptedBackend(lambda _: NOTHING), log)

"""Asking: in order, a bounded number at once, each text at most once ever, whatever happens."""

import asyncio
import gc
import json
import random
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import aclosing, closing

import pytest

from decoct.errors import (
    ConfigError,
    RefusedError,
    StoreError,
    TeacherError,
    TransientError,
)
from decoct.records import Document
from decoct.tasks.ade import plugin as ade
from decoct.tasks.base import Prompt
from decoct.teacher.ask import Asking
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Usage, prompt_hash, request_key
from decoct.teacher.budget import Budget
from decoct.teacher.cache import CallLog
from decoct.teacher.outcome import Outcome
from decoct.teacher.settings import AskSettings
from decoct.teacher.summary import LabelSummary
from fakes.slow_teacher import (
    DOLLAR_A_TOKEN,
    NOTHING,
    RASH,
    SlowTeacher,
    about_nothing,
    documents,
    pack_of,
    texts_of,
)
from fakes.virtual_time import VirtualTimeLoop, run


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log.sqlite"


def ask_all(documents, backend, log, budget=None, **settings) -> list[Outcome]:
    async def go():
        with CallLog(log) as calls:
            asking = Asking(ade, backend, calls, AskSettings(**settings), budget)
            async with aclosing(asking.outcomes(documents)) as outcomes:
                return [outcome async for outcome in outcomes]

    return run(go())


def numbered(n: int) -> list[Document]:
    return documents(*(f"text {number}" for number in range(n)))


def rows(log, what: str) -> list[tuple]:
    with closing(sqlite3.connect(log)) as db:
        return db.execute(what).fetchall()


def refusals(outcomes) -> list[str | None]:
    return [outcome.refusal for outcome in outcomes]


# ---- in order, so many at once, as they come


@pytest.mark.parametrize("pack", [1, 3])
@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_order_and_concurrency(log, concurrency, pack):
    draw = random.Random(concurrency)
    teacher = SlowTeacher(latency_s=lambda _: draw.random() * 5)
    found = ask_all(numbered(200), teacher, log, concurrency=concurrency, pack=pack)
    assert [outcome.document_id for outcome in found] == [f"d{n}" for n in range(200)]
    assert [outcome.silver.text for outcome in found] == [f"text {n}" for n in range(200)]
    assert teacher.most == concurrency
    assert sorted(teacher.asked_texts) == sorted(f"text {n}" for n in range(200))


@pytest.mark.slow
@pytest.mark.parametrize(("samples", "window"), [(1, 128), (4, 64)])
def test_documents_are_taken_as_they_are_needed(log, samples, window):
    taken = []

    def stream():
        for document in numbered(600):
            taken.append(document.id)
            yield document

    async def go():
        with CallLog(log) as calls:
            teacher = SlowTeacher(parameters={"temperature": 1})
            asking = Asking(ade, teacher, calls, AskSettings(concurrency=4, samples=samples))
            n_out, most_ahead = 0, 0
            async with aclosing(asking.outcomes(stream())) as outcomes:
                async for _ in outcomes:
                    most_ahead = max(most_ahead, len(taken) - n_out)
                    n_out += 1
                    if n_out == 300:
                        break
            assert most_ahead == window
            assert len(taken) < 300 + window
            assert teacher.now == 0

    run(go())


class Terse(type(ade)):
    def prompt(self, *texts, examples=(), nearest=(), packed=False):
        return Prompt("", texts[0])


@pytest.mark.slow
def test_fifty_thousand_documents_take_no_more_memory_than_a_few(log):
    held = {}

    async def go():
        stream = (Document(id=f"d{n}", text=f"text {n % 500}") for n in range(50_000))
        with CallLog(log) as calls:
            backend = ScriptedBackend(about_nothing, live=True)
            async with aclosing(Asking(Terse(), backend, calls).outcomes(stream)) as outcomes:
                async for outcome in outcomes:
                    if outcome.document_id in ("d5000", "d49999"):
                        gc.collect()
                        held[outcome.document_id] = sys.getallocatedblocks()

    run(go(), collect=False)
    assert held["d49999"] - held["d5000"] < 5_000


def test_a_source_that_fails_is_passed_on(log):
    def stream():
        yield from documents("one", "two")
        raise TeacherError("source")

    with pytest.raises(TeacherError, match="source"):
        ask_all(stream(), ScriptedBackend(lambda _: NOTHING), log)


def test_no_documents(log):
    assert ask_all([], SlowTeacher(), log, pack=4) == []


# ---- what an answer becomes


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


def test_silver_names_the_prompt_that_it_came_of(log, tmp_path):
    """The same that the log knows it by, with examples and in a pack too."""
    examples = tmp_path / "examples.jsonl"
    examples.write_text('{"text": "Iron.", "answer": {"drugs": ["Iron"], "events": []}}\n')
    hashes = set()
    for settings in ({}, {"pack": 2}, {"examples": examples}, {"examples": examples, "pack": 2}):
        (outcome,) = ask_all(documents("Gold."), SlowTeacher(), log, **settings)
        hashes.add(outcome.silver.meta["prompt_hash"])
    assert len(hashes) == 4
    assert hashes == {row[0] for row in rows(log, "SELECT DISTINCT prompt_hash FROM prompts")}


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
    assert refusals(found) == [
        "content_filter",
        "invalid_answer",
        "invalid_answer",
        None,
        "not_scripted",
    ]
    assert [outcome.silver is None for outcome in found] == [True, True, True, False, True]
    assert found[0].detail == "detail"
    assert "secret" not in found[2].detail
    again = ask_all(documents("one", "two", "three", "four", "five"), backend, log)
    assert backend.asked == 5
    assert again == [
        Outcome(
            **{name: getattr(one, name) for name in one.__slots__ if name != "cached"}, cached=True
        )
        for one in found
    ]


# ---- once


@pytest.mark.parametrize("pack", [1, 2, 9])
def test_the_same_text_is_asked_once_even_at_once(log, pack):
    teacher = SlowTeacher(
        lambda request: pack_of([RASH] * len(texts_of(request))) if request.pack else RASH
    )
    texts = [*["Gold: rash."] * 6, "Gold and rash.", "Gold: rash."]
    found = ask_all(documents(*texts), teacher, log, pack=pack)
    assert sorted(teacher.asked_texts) == ["Gold and rash.", "Gold: rash."]
    assert [outcome.cached for outcome in found] == [False] + [True] * 5 + [False, True]
    assert [outcome.silver.id for outcome in found] == [f"d{n}" for n in range(8)]
    assert all(len(outcome.silver.relations) == 1 for outcome in found)


def test_what_may_be_answered_later_is_asked_again(log):
    replies = iter([TransientError("busy"), TransientError("busy"), NOTHING])
    backend = ScriptedBackend(lambda _: next(replies))
    for wanted in ("unavailable", "unavailable", None, None):
        (outcome,) = ask_all(documents("one"), backend, log, max_attempts=1)
        assert outcome.refusal == wanted
    assert backend.asked == 3
    assert outcome.cached
    with CallLog(log) as calls:
        assert calls.counts().n_refusals == 0
        assert calls.counts().n_attempts == 3


def test_one_document_without_an_answer_does_not_hold_up_the_others(log):
    teacher = SlowTeacher(
        lambda request: TransientError("down") if request.text == "text 3" else NOTHING
    )
    found = ask_all(numbered(10), teacher, log, max_attempts=4, concurrency=2)
    assert refusals(found) == [None] * 3 + ["unavailable"] + [None] * 6
    assert Counter(request.text for request in teacher.requests)["text 3"] == 4


# ---- asking again


def stubborn(n_wrong: int, content="nothing that fits"):
    """A script that says something useless so many times, counting by what it is told."""

    def script(request):
        n_turns = len(request.prompt.turns)
        if request.text.startswith("hard") and n_turns < n_wrong:
            return Completion(f"{content} {n_turns}", "m", Usage(10 + n_turns, 1))
        return Completion(RASH, "m", Usage(50, 5))

    return script


@pytest.mark.parametrize("max_reasks", [0, 1, 2, 5])
@pytest.mark.parametrize("n_wrong", [0, 1, 2, 3])
def test_an_answer_that_does_not_fit_is_asked_again(log, max_reasks, n_wrong):
    teacher = SlowTeacher(stubborn(n_wrong))
    for cached in (False, True):
        found = ask_all(
            documents("easy: gold rash", "hard: gold rash"), teacher, log, max_reasks=max_reasks
        )
        n_asked = min(n_wrong, max_reasks) + 1
        assert teacher.asked == 1 + n_asked
        assert refusals(found) == [None, "invalid_answer" if n_wrong > max_reasks else None]
        assert [outcome.cached for outcome in found] == [cached] * 2
        n_bad = min(n_wrong, n_asked)
        wanted = Usage(sum(10 + n for n in range(n_bad)), n_bad)
        assert found[1].usage == (wanted + Usage(50, 5) if n_asked > n_wrong else wanted)
    again = [request for request in teacher.requests if request.text.startswith("hard")]
    assert [len(request.prompt.turns) for request in again] == list(range(n_asked))
    for number, request in enumerate(again):
        assert request.prompt.user == "hard: gold rash"
        assert [answer for answer, _ in request.prompt.turns] == [
            f"nothing that fits {n}" for n in range(number)
        ]
        assert all("JSON" in complaint for _, complaint in request.prompt.turns)
    logged = rows(log, "SELECT n_turns, state FROM calls WHERE user LIKE 'hard%' ORDER BY n_turns")
    assert logged == [(n, "answered") for n in range(n_asked)]
    assert rows(log, "SELECT COUNT(*) FROM attempts") == [(1 + n_asked,)]


def test_the_same_text_is_asked_again_once(log):
    teacher = SlowTeacher(stubborn(1))
    found = ask_all(documents("hard: gold rash", "hard: gold rash"), teacher, log)
    assert teacher.asked == 2
    assert [outcome.cached for outcome in found] == [False, True]
    assert refusals(found) == [None, None]


def test_a_run_killed_amid_asking_again_asks_only_for_what_is_missing(log):
    teacher = SlowTeacher(stubborn(2))

    async def killed():
        with CallLog(log) as calls:
            asking = Asking(ade, teacher, calls)
            async with aclosing(asking.outcomes(documents("hard: gold rash"))) as outcomes:
                async with asyncio.timeout(1.5):  # the second time is under way
                    await anext(outcomes)

    with pytest.raises(TimeoutError):
        run(killed())
    assert teacher.asked == 2
    (outcome,) = ask_all(documents("hard: gold rash"), teacher, log)
    assert teacher.asked == 3
    assert outcome.silver is not None
    assert outcome.usage == Usage(10 + 11 + 50, 7)
    assert not outcome.cached


def test_who_does_not_read_the_prompt_is_not_asked_again(log):
    backend = ScriptedBackend(lambda _: "nothing that fits")
    assert refusals(ask_all(documents("one"), backend, log)) == ["invalid_answer"]
    assert backend.asked == 1


# ---- packs


@pytest.mark.parametrize("n", [1, 2, 3, 7, 130])
def test_every_pack_is_full_but_the_last(log, n):
    teacher = SlowTeacher()
    found = ask_all(numbered(n), teacher, log, pack=3, concurrency=2)
    assert refusals(found) == [None] * n
    sizes = [len(texts_of(request)) for request in teacher.requests]
    assert sizes == [3] * (n // 3) + [n % 3] * bool(n % 3)
    assert [outcome.cached for outcome in ask_all(numbered(n), teacher, log, pack=3)] == [True] * n
    assert teacher.asked == len(sizes)


def test_a_pack_larger_than_the_window(log):
    teacher = SlowTeacher(parameters={"temperature": 1})
    asked = {"pack": 66, "concurrency": 1, "samples": 33}  # a window of 64
    assert refusals(ask_all(numbered(70), teacher, log, **asked)) == [None] * 70
    assert len(teacher.asked_texts) == 70 * 33


def test_a_pack_that_waits_behind_a_window_of_known_documents(log):
    """The first is new, and nobody can come to fill its pack before it is out of the way."""
    known = numbered(300)
    teacher = SlowTeacher()
    ask_all(known, teacher, log, pack=4, concurrency=1)
    before = teacher.asked
    stream = [Document(id="a", text="new"), *known, Document(id="z", text="newer")]
    found = ask_all(stream, teacher, log, pack=4, concurrency=1)
    assert refusals(found) == [None] * 302
    assert [texts_of(request) for request in teacher.requests[before:]] == [["new"], ["newer"]]


def faulty_pack(request):
    """Leave out `lost`, say nonsense of `bad`, and of both in a prompt of their own what is so."""
    if not request.pack:
        return Completion(RASH, "alone", Usage(20, 4))
    answers = {"lost": None, "bad": '{"events": 5}'}
    contents = [answers.get(text, RASH) for text in texts_of(request)]
    return pack_of(contents, Usage(101, 31))


def test_one_bad_item_is_asked_alone_and_the_others_stay(log):
    texts = ["gold: rash 1", "lost", "bad", "gold: rash 2", "gold: rash 3"]
    teacher = SlowTeacher(faulty_pack)
    for turn in range(2):
        found = ask_all(documents(*texts), teacher, log, pack=5)
        assert refusals(found) == [None] * 5
        models = [outcome.silver.meta["model"] for outcome in found]
        assert models == ["scripted", "alone", "alone", "scripted", "scripted"]
        assert [outcome.cached for outcome in found] == [bool(turn)] * 5
        billed = sum((outcome.usage for outcome in found), Usage())
        assert billed == Usage(101 + 2 * 20, 31 + 2 * 4)
        assert teacher.asked == 3
    assert [texts_of(request) for request in teacher.requests] == [texts, ["lost"], ["bad"]]
    assert {len(outcome.silver.relations) for outcome in found} == {0, 1}


@pytest.mark.parametrize(
    "reply", [RefusedError("truncated", "", 90, 40), "{", NOTHING, Completion("[]", "m")]
)
def test_a_pack_that_fails_as_a_whole_is_asked_one_by_one(log, reply):
    teacher = SlowTeacher(lambda request: reply if request.pack else NOTHING)
    found = ask_all(numbered(4), teacher, log, pack=3)
    assert refusals(found) == [None] * 4
    asked = [texts_of(request) for request in teacher.requests]
    # one left over: without a number its answer is nobody else's
    alone = 3 if reply == NOTHING else 4
    assert sorted(map(len, asked)) == [1] * (alone + 1) + [3]
    again = ask_all(numbered(4), teacher, log, pack=3)
    assert len(teacher.requests) == len(asked)
    assert all(outcome.cached for outcome in again)
    if isinstance(reply, RefusedError):
        assert sum(outcome.usage.prompt_tokens for outcome in found) == 2 * 90


def test_a_pack_that_may_be_answered_later_is_left_for_later(log):
    teacher = SlowTeacher(lambda _: TransientError("HTTP 500"))
    found = ask_all(numbered(3), teacher, log, pack=3, max_attempts=2)
    assert refusals(found) == ["unavailable"] * 3
    assert [len(texts_of(request)) for request in teacher.requests] == [3, 3]
    budget = Budget(1, DOLLAR_A_TOKEN)
    found = ask_all(numbered(3), teacher, log, budget, pack=3)
    assert refusals(found) == ["over_budget"] * 3
    assert len(teacher.requests) == 2


def test_after_a_pack_it_is_asked_again_alone(log):
    def script(request):
        if request.pack:
            return pack_of([None, NOTHING])
        return NOTHING if request.prompt.turns else "no JSON"

    teacher = SlowTeacher(script)
    (outcome, _) = ask_all(numbered(2), teacher, log, pack=2, max_reasks=1)
    assert outcome.refusal is None
    kinds = [(request.pack, len(request.prompt.turns)) for request in teacher.requests]
    assert kinds == [(2, 0), (0, 0), (0, 1)]


def test_another_order_and_more_documents_pay_for_nothing_twice(log):
    texts = [f"text {n}" for n in range(20)]
    teacher = SlowTeacher(faulty_pack)
    ask_all(documents(*texts[:9], "lost"), teacher, log, pack=4)
    n_first = teacher.asked
    shuffled = [*texts, "lost", "bad", *texts[:5]]
    random.Random(1).shuffle(shuffled)
    found = ask_all(documents(*shuffled), teacher, log, pack=4, concurrency=2)
    assert refusals(found) == [None] * len(shuffled)
    later = [text for request in teacher.requests[n_first:] for text in texts_of(request)]
    assert sorted(later) == sorted([*texts[9:], "bad", "bad"])
    assert Counter(teacher.asked_texts)["lost"] == 2  # in its pack, and alone


def test_another_size_of_pack_is_another_question(log):
    teacher = SlowTeacher()
    for pack in (1, 2, 3):
        ask_all(numbered(6), teacher, log, pack=pack)
    assert len(teacher.asked_texts) == 18


# ---- samples


def split_vote(request):
    """Of three, all say gold, two say rash, one says fever."""
    effects = {0: ["rash"], 1: ["rash", "fever"], 2: []}[request.sample]
    events = [{"drug": "gold", "effect": effect} for effect in effects]
    content = json.dumps({"drugs": ["gold"], "events": events})
    if request.pack:
        return pack_of([content] * len(texts_of(request)), Usage(100, 10))
    return Completion(content, "m", Usage(100, 10))


@pytest.mark.parametrize("pack", [1, 2])
def test_samples_are_put_to_the_vote(log, pack):
    teacher = SlowTeacher(split_vote, parameters={"temperature": 0.7})
    texts = ["gold: rash, fever", "gold: fever and rash", "gold: fever, a rash"]
    found = ask_all(documents(*texts), teacher, log, samples=3, pack=pack)
    assert teacher.asked == 3 * (3 if pack == 1 else 2)
    for outcome in found:
        assert {span.text: round(span.confidence, 2) for span in outcome.silver.spans} == {
            "gold": 1.0,
            "rash": 0.67,
        }
        assert [round(one.confidence, 2) for one in outcome.silver.relations] == [0.67]
        assert outcome.silver.meta["confidence"] == pytest.approx(1 / 3)
        assert outcome.n_outvoted == 2
    again = ask_all(documents(*texts), teacher, log, samples=3, pack=pack)
    assert [outcome.silver for outcome in again] == [outcome.silver for outcome in found]
    more = ask_all(documents(*texts), teacher, log, samples=2, pack=pack, min_agreement=0.6)
    assert all(outcome.cached for outcome in more)
    assert all(outcome.silver.meta["confidence"] == 0.5 for outcome in more)


def test_samples_of_which_half_are_no_use(log):
    n_refused = {"half": 2, "more": 3}

    def script(request):
        if request.sample < n_refused[request.text.split(":")[0]]:
            return RefusedError("content_filter", "no")
        return RASH

    teacher = SlowTeacher(script, parameters={"temperature": 1})
    found = ask_all(documents("half: gold rash", "more: gold rash"), teacher, log, samples=4)
    assert refusals(found) == [None, "content_filter"]
    assert found[0].silver.meta["confidence"] == 1


def test_each_sample_is_asked_again_for_itself(log):
    def script(request):
        useless = request.sample == 1 and not request.prompt.turns
        return "no JSON" if useless else RASH

    teacher = SlowTeacher(script, parameters={"temperature": 1})
    (outcome,) = ask_all(documents("gold rash"), teacher, log, samples=3)
    assert outcome.silver.meta["confidence"] == 1
    asked = [(request.sample, len(request.prompt.turns)) for request in teacher.requests]
    assert asked == [(0, 0), (1, 0), (2, 0), (1, 1)]


# ---- what can't be


@pytest.mark.parametrize("temperature", [0, 0.0])
def test_samples_at_temperature_0_are_refused(log, temperature):
    teacher = SlowTeacher(parameters={"temperature": temperature})
    with pytest.raises(ConfigError, match="temperature"):
        ask_all(documents("one"), teacher, log, samples=2)
    ask_all(documents("one"), teacher, log, samples=1)
    ask_all(documents("one"), SlowTeacher(parameters={"temperature": None}), log, samples=2)


@pytest.mark.parametrize("asked", [{"pack": 2}, {"samples": 2}, {"examples": "examples.jsonl"}])
def test_what_needs_a_model_is_refused_to_a_recording(log, asked):
    backend = ScriptedBackend(lambda _: NOTHING)
    with pytest.raises(ConfigError, match=f"{next(iter(asked))}: .* does not read the prompt"):
        ask_all(documents("one"), backend, log, **asked)
    assert backend.asked == 0


class Public(SlowTeacher):
    private = False


def test_a_corpus_with_phi_goes_to_no_public_host(log):
    teacher = Public()
    with pytest.raises(ConfigError, match="corpus is marked contains_phi"):
        ask_all(documents("one"), teacher, log, contains_phi=True)
    assert teacher.asked == 0
    assert ask_all(documents("one"), SlowTeacher(), log, contains_phi=True)[0].silver


@pytest.mark.parametrize("place", [0, 3, 63, 500])
def test_a_document_with_phi_goes_to_no_public_host(log, place):
    marked = numbered(501)
    marked[place] = Document(id="secret", text="secret", meta={"contains_phi": True})
    teacher = Public()
    with pytest.raises(ConfigError, match="'secret' is marked contains_phi"):
        ask_all(marked, teacher, log)
    assert "secret" not in teacher.asked_texts
    assert teacher.now == 0
    if place < 64:  # it is in sight from the start
        assert teacher.asked == 0
    private = ask_all(marked[place : place + 1], SlowTeacher(), log)
    assert private[0].silver.meta["contains_phi"] is True


# ---- the budget


def test_what_the_budget_does_not_reach_is_left_and_the_rest_comes_out(log):
    known = documents("known 1", "known 2")
    teacher = SlowTeacher(
        lambda _: Completion(NOTHING, "m", Usage(400, 10)), parameters={"max_tokens": 20}
    )
    ask_all(known, teacher, log)
    stream = [*numbered(20), *known]
    budget = Budget(4000, DOLLAR_A_TOKEN)
    found = ask_all(stream, teacher, log, budget, concurrency=3)
    n_paid = teacher.asked - 2
    assert budget.spent_usd == 410 * n_paid <= 4000
    assert n_paid >= 8
    assert refusals(found) == [None] * n_paid + ["over_budget"] * (20 - n_paid) + [None] * 2
    assert "higher --budget-usd" in found[n_paid].detail
    assert [outcome.cached for outcome in found[-2:]] == [True, True]
    later = ask_all(stream, teacher, log, Budget(10**6, DOLLAR_A_TOKEN))
    assert refusals(later) == [None] * 22
    assert Counter(teacher.asked_texts).most_common(1)[0][1] == 1


def test_asking_again_is_within_the_budget_too(log):
    teacher = SlowTeacher(
        lambda _: Completion("no JSON", "m", Usage(400, 10)), parameters={"max_tokens": 20}
    )
    budget = Budget(1000, DOLLAR_A_TOKEN)
    (outcome,) = ask_all(documents("one"), teacher, log, budget, max_reasks=5)
    assert (outcome.refusal, outcome.usage) == ("over_budget", Usage(400, 10))
    assert teacher.asked == 1
    (outcome,) = ask_all(documents("one"), teacher, log, max_reasks=5)
    assert outcome.refusal == "invalid_answer"
    assert teacher.asked == 6


def test_the_summary_of_a_run_is_what_was_billed(log):
    teacher = SlowTeacher(faulty_pack, parameters={"max_tokens": 50})
    budget = Budget(None, DOLLAR_A_TOKEN)

    async def go():
        summary = LabelSummary()
        with CallLog(log) as calls:
            asking = Asking(ade, teacher, calls, AskSettings(pack=3), budget)
            async with aclosing(asking.outcomes(documents("a", "lost", "b", "c"))) as outcomes:
                async for outcome in outcomes:
                    summary.add(outcome)
            summary.close(asking.tally, budget)
            counts = calls.counts()
        assert summary.cost.usage == Usage(counts.prompt_tokens, counts.completion_tokens)
        assert summary.cost.usage == Usage(101 + 101 + 20, 31 + 31 + 4)
        assert summary.cost.n_calls == counts.n_attempts == 3
        assert summary.cost.usd == sum((222, 66))
        assert (summary.prompt_tokens, summary.completion_tokens) == (222, 66)
        assert summary.log_usd == 0

    run(go())


# ---- stopping


def test_a_teacher_that_fails_stops_all_and_leaves_nothing_running(log):
    """Also while an earlier document is still being answered, or waits to be asked again."""

    def script(request):
        if request.document_id == "d0":
            return TransientError("HTTP 500")
        return TeacherError("no key") if request.document_id == "d5" else NOTHING

    teacher = SlowTeacher(script, lambda request: 2.5 if request.document_id == "d4" else 1)

    async def go():
        with CallLog(log) as calls:
            asking = Asking(ade, teacher, calls, AskSettings(concurrency=3, backoff_s=50))
            async with aclosing(asking.outcomes(numbered(60))) as outcomes:
                with pytest.raises(TeacherError, match="no key"):
                    await anext(outcomes)
        assert asyncio.get_running_loop().time() < 10

    run(go())
    assert teacher.now == 0
    assert "text 5" in teacher.asked_texts
    assert len(teacher.requests) <= 8
    answered = {row[0] for row in rows(log, "SELECT document_id FROM calls WHERE state='answered'")}
    assert answered == {request.document_id for request in teacher.requests} - {"d0", "d5"}
    assert rows(log, "SELECT COUNT(*) FROM attempts") == [(len(teacher.requests),)]


@pytest.mark.parametrize("pack", [1, 2])
def test_one_sample_that_fails_stops_the_others(log, pack):
    def script(request):
        return TeacherError("no key") if request.sample == 2 else "no JSON"

    teacher = SlowTeacher(script, 0.5, {"temperature": 1})
    with pytest.raises(TeacherError, match="no key"):
        ask_all(documents("one", "two", "three"), teacher, log, samples=4, pack=pack, concurrency=9)
    assert all(not request.prompt.turns for request in teacher.requests)


@pytest.mark.parametrize("pack", [1, 3])
@pytest.mark.parametrize("after_s", [0, 0.5, 1.25, 2.25, 7.25])
def test_closed_early_it_awaits_what_is_under_way(log, after_s, pack):
    teacher = SlowTeacher(latency_s=lambda request: 1 + int(request.text.split()[1]) % 3)

    async def go():
        with CallLog(log) as calls:
            asking = Asking(ade, teacher, calls, AskSettings(concurrency=4, pack=pack))
            outcomes = asking.outcomes(numbered(500))
            coming = asyncio.create_task(anext(outcomes))
            await asyncio.sleep(after_s)
            under_way = asking.n_sending
            assert under_way == teacher.now
            before = teacher.asked + under_way
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await outcomes.aclose()
            assert asking.n_sending == teacher.now == 0
            assert teacher.asked == before == len(teacher.requests)
            assert calls.counts().n_attempts == before

    run(go())


def test_broken_off_between_two_documents(log):
    """The consumer stops at once, before those that were just taken have begun."""
    known = numbered(100)
    teacher = SlowTeacher()
    ask_all(known[:64], teacher, log, concurrency=1)
    sent = teacher.asked

    async def go():
        with CallLog(log) as calls:
            asking = Asking(ade, teacher, calls, AskSettings(concurrency=1, samples=1))
            async with aclosing(asking.outcomes(known)) as outcomes:
                async for outcome in outcomes:
                    if outcome.document_id == "d20":
                        break
            await asyncio.sleep(100)

    run(go())
    assert teacher.asked - sent <= 2
    assert teacher.now == 0


def test_ctrl_c(log):
    """The first one waits for what is under way, and logs it."""
    n_interrupts = 0

    def script(request):
        nonlocal n_interrupts
        if request.document_id == "d5":
            n_interrupts += 1
            signal.raise_signal(signal.SIGINT)
        return NOTHING

    teacher = SlowTeacher(script, lambda request: 3 if request.document_id == "d4" else 1)
    with pytest.raises(KeyboardInterrupt):
        ask_all(numbered(60), teacher, log, concurrency=3)
    assert n_interrupts == 1
    assert teacher.now == 0
    assert rows(log, "SELECT COUNT(*) FROM calls WHERE state = 'answered'") == [(teacher.asked,)]
    assert teacher.asked < 12
    assert refusals(ask_all(numbered(60), teacher, log)) == [None] * 60
    assert Counter(teacher.asked_texts).most_common(1)[0][1] == 1


def test_ctrl_c_twice(log):
    """The second one leaves the answers that are under way to themselves."""
    teacher = SlowTeacher(latency_s=1000)
    ended_at = []

    async def go():
        loop = asyncio.get_running_loop()
        for at in (5, 10):
            loop.call_later(at, signal.raise_signal, signal.SIGINT)
        with CallLog(log) as calls:
            try:
                async for _ in Asking(ade, teacher, calls).outcomes(numbered(20)):
                    pass
            finally:
                ended_at.append(loop.time())

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner, pytest.raises(KeyboardInterrupt):
        runner.run(go())
    assert ended_at == [10]
    assert teacher.now == 0
    assert len(teacher.requests) == 8
    assert refusals(ask_all(numbered(20), teacher, log)) == [None] * 20


def test_it_may_be_asked_once_more_after_it_failed(log):
    broken = [True]
    teacher = SlowTeacher(lambda _: TeacherError("no credit") if broken else NOTHING)

    async def go():
        with CallLog(log) as calls:
            asking = Asking(ade, teacher, calls, AskSettings(pack=2))
            with pytest.raises(TeacherError, match="no credit"):
                [outcome async for outcome in asking.outcomes(numbered(5))]
            broken.clear()
            found = [outcome async for outcome in asking.outcomes(numbered(5))]
            assert refusals(found) == [None] * 5

    run(go())


def test_a_log_that_fails_stops_all(log):
    def script(request):
        if request.document_id == "d7":
            with closing(sqlite3.connect(log)) as db:
                db.execute("DROP TABLE attempts")
        return NOTHING

    teacher = SlowTeacher(script)
    with pytest.raises(StoreError, match="call log"):
        ask_all(numbered(200), teacher, log, concurrency=2)
    assert teacher.asked <= 10


# ---- all of it together


def crowd(draw: random.Random) -> list[Document]:
    texts = [f"gold {n}: rash" for n in range(draw.randint(1, 60))]
    return documents(*(draw.choice(texts) for _ in range(draw.randint(1, 120))))


class Moody(SlowTeacher):
    """Answers each question in one way for ever, and fails now and then before it does."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.billed: Counter[str] = Counter()
        super().__init__(
            self._reply, lambda _: self.draw.choice([0, self.draw.random()]), {"temperature": 1}
        )

    def _reply(self, request):
        luck = self.draw.random()
        if luck < 0.15:
            return TransientError("429", self.draw.choice([None, 1.5]), throttled=True)
        if luck < 0.25:
            return TransientError("HTTP 500")
        self.billed[request_key(self, request)] += 1
        if not request.pack:
            return self._answer(request, request.text)
        replies = [self._answer(request, text) for text in texts_of(request)]
        if any(text.startswith("gold 7:") for text in texts_of(request)):
            return RefusedError("content_filter", "", 100, 0)
        items = [{"item": n, "drugs": ["gold"]} | reply for n, reply in enumerate(replies, 1)]
        return Completion(json.dumps({"items": items}), "m", Usage(100, 20))

    def _answer(self, request, text):
        mood = random.Random(f"{text} {request.sample} {len(request.prompt.turns)}").random()
        if request.pack:
            return {"events": []} if mood < 0.8 else {"events": 5}
        if mood < 0.15:
            return Completion("no JSON", "m", Usage(40, 2))
        if mood < 0.2:
            return RefusedError("content_filter", "no", 40, 0)
        return Completion(RASH, "m", Usage(50, 5))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_the_end_is_the_same_and_nothing_is_paid_twice(log, tmp_path, seed):
    """Killed and resumed at random, it comes to what an undisturbed run comes to."""
    draw = random.Random(seed)
    asked = {
        "concurrency": draw.randint(1, 9),
        "pack": draw.choice([1, 1, 2, 5, 70]),
        "samples": draw.choice([1, 1, 3]),
        "max_reasks": draw.randint(0, 2),
        "max_attempts": 30,
        "backoff_s": 0.1,
    }
    stream = crowd(draw)
    wanted = ask_all(stream, Moody(99), tmp_path / "undisturbed.sqlite", **asked)
    teacher = Moody(seed)

    async def killed(after_s):
        with CallLog(log) as calls:
            asking = Asking(ade, teacher, calls, AskSettings(**asked))
            async with aclosing(asking.outcomes(stream)) as outcomes:
                async with asyncio.timeout(after_s):
                    async for _ in outcomes:
                        pass

    for _ in range(4):
        draw.shuffle(stream)
        try:
            run(killed(draw.random() * 3), collect=False)
        except TimeoutError:
            assert teacher.now == 0
    found = ask_all(stream, teacher, log, **asked)
    if asked["pack"] == 1:  # else which pack is refused depends on who travels with whom
        by_id = {outcome.document_id: outcome for outcome in found}
        for outcome in wanted:
            same = by_id[outcome.document_id]
            assert (same.silver, same.refusal, same.usage) == (
                outcome.silver,
                outcome.refusal,
                outcome.usage,
            )
    assert len(found) == len(wanted)
    assert set(teacher.billed.values()) == {1}
    with CallLog(log) as calls:
        counts = calls.counts()
        assert counts.n_attempts == teacher.asked
        assert counts.n_attempts - counts.n_failed_attempts == teacher.billed.total()
        waiting = "SELECT COUNT(*) FROM calls WHERE state = 'open' AND (pack = 0 OR part_of <> '')"
        assert rows(log, waiting) == [(0,)]  # packs may be given up, their items never
    asked_again = ask_all(stream, teacher, log, **asked)
    assert set(teacher.billed.values()) == {1}
    assert all(outcome.cached for outcome in asked_again)
    assert [one.silver for one in asked_again] == [one.silver for one in found]

"""Single questions: tried as often as there is hope, paced, paid within the budget, each once."""

import asyncio
import random
import re
import sqlite3
from collections import Counter
from contextlib import closing
from itertools import pairwise

import pytest

from decoct.errors import RefusedError, StoreError, TeacherError, TransientError, WaitingError
from decoct.tasks.ade import plugin as ade
from decoct.teacher.base import Completion, Deferred, Tally, Usage, request_key
from decoct.teacher.budget import Budget
from decoct.teacher.cache import CallLog
from decoct.teacher.caller import GIVE_UP_AFTER, Answered, Caller
from decoct.teacher.prices import Price
from decoct.teacher.questions import Questions
from decoct.teacher.settings import AskSettings
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
from fakes.virtual_time import StuckError, run

DOCUMENTS = documents(*(f"text {n}" for n in range(200)))


@pytest.fixture
def log(tmp_path):
    with CallLog(tmp_path / "log.sqlite") as opened:
        yield opened


class Desk:
    """A caller and what it takes to ask it."""

    def __init__(self, log, backend, budget=None, pack=1, **settings):
        self.log, self.backend = log, backend
        self.questions = Questions(ade, pack=pack)
        self.caller = Caller(
            backend,
            log,
            self.questions,
            AskSettings(pack=pack, **settings),
            budget or Budget(None, None),
        )

    async def ask(self, number: int, order: int | None = None, sample: int = 0) -> Answered:
        request = self.questions.first(DOCUMENTS[number], sample)
        return await self.caller.answer(request, number if order is None else order)

    def begin(self, number: int, order: int | None = None, sample: int = 0) -> asyncio.Task:
        return asyncio.create_task(self.ask(number, order, sample))

    def key(self, number: int, sample: int = 0) -> str:
        return request_key(self.backend, self.questions.first(DOCUMENTS[number], sample))


def rows(log: CallLog, what: str) -> list[tuple]:
    with closing(sqlite3.connect(log.path)) as db:
        return db.execute(what).fetchall()


ATTEMPTS = "SELECT number, outcome, error, latency_s FROM attempts ORDER BY call_id, number"


def failing(times: int, error: Exception, then=about_nothing):
    """A script that fails so many times for each text, and then does as it should."""
    seen: Counter[str] = Counter()

    def script(request):
        seen[request.prompt.user] += 1
        return error if seen[request.prompt.user] <= times else then(request)

    return script


# ---- trying again


def test_an_attempt_that_fails_is_made_again_after_a_longer_wait_each(log):
    teacher = SlowTeacher(failing(5, TransientError("HTTP 500")), latency_s=0.25)
    desk = Desk(log, teacher, backoff_s=2)
    answered = run(desk.ask(0))
    assert answered.completion.content == NOTHING
    assert not answered.cached
    waits = [later - earlier - 0.25 for earlier, later in pairwise(teacher.times)]
    assert all(2 * 2**n <= wait_s <= 2 * 2**n + 2 for n, wait_s in enumerate(waits))
    assert len(set(waits)) == 5
    found = rows(log, ATTEMPTS)
    assert [row[:3] for row in found] == [(n, "failed", "HTTP 500") for n in range(1, 6)] + [
        (6, "answered", None)
    ]
    assert desk.caller.tally == Tally(1, Usage(), Counter({"HTTP 500": 5}))
    assert log.counts().n_open == 0


def test_waits_end_at_a_minute_and_vary_by_chance(log):
    teacher = SlowTeacher(failing(99, TransientError("down")), latency_s=0)
    desk = Desk(log, teacher, max_attempts=10, backoff_s=4)
    assert run(desk.ask(0)).refusal == "unavailable"
    waits = [later - earlier for earlier, later in pairwise(teacher.times)]
    assert all(60 <= wait_s <= 64 for wait_s in waits[4:])
    assert len(set(waits[4:])) == 5


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_after_the_last_attempt_it_is_unavailable_and_open(log, max_attempts):
    teacher = SlowTeacher(failing(max_attempts, TransientError("HTTP 502"), lambda _: RASH))
    for turn, (refusal, n_asked) in enumerate([("unavailable", max_attempts), (None, 1)]):
        desk = Desk(log, teacher, max_attempts=max_attempts)
        before = teacher.asked
        answered = run(desk.ask(0))
        assert (answered.refusal, answered.cached) == (refusal, False)
        assert teacher.asked - before == n_asked
        if turn == 0:
            said = f"in {max_attempts} attempt{'s' * (max_attempts > 1)}, the last: HTTP 502"
            assert answered.detail.endswith(said)
            assert log.counts().n_refusals == 0
            assert log.counts().n_open == 1
    assert len(rows(log, ATTEMPTS)) == max_attempts + 1


def test_a_refusal_is_not_tried_again(log):
    teacher = SlowTeacher(lambda _: RefusedError("content_filter", "by them", 7, 1))
    for cached in (False, True):
        answered = run(Desk(log, teacher).ask(0))
        assert (answered.refusal, answered.detail) == ("content_filter", "by them")
        assert (answered.usage, answered.cached) == (Usage(7, 1), cached)
    assert teacher.asked == 1
    assert [row[1] for row in rows(log, ATTEMPTS)] == ["refused"]


def test_the_wait_that_the_endpoint_asks_for_is_kept(log):
    teacher = SlowTeacher(failing(1, TransientError("429", 7.5, throttled=True)), latency_s=0)
    times = {}

    async def work():
        desk = Desk(log, teacher, concurrency=4, backoff_s=0.1)
        asking = [desk.begin(n) for n in range(12)]
        await asyncio.gather(*asking)
        for at, request in zip(teacher.times, teacher.requests, strict=True):
            times.setdefault(request.document_id, []).append(at)
        return desk.caller

    run(work())
    assert all(len(each) == 2 and each[1] >= each[0] + 7.5 for each in times.values())
    pauses = sorted(at for each in times.values() for at in each)
    assert pauses[:4] == [0] * 4
    assert pauses[4] >= 7.5


def test_one_that_is_to_wait_for_a_fault_waits_alone(log):
    errors = iter([TransientError("HTTP 500", 40)])
    teacher = SlowTeacher(
        lambda request: next(errors, NOTHING) if request.text == "text 0" else RASH
    )

    async def work():
        desk = Desk(log, teacher, concurrency=2)
        await asyncio.gather(*(desk.ask(n) for n in range(20)))

    run(work())
    assert teacher.times[-1] == 41
    assert teacher.times[-2] < 12


def test_who_waits_for_the_budget_keeps_the_wait_too(log):
    """It has its place, and lacks the money, when another is told to wait."""
    told = iter([TransientError("429", 30, throttled=True)])
    teacher = SlowTeacher(lambda request: next(told, NOTHING) if request.text == "text 1" else RASH)
    price = DOLLAR_A_TOKEN.model_copy(update={"input_usd": 0})
    budget = Budget(2.5 * 4096, price)  # for two whose answers might be long

    async def work():
        desk = Desk(log, teacher, budget, concurrency=3, backoff_s=0.1)
        found = await asyncio.gather(*(desk.ask(n) for n in range(3)))
        assert all(answered.completion for answered in found)

    run(work())
    assert teacher.times[:2] == [0, 0]
    assert len(teacher.times) == 4
    assert min(teacher.times[2:]) >= 31


def test_an_endpoint_that_throttles_is_asked_half_as_many_at_once(log):
    """It takes four at once, and says so without saying for how long."""

    def script(request):
        return TransientError("429", throttled=True) if teacher.now > 4 else NOTHING

    teacher = SlowTeacher(script, latency_s=0.5)

    async def work():
        desk = Desk(log, teacher, concurrency=32)
        found = await asyncio.gather(*(desk.ask(n) for n in range(200)))
        assert all(answered.completion for answered in found)
        return desk.caller

    run(work())
    assert teacher.most == 32
    later = [at for at in teacher.times if at > 5]
    assert max(sum(start <= at < start + 0.49 for at in later) for start in later) <= 6
    assert log.counts().n_failed_attempts <= 120
    assert max(teacher.times) <= 60  # 25 at the best


def test_a_volley_that_is_throttled_bit_by_bit_halves_once_and_it_all_comes_back(log):
    volley = {f"text {n}": 1 + 0.2 * n for n in range(16)}  # they hear of it one by one

    def script(request):
        told = volley.pop(request.text, None)
        return TransientError("429", throttled=True) if told else NOTHING

    teacher = SlowTeacher(script, lambda request: volley.get(request.text, 1))

    async def work():
        desk = Desk(log, teacher, concurrency=16)
        await asyncio.gather(*(desk.ask(n) for n in range(200)))

    run(work())
    rates = [sum(at <= sent < at + 1 for sent in teacher.times) for at in range(1, 15)]
    assert rates[4] in (8, 9, 10)
    assert max(rates) in (15, 16)
    assert not volley


def test_a_fault_that_is_no_throttling_changes_no_pace(log):
    teacher = SlowTeacher(failing(1, TransientError("HTTP 500")), latency_s=1)

    async def work():
        desk = Desk(log, teacher, concurrency=8)
        await asyncio.gather(*(desk.ask(n) for n in range(64)))

    run(work())
    assert sum(at >= 20 for at in teacher.times) == 0


def test_the_earliest_goes_first_also_when_it_comes_again(log):
    teacher = SlowTeacher(
        lambda request: TransientError("broke") if len(teacher.requests) == 1 else NOTHING
    )

    async def work():
        desk = Desk(log, teacher, concurrency=1, backoff_s=1)
        await asyncio.gather(*(desk.ask(n) for n in range(6)))

    run(work())
    order = [request.document_id for request in teacher.requests]
    assert order in (
        ["d0", "d1", "d2", "d0", "d3", "d4", "d5"],
        ["d0", "d1", "d0", "d2", "d3", "d4", "d5"],
    )


# ---- giving up


def test_so_many_without_an_answer_on_end_stop_everything(log):
    teacher = SlowTeacher(lambda _: TransientError("HTTP 503"), latency_s=0)
    desk = Desk(log, teacher, max_attempts=2, concurrency=1)

    async def work():
        for n in range(GIVE_UP_AFTER - 1):
            assert (await desk.ask(n)).refusal == "unavailable"
        with pytest.raises(TeacherError, match=rf"{GIVE_UP_AFTER} requests on end .* HTTP 503"):
            await desk.ask(GIVE_UP_AFTER)
        asked = teacher.asked
        with pytest.raises(TeacherError, match="on end"):  # nobody else is sent after that
            await desk.ask(GIVE_UP_AFTER + 1)
        assert teacher.asked == asked

    run(work())


@pytest.mark.parametrize("reply", [NOTHING, RefusedError("content_filter")])
def test_one_answer_between_begins_the_count_anew(log, reply):
    def script(request):
        number = int(request.text.split()[1])
        return TransientError("down") if number % GIVE_UP_AFTER != GIVE_UP_AFTER - 1 else reply

    desk = Desk(log, SlowTeacher(script, latency_s=0), max_attempts=1)

    async def work():
        found = [await desk.ask(n) for n in range(3 * GIVE_UP_AFTER)]
        assert sum(one.refusal == "unavailable" for one in found) == 3 * (GIVE_UP_AFTER - 1)

    run(work())


# ---- once


def test_the_same_question_is_asked_once_also_at_once(log):
    teacher = SlowTeacher(lambda _: Completion(RASH, "m", Usage(7, 3)))
    desk = Desk(log, teacher)

    async def work():
        found = await asyncio.gather(*(desk.ask(0, order) for order in range(5)))
        assert [one.cached for one in found] == [False] + [True] * 4
        assert {one.usage for one in found} == {Usage(7, 3)}
        later = await desk.ask(0)
        assert later.cached
        assert later.completion.content == RASH
        other = await desk.ask(0, sample=1)
        assert not other.cached

    run(work())
    assert teacher.asked == 2
    assert desk.caller.tally.n_sent == 2
    assert desk.caller.tally.usage == Usage(14, 6)


def test_one_who_gives_up_does_not_take_the_answer_from_the_others(log):
    teacher = SlowTeacher()
    desk = Desk(log, teacher)

    async def work():
        first, second = desk.begin(0), desk.begin(0)
        await asyncio.sleep(0.5)
        first.cancel()
        assert (await second).completion.content == NOTHING

    run(work())
    assert teacher.asked == 1


# ---- packs


def numbers_in(teacher) -> list[list[int]]:
    return [[int(text.split()[1]) for text in texts_of(request)] for request in teacher.requests]


def test_packs_are_sent_full_and_the_last_one_as_it_is(log):
    teacher = SlowTeacher()
    desk = Desk(log, teacher, pack=4)

    async def work():
        asking = [desk.begin(n) for n in (0, 1, 2, 2, 1, 3, 4, 5)]
        await asyncio.sleep(10)
        assert numbers_in(teacher) == [[0, 1, 2, 3]]
        desk.caller.flush()
        found = await asyncio.gather(*asking)
        assert {one.completion.content for one in found} == {NOTHING}
        assert [one.cached for one in found] == [False] * 3 + [True] * 2 + [False] * 3
        one_more = desk.begin(6)
        await asyncio.sleep(0)
        desk.caller.flush()
        assert (await one_more).completion.content == NOTHING

    run(work())
    assert numbers_in(teacher) == [[0, 1, 2, 3], [4, 5], [6]]
    assert all(request.pack == 4 for request in teacher.requests)
    again = Desk(log, teacher, pack=4)
    assert all(run(again.ask(n)).cached for n in range(7))
    assert desk.caller.tally.n_sent == 3


def test_only_the_packs_that_are_waited_for_are_sent_early(log):
    teacher = SlowTeacher()
    desk = Desk(log, teacher, pack=3)

    async def work():
        later = desk.begin(5, sample=1)
        first = desk.begin(2)
        await asyncio.sleep(0)
        desk.caller.flush(1)
        await asyncio.sleep(5)
        assert teacher.requests == []
        desk.caller.flush(2)
        await first
        assert numbers_in(teacher) == [[2]]
        await desk.caller.drain()
        await asyncio.gather(later, return_exceptions=True)
        assert later.cancelled()

    run(work())
    assert teacher.asked == 1


def test_packs_of_different_samples_do_not_mix(log):
    teacher = SlowTeacher()
    desk = Desk(log, teacher, pack=2)

    async def work():
        await asyncio.gather(*(desk.ask(n, sample=sample) for n in range(4) for sample in (0, 1)))

    run(work())
    asked = [
        (request.sample, *numbers)
        for request, numbers in zip(teacher.requests, numbers_in(teacher), strict=True)
    ]
    assert sorted(asked) == [(0, 0, 1), (0, 2, 3), (1, 0, 1), (1, 2, 3)]


def test_a_pack_is_tried_again_as_one_and_its_items_stay_open(log):
    teacher = SlowTeacher(failing(2, TransientError("HTTP 500")))
    for refusal in ("unavailable", None):
        desk = Desk(log, teacher, pack=2, max_attempts=2)

        async def work(desk=desk):
            return await asyncio.gather(desk.ask(0), desk.ask(1))

        found = run(work())
        assert [one.refusal for one in found] == [refusal] * 2
    assert teacher.asked == 3
    assert log.counts().n_attempts == 3
    assert rows(log, "SELECT state, COUNT(*) FROM calls GROUP BY state") == [("answered", 3)]


def test_the_parts_of_a_bill_add_up(log):
    billed = Usage(1001, 503, 300)
    teacher = SlowTeacher(lambda request: pack_of([NOTHING] * len(texts_of(request)), billed))
    desk = Desk(log, teacher, pack=7)

    async def work():
        found = await asyncio.gather(*(desk.ask(n) for n in range(7)))
        assert sum((one.usage for one in found), Usage()) == billed

    run(work())
    assert desk.caller.tally.usage == billed


def test_an_error_while_a_pack_is_looked_up_reaches_all_who_wait(tmp_path):
    log = CallLog(tmp_path / "log.sqlite")

    def script(request):
        asyncio.get_running_loop().call_soon(log.close)  # after the answer is written down
        return about_nothing(request)

    desk = Desk(log, SlowTeacher(script), pack=2)

    async def work():
        found = await asyncio.gather(desk.ask(0), desk.ask(1), return_exceptions=True)
        assert [type(error) for error in found] == [StoreError] * 2

    run(work())


# ---- the budget


class Meter:
    """A teacher's bill, in tokens; it looks at the budget whenever it is asked."""

    def __init__(self, budget: Budget, limit: float, seed: int):
        self.budget, self.limit = budget, limit
        self.draw = random.Random(seed)
        self.billed = 0

    def __call__(self, request):
        if self.draw.random() < 0.2:
            return TransientError("HTTP 500")
        answer = self.draw.randint(1, 60)
        self.billed += 400 + answer
        assert self.billed <= self.limit
        return Completion(NOTHING, "m", Usage(400, answer))


@pytest.mark.parametrize("seed", range(4))
def test_the_spend_never_passes_the_limit(log, seed):
    limit = 12_000
    budget = Budget(limit, DOLLAR_A_TOKEN)
    meter = Meter(budget, limit, seed)
    teacher = SlowTeacher(meter, lambda _: meter.draw.random(), {"max_tokens": 60})
    desk = Desk(log, teacher, budget, concurrency=6, max_attempts=20, backoff_s=0.01)

    async def work():
        return await asyncio.gather(*(desk.ask(n) for n in range(60)))

    found = run(work())
    refusals = Counter(one.refusal for one in found)
    assert set(refusals) == {None, "over_budget"}
    assert budget.spent_usd == meter.billed <= limit
    assert budget.spent_usd > limit - 1000  # and it is used
    asked = teacher.asked
    second = Desk(log, teacher, Budget(10**6, DOLLAR_A_TOKEN), max_attempts=20)
    meter.limit = 10**6

    async def again():
        return await asyncio.gather(*(second.ask(n) for n in range(60)))

    later = run(again())
    assert all(one.completion for one in later)
    assert [one.cached for one in later] == [one.completion is not None for one in found]
    assert teacher.asked >= asked + refusals["over_budget"]
    assert second.caller.tally.n_sent == refusals["over_budget"]


def test_what_is_not_billed_is_estimated(log):
    price = Price(input_usd=1, output_usd=1000, as_of="2026-01-01", source="test")
    budget = Budget(None, price)
    run(Desk(log, SlowTeacher(lambda _: RASH), budget).ask(0))
    assert budget.usage.prompt_tokens > 300
    assert 10 < budget.usage.completion_tokens < 40


# ---- the pace


def test_requests_a_minute_hold_for_attempts_too(log):
    teacher = SlowTeacher(failing(1, TransientError("HTTP 500")))
    desk = Desk(log, teacher, requests_per_minute=30)

    async def work():
        await asyncio.gather(*(desk.ask(n) for n in range(40)))

    run(work())
    assert teacher.asked == 80
    times = sorted(teacher.times)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 2 - 1e-6
    assert times[-1] <= 2 * 80


def test_tokens_a_minute_go_by_what_was_billed(log):
    teacher = SlowTeacher(lambda _: Completion(NOTHING, "m", Usage(900, 100)), latency_s=0.1)
    desk = Desk(log, teacher, tokens_per_minute=6000, concurrency=1)

    async def work():
        for n in range(30):
            await desk.ask(n)

    run(work())
    assert 10 * 29 * 0.9 <= teacher.times[-1] <= 10 * 29 * 1.1


# ---- stopping


def test_what_is_under_way_is_awaited_and_nothing_else_is_sent(log):
    teacher = SlowTeacher(latency_s=lambda request: 5 if request.document_id != "d1" else 0.5)

    def script(request):
        return TransientError("HTTP 500") if request.document_id == "d1" else NOTHING

    teacher._script = script
    desk = Desk(log, teacher, concurrency=3)

    async def work():
        asking = [desk.begin(n) for n in range(8)]
        await asyncio.sleep(1)  # d0 and d2 and d3 are under way, d1 waits to be tried again
        assert desk.caller.n_sending == 3
        for one in asking:
            one.cancel()
        started = asyncio.get_running_loop().time()
        await desk.caller.drain()
        assert asyncio.get_running_loop().time() - started <= 5
        assert desk.caller.n_sending == 0
        assert teacher.now == 0
        await asyncio.gather(*asking, return_exceptions=True)

    run(work())
    assert [request.document_id for request in teacher.requests] == ["d0", "d1", "d2", "d3"]
    assert [log.get(desk.key(n)) is not None for n in range(5)] == [True, False, True, True, False]


@pytest.mark.parametrize("pack", [1, 2])
def test_a_failure_that_nobody_waits_for_makes_no_noise(log, pack):
    desk = Desk(log, SlowTeacher(lambda _: TeacherError("no key")), pack=pack)

    async def work():
        asking = [desk.begin(n) for n in range(2)]
        await asyncio.sleep(0.5)
        for one in asking:
            one.cancel()
        await asyncio.sleep(1)
        await desk.caller.drain()

    run(work())


def test_one_wrong_key_and_nobody_else_is_sent(log):
    """Those who wait for a place see that it is no use, whenever they have it."""
    teacher = SlowTeacher(
        lambda request: TeacherError("no key") if request.document_id == "d1" else NOTHING,
        lambda request: 1 + (request.document_id == "d0"),
    )
    desk = Desk(log, teacher, concurrency=2)

    async def work():
        found = await asyncio.gather(*(desk.ask(n) for n in range(9)), return_exceptions=True)
        assert [str(one) for one in found[1:]] == ["no key"] * 8
        assert found[0].completion.content == NOTHING
        await desk.caller.drain()
        assert (await desk.ask(5)).completion.content == NOTHING  # it may be tried once more

    run(work())
    assert [request.document_id for request in teacher.requests] == ["d0", "d1", "d5"]
    assert rows(log, "SELECT outcome, error FROM attempts WHERE outcome = 'failed'") == [
        ("failed", "no key")
    ]


def test_a_log_that_cannot_be_written_stops_all(log):
    def script(request):
        with closing(sqlite3.connect(log.path)) as db:
            db.execute("DROP TABLE IF EXISTS attempts")
        return NOTHING

    teacher = SlowTeacher(script)
    desk = Desk(log, teacher, concurrency=1)

    async def work():
        found = await asyncio.gather(*(desk.ask(n) for n in range(3)), return_exceptions=True)
        assert [type(error) for error in found] == [StoreError] * 3

    run(work())
    assert teacher.asked == 1


@pytest.mark.parametrize("pack", [1, 3])
@pytest.mark.parametrize("seed", range(8))
def test_stopped_at_any_moment(log, seed, pack):
    """Some are cancelled, some fail, then all is stopped: the log has every answer there was."""
    draw = random.Random(seed)
    answered: list[str] = []

    def script(request):
        luck = draw.random()
        if luck < 0.2:
            return TransientError("429", draw.choice([None, 2]), throttled=True)
        if luck < 0.22:
            return TeacherError("no key")
        answered.extend(texts_of(request))
        return about_nothing(request)

    teacher = SlowTeacher(script, lambda _: draw.choice([0, draw.random()]))
    desk = Desk(log, teacher, concurrency=draw.randint(1, 5), pack=pack, backoff_s=0.5)

    async def work():
        loop = asyncio.get_running_loop()
        asking = [desk.begin(n % 30) for n in range(40)]
        for one in draw.sample(asking, 10):
            loop.call_later(draw.random() * 5, one.cancel)
        await asyncio.sleep(draw.random() * 6)
        for one in asking:
            one.cancel()
        await desk.caller.drain()
        sent = teacher.asked
        assert teacher.now == desk.caller.n_sending == 0
        await asyncio.gather(*asking, return_exceptions=True)
        await asyncio.sleep(200)
        assert teacher.asked == sent

    run(work())
    assert max(Counter(answered).values(), default=1) == 1
    for n in range(30):
        assert (log.get(desk.key(n)) is not None) == (f"text {n}" in answered)


# ---- answers that come later


class Tray(SlowTeacher):
    """Takes requests down."""

    def __init__(self):
        super().__init__(lambda _: WaitingError("batch/1.jsonl"), latency_s=0)
        self.tally = Tally()
        self.faults = None

    def begin(self, log):
        pass

    async def settle(self, progress):
        return False


def test_what_waits_is_not_taken_down_twice(log):
    tray = Tray()
    assert isinstance(tray, Deferred)

    async def work():
        desk = Desk(log, tray, pack=2, requests_per_minute=1, tokens_per_minute=1)
        for n_sent in (2, 2):
            asking = [desk.begin(n) for n in range(3)]
            await asyncio.sleep(0)
            desk.caller.flush()
            found = await asyncio.gather(*asking)
            assert [one.refusal for one in found] == ["waiting"] * 3
            assert all("batch/1.jsonl" in one.detail for one in found)
            assert tray.asked == n_sent
        assert asyncio.get_running_loop().time() < 1  # writing down is not asking

    run(work())
    assert log.counts().n_attempts == 0
    assert log.waiting() == {"batch/1.jsonl": 5}
    assert re.fullmatch("[0-9a-f]{64}", tray.requests[0].key)


def test_nothing_waits_for_a_pack_for_ever_unseen():
    """The fakes themselves: a caller that forgot a pack would be found out."""

    async def stuck():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(StuckError):
        run(stuck())

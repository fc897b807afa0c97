"""Batches of many requests: their bounds, turns, and what becomes of those that give up."""

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from decoct.serving.batching import Batcher
from decoct.serving.metrics import Metrics
from decoct.serving.refusals import Refusal
from decoct.serving.settings import ServeSettings
from fakes.servers import eventually


@dataclass(eq=False)
class Echo:
    """An operation that gives back what it gets, when it is let."""

    name: str = "echo"
    go: threading.Event = field(default_factory=threading.Event)
    batches: list[list[str]] = field(default_factory=list)

    def run(self, payloads):
        self.batches.append(list(payloads))
        assert self.go.wait(20)
        if "poison" in payloads:
            raise ValueError("poison")
        return [payload.encode() for payload in payloads]


@pytest.fixture
def echo():
    made = Echo()
    yield made
    made.go.set()


def batcher(n_runners=1, **settings):
    values = {"max_documents": 1, "max_body_bytes": 1, "batch_documents": 4} | settings
    made = ServeSettings.model_validate(values)
    return Batcher(made, n_runners, Metrics(), lambda error: Refusal(500, "fault", str(error)))


def asked(*payloads):
    return [(payload, len(payload)) for payload in payloads]


def running(test):
    """Run an asynchronous test in a loop of its own."""

    def run(echo):
        asyncio.run(asyncio.wait_for(test(echo), 30))

    run.__name__ = test.__name__
    return run


async def begun(echo):
    while not echo.batches:
        await asyncio.sleep(0.005)


@running
async def test_answers_come_in_order_whatever_the_batches(echo):
    echo.go.set()
    made = batcher(n_runners=3)
    words = [f"{'w' * (number % 7)}{number}" for number in range(200)]
    futures = made.add(made.open(echo), asked(*words))
    assert await asyncio.gather(*futures) == [word.encode() for word in words]
    assert max(map(len, echo.batches)) == 4
    assert (made.n_documents, made.n_chars) == (0, 0)
    made.close()


@running
async def test_a_small_request_does_not_wait_for_a_large_one(echo):
    made = batcher()
    large = made.add(made.open(echo), asked(*(f"l{number}" for number in range(400))))
    await begun(echo)
    small = made.add(made.open(echo), asked("s"))
    echo.go.set()
    await small[0]
    n_before = sum(future.done() for future in large)
    assert n_before <= 1 + 2 * 4 * 1 + 2 * 4  # the first batch, a round, and its own round
    await asyncio.gather(*large)
    made.close()


@running
async def test_many_requests_take_turns(echo):
    made = batcher()
    made.add(made.open(echo), asked("first"))
    await begun(echo)
    tickets = [made.open(echo) for _ in range(4)]
    futures = [
        future
        for name, ticket in zip("abcd", tickets, strict=True)
        for future in made.add(ticket, asked(*(f"{name}{number}" for number in range(50))))
    ]
    echo.go.set()
    await asyncio.gather(*futures)
    order = [payload for batch in echo.batches[1:] for payload in batch]
    for start in range(0, 192, 8):  # a round is two batches of four
        names = [payload[0] for payload in order[start : start + 8]]
        assert sorted(names) == sorted("aabbccdd")
    made.close()


@running
async def test_what_waits_is_bounded_and_a_request_is_taken_whole_or_not(echo):
    made = batcher(max_waiting=10, max_waiting_chars=100)
    futures = made.add(made.open(echo), asked(*"abcdefgh"))
    with pytest.raises(Refusal) as refused:
        made.add(made.open(echo), asked(*"xyz"))
    assert (refused.value.status, refused.value.code) == (503, "busy")
    assert 1 <= refused.value.retry_after_s <= 60
    with pytest.raises(Refusal):
        made.add(made.open(echo), asked("x" * 93))
    assert made.n_documents == 8
    futures += made.add(made.open(echo), asked(*"xy"))
    echo.go.set()
    await asyncio.gather(*futures)
    assert made.n_documents == 0
    late = made.add(made.open(echo), asked("z" * 1000))  # alone, it is taken however long it is
    assert await late[0] == b"z" * 1000
    made.close()


@running
async def test_a_stream_waits_for_room_and_leaves_half_of_it(echo):
    made = batcher(max_waiting=8)
    ticket = made.open(echo)
    futures = [await made.add_in_time(ticket, "s", 1) for _ in range(4)]
    waiting = asyncio.ensure_future(made.add_in_time(ticket, "s", 1))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    futures += made.add(made.open(echo), asked(*"abcd"))
    echo.go.set()
    futures.append(await waiting)
    assert len(await asyncio.gather(*futures)) == 9
    made.close()


@running
async def test_what_nobody_waits_for_is_not_done(echo):
    made = batcher()
    ticket = made.open(echo)
    gone = made.add(ticket, asked(*(f"g{number}" for number in range(100))))
    await begun(echo)
    kept = made.add(made.open(echo), asked("kept"))
    made.cancel(ticket)
    assert made.n_documents <= 1 + 2 * 4  # those in a batch, and the one that is kept
    echo.go.set()
    assert await kept[0] == b"kept"
    assert all(future.cancelled() for future in gone)
    done = [payload for batch in echo.batches for payload in batch]
    assert len(done) <= 4 + 4 + 1
    while made.n_documents:
        await asyncio.sleep(0.005)
    assert made.n_chars == 0
    made.close()


@running
async def test_a_bad_document_spoils_no_other(echo):
    echo.go.set()
    made = batcher()
    futures = made.add(made.open(echo), asked("a", "poison", "b", "c"))
    found = await asyncio.gather(*futures, return_exceptions=True)
    assert found[0] == b"a"
    assert found[2:] == [b"b", b"c"]
    assert isinstance(found[1], Refusal)
    assert found[1].code == "fault"
    assert made.n_documents == 0
    made.close()


@running
async def test_documents_of_a_batch_are_of_like_length_and_few_where_they_are_long(echo):
    made = batcher(batch_chars=100, max_waiting_chars=10_000)
    made.add(made.open(echo), asked("first"))
    await begun(echo)
    lengths = (60, 1, 70, 2, 3, 80, 4, 500)
    futures = made.add(made.open(echo), asked(*("w" * length for length in lengths)))
    echo.go.set()
    await asyncio.gather(*futures)
    assert [[len(one) for one in batch] for batch in echo.batches[1:]] == [
        [1, 2, 3, 4],
        [60],
        [70],
        [80],
        [500],
    ]
    made.close()


@running
async def test_runners_work_side_by_side(echo):
    made = batcher(n_runners=3)
    futures = made.add(made.open(echo), asked(*"abcdef"))
    await asyncio.to_thread(eventually, lambda: len(echo.batches) == 3)
    assert sorted(map(len, echo.batches)) == [2, 2, 2]
    echo.go.set()
    await asyncio.gather(*futures)
    made.close()

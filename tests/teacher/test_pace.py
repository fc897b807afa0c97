"""The pace: limits kept whoever comes, waits, fails or gives up; nobody overtakes the earliest."""

import asyncio
import random
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from decoct.teacher.pace import CUT_EVERY_S, Pace
from fakes.virtual_time import run


def now() -> float:
    return asyncio.get_running_loop().time()


def most_in_a_minute(sent: list[tuple[float, float]]) -> float:
    """Return the largest sum of weights in any 60 s, its end not counted."""
    return max(
        sum(weight for at, weight in sent if start <= at < start + 60 - 1e-6) for start, _ in sent
    )


class Endpoint:
    """Sends at a pace, and notes when, and how many at once."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.sent: list[tuple[float, float]] = []
        self.order: list[int] = []
        self.now = self.most = 0

    async def send(self, order: int = 0, n_tokens: int = 0, latency_s: float = 1.0) -> float:
        async with self.pace.slot(order):
            sent_at = await self.pace.due(n_tokens)
            assert abs(sent_at - now()) < 1e-6
            self.sent.append((sent_at, n_tokens))
            self.order.append(order)
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await asyncio.sleep(latency_s)
            finally:
                self.now -= 1
            return sent_at


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_so_many_at_once_and_the_earliest_first(concurrency):
    async def work():
        endpoint = Endpoint(Pace(concurrency))
        orders = list(range(20))
        random.Random(concurrency).shuffle(orders)
        await asyncio.gather(*(endpoint.send(order) for order in orders))
        first = orders[:concurrency]  # they found the place empty
        assert endpoint.order == [*first, *sorted(set(orders) - set(first))]
        assert endpoint.most == concurrency
        assert endpoint.pace.n_busy == 0

    run(work())


def test_who_comes_again_goes_before_who_came_later():
    async def work():
        endpoint = Endpoint(Pace(1))

        async def twice():
            await endpoint.send(0)
            await asyncio.sleep(0.5)
            await endpoint.send(0)

        await asyncio.gather(twice(), *(endpoint.send(order) for order in range(1, 5)))
        assert endpoint.order == [0, 1, 0, 2, 3, 4]

    run(work())


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.floats(0, 90), st.floats(0, 5)), min_size=1, max_size=60),
)
def test_requests_a_minute(limit, coming):
    async def work():
        endpoint = Endpoint(Pace(8, requests_per_minute=limit))

        async def one(order, after_s, latency_s):
            await asyncio.sleep(after_s)
            await endpoint.send(order, latency_s=latency_s)

        await asyncio.gather(*(one(n, *when) for n, when in enumerate(coming)))
        assert len(endpoint.sent) == len(coming)
        assert most_in_a_minute([(at, 1) for at, _ in endpoint.sent]) <= limit

    run(work(), collect=False)


@given(st.lists(st.integers(0, 600), min_size=1, max_size=60))
@example([300] + [0] * 50)
@example([0] * 50 + [600] * 9)
def test_tokens_and_requests_a_minute(sizes):
    """However uneven the requests: neither limit's slack is saved up for the other's rush."""

    async def work():
        endpoint = Endpoint(Pace(8, requests_per_minute=30, tokens_per_minute=600))
        await asyncio.gather(*(endpoint.send(n, size) for n, size in enumerate(sizes)))
        assert most_in_a_minute([(at, 1) for at, _ in endpoint.sent]) <= 30
        # what is in a window, but for its last request, had its own time before the next one
        assert most_in_a_minute(endpoint.sent) <= 600 + max(sizes)
        ideal_s = max(60 / 30 * (len(sizes) - 1), sum(sizes[:-1]) / 10)
        assert endpoint.sent[-1][0] <= 2 * ideal_s + 1e-6  # and no time is wasted

    run(work(), collect=False)


def test_what_a_request_cost_in_truth_is_made_good():
    async def work():
        pace = Pace(8, tokens_per_minute=60)
        endpoint = Endpoint(pace)
        await endpoint.send(n_tokens=10, latency_s=0)
        pace.correct(20)
        assert await endpoint.send(n_tokens=10, latency_s=0) == 30
        pace.correct(-7)
        assert await endpoint.send(n_tokens=1, latency_s=0) == 33
        pace.correct(-1000)  # what was not used is gone: nothing is saved up
        await asyncio.sleep(10)
        assert [await endpoint.send(n_tokens=10, latency_s=0) for _ in range(3)] == [43, 53, 63]

    run(work())


def test_nobody_is_sent_before_the_endpoint_wants_it():
    async def work():
        pace = Pace(8, requests_per_minute=60)
        endpoint = Endpoint(pace)
        waiting = [asyncio.create_task(endpoint.send(n)) for n in range(30)]
        await asyncio.sleep(2.5)  # three are sent, five wait for their second, 22 for a place
        pace.throttled(20)
        await asyncio.sleep(4)
        pace.throttled(5)  # shorter: changes nothing
        await asyncio.gather(*waiting)
        times = [at for at, _ in endpoint.sent]
        assert times[:3] == [0, 1, 2]
        assert 22.5 <= times[3] <= 22.5 + 2
        assert min(later - earlier for earlier, later in pairwise(times[3:])) >= 1 - 1e-6

    run(work())


def test_a_pause_that_is_made_longer_meanwhile():
    async def work():
        pace = Pace(2)
        endpoint = Endpoint(pace)
        pace.throttled(10)
        waiting = [asyncio.create_task(endpoint.send(n)) for n in range(3)]
        await asyncio.sleep(5)
        pace.throttled(20)
        await asyncio.gather(*waiting)
        assert min(at for at, _ in endpoint.sent) >= 25

    run(work())


def test_after_a_pause_not_all_at_the_same_moment():
    async def work():
        pace = Pace(8)
        pace.throttled(10)
        pace.limit = 8.0
        endpoint = Endpoint(pace)
        await asyncio.gather(*(endpoint.send(n) for n in range(8)))
        times = [at for at, _ in endpoint.sent]
        assert len(set(times)) == 8
        assert all(10 <= at <= 11 for at in times)

    run(work())


@pytest.mark.parametrize("retry_after_s", [None, 5])
def test_a_volley_is_one_complaint_however_late_its_parts_come(retry_after_s):
    async def work():
        pace = Pace(16)
        endpoint = Endpoint(pace)

        async def refused(latency_s):
            sent_at = await endpoint.send(latency_s=latency_s)
            pace.throttled(retry_after_s, sent_at)

        await asyncio.gather(*(refused(0.1 + n) for n in range(16)))
        assert pace.limit == 8
        await refused(0.1)  # sent in full knowledge
        assert pace.limit == 4
        await asyncio.sleep(60)
        for _ in range(5):
            await refused(CUT_EVERY_S)
        assert pace.limit == 1

    run(work())


def test_one_complaint_a_second_however_quick_the_next_is():
    async def work():
        pace = Pace(16)
        for n in range(20):
            await asyncio.sleep(CUT_EVERY_S / 10)
            pace.throttled(None, await Endpoint(pace).send(latency_s=0))
            assert pace.limit == (8 if n <= 10 else 4)

    run(work())


def test_half_as_many_at_once_then_one_more_a_round():
    async def work():
        pace = Pace(8)
        endpoint = Endpoint(pace)

        async def going_well(n):
            await endpoint.send(n)
            pace.answered()

        pace.throttled(None)
        for wanted in (4, 5, 6, 7, 8, 8):
            endpoint.most = 0
            await asyncio.gather(*(going_well(n) for n in range(int(pace.limit))))
            assert endpoint.most == wanted
            assert pace.limit <= 8
            pace.limit = min(8.0, wanted + 1.0)  # sums of 1 / limit come a little short

    run(work())


def test_the_limit_grows_by_one_a_round_and_stays_in_its_bounds():
    async def work():
        pace = Pace(8)
        for _ in range(10):
            pace.throttled(None)
            await asyncio.sleep(2)
        assert pace.limit == 1
        pace.answered()
        assert pace.limit == 2
        for _ in range(2):
            pace.answered()
        assert 2.8 < pace.limit < 3.2
        for _ in range(100):
            pace.answered()
        assert pace.limit == 8

    run(work())


def test_a_clock_and_a_sleep_of_ones_own():
    async def work():
        slept: list[float] = []

        async def sleep(seconds):
            slept.append(seconds)

        pace = Pace(1, requests_per_minute=6, clock=lambda: 100.0, sleep=sleep)
        pace.throttled(30)
        assert [await pace.due(), await pace.due()] == [130, 140]
        assert 30 <= slept[0] <= 33
        assert slept[1:] == [pytest.approx(30, abs=3.1), 10]

    run(work())


@pytest.mark.parametrize("seed", range(12))
def test_who_gives_up_leaves_no_slot_taken(seed):
    """A random crowd: some are cancelled at random moments, some throttled, some fail."""
    draw = random.Random(seed)

    async def work():
        concurrency = draw.randint(1, 6)
        per_minute = draw.choice([None, 600])
        pace = Pace(concurrency, requests_per_minute=per_minute)
        endpoint = Endpoint(pace)

        async def one(order):
            await asyncio.sleep(draw.random() * 20)
            sent_at = await endpoint.send(order, latency_s=draw.choice([0, 0.5, draw.random()]))
            if draw.random() < 0.1:
                pace.throttled(draw.choice([None, 1.5]), sent_at)
            elif draw.random() < 0.1:
                raise RuntimeError
            else:
                pace.answered()

        crowd = [asyncio.create_task(one(n)) for n in range(150)]
        for task in draw.sample(crowd, 60):
            asyncio.get_running_loop().call_later(draw.random() * 25, task.cancel)
        for task in draw.sample(crowd, 10):  # twice in the moment in which it may have its turn
            asyncio.get_running_loop().call_later(draw.random() * 25, task.cancel)
        await asyncio.gather(*crowd, return_exceptions=True)
        assert pace.n_busy == 0
        assert endpoint.most <= concurrency
        pace.limit = float(concurrency)
        endpoint.most = 0
        await asyncio.gather(*(endpoint.send(n) for n in range(concurrency)))
        assert endpoint.most == concurrency

    run(work(), collect=False)


def test_cancelled_in_the_moment_of_having_the_turn():
    async def work():
        pace = Pace(1)
        endpoint = Endpoint(pace)

        async def spoiler():
            await endpoint.send(0)  # gives up its slot, which is the second one's from then on,
            second.cancel()  # who has not woken

        first = asyncio.create_task(spoiler())
        second, third = (asyncio.create_task(endpoint.send(n)) for n in (1, 2))
        await asyncio.gather(first, third)
        assert second.cancelled()
        assert endpoint.order == [0, 2]
        assert pace.n_busy == 0

    run(work())

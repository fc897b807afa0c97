"""The budget: never passed, nobody starves, everything ends, whoever is cancelled meanwhile."""

import asyncio
import random
from collections.abc import Awaitable, Coroutine
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import BudgetSpentError, ConfigError, TeacherError
from decoct.teacher.base import Usage
from decoct.teacher.budget import Budget
from decoct.teacher.prices import FREE, Price

DOLLAR_A_TOKEN = Price(
    input_usd=1_000_000,
    output_usd=1_000_000,
    cached_input_usd=0,
    batch_factor=0.5,
    as_of=date(2026, 1, 1),
    source="test",
)


def dollars_of(limit: float | None = 10) -> Budget:
    return Budget(limit, DOLLAR_A_TOKEN)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def call(
    budget: Budget, worst: int, billed: int | None, answered: Awaitable[Any] | None = None
) -> None:
    async with budget.hold(worst, 0) as held:
        if answered is not None:
            await answered
        if billed is not None:
            held.spend(Usage(billed))


def test_it_counts() -> None:
    async def work() -> None:
        budget = dollars_of()
        assert budget.spent_usd == 0
        async with budget.hold(4, 2) as held:
            held.spend(Usage(3, 1, cached_prompt_tokens=1))
        async with budget.hold(2, 1) as held:
            held.spend(None)  # the endpoint does not say: the worst case
        async with budget.hold(1, 1):
            pass  # failed: nothing was billed
        assert budget.spent_usd == 6
        assert budget.usage == Usage(5, 2, 1)
        assert budget.n_calls == 2

    run(work())


def test_a_batch_costs_less() -> None:
    async def work() -> None:
        budget = Budget(5, DOLLAR_A_TOKEN, batch=True)
        await call(budget, 10, 10)
        assert budget.spent_usd == 5

    run(work())


def test_without_a_limit_it_only_counts() -> None:
    async def work() -> None:
        for price, spent in [(None, None), (FREE, 0), (DOLLAR_A_TOKEN, 7e12)]:
            budget = Budget(None, price)
            await call(budget, 10**13, 7 * 10**12)
            assert budget.spent_usd == spent
            assert budget.usage.prompt_tokens == 7 * 10**12
        free = Budget(0, FREE)
        await call(free, 10**6, 10**6)
        assert free.n_calls == 1

    run(work())


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf")])
def test_a_limit_is_an_amount(limit: float) -> None:
    with pytest.raises(ConfigError, match="no amount of US dollars"):
        Budget(limit, DOLLAR_A_TOKEN)


def test_a_limit_needs_a_price() -> None:
    with pytest.raises(ConfigError, match="--prices"):
        Budget(5, None)


def test_what_does_not_fit_is_refused_with_the_way_out() -> None:
    async def work() -> None:
        budget = dollars_of(10)
        await call(budget, 8, 8)
        with pytest.raises(BudgetSpentError) as caught:
            await call(budget, 3, 3)
        assert str(caught.value) == (
            "$8.00 of $10.00 are spent, and the next call might cost $3.00; the same command with "
            "a higher --budget-usd goes on from here"
        )
        assert isinstance(caught.value, TeacherError)
        await call(budget, 2, 2)  # what does fit may still go
        assert budget.spent_usd == 10

    run(work())


def test_cents_do_not_drift() -> None:
    async def work() -> None:
        cents = Price(input_usd=100_000, output_usd=0, as_of=date(2026, 1, 1), source="test")
        budget = Budget(1.0, cents)
        for _ in range(10):
            await call(budget, 1, 1)
        assert budget.spent_usd == 1.0
        with pytest.raises(BudgetSpentError):
            await call(budget, 1, 1)

    run(work())


def test_a_call_waits_for_those_under_way_which_may_come_out_cheaper() -> None:
    async def work() -> None:
        budget = dollars_of(10)
        answered = asyncio.Event()
        first = asyncio.create_task(call(budget, 8, 1, answered.wait()))
        await settle()
        second = asyncio.create_task(call(budget, 8, 8))
        await settle()
        assert budget.n_calls == 0
        assert not second.done()
        answered.set()
        await asyncio.gather(first, second)
        assert budget.spent_usd == 9

    run(work())


def test_a_failed_call_gives_back_what_it_held() -> None:
    async def work() -> None:
        budget = dollars_of(10)
        answered = asyncio.Event()

        async def fail() -> None:
            async with budget.hold(8, 0):
                await answered.wait()
                raise ValueError("broken")

        failing = asyncio.create_task(fail())
        await settle()
        waiting = asyncio.create_task(call(budget, 8, 8))
        await settle()
        answered.set()
        with pytest.raises(ValueError, match="broken"):
            await failing
        await waiting
        assert budget.spent_usd == 8

    run(work())


def test_what_is_booked_lets_others_go_at_once() -> None:
    async def work() -> None:
        budget = dollars_of(10)
        async with budget.hold(9, 0) as held:
            waiting = asyncio.create_task(call(budget, 9, 9))
            await settle()
            assert not waiting.done()
            held.spend(Usage(1))
            await settle()
            assert waiting.done()
        await waiting
        assert budget.spent_usd == 10

    run(work())


def test_the_first_to_come_goes_first() -> None:
    async def work() -> None:
        budget = dollars_of(10)
        went: list[str] = []
        answered = asyncio.Event()

        async def named(name: str, worst: int) -> None:
            async with budget.hold(worst, 0) as held:
                went.append(name)
                held.spend(Usage(1))

        first = asyncio.create_task(call(budget, 6, 1, answered.wait()))
        await settle()
        others = [
            asyncio.create_task(named(name, worst)) for name, worst in [("big", 8), ("small", 1)]
        ]
        await settle()
        assert went == []  # the small one would fit, but it is not its turn
        answered.set()
        await asyncio.gather(first, *others)
        assert went == ["big", "small"]

    run(work())


def test_those_that_do_not_fit_are_sent_away_one_by_one() -> None:
    async def work() -> None:
        budget = dollars_of(10)
        answered = asyncio.Event()
        first = asyncio.create_task(call(budget, 7, 7, answered.wait()))
        await settle()
        others = [asyncio.create_task(call(budget, worst, worst)) for worst in (5, 2, 4, 1)]
        await settle()
        answered.set()
        ended = await asyncio.gather(first, *others, return_exceptions=True)
        assert [type(end) for end in ended] == [
            type(None), BudgetSpentError, type(None), BudgetSpentError, type(None),
        ]  # fmt: skip
        assert budget.spent_usd == 10

    run(work())


@pytest.mark.parametrize("when", ["waiting", "let go"])
def test_a_cancelled_one_stands_in_nobodys_way(when: str) -> None:
    async def work() -> None:
        budget = dollars_of(10)
        answered = asyncio.Event()
        first = asyncio.create_task(call(budget, 6, 1, answered.wait()))
        await settle()
        big = asyncio.create_task(call(budget, 8, 8))
        small = asyncio.create_task(call(budget, 4, 4))
        await settle()
        if when == "let go":
            answered.set()
            while not first.done():
                await asyncio.sleep(0)
        big.cancel()  # in the second case it has its turn, and has not noticed yet
        await settle()
        assert small.done()
        answered.set()
        await asyncio.gather(first, small)
        with pytest.raises(asyncio.CancelledError):
            await big
        assert budget.spent_usd == 5
        await call(budget, 5, 5)  # nothing is held any more

    run(work())


class Simulation:
    """Many calls at once: some cheaper than feared, some fail, some are cancelled at any moment."""

    def __init__(self, seed: int, limit: int) -> None:
        self.random = random.Random(seed)
        self.limit = limit
        self.budget = dollars_of(limit)
        self.at_risk = self.billed = self.n_billed = 0

    async def one(self) -> str:
        worst = self.random.randint(0, self.limit // 2 + 1)
        for _ in range(self.random.randint(0, 5)):
            await asyncio.sleep(0)
        try:
            async with self.budget.hold(worst, 0) as held:
                self.at_risk += worst
                assert self.billed + self.at_risk <= self.limit
                try:
                    for _ in range(self.random.randint(0, 4)):
                        await asyncio.sleep(0)
                finally:
                    self.at_risk -= worst
                if self.random.random() < 0.2:
                    return "failed"
                cost = self.random.randint(0, worst)
                self.billed += cost
                self.n_billed += 1
                held.spend(Usage(cost))
                if self.random.random() < 0.3:
                    await asyncio.sleep(0)
                return "answered"
        except BudgetSpentError:
            assert self.billed + worst > self.limit  # not out of caution alone
            return "refused"

    async def run(self, n_calls: int) -> None:
        tasks = [asyncio.create_task(self.one()) for _ in range(n_calls)]
        unlucky = self.random.sample(tasks, n_calls // 4)
        for task in unlucky:
            for _ in range(self.random.randint(0, 3)):
                await asyncio.sleep(0)
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ended:
            assert end in ("answered", "failed", "refused") or isinstance(
                end, asyncio.CancelledError
            )
        assert self.budget.n_calls == self.n_billed


@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 40))
def test_the_limit_holds_in_any_order_of_events(seed: int, limit: int, n_calls: int) -> None:
    simulation = Simulation(seed, limit)
    run(simulation.run(n_calls))
    budget = simulation.budget
    assert budget.spent_usd == simulation.billed <= limit

    async def the_rest() -> None:  # nothing is held for anybody: all that is left can be spent
        left = limit - simulation.billed
        await call(budget, left, left)

    run(the_rest())

"""What a run may spend: no call is sent whose worst case might not be paid for."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from decoct.errors import BudgetSpentError, ConfigError
from decoct.teacher.base import Usage
from decoct.teacher.prices import Price, dollars

_PICO = 10**12  # money is counted in whole picodollars: sums of floats drift


@dataclass(slots=True, eq=False)
class Held:
    """What is set aside for one call while it is under way.

    Attributes:
        worst: tokens that it may be billed for at the most.
        amount: their price in picodollars; 0 once it is known what was billed.
        open: whether that is still to come.
    """

    worst: Usage
    amount: int
    _book: Callable[[Held, Usage], None]
    open: bool = True

    def spend(self, usage: Usage | None) -> None:
        """Book what was billed; None where the endpoint does not say, which books the worst case.

        An attempt that failed books nothing: leave without a word.
        """
        self._book(self, self.worst if usage is None else usage)


class Budget:
    """Lets calls go while the worst case of all that are under way fits what is left.

    A call that does not fit waits for those under way, which may come out cheaper, and those that
    came first go first. Within one event loop. The limit is never passed, as long as no call is
    billed for more than its worst case.

    Args:
        limit_usd: US dollars; None only counts.
        price: of the model's tokens; None where nobody knows it.
        batch: whether calls go as a batch, at its price.

    Attributes:
        price: as given.
        batch: as given.
        usage: tokens that were booked.
        n_calls: calls that were.

    Raises:
        ConfigError: the limit is no amount, or has no price to be counted by.
    """

    def __init__(self, limit_usd: float | None, price: Price | None, batch: bool = False) -> None:
        if limit_usd is not None and not (math.isfinite(limit_usd) and limit_usd >= 0):
            raise ConfigError(f"budget_usd: {limit_usd} is no amount of US dollars")
        if limit_usd is not None and price is None:
            raise ConfigError(
                "budget_usd: nobody knows what this model costs; give its price with --prices "
                "FILE.toml, or leave the budget out"
            )
        self.limit_usd = limit_usd
        self.usage = Usage()
        self.n_calls = 0
        self.price, self.batch = price, batch
        self._limit = None if limit_usd is None else round(limit_usd * _PICO)
        self._spent = self._held = self._n_open = 0
        self._queue: deque[tuple[int, asyncio.Future[bool]]] = deque()

    @property
    def spent_usd(self) -> float | None:
        """US dollars that were booked; None where nobody knows the price."""
        return None if self.price is None else self._spent / _PICO

    @asynccontextmanager
    async def hold(
        self, worst_prompt_tokens: int, worst_completion_tokens: int
    ) -> AsyncGenerator[Held, None]:
        """Wait until a call's worst case can be paid for, and keep that aside while it is open.

        One call holds once: whoever holds and wants to hold again waits for itself.

        Raises:
            BudgetSpentError: nothing is under way any more, and it does not fit.
        """
        worst = Usage(worst_prompt_tokens, worst_completion_tokens)
        amount = self._amount(worst)
        await self._enter(amount)
        held = Held(worst, amount, self._spend)
        try:
            yield held
        finally:
            if held.open:
                self._close(held)

    def _amount(self, usage: Usage) -> int:
        cost = self.price.cost(usage, self.batch) if self.price else 0.0
        return round(cost * _PICO)

    async def _enter(self, amount: int) -> None:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append((amount, turn))
        self._wake()
        try:
            fits = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():  # can't take its turn
                self._held -= amount
                self._n_open -= 1
            self._wake()
            raise
        if not fits:
            raise BudgetSpentError(
                f"{dollars(self.spent_usd or 0)} of {dollars(self.limit_usd or 0)} are spent, and "
                f"the next call might cost {dollars(amount / _PICO)}; the same command with a "
                "higher --budget-usd goes on from here"
            )

    def _wake(self) -> None:
        """Let everyone go who can, in order, and send away the first while nothing is open."""
        while self._queue:
            amount, turn = self._queue[0]
            fits = self._limit is None or self._spent + self._held + amount <= self._limit
            if not (fits or turn.done() or self._n_open == 0):
                return
            self._queue.popleft()
            if turn.done():  # cancelled while it waited
                continue
            if fits:
                self._held += amount
                self._n_open += 1
            turn.set_result(fits)

    def _spend(self, held: Held, usage: Usage) -> None:
        self._spent += self._amount(usage)
        self.usage += usage
        self.n_calls += 1
        if held.open:
            self._close(held)

    def _close(self, held: Held) -> None:
        self._held -= held.amount
        self._n_open -= 1
        held.amount, held.open = 0, False
        self._wake()

"""The pace at which one endpoint is asked: its limits kept, its complaints heeded.

So many requests at once, so many requests and tokens a minute. An endpoint that throttles is asked
half as many at once from then on, and gets one more for each round that goes well (additive
increase, multiplicative decrease, as in TCP: Chiu and Jain 1989); where it says how long to wait,
nobody sends anything before.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

CUT_EVERY_S = 1.0
_JITTER = 0.1


class Pace:
    """Lets requests go one by one; the earliest document goes first, also when it comes again.

    Args:
        concurrency: requests under way at once, at most.
        requests_per_minute: None = no such limit.
        tokens_per_minute: None = no such limit.
        clock: seconds that only ever rise, for tests; None for the event loop's.
        sleep: how to wait, for tests.

    Attributes:
        limit: requests allowed at once now, between 1 and `concurrency`.
        n_busy: requests under way.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.limit = float(max(1, concurrency))
        self.n_busy = 0
        self._most = self.limit
        self._request_s = 60 / requests_per_minute if requests_per_minute else 0.0
        self._token_s = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._request_at = self._token_at = self._resume_at = 0.0
        self._cut_at = -CUT_EVERY_S
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrival = count()

    @asynccontextmanager
    async def slot(self, order: int = 0) -> AsyncGenerator[None]:
        """Wait for one's turn, and hold it while the request is under way.

        Args:
            order: the lowest goes first.
        """
        await self._enter(order)
        try:
            yield
        finally:
            self.n_busy -= 1
            self._wake()

    async def due(self, n_tokens: int = 0) -> float:
        """Wait, with a slot and all else that it takes, until the request may go at once.

        Args:
            n_tokens: what it is expected to cost of the tokens a minute.

        Returns:
            When it goes, by the clock.
        """
        while True:
            now, resume_at = self._now(), self._resume_at
            if resume_at > now:
                await self._sleep((resume_at - now) * (1 + _JITTER * random.random()))
                now = max(resume_at, self._now())
            at = max(now, self._request_at, self._token_at)
            self._request_at, self._token_at = at + self._request_s, at + n_tokens * self._token_s
            if at > now:
                await self._sleep(at - now)
            at = max(at, self._now())
            if self._resume_at <= at:  # else somebody was throttled meanwhile
                return at

    def answered(self) -> None:
        """Take note that the endpoint keeps up."""
        self.limit = min(self._most, self.limit + 1 / self.limit)

    def correct(self, n_tokens: int) -> None:
        """Take note that a request cost `n_tokens` more than was expected, or fewer if negative."""
        self._token_at += n_tokens * self._token_s

    def throttled(self, retry_after_s: float | None, sent_at: float | None = None) -> None:
        """Take note that it does not keep up, and of how long it wants to be left alone.

        Args:
            retry_after_s: None where it does not say.
            sent_at: when the request went, by the clock; None for now.
        """
        now = self._now()
        if retry_after_s:
            self._resume_at = max(self._resume_at, now + retry_after_s)
        since = now if sent_at is None else sent_at
        # a volley that was sent before the last cut, or fails as one, is one complaint
        if since >= self._cut_at and now >= self._cut_at + CUT_EVERY_S:
            self.limit = max(1.0, self.limit / 2)
            self._cut_at = now

    async def _enter(self, order: int) -> None:
        if self.n_busy < int(self.limit) and not self._queue:
            self.n_busy += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (order, next(self._arrival), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it had its turn, and can't take it
                self.n_busy -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        while self._queue and self.n_busy < int(self.limit):
            turn = heapq.heappop(self._queue)[2]
            if not turn.done():
                self.n_busy += 1
                turn.set_result(None)

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()

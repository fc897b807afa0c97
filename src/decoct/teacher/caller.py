"""Putting single questions: each at most once ever, at a bearable pace, within the budget.

A question's way: the log; another document that is asking the same just now; a pack, where packs
are made; the budget; the pace; the backend, as often as there is hope. Every sending is logged
before anybody hears of its answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from decoct.errors import (
    BudgetSpentError,
    RefusedError,
    TeacherError,
    TransientError,
    WaitingError,
)
from decoct.store import sha256_json
from decoct.teacher.base import (
    NO_USAGE,
    Backend,
    Completion,
    Deferred,
    Request,
    Tally,
    Usage,
    billed,
    request_key,
)
from decoct.teacher.budget import Budget
from decoct.teacher.cache import Attempt, CallLog, Logged
from decoct.teacher.call import Call, Item, record
from decoct.teacher.pace import Pace
from decoct.teacher.questions import Questions
from decoct.teacher.settings import AskSettings
from decoct.teacher.tokens import n_tokens, request_tokens

MAX_WAIT_S = 60.0
GIVE_UP_AFTER = 25
_MARGIN = 1.5  # the estimate of a prompt's tokens may be this much too low
_USUAL_TOKENS = 100
_MAX_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Answered:
    """How a question ended this time: with a completion, or with a refusal's reason.

    Attributes:
        completion: the answer.
        refusal: why there is none; `unavailable`, `waiting` and `over_budget` may change.
        detail: one line more.
        cached: whether nothing had to be sent for it.
        usage: tokens that it was billed for, now or when it was sent.
    """

    completion: Completion | None = None
    refusal: str | None = None
    detail: str = ""
    cached: bool = False
    usage: Usage = NO_USAGE

    @classmethod
    def from_log(cls, logged: Logged, cached: bool) -> Answered:
        """Return how a call that the log knows ended."""
        return cls(logged.completion, logged.refusal, logged.detail, cached, logged.usage)

    @classmethod
    def from_outcome(cls, outcome: Completion | RefusedError, usage: Usage) -> Answered:
        """Return how a call has just ended."""
        if isinstance(outcome, RefusedError):
            return cls(None, outcome.reason, outcome.detail, usage=usage)
        return cls(outcome, usage=usage)


Pending = asyncio.Future[Answered]


@dataclass(slots=True)
class _Pack:
    """Questions that are waiting to travel together.

    Attributes:
        order: place of the first one's document.
        items: each with whoever waits for it.
    """

    order: int
    items: list[tuple[Item, Pending]] = field(default_factory=list)

    def settle(self, call: asyncio.Task[Answered], log: CallLog) -> None:
        """Tell everyone how it went."""
        for item, pending in self.items:
            if pending.done():
                continue
            if call.cancelled():
                pending.cancel()
                continue
            try:
                whole, logged = call.result(), log.get(item.key)
            except Exception as error:
                pending.set_exception(error)
                pending.exception()  # it may be that nobody waits any more
            else:
                pending.set_result(Answered.from_log(logged, cached=False) if logged else whole)


class Caller:
    """Puts questions to one backend.

    Args:
        backend: who answers.
        log: looked up first, and told of every attempt.
        questions: makes packed prompts.
        settings: how to ask.
        budget: what may be spent.
        sleep: how to wait between attempts, for tests.

    Attributes:
        tally: what was sent so far.
    """

    def __init__(
        self,
        backend: Backend,
        log: CallLog,
        questions: Questions,
        settings: AskSettings,
        budget: Budget,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.tally = Tally()
        self._backend, self._log, self._questions = backend, log, questions
        self._settings, self._budget, self._sleep = settings, budget, sleep
        self._deferred = isinstance(backend, Deferred)
        a_minute = (settings.requests_per_minute, settings.tokens_per_minute)
        if self._deferred:  # taking requests down is not asking
            a_minute = (None, None)
        self._pace = Pace(settings.concurrency, *a_minute, sleep=sleep)
        self._asked: dict[str, Pending] = {}
        self._packs: dict[int, _Pack] = {}
        self._calls: set[asyncio.Task[Answered]] = set()
        self._sending: set[asyncio.Task[Answered]] = set()
        self._n_unavailable = 0
        self._failure: Exception | None = None

    async def answer(self, request: Request, order: int) -> Answered:
        """Answer one question.

        Args:
            request: the question.
            order: place of its document; the earliest goes first.

        Raises:
            TeacherError: the backend can't answer at all, or has not for very long.
            StoreError: the log can't be written.
        """
        key = request_key(self._backend, request)
        logged = self._log.get(key)
        if logged is not None:
            return Answered.from_log(logged, cached=True)
        if self._deferred and (where := self._log.waiting_in(key)):
            return Answered(refusal="waiting", detail=str(WaitingError(where)), cached=True)
        asked = self._asked.get(key)
        if asked is not None:  # the same text twice is asked once
            return replace(await asyncio.shield(asked), cached=True)
        pending = self._put(key, request, order)
        self._asked[key] = pending
        pending.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(pending)

    def flush(self, order: int | None = None) -> None:
        """Send packs that are not full.

        Args:
            order: those of the documents up to this place, which are waited for; None for all, as
                nobody else is coming.
        """
        for sample, pack in list(self._packs.items()):
            if order is None or pack.order <= order:
                self._send_pack(sample)

    @property
    def n_sending(self) -> int:
        """Requests whose answers are under way."""
        return len(self._sending)

    async def drain(self) -> None:
        """Send nothing more, and wait for the answers that are under way: they are paid for."""
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        for pack in self._packs.values():
            for _, pending in pack.items:
                pending.cancel()
        self._packs.clear()
        await asyncio.gather(*calls, *self._sending, return_exceptions=True)
        self._failure, self._n_unavailable = None, 0

    def _put(self, key: str, request: Request, order: int) -> Pending:
        if not request.pack:
            return self._start(self._call(Call(replace(request, key=key)), order))
        pack = self._packs.setdefault(request.sample, _Pack(order))
        pending: Pending = asyncio.get_running_loop().create_future()
        pack.items.append((Item(key, request), pending))
        if len(pack.items) >= request.pack:
            self._send_pack(request.sample)
        return pending

    def _send_pack(self, sample: int) -> None:
        pack = self._packs.pop(sample)
        items = tuple(item for item, _ in pack.items)
        together = self._questions.together([item.request for item in items])
        key = sha256_json(["pack", *(item.key for item in items)])
        call = self._start(self._call(Call(replace(together, key=key), items), pack.order))
        call.add_done_callback(lambda done: pack.settle(done, self._log))

    def _start(self, call: Coroutine[None, None, Answered]) -> asyncio.Task[Answered]:
        task = asyncio.create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, call: asyncio.Task[Answered]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # heard, also where nobody waits any more

    async def _call(self, call: Call, order: int) -> Answered:
        try:
            return await self._persist(call, order)
        except Exception as error:  # whatever it is, nobody else is to run into it
            self._failure = self._failure or error
            raise

    async def _persist(self, call: Call, order: int) -> Answered:
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self._settings.max_attempts),
            wait=self._wait_s,
            retry=retry_if_exception_type(TransientError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await attempts(self._attempt, call, order)
        except WaitingError as error:
            return Answered(refusal="waiting", detail=str(error))
        except BudgetSpentError as error:
            return Answered(refusal="over_budget", detail=str(error))
        except TransientError as error:
            self._n_unavailable += 1
            n = self._settings.max_attempts
            detail = f"no answer in {n} attempt{'s' * (n > 1)}, the last: {error}"
            if self._n_unavailable >= GIVE_UP_AFTER:
                raise TeacherError(
                    f"{self._n_unavailable} requests on end got {detail}; the answers before that "
                    "are kept, the same command goes on from there"
                ) from None
            return Answered(refusal="unavailable", detail=detail)

    async def _attempt(self, call: Call, order: int) -> Answered:
        n_prompt = request_tokens(call.request) if self._backend.live else 0
        n_expected = n_prompt + self._mean_answer_tokens
        async with (
            self._pace.slot(order),
            self._budget.hold(int(n_prompt * _MARGIN), self._most_answer_tokens) as held,
        ):
            sent_at = await self._pace.due(n_expected)
            if self._failure is not None:
                raise self._failure
            sending = asyncio.create_task(self._send(call))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
            try:
                answered = await asyncio.shield(sending)
            except WaitingError:
                held.spend(Usage(n_prompt, self._mean_answer_tokens))
                raise
            except TransientError as error:
                if error.throttled:
                    self._pace.throttled(error.retry_after_s, sent_at)
                raise
            self._n_unavailable = 0
            self._pace.answered()
            bill = answered.usage
            if answered.completion is not None and not bill.prompt_tokens:  # it does not say
                bill = Usage(n_prompt, n_tokens(answered.completion.content))
            held.spend(bill)
            self._pace.correct(bill.prompt_tokens + bill.completion_tokens - n_expected)
            return answered

    async def _send(self, call: Call) -> Answered:
        """Send once, and log what came of it, also where nobody waits for it any more."""
        started, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="milliseconds")

        def attempt(usage: Usage = NO_USAGE, error: str | None = None) -> Attempt:
            return Attempt(time.monotonic() - started, usage, error, at)

        outcome: Completion | RefusedError
        try:
            outcome = await self._backend.complete(call.request)
        except RefusedError as refused:
            outcome = refused
        except WaitingError as waiting:
            record(self._log, self._backend, call, None, None)
            self._log.mark_waiting(call.keys, waiting.where)
            raise
        except TeacherError as error:
            record(self._log, self._backend, call, None, attempt(error=str(error)))
            self.tally.failures[str(error)] += 1
            raise
        usage = billed(outcome)
        record(self._log, self._backend, call, outcome, attempt(usage))
        self.tally.n_sent += 1
        self.tally.usage += usage
        return Answered.from_outcome(outcome, usage)

    @property
    def _mean_answer_tokens(self) -> int:
        if not self._backend.live:
            return 0
        sent = self.tally
        return sent.usage.completion_tokens // sent.n_sent if sent.n_sent else _USUAL_TOKENS

    @property
    def _most_answer_tokens(self) -> int:
        most = self._backend.parameters.get("max_tokens", _MAX_TOKENS)
        return int(most) if self._backend.live else 0

    def _wait_s(self, state: RetryCallState) -> float:
        """Return seconds to the next attempt: back-off with jitter, or longer where asked to."""
        first_s = self._settings.backoff_s
        waits = wait_exponential(multiplier=first_s, max=MAX_WAIT_S) + wait_random(0, first_s)
        backoff_s = waits(state)
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, TransientError) else None
        return max(backoff_s, asked_s or 0.0)

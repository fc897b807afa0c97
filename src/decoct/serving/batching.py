"""Documents of all requests gathered into batches, and what may wait for that bounded.

Everything here runs in the event loop but the work itself, which runners, threads, do. There is no
waiting for a batch to fill: what comes while all runners are busy makes the next batches.

Requests take turns, so that one with a thousand documents holds up nobody. What is taken in one
round is sorted by length and cut into batches, so that little of them is padding.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any, Protocol

from decoct.serving.metrics import Metrics
from decoct.serving.refusals import ClientGoneError, Refusal, busy
from decoct.serving.settings import ServeSettings

_ROUND_BATCHES = 2  # for each runner; more makes batches more even, and newcomers wait longer
_MAX_RETRY_S = 60
_RATE_MEMORY = 0.9  # how much of the rate is what it was before the last batch
Result = bytes | Refusal


class Operation(Protocol):
    """What is done to documents; two that are equal may be done together."""

    @property
    def name(self) -> str:
        """For metrics."""
        ...

    def __hash__(self) -> int: ...

    def run(self, payloads: Sequence[Any]) -> list[bytes]:
        """Return the JSON of each answer; called in a runner's thread."""
        ...


@dataclass(slots=True, eq=False)
class _Job:
    """One document's work."""

    payload: Any
    n_chars: int
    ticket: Ticket
    future: asyncio.Future[bytes]


@dataclass(slots=True, eq=False)
class Ticket:
    """A request's place in the queue.

    Attributes:
        operation: what is done to its documents.
        waiting: those that no batch has taken yet.
        jobs: all that are not done.
    """

    operation: Operation
    waiting: deque[_Job] = field(default_factory=deque)
    jobs: set[_Job] = field(default_factory=set)


class Batcher:
    """Takes documents of requests and gives each its answer.

    Args:
        settings: how much it takes, and how large batches are.
        n_runners: batches that are worked on at the same time.
        metrics: told of it.
        told: called with what an operation raised that is no `Refusal`, and makes one of it.
    """

    def __init__(
        self,
        settings: ServeSettings,
        n_runners: int,
        metrics: Metrics,
        told: Callable[[Exception], Refusal],
    ) -> None:
        self._settings = settings
        self._n_runners = n_runners
        self._metrics = metrics
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(n_runners, "decoct-runner")
        self._turns: deque[Ticket] = deque()  # those with something waiting
        self._ready: deque[list[_Job]] = deque()
        self._n_running = 0
        self._is_pumping = False
        self._room = asyncio.Event()
        self._rate = 0.0  # documents a second, of late
        self.n_documents = 0
        self.n_chars = 0

    def open(self, operation: Operation) -> Ticket:
        """Return a place in the queue, to which documents are added."""
        return Ticket(operation)

    def add(self, ticket: Ticket, asked: Sequence[tuple[Any, int]]) -> list[asyncio.Future[bytes]]:
        """Take all of some documents, or none.

        Args:
            ticket: from `open`.
            asked: what the operation gets of each, and its characters.

        Returns:
            A future for each; its exception is a `Refusal`.

        Raises:
            Refusal: there is no room.
        """
        if not self._fits(len(asked), sum(n_chars for _, n_chars in asked), share=1):
            raise busy(self.retry_after_s())
        return self._add(ticket, asked)

    async def add_in_time(
        self,
        ticket: Ticket,
        payload: Any,  # noqa: ANN401 (the operation's)
        n_chars: int,
    ) -> asyncio.Future[bytes]:
        """Take a document as soon as there is room; half of it is left to other requests."""
        while not self._fits(1, n_chars, share=2):
            self._room.clear()
            await self._room.wait()
        return self._add(ticket, [(payload, n_chars)])[0]

    def cancel(self, ticket: Ticket) -> None:
        """Drop what is left of a request; what a runner has begun it finishes for nobody."""
        self._metrics.dropped.add(n=len(ticket.jobs))
        for job in ticket.jobs:
            job.future.cancel()
        for job in ticket.waiting:
            self._release(job)
        ticket.waiting.clear()

    def retry_after_s(self) -> int:
        """Return when there will probably be room."""
        if not self._rate:
            return 1
        return min(_MAX_RETRY_S, max(1, math.ceil(self.n_documents / self._rate / 2)))

    def close(self) -> None:
        """End the runners."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fits(self, n_documents: int, n_chars: int, share: int) -> bool:
        """Whether there is room; a single long document fits into an empty queue."""
        limits = self._settings
        return self.n_documents + n_documents <= max(1, limits.max_waiting // share) and (
            self.n_documents == 0 or self.n_chars + n_chars <= limits.max_waiting_chars // share
        )

    def _add(self, ticket: Ticket, asked: Sequence[tuple[Any, int]]) -> list[asyncio.Future[bytes]]:
        jobs = [
            _Job(payload, n_chars, ticket, self._loop.create_future()) for payload, n_chars in asked
        ]
        if jobs and not ticket.waiting:
            self._turns.append(ticket)
        ticket.waiting.extend(jobs)
        ticket.jobs.update(jobs)
        self.n_documents += len(jobs)
        self.n_chars += sum(job.n_chars for job in jobs)
        self._pump_soon()
        return [job.future for job in jobs]

    def _release(self, job: _Job) -> None:
        job.ticket.jobs.discard(job)
        self.n_documents -= 1
        self.n_chars -= job.n_chars
        self._room.set()

    def _pump_soon(self) -> None:
        """Give runners what they can take when what has come by now is added too."""
        if not self._is_pumping:
            self._is_pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Give runners what they can take."""
        self._is_pumping = False
        while self._n_running < self._n_runners:
            if not self._ready:
                self._ready.extend(self._batches(self._round()))
            if not self._ready:
                return
            batch = self._ready.popleft()
            for job in batch:
                if job.future.cancelled():
                    self._release(job)
            batch = [job for job in batch if not job.future.cancelled()]
            if batch:
                self._start(batch)

    def _round(self) -> list[_Job]:
        """Take one document of each request in turn, up to a few batches for each runner."""
        most = _ROUND_BATCHES * self._n_runners * self._settings.batch_documents
        taken: list[_Job] = []
        while self._turns and len(taken) < most:
            ticket = self._turns.popleft()
            if ticket.waiting:
                taken.append(ticket.waiting.popleft())
            if ticket.waiting:
                self._turns.append(ticket)
        return taken

    def _batches(self, jobs: list[_Job]) -> Iterator[list[_Job]]:
        """Cut documents of like work and length into batches, spread over the idle runners."""
        jobs.sort(key=lambda job: (job.ticket.operation.name, hash(job.ticket.operation)))
        for _, alike in groupby(jobs, key=lambda job: job.ticket.operation):
            ordered = sorted(alike, key=lambda job: job.n_chars)
            fair = math.ceil(len(ordered) / (self._n_runners - self._n_running))
            most = min(self._settings.batch_documents, fair)
            batch: list[_Job] = []
            n_chars = 0
            for job in ordered:
                if batch and (
                    len(batch) == most or n_chars + job.n_chars > self._settings.batch_chars
                ):
                    yield batch
                    batch, n_chars = [], 0
                batch.append(job)
                n_chars += job.n_chars
            yield batch

    def _start(self, batch: list[_Job]) -> None:
        self._n_running += 1
        operation = batch[0].ticket.operation
        payloads = [job.payload for job in batch]
        running = self._loop.run_in_executor(self._pool, self._work, operation, payloads)
        running.add_done_callback(partial(self._finish, batch, time.monotonic()))

    def _work(self, operation: Operation, payloads: list[Any]) -> list[Result]:
        """Do a batch; if something is wrong with it, each of its documents by itself."""
        try:
            return [*operation.run(payloads)]
        except Exception as error:  # whatever a model raises, the server goes on
            if len(payloads) == 1:
                return [error if isinstance(error, Refusal) else self._told(error)]
        return [result for payload in payloads for result in self._work(operation, [payload])]

    def _finish(
        self, batch: list[_Job], started: float, running: asyncio.Future[list[Result]]
    ) -> None:
        self._n_running -= 1
        self._count(batch, time.monotonic() - started)
        if running.cancelled():  # the server ends before its time
            results: list[Result | None] = [None] * len(batch)
        else:
            results = [*running.result()]
        for job, result in zip(batch, results, strict=True):
            self._release(job)
            if job.future.done():
                continue
            if isinstance(result, bytes):
                job.future.set_result(result)
            else:
                job.future.set_exception(result or ClientGoneError())
        self._pump_soon()

    def _count(self, batch: list[_Job], seconds: float) -> None:
        self._metrics.batches.add(len(batch))
        self._metrics.batch_seconds.add(seconds)
        self._metrics.documents.add(batch[0].ticket.operation.name, n=len(batch))
        rate = len(batch) * self._n_runners / max(seconds, 1e-6)
        self._rate = _RATE_MEMORY * (self._rate or rate) + (1 - _RATE_MEMORY) * rate

"""A task put to a teacher from the first document to the last, in as many passes as that takes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decoct.progress import Progress
from decoct.records import Document
from decoct.tasks.base import Task
from decoct.teacher.ask import Asking, check_settings, make_questions
from decoct.teacher.base import Backend, Deferred
from decoct.teacher.budget import Budget
from decoct.teacher.cache import CallLog
from decoct.teacher.few_shot import Shots
from decoct.teacher.outcome import Outcome
from decoct.teacher.planning import price_of
from decoct.teacher.settings import AskSettings
from decoct.teacher.summary import LabelSummary

Sink = Callable[[], AbstractContextManager[Callable[[Outcome], None]]]


@dataclass(frozen=True, slots=True)
class Job:
    """One task put to one teacher: once, or in as many passes as a batch takes.

    Attributes:
        task: what is asked.
        backend: who is asked.
        settings: how.
        log: where answers are kept.
        progress: shown how far it is.
        verb: what this is called there.
        shots: the examples to show; None for those that the settings name.
    """

    task: Task
    backend: Backend
    settings: AskSettings
    log: Path
    progress: Progress
    verb: str = "label"
    shots: Shots | None = None

    def run(self, documents: Callable[[], Iterable[Document]], sink: Sink) -> LabelSummary:
        """Ask, and return what it came to.

        Args:
            documents: makes the stream of documents, once for each pass, ...
            sink: ... and then this opens what takes its outcomes.

        Raises:
            TeacherError: the teacher can't answer at all.
            ConfigError: the settings are wrong, or a document may not be sent.
            StoreError: the log can't be read or written.
        """
        budget = self._budget()
        check_settings(self.settings, self.backend, self.task)
        # reads and checks the examples
        make_questions(self.task, self.backend, self.settings, self.shots)
        made: list[LabelSummary] = []

        async def go() -> None:
            with CallLog(self.log) as calls:
                try:
                    while True:
                        made[:] = [await self._pass(calls, budget, documents(), sink)]
                        if not isinstance(self.backend, Deferred):
                            return
                        if not await self.backend.settle(self.progress):
                            return
                finally:
                    await self.backend.aclose()

        _run(go)
        return made[0]

    def _budget(self) -> Budget:
        price = price_of(self.backend, self.settings.prices)
        batch = isinstance(self.backend, Deferred)
        return Budget(self.settings.budget_usd, price, batch=batch)

    async def _pass(
        self, calls: CallLog, budget: Budget, documents: Iterable[Document], sink: Sink
    ) -> LabelSummary:
        if isinstance(self.backend, Deferred):
            self.backend.begin(calls)
        asking = Asking(self.task, self.backend, calls, self.settings, budget, shots=self.shots)
        going = asyncio.create_task(self._take_all(asking, documents, sink))
        try:
            summary = await asyncio.shield(going)
        except asyncio.CancelledError:  # interrupted
            if asking.n_sending:
                self.progress.note(
                    f"waiting for {asking.n_sending} answers that are under way; "
                    "interrupt again to leave them"
                )
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
            raise
        sent = self.backend.tally if isinstance(self.backend, Deferred) else asking.tally
        summary.close(sent, budget)
        return summary

    async def _take_all(
        self, asking: Asking, documents: Iterable[Document], sink: Sink
    ) -> LabelSummary:
        summary = LabelSummary()
        ticks = _ticks(self.progress, f"{self.verb} ({self.backend.name})")
        with sink() as take, closing(ticks):
            async with aclosing(asking.outcomes(documents)) as outcomes:
                async for outcome in outcomes:
                    summary.add(outcome)
                    take(outcome)
                    next(ticks)
        return summary


def _ticks(progress: Progress, title: str) -> Generator[int, None, None]:
    """Show a bar, and move it by one each time the next item is taken."""
    ticks = progress.track(itertools.count(), None, title)
    next(ticks)
    yield from ticks


def _run(go: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, also where an event loop is already running (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(go())
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(lambda: asyncio.run(go())).result()

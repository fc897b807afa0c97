"""Putting documents to a teacher: in order, several at a time, each at most once ever.

What a killed run had already been answered is in the log, and the next run takes it from there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from decoct.errors import AnswerError, ConfigError
from decoct.records import Document
from decoct.tasks.base import QuestionTask, Task, read_answer
from decoct.teacher.base import NO_USAGE, Backend, Request, Tally, Usage, prompt_hash
from decoct.teacher.budget import Budget
from decoct.teacher.cache import CallLog
from decoct.teacher.caller import Answered, Caller
from decoct.teacher.few_shot import Shots, open_shots
from decoct.teacher.grounding import ground
from decoct.teacher.outcome import OPEN, Outcome, Reading, conclude
from decoct.teacher.questions import Questions
from decoct.teacher.settings import AskSettings

_FIRST_AHEAD, _AHEAD = 2, 32
_MIN_AHEAD, _MAX_AHEAD = 64, 4096


@dataclass(frozen=True, slots=True)
class _Asked:
    """A document that is being asked about.

    Attributes:
        document: it.
        reads: a task for each sample, ...
        readings: ... and all of them together.
    """

    document: Document
    reads: list[asyncio.Task[Reading]]
    readings: asyncio.Future[list[Reading]]


class Asking:
    """One task put to one backend.

    Args:
        task: what to ask, and how to read the answer.
        backend: who answers.
        log: where answers are kept, and looked up first.
        settings: how to ask.
        budget: what may be spent; None for no limit.
        sleep: how to wait, for tests.
        shots: the examples to show; None for those that the settings name.

    Raises:
        ConfigError: the settings ask for what this backend or task can't do, or an example is
            wrong.
    """

    def __init__(
        self,
        task: Task,
        backend: Backend,
        log: CallLog,
        settings: AskSettings | None = None,
        budget: Budget | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        shots: Shots | None = None,
    ) -> None:
        self.task, self.backend, self.log = task, backend, log
        self.settings = settings or AskSettings()
        check_settings(self.settings, backend, task)
        self.questions = make_questions(task, backend, self.settings, shots)
        self._caller = Caller(
            backend, log, self.questions, self.settings, budget or Budget(None, None), sleep
        )

    @property
    def tally(self) -> Tally:
        """What was sent so far."""
        return self._caller.tally

    @property
    def n_sending(self) -> int:
        """Requests whose answers are under way."""
        return self._caller.n_sending

    async def outcomes(self, documents: Iterable[Document]) -> AsyncGenerator[Outcome, None]:
        """Yield an outcome for each document, in order.

        No more than a window of documents is held. Closed early, it sends nothing more and waits
        for the answers that are under way, so that they are in the log.

        Args:
            documents: the texts.

        Raises:
            TeacherError: the teacher can't answer at all.
            ConfigError: a document's `meta` says `contains_phi`, and the backend may not see it.
            StoreError: the log can't be written.
        """
        stream = enumerate(documents)
        waiting: deque[_Asked] = deque()
        failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        n_out = 0
        try:
            while True:
                free = self._window(n_out) - len(waiting)
                taken = list(islice(stream, free))
                for _, document in taken:
                    check_document(document, self.backend)
                waiting.extend(self._begin(*item, failed) for item in taken)
                if not waiting:
                    return
                if self.settings.pack > 1:
                    await asyncio.sleep(0)  # in which each puts its first questions
                    # nobody else is coming: at all, or before the first one is out of the way
                    self._caller.flush(None if len(taken) < free else n_out)
                first = waiting[0]
                if not first.readings.done():
                    ends = (first.readings, failed)
                    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if failed.done():
                    raise failed.result()
                outcome = self._conclude(first)
                waiting.popleft()
                n_out += 1
                yield outcome
        finally:
            reads = [read for asked in waiting for read in asked.reads]
            for read in reads:
                read.cancel()
            await self._caller.drain()
            wholes = [asked.readings for asked in waiting]
            await asyncio.gather(*reads, *wholes, return_exceptions=True)

    def _window(self, n_out: int) -> int:
        """Return how many documents are held: few at first, so that the first are soon on the way.

        Args:
            n_out: documents that are done.
        """
        settings = self.settings
        at_once = settings.concurrency * settings.pack // settings.samples
        grown = _FIRST_AHEAD * (at_once + n_out)
        return min(_MAX_AHEAD, max(_MIN_AHEAD, min(_AHEAD * at_once, grown)))

    def _begin(
        self, order: int, document: Document, failed: asyncio.Future[BaseException]
    ) -> _Asked:
        """Set about a document; an error is told to `failed` too, whoever else is waited for."""

        def tell(done: asyncio.Future[list[Reading]]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None and not failed.done():
                failed.set_result(error)

        reads = [
            asyncio.create_task(self._read(document, sample, order))
            for sample in range(self.settings.samples)
        ]
        readings = asyncio.gather(*reads)
        readings.add_done_callback(tell)
        return _Asked(document, reads, readings)

    def _conclude(self, asked: _Asked) -> Outcome:
        readings = asked.readings.result()
        agreement = self.settings.min_agreement
        return conclude(asked.document, self.backend.name, readings, agreement)

    async def _read(self, document: Document, sample: int, order: int) -> Reading:
        """Ask until an answer fits, or there is no hope of one."""
        request = self.questions.first(document, sample)
        usage, cached = NO_USAGE, True
        while True:
            answered = await self._caller.answer(request, order)
            usage, cached = usage + answered.usage, cached and answered.cached
            found = self._parse(document, request, answered, usage, cached)
            if found.grounded is not None or found.refusal in OPEN:
                return found
            content = answered.completion.content if answered.completion else None
            following = self.questions.after(request, document, content, found.detail)
            if following is None:
                return found
            request = following

    def _parse(
        self,
        document: Document,
        request: Request,
        answered: Answered,
        usage: Usage,
        cached: bool,
    ) -> Reading:
        completion = answered.completion
        if completion is None:
            refusal = answered.refusal
            return Reading(None, refusal, answered.detail, cached=cached, usage=usage)
        try:
            answer = read_answer(self.task, completion.content, document, request.sample)
        except AnswerError as error:
            return Reading(None, "invalid_answer", str(error), cached=cached, usage=usage)
        hashed = completion.prompt_hash or prompt_hash(request.prompt.system, request.schema)
        meta = {"model": completion.model, "prompt_hash": hashed}
        grounded = ground(self.task, document.text, answer)
        return Reading(grounded, meta=meta, cached=cached, usage=usage)


def make_questions(
    task: Task, backend: Backend, settings: AskSettings, shots: Shots | None = None
) -> Questions:
    """Make what turns documents into requests; examples are read and checked here.

    Args:
        task: what to ask.
        backend: who answers.
        settings: how to ask.
        shots: the examples to show; None for those that the settings name.

    Raises:
        ConfigError: an example is wrong.
        StoreError: their file can't be read.
    """
    max_reasks = settings.max_reasks if backend.live else 0
    return Questions(task, shots or open_shots(settings, task), settings.pack, max_reasks)


def check_settings(settings: AskSettings, backend: Backend, task: Task) -> None:
    """See that the settings ask for nothing that this backend can't do.

    Raises:
        ConfigError: they do.
    """
    if settings.contains_phi and not backend.private:
        raise phi_error("the corpus")
    reads_prompt = [
        name
        for name, used in {
            "pack": settings.pack > 1,
            "samples": settings.samples > 1,
            "examples": settings.examples is not None,
        }.items()
        if used
    ]
    if reads_prompt and not backend.live:
        raise ConfigError(
            f"{', '.join(reads_prompt)}: --teacher {backend.name} does not read the prompt; "
            "leave that out, or ask a model"
        )
    varies = isinstance(task, QuestionTask) and task.varies
    if settings.samples > 1 and backend.parameters.get("temperature") == 0 and not varies:
        raise ConfigError(
            f"samples = {settings.samples}: at temperature 0 they would all be the same answer; "
            "set the temperature, to 0.7 say"
        )


def check_document(document: Document, backend: Backend) -> None:
    """See that a document may be shown to the backend.

    Raises:
        ConfigError: its `meta` says `contains_phi`, and the backend is not private.
    """
    if document.meta.get("contains_phi") and not backend.private:
        raise phi_error(f"document {document.id!r}")


def phi_error(what: str) -> ConfigError:
    """Return the refusal to send protected health information where it may not go."""
    return ConfigError(
        f"{what} is marked contains_phi, and the teacher's host is neither loopback nor in "
        "allow_hosts; it was not sent"
    )

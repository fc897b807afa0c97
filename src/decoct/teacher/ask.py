"""Putting documents to a teacher: in order, several at a time, each at most once ever.

What a killed run had already been answered is in the log, and the next run takes it from there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from itertools import islice

from decoct.errors import AnswerError, ConfigError
from decoct.records import Document
from decoct.tasks.base import Task
from decoct.teacher.base import NO_USAGE, Backend, Request, Tally, Usage, prompt_hash
from decoct.teacher.budget import Budget
from decoct.teacher.cache import CallLog
from decoct.teacher.caller import Answered, Caller
from decoct.teacher.few_shot import open_shots
from decoct.teacher.grounding import ground
from decoct.teacher.outcome import Outcome, Reading, conclude
from decoct.teacher.questions import Questions
from decoct.teacher.settings import AskSettings

_AHEAD = 32
_MIN_AHEAD, _MAX_AHEAD = 64, 4096


class Asking:
    """One task put to one backend.

    Args:
        task: what to ask, and how to read the answer.
        backend: who answers.
        log: where answers are kept, and looked up first.
        settings: how to ask.
        budget: what may be spent; None for no limit.
        sleep: how to wait, for tests.

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
    ) -> None:
        self.task, self.backend, self.log = task, backend, log
        self.settings = settings or AskSettings()
        check_settings(self.settings, backend)
        self.questions = make_questions(task, self.settings)
        self._caller = Caller(
            backend, log, self.questions, self.settings, budget or Budget(None, None), sleep
        )
        self._prompt_hash = prompt_hash(task.prompt("").system, task.schema)

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
        waiting: deque[asyncio.Task[Outcome]] = deque()
        try:
            while True:
                free = self._window - len(waiting)
                taken = list(islice(stream, free))
                waiting.extend(asyncio.create_task(self._outcome(*item)) for item in taken)
                if not waiting:
                    return
                if len(taken) < free:  # nobody else is coming
                    await asyncio.sleep(0)
                    self._caller.flush()
                outcome = await waiting[0]
                waiting.popleft()
                yield outcome
        finally:
            for pending in waiting:
                pending.cancel()
            await self._caller.drain()
            await asyncio.gather(*waiting, return_exceptions=True)

    @property
    def _window(self) -> int:
        settings = self.settings
        wanted = _AHEAD * settings.concurrency * settings.pack // settings.samples
        return min(_MAX_AHEAD, max(_MIN_AHEAD, wanted))

    async def _outcome(self, order: int, document: Document) -> Outcome:
        if document.meta.get("contains_phi") and not self.backend.private:
            raise phi_error(f"document {document.id!r}")
        readings = await asyncio.gather(
            *(self._read(document, sample, order) for sample in range(self.settings.samples))
        )
        return conclude(document, self.backend.name, readings, self.settings.min_agreement)

    async def _read(self, document: Document, sample: int, order: int) -> Reading:
        """Ask until an answer fits, or there is no hope of one."""
        request = self.questions.first(document, sample)
        usage, cached, n_reasks = NO_USAGE, True, 0
        while True:
            answered = await self._caller.answer(request, order)
            usage, cached = usage + answered.usage, cached and answered.cached
            found = self._parse(document, answered, usage, cached)
            if found.grounded is not None or found.refusal in _OPEN:
                return found
            if request.pack:  # the pack has failed, or this item of it: in a prompt of its own
                request = self.questions.alone(document, sample)
            elif found.refusal == "invalid_answer" and self._may_ask_again(n_reasks):
                n_reasks += 1
                request = self._again(request, answered, found.detail)
            else:
                return found

    def _may_ask_again(self, n_reasks: int) -> bool:
        return self.backend.live and n_reasks < self.settings.max_reasks

    def _again(self, request: Request, answered: Answered, complaint: str) -> Request:
        content = answered.completion.content if answered.completion else ""
        return self.questions.again(request, content, complaint)

    def _parse(self, document: Document, answered: Answered, usage: Usage, cached: bool) -> Reading:
        completion = answered.completion
        if completion is None:
            refusal = answered.refusal
            return Reading(None, refusal, answered.detail, cached=cached, usage=usage)
        try:
            answer = self.task.parse(completion.content)
        except AnswerError as error:
            return Reading(None, "invalid_answer", str(error), cached=cached, usage=usage)
        meta = {
            "model": completion.model,
            "prompt_hash": completion.prompt_hash or self._prompt_hash,
        }
        grounded = ground(self.task, document.text, answer)
        return Reading(grounded, meta=meta, cached=cached, usage=usage)


_OPEN = frozenset({"unavailable", "waiting", "over_budget"})


def make_questions(task: Task, settings: AskSettings) -> Questions:
    """Make what turns documents into requests; examples are read and checked here.

    Raises:
        ConfigError: an example is wrong.
        StoreError: their file can't be read.
    """
    return Questions(task, open_shots(settings, task), settings.pack)


def check_settings(settings: AskSettings, backend: Backend) -> None:
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
    if settings.samples > 1 and backend.parameters.get("temperature") == 0:
        raise ConfigError(
            f"samples = {settings.samples}: at temperature 0 they would all be the same answer; "
            "set the temperature, to 0.7 say"
        )


def phi_error(what: str) -> ConfigError:
    """Return the refusal to send protected health information where it may not go."""
    return ConfigError(
        f"{what} is marked contains_phi, and the teacher's host is neither loopback nor in "
        "allow_hosts; nothing was sent"
    )

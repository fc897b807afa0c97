"""Putting documents to a teacher: in order, several at a time, each at most once ever.

What a killed run had already been answered is in the log, and the next run takes it from there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from itertools import islice
from weakref import WeakValueDictionary

from decoct.errors import AnswerError, RefusedError, TransientError
from decoct.records import Document
from decoct.tasks.base import Task
from decoct.teacher.base import Backend, Completion, Request, Usage, prompt_hash, request_key
from decoct.teacher.cache import CallLog, Logged
from decoct.teacher.grounding import Grounded, ground

Turns = WeakValueDictionary[str, asyncio.Lock]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one document.

    Attributes:
        document_id: which.
        silver: the annotated document, or None where there is no usable answer.
        refusal: why there is none: `content_filter`, `truncated`, `invalid_answer`...
        detail: one line more, without text of the document.
        ungrounded: reasons of the claims that could not be placed.
        lost_subjects: subjects named without a claim that are not in the text.
        cached: whether the answer was in the log already.
        usage: tokens of the answer.
    """

    document_id: str
    silver: Document | None = None
    refusal: str | None = None
    detail: str = ""
    ungrounded: tuple[str, ...] = ()
    lost_subjects: int = 0
    cached: bool = False
    usage: Usage = field(default_factory=Usage)


async def ask(
    documents: Iterable[Document], task: Task, backend: Backend, log: CallLog, concurrency: int = 8
) -> AsyncGenerator[Outcome, None]:
    """Yield an outcome for each document, in order, holding `concurrency` at a time.

    Args:
        documents: the texts.
        task: what to ask, and how to read the answer.
        backend: who answers.
        log: where answers are kept, and looked up first.
        concurrency: requests under way at once.

    Raises:
        TeacherError: the teacher can't answer at all.
        StoreError: the log can't be written.
    """
    stream = iter(documents)
    turns: Turns = WeakValueDictionary()
    waiting: deque[asyncio.Task[Outcome]] = deque()
    try:
        while True:
            for document in islice(stream, max(1, concurrency) - len(waiting)):
                waiting.append(asyncio.create_task(_ask_one(document, task, backend, log, turns)))
            if not waiting:
                return
            outcome = await waiting[0]
            waiting.popleft()
            yield outcome
    finally:
        for pending in waiting:
            pending.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _ask_one(
    document: Document, task: Task, backend: Backend, log: CallLog, turns: Turns
) -> Outcome:
    prompt = task.prompt(document.text)
    request = Request(document.id, document.text, task.name, prompt, task.schema)
    key = request_key(backend, request)
    async with turns.setdefault(key, asyncio.Lock()):  # the same text twice is asked once
        logged = log.get(key)
        cached = logged is not None
        if logged is None:
            try:
                logged = await _answer(request, backend)
            except TransientError as error:
                return Outcome(document.id, refusal="unavailable", detail=str(error))
            outcome = logged.completion or RefusedError(logged.refusal or "")
            log.put(key, backend, request, outcome)
    if logged.completion is None:
        return Outcome(document.id, refusal=logged.refusal, cached=cached)
    return _read_answer(document, task, backend, logged.completion, cached)


async def _answer(request: Request, backend: Backend) -> Logged:
    try:
        return Logged(completion=await backend.complete(request))
    except RefusedError as refusal:
        return Logged(refusal=refusal.reason)


def _read_answer(
    document: Document, task: Task, backend: Backend, completion: Completion, cached: bool
) -> Outcome:
    try:
        answer = task.parse(completion.content)
    except AnswerError as error:
        return Outcome(
            document.id,
            refusal="invalid_answer",
            detail=str(error),
            cached=cached,
            usage=completion.usage,
        )
    grounded = ground(task, document.text, answer)
    return Outcome(
        document.id,
        silver=_silver(document, task, backend, completion, grounded),
        ungrounded=tuple(claim.reason for claim in grounded.ungrounded),
        lost_subjects=len(grounded.lost_subjects),
        cached=cached,
        usage=completion.usage,
    )


def _silver(
    document: Document, task: Task, backend: Backend, completion: Completion, grounded: Grounded
) -> Document:
    asked = prompt_hash(task.prompt("").system, task.schema)
    meta = {
        **document.bare().meta,
        "backend": backend.name,
        "model": completion.model,
        "prompt_hash": completion.prompt_hash or asked,
        "confidence": None,
    }
    if grounded.ungrounded:
        meta["ungrounded"] = [claim.to_dict() for claim in grounded.ungrounded]
    return Document(
        id=document.id,
        text=document.text,
        source="silver",
        spans=grounded.spans,
        relations=grounded.relations,
        meta=meta,
    )

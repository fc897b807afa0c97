"""What a run would send, and cost, before anything is sent: the dry run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decoct.errors import AnswerError
from decoct.records import Document
from decoct.tasks.base import Task, read_answer
from decoct.teacher.ask import check_document, check_settings, make_questions
from decoct.teacher.base import Backend, Deferred, Request, prompt_hash, request_key
from decoct.teacher.cache import CallLog, History, Logged
from decoct.teacher.few_shot import Shots
from decoct.teacher.packing import ITEM
from decoct.teacher.plan import Plan, estimate
from decoct.teacher.prices import FREE, Price, PriceTable
from decoct.teacher.questions import Questions
from decoct.teacher.settings import AskSettings
from decoct.teacher.tokens import n_tokens, request_tokens

_GUESSED_TOKENS, _GUESSED_LATENCY_S = 60, 2.0
_SENTENCE = " ".join(["word"] * 25)


def price_of(backend: Backend, prices: Path | None) -> Price | None:
    """Return what a backend's tokens cost, or None where nobody knows.

    Args:
        backend: who is asked; a local endpoint costs nothing unless the table names its model.
        prices: the user's table, laid over ours.

    Raises:
        ConfigError: the user's table is wrong.
    """
    if not backend.live:
        return FREE
    return PriceTable.load(prices).price(backend.model) or (FREE if backend.free else None)


def plan_questions(
    documents: Iterable[Document],
    task: Task,
    backend: Backend,
    settings: AskSettings,
    log: Path,
    shots: Shots | None = None,
) -> Plan:
    """Count what would be sent for these documents, without sending it or making a log.

    Answers that will not fit, and be asked again, are not foreseen.

    Args:
        documents: the texts.
        task: what would be asked.
        backend: who would be.
        settings: how.
        log: where earlier answers are.
        shots: the examples to show; None for those that the settings name.

    Raises:
        ConfigError: the settings or an example are wrong, or a document may not be sent.
    """
    check_settings(settings, backend, task)
    with CallLog(log) if log.is_file() else nullcontext() as calls:
        counted = _Counted(make_questions(task, backend, settings, shots), backend, calls)
        counted.add_all(documents, settings.samples)
        history = counted.history()
    answer_tokens, latency_s, assumptions = _expectations(counted, history)
    return estimate(
        n_documents=counted.n_documents,
        n_cached=counted.n_cached,
        n_calls=counted.n_calls,
        prompt_tokens=counted.prompt_tokens,
        answer_tokens=answer_tokens,
        price=price_of(backend, settings.prices),
        batch=isinstance(backend, Deferred),
        concurrency=settings.concurrency,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        latency_s=latency_s if backend.live else 0.0,
        assumptions=assumptions if backend.live and counted.n_calls else (),
    )


@dataclass(slots=True)
class _Counted:
    """What would be sent."""

    questions: Questions
    backend: Backend
    log: CallLog | None
    n_documents: int = 0
    n_cached: int = 0
    n_calls: int = 0
    prompt_tokens: int = 0
    sent: Request | None = None
    _coming: set[int] = field(default_factory=set)
    _packs: dict[int, list[Request]] = field(default_factory=dict)

    def add_all(self, documents: Iterable[Document], samples: int) -> None:
        for document in documents:
            check_document(document, self.backend)
            self.n_documents += 1
            found = [self._missing(document, sample) for sample in range(samples)]
            missing = [request for request in found if request is not None]
            self.n_cached += not missing
            for request in missing:
                self._put(request)
        for pack in self._packs.values():
            self._send(self.questions.together(pack))

    def history(self) -> History | None:
        """Return how earlier calls of the same kind went."""
        if self.sent is None or self.log is None:
            return None
        asked = prompt_hash(self.sent.prompt.system, self.sent.schema)
        return self.log.history(asked, self.backend.model)

    def _missing(self, document: Document, sample: int) -> Request | None:
        """Return what would be asked; None where the log or an earlier document sees to it."""
        request: Request | None = self.questions.first(document, sample)
        while request is not None:
            key = request_key(self.backend, request)
            short = int(key[:15], 16)  # the same text twice is asked once
            if short in self._coming:
                return None
            logged = self.log.get(key) if self.log else None
            if logged is not None:
                request = self._after(request, document, logged)
            elif self._waits(key):
                return None
            else:
                self._coming.add(short)
                return request
        return None

    def _waits(self, key: str) -> bool:
        if self.log is None or not isinstance(self.backend, Deferred):
            return False
        return self.log.waiting_in(key) is not None

    def _after(self, request: Request, document: Document, logged: Logged) -> Request | None:
        content = logged.completion.content if logged.completion else None
        complaint = ""
        if content is not None:
            try:
                read_answer(self.questions.task, content, document, request.sample)
                return None
            except AnswerError as error:
                complaint = str(error)
        return self.questions.after(request, document, content, complaint)

    def _put(self, request: Request) -> None:
        if not request.pack:
            self._send(request)
            return
        pack = self._packs.setdefault(request.sample, [])
        pack.append(request)
        if len(pack) == request.pack:
            self._send(self.questions.together(self._packs.pop(request.sample)))

    def _send(self, request: Request) -> None:
        self.n_calls += 1
        self.prompt_tokens += request_tokens(request)
        self.sent = request


def _expectations(
    counted: _Counted, history: History | None
) -> tuple[float, float, tuple[str, ...]]:
    """Return tokens and seconds of an answer, and where these numbers come from."""
    if history is not None:
        tokens, latency_s = history.mean_completion_tokens, history.median_latency_s
        told = f"{tokens:.0f} tokens and {latency_s:.1f} s an answer, as {history.n} in the log"
        return tokens, latency_s, (told,)
    tokens, source = _answer_tokens(counted.questions)
    tokens *= counted.questions.pack
    return (
        tokens,
        _GUESSED_LATENCY_S,
        (
            f"{tokens:.0f} tokens an answer, {source}; reasoning tokens would come on top",
            f"{_GUESSED_LATENCY_S:g} s an answer, a guess",
        ),
    )


def _answer_tokens(questions: Questions) -> tuple[float, str]:
    """Return tokens of an answer about one document, and where that comes from."""
    typical = _typical(questions.task.schema)
    if typical is not None:
        if questions.pack > 1:
            typical = {ITEM: 1, **typical}
        return n_tokens(json.dumps(typical)), "as its schema is"
    answers = [
        n_tokens(json.dumps(dict(shot.answer), ensure_ascii=False)) for shot in questions.standing
    ]
    if answers:
        return sum(answers) / len(answers), "as the examples"
    return _GUESSED_TOKENS, "a guess, the log holds none yet"


def _typical(schema: Mapping[str, Any]) -> Any | None:  # noqa: ANN401 (JSON is what it is)
    """Return an answer as long as those by this schema are; None where nobody can tell."""
    if schema.get("type") == "object":
        parts = {key: _typical(part) for key, part in schema["properties"].items()}
        return None if None in parts.values() else parts
    if "enum" in schema:
        return schema["enum"][0]
    return {"integer": 10, "string": _SENTENCE}.get(str(schema.get("type")))

"""What a run would send, and cost, before anything is sent: the dry run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from decoct.records import Document
from decoct.tasks.base import Task
from decoct.teacher.ask import check_settings, make_questions
from decoct.teacher.base import Backend, Deferred, Request, prompt_hash, request_key
from decoct.teacher.cache import CallLog, History
from decoct.teacher.plan import Plan, estimate
from decoct.teacher.prices import FREE, Price, PriceTable
from decoct.teacher.questions import Questions
from decoct.teacher.settings import AskSettings
from decoct.teacher.tokens import n_tokens, request_tokens

_GUESSED_TOKENS, _GUESSED_LATENCY_S = 60, 2.0


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
) -> Plan:
    """Count what would be sent for these documents, without sending it or making a log.

    Answers that do not fit and are asked again are not foreseen.

    Raises:
        ConfigError: the settings or an example are wrong.
    """
    check_settings(settings, backend)
    questions = make_questions(task, settings)
    counted = _Counted(questions)
    if log.is_file():
        with CallLog(log) as calls:
            counted.add_all(documents, backend, settings.samples, calls)
            history = counted.history(calls, backend.model)
    else:
        counted.add_all(documents, backend, settings.samples, None)
        history = None
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
        assumptions=assumptions if backend.live else (),
    )


@dataclass(slots=True)
class _Counted:
    """What would be sent."""

    questions: Questions
    n_documents: int = 0
    n_cached: int = 0
    n_calls: int = 0
    prompt_tokens: int = 0
    sent: Request | None = None
    _seen: set[int] = field(default_factory=set)
    _packs: dict[int, list[Request]] = field(default_factory=dict)

    def add_all(
        self, documents: Iterable[Document], backend: Backend, samples: int, log: CallLog | None
    ) -> None:
        for document in documents:
            self.n_documents += 1
            asked = [self.questions.first(document, sample) for sample in range(samples)]
            missing = [request for request in asked if self._is_missing(request, backend, log)]
            self.n_cached += not missing
            for request in missing:
                self._put(request)
        for pack in self._packs.values():
            self._send(self.questions.together(pack))

    def history(self, log: CallLog, model: str) -> History | None:
        """Return how earlier calls of the same kind went."""
        if self.sent is None:
            return None
        return log.history(prompt_hash(self.sent.prompt.system, self.sent.schema), model)

    def _is_missing(self, request: Request, backend: Backend, log: CallLog | None) -> bool:
        key = request_key(backend, request)
        short = int(key[:15], 16)  # the same text twice is asked once
        if short in self._seen:
            return False
        self._seen.add(short)
        return log is None or log.get(key) is None

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
    shown = counted.questions.standing
    answers = [n_tokens(json.dumps(dict(shot.answer), ensure_ascii=False)) for shot in shown]
    tokens = sum(answers) / len(answers) if answers else _GUESSED_TOKENS
    tokens *= counted.questions.pack
    source = "as the examples" if answers else "a guess, the log holds none yet"
    return (
        tokens,
        _GUESSED_LATENCY_S,
        (
            f"{tokens:.0f} tokens an answer, {source}; reasoning tokens would come on top",
            f"{_GUESSED_LATENCY_S:g} s an answer, a guess",
        ),
    )

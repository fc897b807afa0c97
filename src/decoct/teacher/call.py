"""A question under way, and how it ended, written down: a packed one for each of its items."""

from __future__ import annotations

from dataclasses import dataclass, replace

from decoct.errors import AnswerError, RefusedError
from decoct.teacher.base import Backend, Completion, Request, Usage, billed
from decoct.teacher.cache import Attempt, CallLog
from decoct.teacher.packing import share, unpack


@dataclass(frozen=True, slots=True)
class Item:
    """One document's part of a packed question: the key it is known by, and it alone."""

    key: str
    request: Request


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent: one document's question, or a packed one with its items in order."""

    request: Request
    items: tuple[Item, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Its own key and its items'."""
        return (self.request.key, *(item.key for item in self.items))


def record(
    log: CallLog,
    backend: Backend,
    call: Call,
    outcome: Completion | RefusedError | None,
    attempt: Attempt | None,
) -> None:
    """Log one sending of a call, and each item's end where it is the last; all or nothing.

    Args:
        log: where to.
        backend: who was asked.
        call: what was sent.
        outcome: None where it is still open: the sending failed, or the answer comes later.
        attempt: the sending; None where nothing was sent yet.
    """
    if not call.items:
        log.put(call.request.key, backend, call.request, outcome, attempt)
        return
    with log.transaction():
        log.put(call.request.key, backend, call.request, outcome, attempt)
        for item, ended in zip(call.items, _item_outcomes(call, outcome), strict=True):
            log.put(item.key, backend, item.request, ended, part_of=call.request.key)


def _item_outcomes(
    call: Call, outcome: Completion | RefusedError | None
) -> list[Completion | RefusedError | None]:
    if outcome is None:
        return [None] * len(call.items)
    weights = [1 + len(item.request.prompt.user) for item in call.items]
    parts = share(billed(outcome), weights)
    if isinstance(outcome, RefusedError):
        return [
            RefusedError(outcome.reason, outcome.detail, part.prompt_tokens, part.completion_tokens)
            for part in parts
        ]
    contents = unpack(outcome.content, len(call.items))
    return [
        _item_outcome(outcome, content, part) for content, part in zip(contents, parts, strict=True)
    ]


def _item_outcome(
    outcome: Completion, content: str | AnswerError, part: Usage
) -> Completion | RefusedError:
    if isinstance(content, AnswerError):
        return RefusedError("not_in_pack", str(content), part.prompt_tokens, part.completion_tokens)
    return replace(outcome, content=content, usage=part)

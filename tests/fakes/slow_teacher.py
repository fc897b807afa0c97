"""A scripted teacher that takes its time, reads packs, and writes down who asked what when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from decoct.records import Document
from decoct.teacher.backends.scripted import Reply, ScriptedBackend
from decoct.teacher.base import NO_USAGE, Completion, Request, Usage
from decoct.teacher.prices import Price

NOTHING = '{"drugs": [], "events": []}'
RASH = json.dumps({"drugs": ["gold"], "events": [{"drug": "gold", "effect": "rash"}]})
DOLLAR_A_TOKEN = Price(
    input_usd=1_000_000, output_usd=1_000_000, as_of=date(2026, 1, 1), source="test"
)


def texts_of(request: Request) -> list[str]:
    """Return the texts that a prompt asks about, as a teacher would read them."""
    if not request.pack:
        return [request.prompt.user]
    lines = request.prompt.user.splitlines()
    return [json.loads(line) for line in lines if line.startswith('"')]


def pack_of(answers: Sequence[str | None], usage: Usage = NO_USAGE) -> Completion:
    """Return a packed answer; None leaves an item out."""
    items = [
        {"item": number, **json.loads(answer)}
        for number, answer in enumerate(answers, start=1)
        if answer is not None
    ]
    return Completion(json.dumps({"items": items}), "scripted", usage)


def about_nothing(request: Request) -> Reply:
    """Find nothing anywhere."""
    return pack_of([NOTHING] * len(texts_of(request))) if request.pack else NOTHING


def documents(*texts: str) -> list[Document]:
    """Documents `d0`, `d1`... of these texts."""
    return [Document(id=f"d{number}", text=text) for number, text in enumerate(texts)]


class SlowTeacher(ScriptedBackend):
    """A live scripted teacher.

    Args:
        script: as for `ScriptedBackend`.
        latency_s: seconds that it takes, or a function of the request that says so.
        parameters: as for `ScriptedBackend`.

    Attributes:
        requests: what it was asked, in order.
        times: when, by the event loop's clock.
        now: requests under way.
        most: the most there were at once.
    """

    def __init__(
        self,
        script: Mapping[str, Reply] | Callable[[Request], Reply] = about_nothing,
        latency_s: float | Callable[[Request], float] = 1.0,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(script, parameters, live=True)
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.now = self.most = 0
        self._latency_s = latency_s

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            given = self._latency_s
            await asyncio.sleep(given(request) if callable(given) else given)
            return await super().complete(request)
        finally:
            self.now -= 1

    @property
    def asked_texts(self) -> list[str]:
        """The texts that it was asked about, in order, those in packs too."""
        return [text for request in self.requests for text in texts_of(request)]

"""Any endpoint that speaks OpenAI's chat completions: OpenAI, Azure, vLLM, llama.cpp, Ollama.

One attempt a call: how often, how fast and for how much is the engine's affair (`caller.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

from decoct.config import check
from decoct.teacher.backends._chat import Complaint, Shape, read_completion
from decoct.teacher.backends._endpoint import Endpoint
from decoct.teacher.backends._options import OpenAISettings, answer_parameters
from decoct.teacher.base import Completion, Request

_MAY_COMPLAIN = frozenset({400, 404, 422})
_JSON = {"Content-Type": "application/json"}


class OpenAIBackend:
    """A teacher behind an OpenAI-compatible endpoint.

    An endpoint that does not take `json_schema`, `max_tokens`, a temperature or a system message
    says so with a 400; that is learnt once, by the first request, which goes alone, and every later
    one is sent as it likes. Redirects are not followed, and no error holds the key, a document's
    text or an endpoint's own words, which may quote it.

    Args:
        model: the endpoint's name for the model.
        settings: see `OpenAISettings`.

    Raises:
        ConfigError: no key, a key file that others can read, or a `base_url` that is none.
    """

    name = "openai"
    live = True

    def __init__(self, model: str, settings: OpenAISettings | None = None) -> None:
        self.model = model
        self.settings = settings or OpenAISettings()
        self._endpoint = Endpoint(self.settings, model)
        self.private, self.free = self._endpoint.private, self._endpoint.local
        self.parameters: Mapping[str, Any] = answer_parameters(self.settings, self._endpoint.where)
        self._url = self._endpoint.url("chat/completions")
        self._shape = Shape.first(self._endpoint.openai)
        self._settled = False
        self._first: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Make a backend of a model's name and of options, see `OpenAISettings`."""
        given = dict(options)
        if "temperature" in given and given["temperature"] is None:
            given["temperature"] = "none"
        return cls(argument, check(OpenAISettings, given, "--teacher openai"))

    async def complete(self, request: Request) -> Completion:
        """Answer one request, in one attempt.

        Raises:
            RefusedError: `refusal`, `content_filter`, `truncated` (raise `max_tokens`), `too_long`
                (the prompt exceeds the model's context) or `empty`.
            TransientError: throttled, unreachable, timed out or babbling.
            TeacherError: wrong key, unknown model, a redirect, no credit left.
        """
        async with self._first_alone():
            while True:
                shape = self._shape
                body = shape.body(request, self.model, self.settings)
                started = time.monotonic()
                response = await self._endpoint.send("POST", self._url, content=body, headers=_JSON)
                if response.is_success:
                    latency_s = time.monotonic() - started
                    return read_completion(response.content, self.model, latency_s)
                complaint = Complaint.from_body(response.content)
                may_complain = response.status_code in _MAY_COMPLAIN or complaint.rejects_system
                if not may_complain or not self._learn(shape, complaint):
                    raise self._endpoint.error(response, complaint)

    async def aclose(self) -> None:
        """Let go of connections; a later request opens new ones."""
        await self._endpoint.aclose()

    @asynccontextmanager
    async def _first_alone(self) -> AsyncGenerator[None]:
        """Let the first request go alone: it learns for all of them how to ask."""
        if not self._settled:
            async with self._lock():
                if not self._settled:
                    try:
                        yield
                    finally:
                        self._settled = True
                    return
        yield

    def _lock(self) -> asyncio.Lock:
        """Return the lock of the first request; locks belong to one event loop."""
        loop = asyncio.get_running_loop()
        if self._first is None or self._first[0] is not loop:
            self._first = (loop, asyncio.Lock())
        return self._first[1]

    def _learn(self, sent: Shape, complaint: Complaint) -> bool:
        """Return whether to send again in another shape."""
        if self._shape != sent:
            return True  # another request learnt something while this one was away
        learnt = sent.learn(complaint)
        if learnt is not None:
            self._shape = learnt
        return learnt is not None


plugin = OpenAIBackend

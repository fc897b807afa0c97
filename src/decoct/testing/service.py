"""One request after another on a connection: each is noted, judged, answered and counted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from decoct.testing.chat import malformed, n_words
from decoct.testing.endpoints import Endpoints, is_whole, to_reply
from decoct.testing.faults import Fault, status
from decoct.testing.files import Made
from decoct.testing.gate import Gate
from decoct.testing.ledger import Ledger, prompt_hash
from decoct.testing.manner import Body, Manner
from decoct.testing.mix import draw
from decoct.testing.recorded import Recorded, read
from decoct.testing.routes import Place, find
from decoct.testing.trouble import Trouble
from decoct.testing.wire import Received, Wire


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that is to be answered.

    Attributes:
        place: the endpoint.
        received: what came over the wire.
        body: its JSON object.
        prompt: hash of a chat request's messages, else empty.
        n_before: how often that prompt came before.
    """

    place: Place
    received: Received
    body: Body
    prompt: str = ""
    n_before: int = 0


class Service:
    """What is done with every connection.

    Attributes:
        requests: what has come, in order; stays empty unless `record`.
    """

    def __init__(
        self,
        manner: Manner,
        gate: Gate,
        trouble: Trouble,
        ledger: Ledger,
        endpoints: Endpoints,
        record: bool,
    ) -> None:
        self.requests: list[Recorded] = []
        self._manner = manner
        self._gate = gate
        self._trouble = trouble
        self._ledger = ledger
        self._endpoints = endpoints
        self._record = record
        self._started = time.monotonic()

    def start(self) -> None:
        """Note the time."""
        self._started = time.monotonic()

    async def serve(self, wire: Wire) -> None:
        """Answer all that comes on one connection."""
        while (received := await wire.receive()) is not None:
            await self._exchange(wire, received)

    async def _exchange(self, wire: Wire, received: Received) -> None:
        request = read(received, time.monotonic() - self._started)
        if self._record:
            self.requests.append(request)
        asked = self._judged(received, request.body)
        if isinstance(asked, Fault):
            await wire.wait(received.at_s + self._manner.latency_s)
            await wire.send(to_reply(asked, asked))
            return
        fault = self._fault(asked)
        whole = False
        try:
            whole = await self._answer(wire, asked, fault)
        finally:
            if asked.prompt:
                self._ledger.ended(asked.prompt, whole=whole, fault=fault.name)

    def _judged(self, received: Received, body: Body) -> _Asked | Fault:
        """Return what is asked, or the error of a request that asks for nothing there is."""
        place = find(received.target)
        if isinstance(place, Fault):
            return place
        if locked := self._gate.locked(received.headers):
            return locked
        if place.kind != "chat/completions":
            return _Asked(place, received, body)
        if received.method != "POST":
            return status(405, message="only POST is allowed here")
        if place.deployment:
            body = {"model": place.deployment, **body}
        if wrong := malformed(body):
            return wrong
        prompt = prompt_hash(body["messages"])
        return _Asked(place, received, body, prompt, self._ledger.received(prompt))

    def _fault(self, asked: _Asked) -> Fault:
        if not asked.prompt:
            return self._trouble.next(None, "", 0)
        crowded = self._gate.crowded(n_words(asked.body["messages"]))
        return crowded or self._trouble.next(asked.body, asked.prompt, asked.n_before)

    async def _answer(self, wire: Wire, asked: _Asked, fault: Fault) -> bool:
        """Answer or misbehave; say whether a chat request was answered whole."""
        made: Made = fault
        if not fault.reset:  # made before the wait, so that many that end together are quick
            made = await self._endpoints.answer(asked.place, asked.received, asked.body, fault)
        await wire.wait(asked.received.at_s + self._latency_s(asked) + fault.hang_s)
        if fault.reset:
            wire.reset()
            return False
        sent = await wire.send(to_reply(made, fault))
        return sent and is_whole(made, fault)

    def _latency_s(self, asked: _Asked) -> float:
        manner = self._manner
        if not manner.jitter_s:
            return manner.latency_s
        drawn = draw("jitter", manner.seed, asked.prompt, asked.n_before)
        return manner.latency_s + manner.jitter_s * drawn

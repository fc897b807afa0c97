"""One request and its answer: body in within limits, the rest of a refused one out of the way."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from decoct.serving.batching import Ticket
from decoct.serving.refusals import ClientGoneError, Refusal, busy, stopping
from decoct.serving.state import State

JSON, NDJSON = "application/json", "application/x-ndjson"
GONE = 499  # what the log calls a request whose client hung up
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_LINGER_S = 2.0
_LINGER_BYTES = 64 * 2**20


class Exchange:
    """One request and its answer.

    Args:
        scope: ASGI's.
        receive: likewise.
        send: likewise.
        state: the server's.

    Attributes:
        request_id: the client's own, if it is sane.
        status: of the answer; 0 before it.
        n_documents: that were asked for.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, state: State) -> None:
        self.scope = scope
        self.state = state
        self.headers = Headers(scope=scope)
        given = self.headers.get("x-request-id", "")
        self.request_id = given if _SANE_ID.fullmatch(given) else state.new_id()
        self.status = 0
        self.n_documents = 0
        self._started = time.perf_counter()
        self._receive = receive
        self._send = send
        self._held_bytes = 0
        self._is_stream = False
        self._body_ended = not (
            self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers
        )

    @property
    def path(self) -> str:
        """The request's path."""
        return str(self.scope["path"])

    @property
    def seconds(self) -> float:
        """Since its head came."""
        return time.perf_counter() - self._started

    async def receive(self) -> Message:
        """Return what comes next of the request."""
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._body_ended = True
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer.

        An answer that comes before the whole body goes out at once, and the rest of the body is
        read away for a while: a connection that is closed on a client that writes is reset, and the
        answer with it.
        """
        early = not self._body_ended and not self._is_stream
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            given += [pair for pair in _UNLESS_GIVEN if pair[0] not in names]
            given += [(b"connection", b"close")] if early and b"connection" not in names else []
            message["headers"] = [*given, (b"x-request-id", self.request_id.encode())]
        elif early and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._read_away()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer that it is not done, unless another answer has begun."""
        self.state.metrics.refused.add(refusal.code)
        if self.status:
            return
        headers = {**refusal.headers, "content-type": JSON}
        if refusal.retry_after_s is not None:
            headers["retry-after"] = str(refusal.retry_after_s)
        await self.answer(refusal.body(self.request_id), refusal.status, headers)

    async def refuse_at_once(self, refusal: Refusal) -> None:
        """Answer that it is not done, and read nothing more."""
        self._body_ended = True
        await self.refuse(refusal)

    async def answer(
        self, body: bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Send a whole answer."""
        pairs = [*(headers or {"content-type": JSON}).items(), ("content-length", str(len(body)))]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        await self.send({"type": "http.response.start", "status": status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def begin_stream(self) -> None:
        """Send the head of an NDJSON answer, whose request may still be coming."""
        self._is_stream = True
        headers = [(b"content-type", NDJSON.encode())]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send_part(self, part: bytes, *, more: bool = True) -> None:
        """Send a part of an NDJSON answer."""
        await self.send({"type": "http.response.body", "body": part, "more_body": more})

    def check_head(self) -> bool:
        """See that the body is of a kind that is taken; return whether it is NDJSON.

        Raises:
            Refusal: it is not, is declared too long, or the server takes no work.
        """
        if not self.state.takes_work:
            raise stopping()
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (JSON, NDJSON) or self.headers.get("content-encoding", "identity") not in (
            "identity",
            "",
        ):
            raise Refusal(
                415,
                "bad_content_type",
                f"send Content-Type: {JSON}, or {NDJSON} for a document a line; not compressed",
            )
        declared = self.headers.get("content-length", "")
        most = self.state.settings.max_body_bytes
        if kind == JSON and declared.isdigit() and int(declared) > most:
            raise self._too_large()
        return kind == NDJSON

    async def read_body(self) -> bytes:
        """Return the whole body.

        Raises:
            Refusal: it is too large, takes too long, or all bodies together are too much.
            ClientGoneError: the client hung up.
        """
        parts = bytearray()
        async with self.in_time():
            while True:
                part, more = await self.read_part()
                parts += part
                if len(parts) > self.state.settings.max_body_bytes:
                    raise self._too_large()
                self.hold(len(part))
                if not more:
                    return bytes(parts)

    async def read_part(self) -> tuple[bytes, bool]:
        """Return a part of the body, and whether there is more of it.

        Raises:
            ClientGoneError: the client hung up.
        """
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        return message.get("body", b""), message.get("more_body", False)

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Limit how long the client may take to send.

        Raises:
            Refusal: it took longer.
        """
        if self.state.is_over:
            raise stopping()
        seconds = self.state.settings.body_timeout_s
        limit = self.state.deadline(seconds)
        try:
            async with limit:
                self.state.watch(limit)
                try:
                    yield
                finally:
                    self.state.unwatch(limit)
        except TimeoutError:
            if not self.state.is_ready:
                raise stopping() from None
            raise Refusal(
                408, "too_slow", f"the body did not come within {seconds:g} s; send it again"
            ) from None

    async def results(
        self, ticket: Ticket, futures: Sequence[asyncio.Future[bytes]]
    ) -> list[bytes]:
        """Return the answers to documents, or drop what is left of them if the client hangs up.

        Raises:
            Refusal: one of them could not be done.
            ClientGoneError: the client hung up.
        """
        all_ = asyncio.gather(*futures)
        gone = asyncio.ensure_future(self.gone())
        try:
            await asyncio.wait((all_, gone), return_when=asyncio.FIRST_COMPLETED)
            if not all_.done():
                raise ClientGoneError
            return all_.result()
        finally:
            gone.cancel()
            if not all_.done():
                all_.cancel()
                with suppress(asyncio.CancelledError):
                    await all_
            self.state.batcher.cancel(ticket)

    async def gone(self) -> None:
        """Return when the client hangs up; the body must have been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def hold(self, n_bytes: int) -> None:
        """Count bytes that are kept until the request ends.

        Raises:
            Refusal: all requests together keep too much.
        """
        if self.state.held_bytes + n_bytes > self.state.settings.max_held_bytes:
            raise busy(1)
        self._held_bytes += n_bytes
        self.state.held_bytes += n_bytes

    def let_go(self) -> None:
        """Forget the bytes that were held."""
        self.state.held_bytes -= self._held_bytes
        self._held_bytes = 0

    def _too_large(self) -> Refusal:
        most = self.state.settings.max_body_bytes
        return Refusal(
            413,
            "body_too_large",
            f"the body has more than {most} bytes; send several requests, or documents as {NDJSON}",
        )

    async def _read_away(self) -> None:
        """Read what is left of the body, some of it and for a while."""
        n_bytes = 0
        with suppress(TimeoutError, ClientGoneError):
            async with asyncio.timeout(_LINGER_S):
                while not self._body_ended and n_bytes < _LINGER_BYTES:
                    n_bytes += len((await self.read_part())[0])


_UNLESS_GIVEN = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]

"""NDJSON: a document a line in, a document a line out, in order, whatever their number.

What is under way of one request is a window of documents. Nothing more is read while it is full, so
that a client that sends faster than documents get done, or reads slower, is slowed down by TCP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from pydantic import ValidationError

from decoct.records import one_line
from decoct.serving.batching import Operation, Ticket
from decoct.serving.exchange import Exchange
from decoct.serving.refusals import ClientGoneError, Refusal
from decoct.serving.shapes import DocumentIn, to_document

_PART_BYTES = 64 * 1024  # lines that are ready are sent together, up to so much
Answer = bytes | asyncio.Future[bytes]
Numbered = tuple[int, Answer]


async def stream(exchange: Exchange, operation: Operation) -> None:
    """Answer each line of a request's body with a line.

    A line that is no document is answered by `{"line": n, "error": "..."}`.

    Raises:
        ClientGoneError: the client hung up; what was under way is dropped.
    """
    state = exchange.state
    ticket = state.batcher.open(operation)
    # beside those in it, one is with the reader and one with the writer
    answers: asyncio.Queue[Numbered | None] = asyncio.Queue(state.settings.stream_window - 2)
    reader = asyncio.ensure_future(_Reader(exchange, ticket, answers).read())
    writer = asyncio.ensure_future(_write(exchange, answers))
    try:
        await exchange.begin_stream()
        await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        if not writer.done():  # the client is gone, or something went wrong
            reader.result()
        writer.result()
    finally:
        for task in (reader, writer):
            task.cancel()
            with suppress(asyncio.CancelledError, ClientGoneError):
                await task
        state.batcher.cancel(ticket)


class _Reader:
    """Takes documents out of a body and into the queue.

    Args:
        exchange: the request.
        ticket: its place in the queue.
        answers: gets the line's number and its answer, which may still be in the making, in order.
    """

    def __init__(
        self, exchange: Exchange, ticket: Ticket, answers: asyncio.Queue[Numbered | None]
    ) -> None:
        self._exchange = exchange
        self._state = exchange.state
        self._ticket = ticket
        self._answers = answers

    async def read(self) -> None:
        """Take all lines; afterwards return only when the client hangs up.

        Raises:
            ClientGoneError: it did.
        """
        number = 0
        try:
            async for number, line in self._lines():
                if line is None or line.strip():
                    await self._answers.put((number, await self._begin(number, line)))
        except Refusal as refusal:  # of the body as a whole: it ends here
            await self._answers.put((number + 1, _error_line(number + 1, refusal)))
        await self._answers.put(None)
        await self._exchange.gone()
        raise ClientGoneError

    async def _begin(self, number: int, line: bytes | None) -> Answer:
        """Return the answer to a line; None is one that was too long."""
        settings = self._state.settings
        try:
            if line is None:
                raise Refusal(
                    413, "body_too_large", f"more than {settings.max_body_bytes} bytes in a line"
                )
            given = _parse_line(line)
            document, n_chars = to_document(given, number, settings, "document")
        except Refusal as refusal:
            self._state.metrics.bad_lines.add()
            return _error_line(number, refusal)
        self._exchange.n_documents += 1
        return await self._state.batcher.add_in_time(self._ticket, document, n_chars)

    async def _lines(self) -> AsyncIterator[tuple[int, bytes | None]]:
        """Yield numbered lines without their ends; None for one that is too long."""
        most = self._state.settings.max_body_bytes
        number, left, is_skipped, more = 0, bytearray(), False, True
        while more:
            async with self._exchange.in_time():
                part, more = await self._exchange.read_part()
            *lines, rest = part.split(b"\n")
            for line in lines:
                number += 1
                whole = bytes(left + line)
                yield number, None if is_skipped or len(whole) > most else whole
                left, is_skipped = bytearray(), False
            left += rest
            if len(left) > most:
                left, is_skipped = bytearray(), True
        if left or is_skipped:
            yield number + 1, None if is_skipped else bytes(left)


async def _write(exchange: Exchange, answers: asyncio.Queue[Numbered | None]) -> None:
    """Send answers in order as they get done, those that are done together."""
    part = bytearray()
    while True:
        if part and (answers.empty() or len(part) >= _PART_BYTES):
            await exchange.send_part(bytes(part))
            part.clear()
        numbered = await answers.get()
        if numbered is None:
            break
        number, answer = numbered
        if part and isinstance(answer, asyncio.Future) and not answer.done():
            await exchange.send_part(bytes(part))
            part.clear()
        part += await _line_of(number, answer) + b"\n"
    await exchange.send_part(bytes(part), more=False)


async def _line_of(number: int, answer: Answer) -> bytes:
    """Return the line that answers a line, when it is done."""
    if isinstance(answer, bytes):
        return answer
    try:
        return await answer
    except Refusal as refusal:
        return _error_line(number, refusal)


def _parse_line(line: bytes) -> DocumentIn:
    try:
        return DocumentIn.model_validate_json(line)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, fault["loc"]))
        said = one_line(str(fault["msg"]).removeprefix("Value error, "))
        raise Refusal(422, "bad_line", f"{path}: {said}" if path else said) from None


def _error_line(number: int, refusal: Refusal) -> bytes:
    told: dict[str, object] = {"line": number, "error": refusal.message, "code": refusal.code}
    if refusal.document is not None:
        told["document"] = refusal.document
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")

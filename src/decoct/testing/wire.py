"""One connection: requests read whole, answers sent whole, cut, or with a wrong length."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import h11

_CHUNK_BYTES = 1 << 18
_LOOK_S = 0.25  # how often a wait looks whether the client is still there


class Headers(Mapping[str, str]):
    """A request's headers: found whatever their case, listed as they came."""

    def __init__(self, items: Mapping[str, str]) -> None:
        self._sent = dict(items)
        self._found = {name.lower(): value for name, value in items.items()}

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sent)

    def __len__(self) -> int:
        return len(self._sent)

    def __repr__(self) -> str:
        return f"Headers({self._sent!r})"


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came over the wire.

    Attributes:
        at_s: when its head was read, by the event loop's clock.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    at_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it is to go over the wire.

    Attributes:
        status: HTTP status.
        body: its bytes.
        headers: without the length, which is added.
        cut: send half of the body only, and close.
        length_off: added to the length that is announced.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    length_off: int = 0


class Wire:
    """A connection in the server's hands.

    Attributes:
        open: whether there may be another request on it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open = True
        self._spoilt = False  # bytes are left over before the next answer, which can't be read
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.SERVER)
        writer.transport.set_write_buffer_limits(0)  # drained means: all is with the kernel

    @property
    def gone(self) -> bool:
        """Whether the client has hung up, or at least will send no more."""
        return self._reader.at_eof() or self._reader.exception() is not None

    async def receive(self) -> Received | None:
        """Return the next request, or None where there is none any more."""
        head: h11.Request | None = None
        at_s = 0.0
        chunks: list[bytes] = []
        while self.open:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                await self._feed()
            elif isinstance(event, h11.Request):
                head = event
                at_s = asyncio.get_running_loop().time()
            elif isinstance(event, h11.Data):
                chunks.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _received(head, b"".join(chunks), at_s)
            else:
                break
        return None

    async def _feed(self) -> None:
        if self._h11.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._writer.write(self._h11.send(go_on) or b"")
        self._h11.receive_data(await self._reader.read(_CHUNK_BYTES))

    async def wait(self, until_s: float) -> None:
        """Wait for a time of the loop's clock, or until the client hangs up."""
        clock = asyncio.get_running_loop()
        while not self.gone and (left_s := until_s - clock.time()) > 0:
            await asyncio.sleep(min(left_s, _LOOK_S))

    async def send(self, reply: Reply) -> bool:
        """Send an answer.

        Returns:
            Whether it can be read: its last byte was handed to the socket, the client was there,
            and nothing was wrong with its length or is left over from the answer before.
        """
        if self.gone:
            self.open = False
            return False
        crooked = reply.cut or reply.length_off != 0
        self._writer.write(_crooked(reply) if crooked else self._straight(reply))
        try:
            await self._writer.drain()
        except ConnectionError:
            self.open = False
            return False
        self._go_on(reply)
        return not crooked and not self._spoilt

    def _straight(self, reply: Reply) -> bytes:
        headers = {**reply.headers, "content-length": str(len(reply.body))}
        head = h11.Response(status_code=reply.status, headers=list(headers.items()))
        events: list[h11.Event] = [head, h11.Data(data=reply.body), h11.EndOfMessage()]
        return b"".join(self._h11.send(event) or b"" for event in events)

    def _go_on(self, reply: Reply) -> None:
        """Make ready for the next request on this connection, if there may be one."""
        if reply.cut or reply.length_off > 0:
            self.open = False
        elif reply.length_off < 0:
            self._spoilt = True
            self._h11 = h11.Connection(h11.SERVER)  # it knows nothing of what was sent
        elif self._h11.our_state is h11.DONE:
            self._h11.start_next_cycle()
        else:
            self.open = False

    def reset(self) -> None:
        """Cut the connection with an RST."""
        self.open = False
        linger = struct.pack("ii", 1, 0)  # closing now sends RST
        with contextlib.suppress(OSError):  # the client was quicker
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection."""
        self.open = False
        self._writer.close()


def _received(head: h11.Request, body: bytes, at_s: float) -> Received:
    headers = {
        name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers.raw_items()
    }
    return Received(
        head.method.decode("ascii"), head.target.decode("latin-1"), Headers(headers), body, at_s
    )


def _crooked(reply: Reply) -> bytes:
    """Return an answer that h11 would not send."""
    length = max(len(reply.body) + reply.length_off, 0)
    lines = [f"HTTP/1.1 {reply.status} ", *(f"{k}: {v}" for k, v in reply.headers.items())]
    head = "\r\n".join([*lines, f"content-length: {length}", "", ""]).encode("latin-1")
    return head + (reply.body[: len(reply.body) // 2] if reply.cut else reply.body)

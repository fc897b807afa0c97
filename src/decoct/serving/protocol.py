"""Connections that send nothing, half a head, or never read: they are closed after a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Base
else:
    _Base = AutoHTTPProtocol

_BAD_REQUEST = (
    b'{"error": {"code": "bad_request", "message": "this is not HTTP as this server speaks it"}}'
)
_BAD_HEAD = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n" % len(_BAD_REQUEST)
)


def timed(head_s: float, send_s: float) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with time limits that it has not.

    Args:
        head_s: from a connection's or request's first byte to the end of its head.
        send_s: how long a client may leave what it is sent unread.
    """

    class Timed(_Base):
        _head: asyncio.TimerHandle | None = None
        _stuck: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:  # noqa: ANN401 (uvicorn's)
            super().connection_made(transport)
            self._head = self.loop.call_later(head_s, transport.abort)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                _stop(self._head)
                self._head = None
            elif self._head is None:
                self._head = self.loop.call_later(head_s, self.transport.abort)

        def pause_writing(self) -> None:
            super().pause_writing()
            _stop(self._stuck)
            self._stuck = self.loop.call_later(send_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            _stop(self._stuck)
            self._stuck = None

        def connection_lost(self, exc: Exception | None) -> None:
            _stop(self._head)
            _stop(self._stuck)
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            del msg
            self.transport.write(_BAD_HEAD + _BAD_REQUEST)
            self.transport.close()

    return Timed


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()

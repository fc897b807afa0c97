"""The app behind a socket, until a signal ends it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from decoct.errors import ConfigError
from decoct.serving.protocol import timed
from decoct.serving.settings import ServeSettings
from decoct.serving.state import State

_KEEP_ALIVE_S = 30
_BACKLOG = 1024
# uvicorn's own lines may hold a path or a traceback, and with it a text; ours say what is needed
_NO_LOG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"none": {"class": "logging.NullHandler"}},
    "loggers": {
        name: {"handlers": ["none"], "propagate": False, "level": "CRITICAL"}
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")
    },
}


def bind(settings: ServeSettings) -> socket.socket:
    """Return a socket that listens as the settings say.

    Raises:
        ConfigError: there is no such address, or its port is taken.
    """
    host = settings.host.strip("[]")
    try:
        found = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, _, _, address = found[0]
        # asyncio sends at once only where it sees that the protocol is TCP
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
        return listening
    except OSError as error:
        raise ConfigError(
            f"can't listen at {settings.host}:{settings.port}: {error.strerror or error}; "
            "give another --host or --port"
        ) from None


def address_of(listening: socket.socket) -> str:
    """Return where a socket listens, as an address for browsers."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server:
    """The app behind a socket.

    Args:
        app: from `build_app`.
        listening: from `bind`; closed in the end.
    """

    def __init__(self, app: FastAPI, listening: socket.socket) -> None:
        state: State = app.state.decoct
        settings = state.settings
        config = uvicorn.Config(
            app,
            http=timed(settings.body_timeout_s, settings.send_timeout_s),
            ws="none",
            lifespan="on",
            log_config=_NO_LOG,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=5,
        )
        self._listening = listening
        self._server = _Draining(config, state)

    def run(self) -> bool:
        """Serve until SIGTERM, SIGINT or `stop`; return whether all that was accepted is answered.

        A second signal ends it at once.
        """
        with closing(self._listening):
            self._server.run([self._listening])
        return self._server.is_clean

    def stop(self) -> None:
        """End it as a signal would; may be called from any thread."""
        self._server.is_told = True


class _Draining(uvicorn.Server):
    """A server that, told to end, answers first what it has accepted.

    Until then it still listens, so that `/ready` can say so.

    Args:
        config: uvicorn's.
        state: the app's.
    """

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self.is_told = False
        self.is_clean = True
        self._state = state
        self._ends_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal; the second one ends all at once."""
        del sig, frame
        if self.is_told:
            self.is_clean = False
            self.force_exit = self.should_exit = True
        self.is_told = True

    async def on_tick(self, counter: int) -> bool:
        """Look, ten times a second, whether it is time to end."""
        now = asyncio.get_running_loop().time()
        if self.is_told and self._ends_at is None:
            self._state.drain()
            settings = self._state.settings
            self._ends_at = now + settings.drain_s + settings.grace_s
        if self._ends_at is not None and not self._state.takes_work:
            if self._state.n_working == 0:
                self.should_exit = True
            elif now > self._ends_at:
                self.is_clean = False
                self.force_exit = self.should_exit = True
        return await super().on_tick(counter)

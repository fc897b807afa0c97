"""The server's thread: it listens on loopback, and serves every connection in one event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable

import h11

from decoct.testing.wire import Wire

HOST = "127.0.0.1"
_SETTLE_S = 5.0  # longer only if the loop has ended meanwhile
_TURNS = 100  # of the loop, more than accepting takes


class Listener:
    """A port of this machine, and a thread with an event loop behind it.

    Args:
        serve: what to do with a connection, until it returns.
        port: 0 for any that is free.

    Attributes:
        errors: what `serve` has raised, other than a connection's end.
    """

    def __init__(self, serve: Callable[[Wire], Awaitable[None]], port: int = 0) -> None:
        self.errors: list[Exception] = []
        self._serve = serve
        self._wanted_port = port
        self._bound: tuple[str, int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens, or did.

        Raises:
            RuntimeError: it has not been started.
        """
        if self._bound is None:
            raise RuntimeError("the server has no port before it is started: use it in `with`")
        return self._bound[1]

    def start(self, refuse_s: float = 0.0) -> None:
        """Take the port, and listen on it at once or, refusing connections, some seconds later.

        Raises:
            OSError: the port is taken.
        """
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, self._wanted_port))
        except OSError:
            bound.close()
            raise
        self._bound = bound.getsockname()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(bound, ready, refuse_s)),
            name="decoct-fake-openai",
            daemon=True,
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Cut every connection and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(self._stopping.set)
            thread.join()
        self._loop = self._thread = None

    def settle(self) -> None:
        """Wait until the loop has done all that it had to do before this call."""
        loop = self._loop
        if loop is not None and threading.current_thread() is not self._thread:
            done = threading.Event()
            loop.call_soon_threadsafe(done.set)
            done.wait(_SETTLE_S)

    async def _run(self, bound: socket.socket, ready: threading.Event, refuse_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        if refuse_s:
            ready.set()
            try:
                await asyncio.wait_for(self._stopping.wait(), refuse_s)
            except TimeoutError:
                pass
            else:
                bound.close()
                return
        server = await asyncio.start_server(self._accept, sock=bound, backlog=1024)
        ready.set()
        await self._stopping.wait()
        await self._all_begun()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _all_begun(self) -> None:
        """Let connections that were just accepted begin: once the server is closed, they can't."""
        me = {asyncio.current_task()}
        for _ in range(_TURNS):
            if asyncio.all_tasks() <= self._connections | me:
                break
            await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(Wire(reader, writer))
        except (ConnectionError, h11.ProtocolError):
            pass  # the client has hung up, or does not speak HTTP
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:  # a handler's, most likely: raised again when the server stops
            self.errors.append(error)
        finally:
            writer.close()
            self._connections.discard(task)

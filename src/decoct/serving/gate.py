"""What every request passes: its id, the key, limits on how many; what is told of it afterwards."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from decoct.serving.exchange import GONE, Exchange
from decoct.serving.refusals import ClientGoneError, Refusal, busy, stopping
from decoct.serving.settings import KEY_VARIABLE, is_safe_host
from decoct.serving.state import State

EXCHANGE = "decoct.exchange"  # where a route finds it in the scope
_UNKNOWN = "?"  # a path that is none of ours may hold anything, also a text


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths that there are.

    Attributes:
        known: all of them; others are not named in the log.
        open: those that need no key.
        work: those that are limited, and waited for when the server ends.
    """

    known: frozenset[str]
    open: frozenset[str]
    work: frozenset[str]


class Gate:
    """The outermost middleware.

    Args:
        app: what is behind it.
        state: the server's.
        paths: returns the paths that there are.
    """

    def __init__(self, app: ASGIApp, state: State, paths: Callable[[], Paths]) -> None:
        self._app = app
        self._state = state
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, self._state)
        scope[EXCHANGE] = exchange
        paths = self._paths()
        is_work = exchange.path in paths.work
        self._state.n_open += 1
        self._state.n_working += is_work
        try:
            await self._serve(exchange, paths)
        finally:
            self._state.n_open -= 1
            self._state.n_working -= is_work
            exchange.let_go()
            self._tell(exchange, exchange.path if exchange.path in paths.known else _UNKNOWN)

    async def _serve(self, exchange: Exchange, paths: Paths) -> None:
        try:
            self._check(exchange, paths)
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except Refusal as refusal:
            await exchange.refuse(refusal)
        except ClientGoneError:
            exchange.status = GONE
        except CancelledError:  # the server ends, and its grace is over
            await exchange.refuse_at_once(stopping())
            raise
        except Exception as error:  # the answer to a fault of ours, which the log has
            await exchange.refuse(self._state.refused_by(error))

    def _check(self, exchange: Exchange, paths: Paths) -> None:
        """See that the client may ask this.

        Raises:
            Refusal: it may not, or too many ask.
        """
        state = self._state
        host = exchange.headers.get("host", "").encode("latin-1")
        if state.key is None and state.settings.is_loopback and not is_safe_host(host):
            raise Refusal(
                421,
                "bad_host",
                "this server is for programs on its own machine; name it by address or localhost",
            )
        shown = exchange.headers.get("authorization", "").encode("latin-1")
        if state.key and exchange.path not in paths.open and not state.key.fits(shown):
            raise Refusal(
                401,
                "bad_key",
                f"send Authorization: Bearer KEY, the key that the server has in {KEY_VARIABLE}",
                headers={"www-authenticate": "Bearer"},
            )
        if exchange.path in paths.work and state.n_working > state.settings.max_requests:
            raise busy(state.batcher.retry_after_s())

    def _tell(self, exchange: Exchange, path: str) -> None:
        state, method = self._state, exchange.scope["method"]
        method = method if method in _METHODS else _UNKNOWN
        state.metrics.requests.add(path, method, str(exchange.status))
        state.metrics.seconds.add(exchange.seconds, path)
        if state.settings.access_log:
            state.log(
                event="request",
                method=method,
                path=path,
                status=exchange.status,
                ms=round(exchange.seconds * 1000, 1),
                id=exchange.request_id,
                documents=exchange.n_documents,
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})

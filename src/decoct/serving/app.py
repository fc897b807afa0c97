"""The HTTP app: its routes, on what the other modules here do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from decoct.serving import openapi
from decoct.serving.batching import Operation
from decoct.serving.exchange import JSON, Exchange
from decoct.serving.gate import EXCHANGE, Gate, Paths
from decoct.serving.metrics import CONTENT_TYPE
from decoct.serving.models import Models
from decoct.serving.operations import Deidentify, Extract, LinkDocuments, LinkMentions
from decoct.serving.page import add_page, page_files
from decoct.serving.refusals import Refusal, not_loaded
from decoct.serving.settings import ServeKey, ServeSettings
from decoct.serving.shapes import (
    DeidentifyIn,
    DeidentifyOptions,
    ExtractIn,
    ExtractLinesOptions,
    LinkIn,
    LinkLinesOptions,
    parse,
    parse_options,
    to_documents,
    to_queries,
)
from decoct.serving.state import Log, State
from decoct.serving.streams import stream

_OPEN = frozenset({"/health", "/ready"})
_WORK = frozenset({"/v1/extract", "/v1/link", "/v1/deidentify"})
_REASONS = {
    404: ("not_found", "no such path; /openapi.json tells which there are"),
    405: ("bad_method", "this path takes another method; /openapi.json tells which"),
}


class Sent(Response):
    """An answer that has gone out already."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 (ASGI's)
        """Send nothing."""


def build_app(
    models: Models,
    settings: ServeSettings | None = None,
    key: ServeKey | None = None,
    log: Log = lambda line: None,
) -> FastAPI:
    """Return the app; its state is `app.state.decoct`.

    Args:
        models: what it serves.
        settings: how much it takes; None for the defaults.
        key: that clients must show; None for none.
        log: takes a line of JSON for each request.
    """
    state = State(models, settings or ServeSettings(), key, log)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state.start()
        yield
        state.stop()

    app = FastAPI(
        title="decoct",
        version=version("decoct"),
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # it would load its scripts from another host
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.decoct = state
    _add_work(app)
    _add_about(app, state)
    add_page(app)
    app.add_exception_handler(HTTPException, _refuse)
    app.openapi = lambda: openapi.schema(app)  # type: ignore[method-assign]

    @cache
    def paths() -> Paths:
        known = frozenset(route.path for route in app.routes if isinstance(route, Route))
        return Paths(known, _OPEN | page_files().keys(), _WORK)

    app.add_middleware(Gate, state=state, paths=paths)
    return app


def _add_work(app: FastAPI) -> None:
    for path, endpoint, about in (
        ("/v1/extract", extract, openapi.EXTRACT),
        ("/v1/link", link, openapi.LINK),
        ("/v1/deidentify", deidentify, openapi.DEIDENTIFY),
    ):
        app.add_api_route(path, endpoint, methods=["POST"], response_class=Response, **about)


async def extract(request: Request) -> Response:
    """Find spans and relations in texts, or tell their class; and link the spans."""
    exchange = _exchange(request)
    models = exchange.state.models
    if models.student is None:
        raise not_loaded("student", "--student")
    if exchange.check_head():
        options = parse_options(ExtractLinesOptions, request.query_params.items())
        wanted = _extract(models, options.given_subjects, options.link, "query.")
        return await _lines(exchange, wanted)
    asked = parse(ExtractIn, await exchange.read_body())
    operation = _extract(models, asked.given_subjects, asked.link)
    return await _documents(exchange, operation, asked)


async def link(request: Request) -> Response:
    """Tell which entries of the knowledge base mentions, or documents' spans, mean."""
    exchange = _exchange(request)
    models = exchange.state.models
    if models.linker is None:
        raise not_loaded("linker", "--linker")
    if exchange.check_head():
        parse_options(LinkLinesOptions, request.query_params.items())
        return await _lines(exchange, LinkDocuments(models))
    asked = parse(LinkIn, await exchange.read_body())
    if asked.mentions is None:
        return await _documents(exchange, LinkDocuments(models), asked)
    queries = to_queries(asked.mentions, exchange.state.settings)
    return _json(_listed("links", await _all(exchange, LinkMentions(models), queries)))


async def deidentify(request: Request) -> Response:
    """Take protected health information out of texts; each stands for its own patient."""
    exchange = _exchange(request)
    models = exchange.state.models
    if exchange.check_head():
        options = parse_options(DeidentifyOptions, request.query_params.items())
        return await _lines(exchange, Deidentify(models, options.to_settings()))
    asked = parse(DeidentifyIn, await exchange.read_body())
    return await _documents(exchange, Deidentify(models, asked.to_settings()), asked)


def _add_about(app: FastAPI, state: State) -> None:
    async def models() -> Response:
        """Tell what is loaded, and how much is taken at a time."""
        settings = state.settings.model_dump(
            include={"max_body_bytes", "max_documents", "max_chars", "max_waiting"}
        )
        told = {"decoct": version("decoct"), **state.models.describe(), "limits": settings}
        return _json(json.dumps(told, ensure_ascii=False).encode())

    async def health() -> Response:
        """Tell that the process answers."""
        return _json(b'{"status": "ok"}')

    async def ready() -> Response:
        """Tell whether to send work: 503 from the moment that the server is told to end."""
        if state.is_ready:
            return _json(b'{"status": "ready"}')
        return Response(b'{"status": "stopping"}', 503, media_type=JSON)

    async def metrics() -> Response:
        """Tell what was counted, in Prometheus' text format."""
        return Response(state.metrics.render(), headers={"content-type": CONTENT_TYPE})

    for path, endpoint in (
        ("/v1/models", models),
        ("/health", health),
        ("/ready", ready),
        ("/metrics", metrics),
    ):
        app.add_api_route(path, endpoint, methods=["GET"], **openapi.ABOUT[path])


def _exchange(request: Request) -> Exchange:
    exchange = request.scope[EXCHANGE]
    assert isinstance(exchange, Exchange)
    return exchange


def _extract(models: Models, given: bool, link: bool | None, at: str = "") -> Extract:
    """Return what to do, if what is loaded can do it."""
    if link and models.linker is None:
        raise not_loaded("linker", "--linker")
    if given and models.has_classes:
        raise Refusal(
            422,
            "bad_field",
            "the student tells classes and has no subjects; leave given_subjects out",
            field=f"{at}given_subjects",
        )
    wanted = models.linker is not None if link is None else link
    return Extract(models, given, wanted and not models.has_classes)


async def _documents(
    exchange: Exchange, operation: Operation, asked: ExtractIn | LinkIn | DeidentifyIn
) -> Response:
    documents = to_documents(asked, exchange.state.settings)
    found = await _all(exchange, operation, documents)
    is_single = not isinstance(asked, LinkIn) and asked.is_single
    return _json(found[0] if is_single else _listed("documents", found))


async def _all(
    exchange: Exchange, operation: Operation, asked: list[tuple[Any, int]]
) -> list[bytes]:
    exchange.n_documents = len(asked)
    batcher = exchange.state.batcher
    ticket = batcher.open(operation)
    return await exchange.results(ticket, batcher.add(ticket, asked))


async def _lines(exchange: Exchange, operation: Operation) -> Response:
    await stream(exchange, operation)
    return Sent()


def _listed(name: str, found: list[bytes]) -> bytes:
    return b'{"%s": [%s]}' % (name.encode(), b", ".join(found))


def _json(body: bytes) -> Response:
    return Response(body, media_type=JSON)


async def _refuse(request: Request, error: Exception) -> Response:
    """Give what the framework refuses the shape of all refusals."""
    assert isinstance(error, HTTPException)
    del request
    code, message = _REASONS.get(error.status_code, ("refused", str(error.detail)))
    raise Refusal(error.status_code, code, message, headers=error.headers)

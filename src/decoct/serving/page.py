"""The page for people: static files of this package, and of the pictures that it draws."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

# path -> package, file; all that the page needs, so that nothing else can be asked for
_FILES = {
    "/": ("decoct.serving", "web/index.html"),
    "/page.css": ("decoct.serving", "web/page.css"),
    "/page.js": ("decoct.serving", "web/page.js"),
    "/export.js": ("decoct.serving", "web/export.js"),
    "/view/annotations.css": ("decoct.view", "annotations.css"),
    "/view/annotations.js": ("decoct.view", "annotations.js"),
    "/view/card.js": ("decoct.view", "card.js"),
}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def add_page(app: FastAPI) -> None:
    """Add the page and its files to a server; they are read once, now.

    Args:
        app: the server.
    """
    for path, (package, name) in page_files().items():
        _add_file(app, path, files(package).joinpath(name).read_bytes(), name)


def page_files() -> Mapping[str, tuple[str, str]]:
    """Return the page's paths, each with its package and file; they need no key."""
    return _FILES


def _add_file(app: FastAPI, path: str, content: bytes, name: str) -> None:
    media_type = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"

    async def answer(request: Request) -> Response:
        del request
        return Response(content, headers=_HEADERS, media_type=media_type)

    app.add_route(path, answer, methods=["GET", "HEAD"], include_in_schema=False)

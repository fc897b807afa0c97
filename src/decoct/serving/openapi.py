"""What `/openapi.json` says of bodies and answers, with examples."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from decoct.records import Document, Link
from decoct.serving.exchange import JSON, NDJSON
from decoct.serving.shapes import (
    DeidentifyIn,
    DeidentifyOptions,
    DocumentIn,
    ExtractIn,
    ExtractLinesOptions,
    LinkIn,
)

DESCRIPTION = (
    "Finds spans and relations in biomedical texts, links them to a knowledge base, and takes "
    "protected health information out. Offsets are half-open Unicode code points into a document's "
    "text as it stands. A body of application/x-ndjson has a document a line, and is answered by a "
    "line for each, in order, as they get done: read while you send. Where a server asks for a "
    "key, send it as Authorization: Bearer KEY."
)
_REFERENCE = "#/components/schemas/"
_SHAPES: tuple[type[BaseModel], ...] = (
    *(ExtractIn, LinkIn, DeidentifyIn, DocumentIn, Document, Link),
)
_TEXT = "Intravenous azithromycin-induced ototoxicity."
_DRUG = {"id": "T1", "start": 12, "end": 24, "label": "Drug", "text": "azithromycin"}
_EFFECT = {"id": "T2", "start": 33, "end": 44, "label": "AdverseEffect", "text": "ototoxicity"}
_FOUND: dict[str, Any] = {
    "id": "d1",
    "text": _TEXT,
    "source": "predicted",
    "spans": [{**_DRUG, "confidence": 0.99}, {**_EFFECT, "confidence": 0.98}],
    "relations": [{"label": "ADE", "subject": "T1", "object": "T2", "confidence": 0.97}],
    "label": None,
    "meta": {},
}
_NOTE = "Seen by Dr. Ada Moore on 2021-03-04, phone 617-555-0123."
_CLEAN: dict[str, Any] = {
    "id": "1",
    "text": "Seen by Dr. Ada Moore on [DATE], phone [PHONE_NUMBER].",
    "source": None,
    "spans": [],
    "relations": [],
    "label": None,
    "meta": {"deidentified": {"counts": {"DATE": 1, "PHONE_NUMBER": 1}, "left": []}},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {"type": "string", "description": "a short word for programs"},
                "message": {"type": "string", "description": "a line for people"},
                "field": {"type": "string", "description": "path of what is wrong in the body"},
                "document": {"type": "string", "description": "id of the document it is in"},
                "request_id": {"type": "string"},
            },
        }
    },
    "example": {
        "error": {
            "code": "text_too_long",
            "message": "the text has 120000 characters, 100000 are the most; cut it into several "
            "documents",
            "field": "documents.3.text",
            "document": "d4",
            "request_id": "5f0c2a9be1d34c77",
        }
    },
}
_REFUSALS = {
    400: "The body is not JSON.",
    401: "The key is missing or wrong.",
    404: "No such model is loaded.",
    408: "The body took too long to come.",
    413: "The body, a text or the number of documents is too large.",
    415: "The body is of another kind.",
    422: "A field, an option or a document is wrong.",
    503: "Too much is waiting, or the server is about to end; Retry-After says when to ask again.",
}


def schema(app: FastAPI) -> dict[str, Any]:
    """Return the app's OpenAPI document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, found = models_json_schema(
            [(shape, "validation") for shape in _SHAPES], ref_template=f"{_REFERENCE}{{model}}"
        )
        components = made.setdefault("components", {})
        components["schemas"] = {**found["$defs"], "Refusal": _ERROR}
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{}, {"key": []}]
        app.openapi_schema = made
    return app.openapi_schema


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"{_REFERENCE}{name}"}


def _list_of(field: str, name: str) -> dict[str, Any]:
    items = {"type": "array", "items": _reference(name)}
    return {"type": "object", "required": [field], "properties": {field: items}}


def _route(
    summary: str,
    shape: type[BaseModel],
    examples: dict[str, Any],
    answers: list[dict[str, Any]],
    answer: Any,  # noqa: ANN401 (JSON)
    options: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """Return what FastAPI is told of a route that takes work.

    Args:
        summary: of the route.
        shape: of its JSON body.
        examples: name -> body.
        answers: schemas of its JSON answers.
        answer: to the first example.
        options: what the query may hold where the body is NDJSON.
    """
    lines = {"type": "string", "description": "a document a line, see DocumentIn"}
    made = {
        "description": "The answer.",
        "content": {
            JSON: {"schema": {"anyOf": answers}, "example": answer},
            NDJSON: {"schema": {"type": "string", "description": "a document or an error a line"}},
        },
    }
    refused = {"content": {JSON: {"schema": _reference("Refusal")}}}
    return {
        "summary": summary,
        "responses": {
            200: made,
            **{status: {"description": why, **refused} for status, why in _REFUSALS.items()},
        },
        "openapi_extra": {
            "parameters": _parameters(options) if options else [],
            "requestBody": {
                "required": True,
                "content": {
                    JSON: {
                        "schema": _reference(shape.__name__),
                        "examples": {name: {"value": body} for name, body in examples.items()},
                    },
                    NDJSON: {"schema": lines, "example": f'{{"id": "d1", "text": "{_TEXT}"}}\n'},
                },
            },
        },
    }


def _parameters(options: type[BaseModel]) -> list[dict[str, Any]]:
    fields = options.model_json_schema()["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "with NDJSON only",
            "schema": field,
        }
        for name, field in fields.items()
    ]


EXTRACT = _route(
    "Find spans and relations, or the class",
    ExtractIn,
    {
        "one text": {"text": _TEXT},
        "documents": {"documents": [{"id": "d1", "text": _TEXT}, "No drug here."]},
        "given subjects": {
            "documents": [{"id": "d1", "text": _TEXT, "spans": [_DRUG]}],
            "given_subjects": True,
        },
    },
    [_reference("Document"), _list_of("documents", "Document")],
    _FOUND,
    ExtractLinesOptions,
)
LINK = _route(
    "Link mentions to the knowledge base",
    LinkIn,
    {
        "mentions": {
            "mentions": [
                "couldn't keep my eyes open",
                {"text": "ototoxicity", "context": _TEXT, "start": 33, "end": 44},
            ]
        },
        "documents": {"documents": [{"id": "d1", "text": _TEXT, "spans": [_EFFECT]}]},
    },
    [_list_of("links", "Link"), _list_of("documents", "Document")],
    {"links": [{"id": "271782001", "name": "Drowsy", "confidence": 0.93}, {"id": None}]},
)
DEIDENTIFY = _route(
    "Take protected health information out",
    DeidentifyIn,
    {
        "one text": {"text": _NOTE, "how": "tag"},
        "documents": {"documents": [{"id": "n1", "text": _NOTE}], "how": "replace"},
    },
    [_reference("Document"), _list_of("documents", "Document")],
    _CLEAN,
    DeidentifyOptions,
)
ABOUT: dict[str, dict[str, Any]] = {
    "/v1/models": {"summary": "What is loaded"},
    "/health": {"summary": "Whether the process answers"},
    "/ready": {"summary": "Whether to send work"},
    "/metrics": {"summary": "What was counted"},
}

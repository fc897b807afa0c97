"""Faults that stay: what an endpoint does not take for good, and a server that is slow to start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from decoct.testing.faults.base import Fault


def takes_formats(*formats: str) -> Fault:
    """Return an endpoint that, for good, takes only these `response_format` types.

    Args:
        formats: of `json_schema`, `json_object`, and `text` for none at all.
    """

    def accepted(body: Mapping[str, Any]) -> bool:
        return (body.get("response_format") or {}).get("type", "text") in formats

    message = "Invalid parameter: 'response_format' of this type is not supported with this model."
    error = {"message": message, "param": "response_format", "code": None}
    return Fault(400, {"error": error}, unless=accepted, name="takes_formats")


def rejects(parameter: str, *, param: bool = True) -> Fault:
    """Return an endpoint that, for good, does not take a parameter, as newer OpenAI models.

    Args:
        parameter: such as `max_tokens` or `temperature`.
        param: name it in the error's `param` also, or in its words only.
    """
    message = f"Unsupported parameter: '{parameter}' is not supported with this model."
    error = {"message": message, "param": parameter if param else None}
    return Fault(
        400,
        {"error": error},
        unless=lambda body: parameter not in body,
        name=f"rejects_{parameter}",
    )


def no_system_role(http_status: Literal[400, 500] = 400) -> Fault:
    """Return an endpoint whose model's chat template has no system role, as Gemma's.

    Args:
        http_status: 400 in the words of vLLM, or 500 in those of llama.cpp.
    """
    message = "System role not supported"
    bodies: Mapping[int, Mapping[str, Any]] = {
        400: {
            "object": "error",
            "message": message,
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        500: {
            "error": {"code": 500, "message": f"Jinja Exception: {message}", "type": "server_error"}
        },
    }

    def accepted(request: Mapping[str, Any]) -> bool:
        return all(message.get("role") != "system" for message in request["messages"])

    return Fault(http_status, bodies[http_status], unless=accepted, name="no_system_role")


def slow_start(seconds: float, how: Literal["refuse", "hang", "503"] = "refuse") -> Fault:
    """Return a server that is not ready for so many seconds from its start.

    Args:
        seconds: how long.
        how: refuse connections, as vLLM while it loads; take requests and answer them when it is
            ready; or answer 503, as llama.cpp while it loads.
    """
    if how == "503":
        error = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
        return Fault(503, {"error": error}, for_s=seconds, name="slow_start")
    return Fault(hang_s=seconds, for_s=seconds, refuse=how == "refuse", name="slow_start")

"""A batch's input: its lines read and checked, and how batches are to go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BatchBehavior:
    """How batches go, and how they go wrong.

    Attributes:
        n_polls: the look (`GET /v1/batches/ID`) at which a batch is done: at the one before, it is
            finalizing, and in progress before that; above three, the first finds it validating.
        shuffled: the output's lines are in another order than the input's.
        n_duplicated: so many lines of the output come twice.
        n_not_json: so many lines of the output are no JSON, beside those that are.
        failing: share of the requests that are answered by an HTTP error, in the error file.
        statuses: those errors, in turns.
        expiring: share of the requests that the window runs out for: the batch ends as `expired`.
        missing: share of the requests of which neither file says anything.
        refused: code with which every input fails validation, such as `token_limit_exceeded`.
        max_requests: more lines fail validation.
    """

    n_polls: int = 3
    shuffled: bool = False
    n_duplicated: int = 0
    n_not_json: int = 0
    failing: float = 0.0
    statuses: tuple[int, ...] = (400, 429, 500)
    expiring: float = 0.0
    missing: float = 0.0
    refused: str | None = None
    max_requests: int = 50_000


def read_input(
    content: bytes, endpoint: str, behavior: BatchBehavior
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the requests of an input file, and what is wrong with it in OpenAI's form."""
    if behavior.refused is not None:
        return [], [_wrong(behavior.refused, "The batch was not accepted.")]
    raw = [line for line in content.split(b"\n") if line.strip()]
    if not raw:
        return [], [_wrong("empty_file", "The input file is empty.")]
    if len(raw) > behavior.max_requests:
        return [], [_wrong("too_many_tasks", f"At most {behavior.max_requests} requests.")]
    lines: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, text in enumerate(raw, start=1):
        line = _parse(text)
        if wrong := _complaint(line, endpoint, seen):
            errors.append(_wrong(*wrong, number))
        else:
            seen.add(line["custom_id"])
            lines.append(line)
    return lines, errors


def _parse(text: bytes) -> Any:  # noqa: ANN401 (JSON is what it is)
    try:
        return json.loads(text)
    except ValueError:
        return None


def _complaint(line: Any, endpoint: str, seen: set[str]) -> tuple[str, str] | None:  # noqa: ANN401
    if not isinstance(line, dict):
        return "invalid_json_line", "This line is not parseable as valid JSON."
    for name, kind in {"custom_id": str, "method": str, "url": str, "body": dict}.items():
        if not isinstance(line.get(name), kind):
            return "missing_required_parameter", f"Missing required parameter: {name}."
    if line["custom_id"] in seen:
        return "duplicate_custom_id", "The custom_id for this request is a duplicate."
    if line["url"] != endpoint or line["method"] != "POST":
        return "mismatched_url", "The URL provided for this request does not match the batch's."
    return None


def _wrong(code: str, message: str, line: int | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": None, "line": line}

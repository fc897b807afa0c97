"""The chat completions protocol as it is met in the wild: bodies out, answers and complaints in.

Nothing of an endpoint's free words leaves this file: they may quote the document.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Self

from decoct.errors import RefusedError, TransientError
from decoct.tasks.base import Prompt
from decoct.teacher.backends._options import OpenAISettings
from decoct.teacher.base import Completion, Request, Usage

_UNSUPPORTED = re.compile(
    r"unsupport|not support|unknown|unrecogni|unavailable|not permitted|not allowed|deprecated"
    r"|extra|unexpected|invalid|must",
    re.IGNORECASE,
)
_FORMAT = re.compile(
    r"response_format|json_schema|json_object|structured.?output|json schema|guided|grammar"
    r"|requested parameters",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context_length|context_size|context length|context size|context window|string_above_max",
    re.IGNORECASE,
)
_OUT_OF_RANGE = re.compile(
    r"above_max|below_min|too large|too small|between|at most|at least|greater|less than",
    re.IGNORECASE,
)
_NO_SYSTEM = re.compile(
    r"system (?:role|message|prompt|instruction)s?\b.{0,40}\bnot (?:supported|allowed|enabled)"
    r"|roles? must alternate|(?:unsupported|invalid|unknown).{0,20}\bsystem\b"
    r"|only user and assistant roles|developer instruction is not enabled",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(r"[A-Za-z_.]{1,48}")  # no digits: keys have them
_WHY = {"too_long": "prompt and max_tokens together exceed the model's context"}
_MOST_TOKENS = 10**12  # a count beyond it is none


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an endpoint says is wrong with a request, in whichever dialect.

    Attributes:
        code: its short word, such as `unsupported_parameter`.
        param: the parameter it names, where it names one.
        message: its free words; never shown.
    """

    code: str = ""
    param: str = ""
    message: str = ""

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """Read an error body; one that can't be read is a complaint about nothing."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return cls()
        if isinstance(data, list) and data:  # Gemini wraps it
            data = data[0]
        if not isinstance(data, dict):
            return cls()
        if isinstance(data.get("detail"), list):  # FastAPI; its `input` quotes the request
            faults = [fault for fault in data["detail"] if isinstance(fault, dict)]
            return cls(message=" ".join(f"{f.get('loc')} {f.get('msg')}" for f in faults))
        error = data.get("error", data)
        if not isinstance(error, dict):
            return cls(message=str(error))
        return cls(
            code=_text(error.get("code")) or _text(error.get("type")),
            param=_text(error.get("param")),
            message=_text(error.get("message")) or _text(error.get("detail")),
        )

    @property
    def words(self) -> str:
        """Code and parameter in brackets, where they are plain identifiers: safe to show."""
        shown = [word for word in (self.code, self.param) if _IDENTIFIER.fullmatch(word)]
        return f" ({', '.join(shown)})" if shown else ""

    @property
    def refusal(self) -> str | None:
        """Why no repetition of this one request would be answered, where that is what it says."""
        if self.code == "content_filter":
            return "content_filter"
        return "too_long" if _TOO_LONG.search(f"{self.code} {self.message}") else None

    def rejects(self, parameter: str) -> bool:
        """Whether it says that the endpoint does not take `parameter`, whatever its value."""
        if _OUT_OF_RANGE.search(f"{self.code} {self.message}"):
            return False
        if self.param:
            return self.param == parameter
        named = re.search(rf"\b{parameter}\b", self.message)
        return bool(named and _UNSUPPORTED.search(self.message))

    @property
    def rejects_system(self) -> bool:
        """Whether it says that the model takes no system message; chat templates say it so."""
        return bool(_NO_SYSTEM.search(self.message))

    @property
    def rejects_format(self) -> bool:
        """Whether it says that the endpoint does not take this `response_format`."""
        return bool(_FORMAT.search(self.param or self.message))


@dataclass(frozen=True, slots=True)
class Shape:
    """How an endpoint likes to be asked: the newest form first, older ones as it complains."""

    answer_format: Literal["json_schema", "json_object", "text"] = "json_schema"
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    system: bool = True

    @classmethod
    def first(cls, openai: bool) -> Self:
        """Return the shape to begin with; OpenAI's own newer models reject `max_tokens`."""
        return cls(limit="max_completion_tokens") if openai else cls()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Return the shape in which a body was sent."""
        asked: Any = body.get("response_format") or {}
        return cls(
            answer_format=asked.get("type", "text"),
            limit="max_tokens" if "max_tokens" in body else "max_completion_tokens",
            temperature="temperature" in body,
            system=body["messages"][0]["role"] == "system",
        )

    def learn(self, complaint: Complaint) -> Shape | None:
        """Return the shape to try next, or None when the complaint is about something else."""
        if complaint.refusal:
            return None
        if self.system and complaint.rejects_system:
            return replace(self, system=False)
        if self.temperature and complaint.rejects("temperature"):
            return replace(self, temperature=False)
        if self.limit == "max_tokens" and complaint.rejects("max_tokens"):
            return replace(self, limit="max_completion_tokens")
        if self.answer_format != "text" and complaint.rejects_format:
            simpler: Literal["json_object", "text"] = (
                "json_object" if self.answer_format == "json_schema" else "text"
            )
            return replace(self, answer_format=simpler)
        return None

    def body(self, request: Request, model: str, settings: OpenAISettings) -> bytes:
        """Return the JSON to send; the settings' `extra` keys are laid over it."""
        body: dict[str, Any] = {
            "model": model,
            "messages": self._messages(request.prompt),
            self.limit: settings.max_tokens,
        }
        if self.temperature and settings.temperature_value is not None:
            body["temperature"] = settings.temperature_value
        if self.answer_format == "json_schema":
            body["response_format"] = _json_schema(request)
        elif self.answer_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return json.dumps(body | settings.extra).encode("ascii")

    def _messages(self, prompt: Prompt) -> list[dict[str, str]]:
        first = [("system", prompt.system), ("user", prompt.user)]
        if not self.system:
            first = [("user", f"{prompt.system}\n\n{prompt.user}")]
        again = [
            said
            for answer, complaint in prompt.turns
            for said in (("assistant", answer), ("user", complaint))
        ]
        return [{"role": role, "content": well_formed(text)} for role, text in (*first, *again)]


def read_completion(body: bytes, model: str, latency_s: float) -> Completion:
    """Read the body of a 200.

    Args:
        body: as it came.
        model: who was asked, where the body does not say who answered.
        latency_s: seconds that it took.

    Raises:
        RefusedError: it answered, and the answer is a refusal, cut off or empty.
        TransientError: it is not the protocol's JSON.
    """
    try:
        data = json.loads(body)
        choice = data["choices"][0]
        message = choice["message"]
        finish_reason = choice.get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise TransientError("the answer is not a chat completion") from None
    if content is not None and not isinstance(content, str):
        raise TransientError("the answer is not a chat completion: its content is no string")
    usage = _usage(data.get("usage"))
    reason, detail = _refusal(content, finish_reason, refusal)
    if reason:
        raise RefusedError(reason, detail, usage.prompt_tokens, usage.completion_tokens)
    return Completion(
        content=well_formed(content or ""),
        model=_text(data.get("model")) or model,
        usage=usage,
        finish_reason=_text(finish_reason) or None,
        latency_s=latency_s,
    )


def refused(reason: str) -> RefusedError:
    """Return the refusal of a request that its endpoint turned down for good."""
    return RefusedError(reason, _WHY.get(reason, ""))


def retry_after_s(headers: Mapping[str, str], limit_s: float) -> float | None:
    """Return the seconds that headers ask to wait, at most `limit_s`; None where they don't.

    `retry-after-ms`, as OpenAI and Azure send it, goes before `Retry-After`, in seconds or a date.
    """
    with suppress(KeyError, ValueError):
        return _bounded(float(headers["retry-after-ms"]) / 1000, limit_s)
    header = headers.get("retry-after")
    if header is None:
        return None
    try:
        wait_s = float(header)
    except ValueError:
        try:
            then = parsedate_to_datetime(header)
        except ValueError:
            return None
        wait_s = (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return _bounded(wait_s, limit_s)


def _bounded(wait_s: float, limit_s: float) -> float | None:
    return None if math.isnan(wait_s) else min(limit_s, max(0.0, wait_s))


def well_formed(text: str) -> str:
    """Return text that UTF-8 can hold: each lone surrogate becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _refusal(content: str | None, finish_reason: object, refusal: object) -> tuple[str, str]:
    """Return why a 200 is no answer, in a word and a line; empty where it is one."""
    if refusal:
        return "refusal", ""
    if finish_reason == "content_filter":
        return "content_filter", ""
    if finish_reason == "length":
        return "truncated", "the answer reached max_tokens"
    return ("", "") if content else ("empty", "")


def _json_schema(request: Request) -> dict[str, Any]:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", request.task)[:64] or "answer"
    schema = {"name": name, "strict": False, "schema": dict(request.schema)}
    return {"type": "json_schema", "json_schema": schema}


def _usage(data: object) -> Usage:
    if not isinstance(data, dict):
        return Usage()
    details = data.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        _whole(data.get("prompt_tokens")), _whole(data.get("completion_tokens")), _whole(cached)
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < _MOST_TOKENS else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

"""What an OpenAI-compatible endpoint may be told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from decoct.config import Settings


class OpenAISettings(Settings):
    """What `openai:MODEL` may be told, and `batch:MODEL` too.

    Attributes:
        base_url: up to and including `/v1`; default `OPENAI_BASE_URL`, else OpenAI's own.
        api_key_env: name of the environment variable that holds the key, never the key.
        api_key_file: a file that holds it, which nobody but its owner may read.
        auth: header that the key goes into: `bearer` for `Authorization: Bearer`, or `api-key`, as
            Azure wants it.
        api_version: added to the URL as `api-version`, as Azure wants it.
        temperature: 0 for the likeliest answer; None, or `none` in a file, leaves it out.
        max_tokens: limit of one answer, reasoning included where the model reasons.
        extra: more keys of the request's body, such as `reasoning_effort`, `seed` or vLLM's
            `chat_template_kwargs`.
        timeout_s: seconds for one attempt, from connecting to the last byte.
        allow_hosts: host names, beside this machine, that may see protected health information.
    """

    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    api_key_file: Path | None = None
    auth: Literal["bearer", "api-key"] = "bearer"
    api_version: Annotated[str, Field(pattern=r"^[\w.-]+$")] | None = None
    temperature: Annotated[float, Field(ge=0)] | Literal["none"] | None = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 4096
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    allow_hosts: tuple[str, ...] = ()

    @property
    def temperature_value(self) -> float | None:
        """The number to send, or None for none."""
        return None if self.temperature == "none" else self.temperature


def answer_parameters(settings: OpenAISettings, where: str) -> Mapping[str, Any]:
    """Return what an answer depends on beside model and prompt; part of the log's key.

    Args:
        settings: of the endpoint.
        where: host and path.
    """
    parameters = {
        "temperature": settings.temperature_value,
        "max_tokens": settings.max_tokens,
        "base_url": where,
    }
    # left out where unset: older logs' keys stay good
    more = {"extra": settings.extra, "api_version": settings.api_version}
    return parameters | {name: value for name, value in more.items() if value}

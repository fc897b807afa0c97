"""One interface for every teacher: a request in, a completion out.

A backend answers one request; order, concurrency, retries and the log are `ask.py`'s work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from decoct.errors import ConfigError
from decoct.registry import Shelf
from decoct.store import sha256_json
from decoct.tasks.base import Prompt

BACKENDS = Shelf("decoct.teacher.backends", noun="teacher backend")


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a teacher.

    Attributes:
        document_id: which document it is about.
        text: that document's text; backends with no LLM behind them work from it.
        task: the task's name.
        prompt: what an LLM is asked, in full.
        schema: JSON schema that the answer must fit.
        sample: 0 for the first answer to this prompt, 1 for a second opinion, and so on.
    """

    document_id: str
    text: str
    task: str
    prompt: Prompt
    schema: Mapping[str, Any]
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a completion was billed for."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """One raw answer.

    Attributes:
        content: the answer as it came, to be parsed by the task.
        model: the model that says it answered.
        usage: tokens, zero where nothing was billed.
        finish_reason: the endpoint's word for why it stopped, where it gives one.
        latency_s: seconds from request to answer.
        prompt_hash: set where the answer was made under another prompt than the request's (replay).
    """

    content: str
    model: str
    usage: Usage = Usage()
    finish_reason: str | None = None
    latency_s: float = 0.0
    prompt_hash: str | None = None


class Backend(Protocol):
    """Someone who answers requests: an endpoint, a recording, rules, a script.

    Attributes:
        name: the word before the colon of `--teacher`.
        model: what answers, as far as it is known before asking.
        parameters: everything else that an answer depends on (temperature, a recording's hash);
            part of the log's key, so a changed parameter never hits an old answer. No secrets.
    """

    name: str
    model: str
    parameters: Mapping[str, Any]

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Make a backend of what stands after the colon, and of options such as `base_url`."""
        ...

    async def complete(self, request: Request) -> Completion:
        """Answer one request.

        Raises:
            RefusedError: this request will not be answered; asking again is no use.
            TransientError: it may be answered if asked again.
            TeacherError: nothing will be answered; stop.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


def request_key(backend: Backend, request: Request) -> str:
    """Return the log's key: everything that the answer depends on, and nothing else."""
    return sha256_json(
        [
            backend.name,
            backend.model,
            dict(backend.parameters),
            request.prompt.system,
            request.prompt.user,
            dict(request.schema),
            request.sample,
        ]
    )


def prompt_hash(system: str, schema: Mapping[str, Any]) -> str:
    """Return what tells one prompt from another whatever the document: 16 hex digits."""
    return sha256_json([system, dict(schema)])[:16]


def load_teacher(spec: str, **options: Any) -> Backend:  # noqa: ANN401 (each backend checks its own)
    """Make a teacher of its spec: `BACKEND` or `BACKEND:ARGUMENT`.

    Args:
        spec: such as `rules`, `replay:answers.jsonl.gz` or `openai:gpt-5-mini`.
        options: for the backend: `base_url`, `api_key_env`, `temperature`, `timeout_s`...

    Raises:
        RegistryError: no such backend.
        ConfigError: the argument or an option does not fit it.
    """
    name, _, argument = spec.partition(":")
    backend: type[Backend] = BACKENDS.get(name)
    made = backend.from_spec(argument, {k: v for k, v in options.items() if v is not None})
    if not made.model:
        raise ConfigError(f"--teacher {spec}: names no model; write {name}:MODEL")
    return made

"""One interface for every teacher: a request in, a completion out.

A backend answers one request; order, concurrency, retries and the log are `ask.py`'s work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from decoct.errors import ConfigError, Faults, RefusedError
from decoct.records import Candidate
from decoct.registry import Shelf
from decoct.store import sha256_json
from decoct.tasks.base import Prompt

if TYPE_CHECKING:
    from decoct.progress import Progress
    from decoct.teacher.cache import CallLog

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
        pack: 0 where one document is asked about; else the most that go into one prompt.
        key: what the log knows it by, for backends that answer later; "" before it is sent.
        question: what the prompt shows of the document; the text, unless the task shows more.
    """

    document_id: str
    text: str
    task: str
    prompt: Prompt
    schema: Mapping[str, Any]
    sample: int = 0
    pack: int = 0
    key: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a completion was billed for.

    Attributes:
        prompt_tokens: all that was sent.
        completion_tokens: all that came back, reasoning included.
        cached_prompt_tokens: those of `prompt_tokens` that the endpoint had in its own cache, which
            some bill at less.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_prompt_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_prompt_tokens + other.cached_prompt_tokens,
        )


NO_USAGE = Usage()


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
    usage: Usage = NO_USAGE
    finish_reason: str | None = None
    latency_s: float = 0.0
    prompt_hash: str | None = None


@dataclass(slots=True)
class Tally:
    """What was sent.

    Attributes:
        n_sent: requests that were answered or refused, a packed one once.
        usage: tokens that they were billed for.
        failures: attempts that failed, by what was said.
    """

    n_sent: int = 0
    usage: Usage = NO_USAGE
    failures: Counter[str] = field(default_factory=Counter)


def billed(outcome: Completion | RefusedError | None) -> Usage:
    """Return the tokens of an answer or of a refusal; none where a call is still open."""
    if isinstance(outcome, RefusedError):
        return Usage(outcome.prompt_tokens, outcome.completion_tokens)
    return outcome.usage if outcome else NO_USAGE


class Backend(Protocol):
    """Someone who answers requests: an endpoint, a recording, rules, a script.

    Attributes:
        name: the word before the colon of `--teacher`.
        model: what answers, as far as it is known before asking.
        parameters: everything else that an answer depends on (temperature, a recording's hash);
            part of the log's key, so a changed parameter never hits an old answer. No secrets.
        live: whether it reads the prompt: it can be told what was wrong with an answer, be asked
            about several documents at once, and answer a second time otherwise. A recording or
            rules go by the document's text.
        private: whether text marked as containing protected health information may go there.
        free: whether nobody bills for it, as far as can be told: a local endpoint, a recording.
    """

    name: str
    model: str
    parameters: Mapping[str, Any]
    live: bool
    private: bool
    free: bool

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Make a backend of what stands after the colon, and of options such as `base_url`."""
        ...

    async def complete(self, request: Request) -> Completion:
        """Answer one request, in one attempt: trying again is the engine's work.

        Raises:
            RefusedError: this request will not be answered; asking again is no use.
            TransientError: it may be answered if asked again.
            TeacherError: nothing will be answered; stop.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Deferred(Backend, Protocol):
    """A backend that takes requests down and answers all of them later: a batch.

    `complete` raises `WaitingError`. Documents are put to it in passes, until a pass leaves nothing
    to be waited for.

    Attributes:
        tally: the answers that have come in, since it was made.
        faults: lines of answer files that were no answers.
    """

    tally: Tally
    faults: Faults

    def begin(self, log: CallLog) -> None:
        """Get ready for a pass: what has been answered meanwhile goes into the log.

        Raises:
            StoreError: files can't be read or written.
        """
        ...

    async def settle(self, progress: Progress) -> bool:
        """End a pass; return whether answers have come in, so that another pass is worth while.

        Raises:
            TeacherError: the endpoint can't run batches, or failed this one.
        """
        ...


@runtime_checkable
class WithCandidates(Backend, Protocol):
    """A backend whose choices were made among candidates of its own: a recording."""

    def candidates(self, text: str) -> tuple[Candidate, ...] | None:
        """Return the candidates of a mention, in the order in which they were shown.

        Args:
            text: the mention as it is written.
        """
        ...


def request_key(backend: Backend, request: Request) -> str:
    """Return the log's key: everything that the answer depends on, and nothing else."""
    parts: list[Any] = [
        backend.name,
        backend.model,
        dict(backend.parameters),
        request.prompt.system,
        request.prompt.user,
        dict(request.schema),
        request.sample,
    ]
    if request.prompt.turns or request.pack:  # left out otherwise: older logs' keys stay good
        parts += [[list(turn) for turn in request.prompt.turns], request.pack]
    return sha256_json(parts)


def prompt_hash(system: str, schema: Mapping[str, Any]) -> str:
    """Return what tells one prompt from another whatever the document: 16 hex digits."""
    return sha256_json([system, dict(schema)])[:16]


def load_teacher(spec: str, /, **options: Any) -> Backend:  # noqa: ANN401 (each backend checks its own)
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

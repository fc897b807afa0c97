"""Any endpoint that speaks OpenAI's chat completions: OpenAI, Azure, vLLM, llama.cpp, Ollama."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal, Self

import httpx
from pydantic import Field
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from decoct.config import Settings, check
from decoct.errors import ConfigError, RefusedError, TeacherError, TransientError
from decoct.teacher.backends._chat import Complaint, Shape, read_completion, retry_after_s
from decoct.teacher.base import Completion, Request

PUBLIC_URL = "https://api.openai.com/v1"
MAX_WAIT_S = 60.0
_ASK_AGAIN = frozenset({408, 409, 425, 429})
_MAY_COMPLAIN = frozenset({400, 404, 422})


class OpenAISettings(Settings):
    """What `openai:MODEL` may be told.

    Attributes:
        base_url: up to and including `/v1`; default `OPENAI_BASE_URL`, else OpenAI's own.
        api_key_env: name of the environment variable that holds the key, never the key.
        temperature: 0 for the likeliest answer; None, or `none` in a file, leaves it out.
        max_tokens: limit of one answer, reasoning included where the model reasons.
        timeout_s: seconds for one attempt, from connecting to the last byte.
        max_attempts: how often one request is sent before it counts as failed.
        contains_phi: the corpus holds protected health information: only loopback and
            `allow_hosts` are sent any of it.
        allow_hosts: host names that may see such a corpus.
    """

    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    temperature: Annotated[float, Field(ge=0)] | Literal["none"] | None = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 4096
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    max_attempts: Annotated[int, Field(ge=1)] = 6
    contains_phi: bool = False
    allow_hosts: tuple[str, ...] = ()


class OpenAIBackend:
    """A teacher behind an OpenAI-compatible endpoint.

    An endpoint that does not take `json_schema`, `max_tokens` or a temperature says so with a 400;
    that is learnt once, and every later request is sent as it likes. Redirects are not followed,
    and no error holds the key, a document's text or an endpoint's own words, which may quote it.

    Args:
        model: the endpoint's name for the model.
        settings: see `OpenAISettings`.
        sleep: how to wait between attempts, for tests.

    Raises:
        ConfigError: no key in the environment, a `base_url` that is none, or a host that may not
            see protected health information.
    """

    name = "openai"

    def __init__(
        self,
        model: str,
        settings: OpenAISettings | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.model = model
        self.settings = settings or OpenAISettings()
        self._base = _base_url(self.settings)
        self._where = self._base.netloc.decode("ascii") + self._base.path.rstrip("/")
        self.parameters: Mapping[str, Any] = {
            "temperature": self._temperature,
            "max_tokens": self.settings.max_tokens,
            "base_url": self._where,
        }
        _check_phi(self.settings, self._base.host)
        self._key = _read_key(self.settings.api_key_env, needed=not is_loopback(self._base.host))
        self._sleep = sleep
        self._shape = Shape()
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Make a backend of a model's name and of options, see `OpenAISettings`."""
        given = dict(options)
        if "temperature" in given and given["temperature"] is None:
            given["temperature"] = "none"
        return cls(argument, check(OpenAISettings, given, "--teacher openai"))

    async def complete(self, request: Request) -> Completion:
        """Answer one request, trying again while there is hope.

        Raises:
            RefusedError: `refusal`, `content_filter`, `truncated` (raise `max_tokens`), `too_long`
                (the prompt exceeds the model's context) or `empty`.
            TransientError: throttled, unreachable or babbling to the last attempt.
            TeacherError: wrong key, unknown model, a redirect, no credit left.
        """
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self.settings.max_attempts),
            wait=_wait_s,
            retry=retry_if_exception_type(TransientError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await attempts(self._attempt, request)
        except TransientError as error:
            n = self.settings.max_attempts
            message = f"{self._where}: no answer in {n} attempt{'s' * (n > 1)}, the last: {error}"
            raise TransientError(message, error.retry_after_s) from None

    async def aclose(self) -> None:
        """Let go of connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @property
    def _temperature(self) -> float | None:
        chosen = self.settings.temperature
        return None if chosen == "none" else chosen

    async def _attempt(self, request: Request) -> Completion:
        while True:
            shape = self._shape
            body = shape.body(request, self.model, self._temperature, self.settings.max_tokens)
            started = time.monotonic()
            response = await self._post(body)
            if response.is_success:
                latency_s = time.monotonic() - started
                return read_completion(response.content, self.model, latency_s)
            complaint = Complaint.from_body(response.content)
            if response.status_code not in _MAY_COMPLAIN or not self._learn(shape, complaint):
                raise self._error(response, complaint)

    async def _post(self, body: bytes) -> httpx.Response:
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                return await self._connected().post(
                    f"{str(self._base).rstrip('/')}/chat/completions", content=body
                )
        except (TimeoutError, httpx.TimeoutException):
            raise TransientError(f"nothing within {self.settings.timeout_s:g} s") from None
        except httpx.ConnectError as error:
            if "CERTIFICATE" in str(error):
                raise TeacherError(f"{self._where}: its TLS certificate is not trusted") from None
            raise TransientError("can't connect; is the endpoint running?") from None
        except httpx.RequestError as error:
            raise TransientError(f"the connection broke ({type(error).__name__})") from None

    def _connected(self) -> httpx.AsyncClient:
        """Return the client; connections belong to one event loop, so each loop has its own."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            headers = {"Content-Type": "application/json"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            self._loop = loop
            self._client = httpx.AsyncClient(
                headers=headers,
                timeout=self.settings.timeout_s,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                trust_env=self._may_use_proxy(),
            )
        return self._client

    def _may_use_proxy(self) -> bool:
        """Whether a proxy of the environment may be used: it would read plain HTTP."""
        plain_phi = self.settings.contains_phi and self._base.scheme == "http"
        return not plain_phi and not is_loopback(self._base.host)

    def _learn(self, sent: Shape, complaint: Complaint) -> bool:
        """Return whether to send again in another shape."""
        if self._shape != sent:
            return True  # another request learnt something while this one was away
        learnt = sent.learn(complaint)
        if learnt is not None:
            self._shape = learnt
        return learnt is not None

    def _error(self, response: httpx.Response, complaint: Complaint) -> TeacherError:
        status = response.status_code
        env = self.settings.api_key_env
        answered = f"HTTP {status}{complaint.words}"
        if complaint.code == "insufficient_quota":
            return TeacherError(f"{self._where}: {answered}: no credit left for the key in {env}")
        if status in _ASK_AGAIN or status >= 500:
            wait_s = retry_after_s(response.headers.get("retry-after"), MAX_WAIT_S)
            return TransientError(answered, wait_s)
        if status in (401, 403):
            return TeacherError(f"{self._where}: {answered}: check the key in {env}")
        if response.next_request is not None:
            host = response.next_request.url.host
            return TeacherError(
                f"{self._where}: redirects to {host}, not followed; "
                "if you trust it, make it the base_url"
            )
        if complaint.refusal or status == 413:
            return RefusedError(complaint.refusal or "too_long")
        if status == 404:
            return TeacherError(
                f"{self._where}: {answered}: no model {self.model!r} there, or base_url does not "
                "end where /chat/completions begins"
            )
        return TeacherError(
            f"{self._where}: {answered}: it does not take this request; check the model "
            f"{self.model!r} and the options"
        )


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wait_s(state: RetryCallState) -> float:
    """Return seconds to the next attempt: back-off with jitter, or longer where asked to."""
    backoff_s = wait_exponential_jitter(initial=1, max=MAX_WAIT_S)(state)
    error = state.outcome.exception() if state.outcome else None
    asked_s = error.retry_after_s if isinstance(error, TransientError) else None
    return max(backoff_s, asked_s or 0.0)


def _base_url(settings: OpenAISettings) -> httpx.URL:
    """Return the checked URL; what can't be shown safely in a message is not shown."""
    given = settings.base_url or os.environ.get("OPENAI_BASE_URL") or PUBLIC_URL
    try:
        url = httpx.URL(given.strip())
    except httpx.InvalidURL:
        raise ConfigError("base_url: not a URL; write http(s)://HOST[:PORT]/v1") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError("base_url: not an http or https URL; write http(s)://HOST[:PORT]/v1")
    if url.userinfo or url.query or url.fragment:
        raise ConfigError(
            f"base_url: no credentials, query or fragment may stand in it (host {url.host}); "
            f"the key is read from the environment variable {settings.api_key_env}"
        )
    return url


def _check_phi(settings: OpenAISettings, host: str) -> None:
    allowed = {name.lower() for name in settings.allow_hosts}
    if settings.contains_phi and not is_loopback(host) and host.lower() not in allowed:
        raise ConfigError(
            f"base_url: {host} may not see a corpus marked contains_phi; use a loopback endpoint, "
            f"or add {host!r} to allow_hosts"
        )


def _read_key(variable: str, needed: bool) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", variable):
        raise ConfigError("api_key_env: give the variable's name, in capitals, not the key")
    key = os.environ.get(variable, "").strip()
    if needed and not key:
        raise ConfigError(f"no key: set the environment variable {variable}")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise ConfigError(f"the environment variable {variable} holds characters no key has")
    return key


plugin = OpenAIBackend

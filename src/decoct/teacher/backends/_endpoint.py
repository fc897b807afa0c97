"""An endpoint over HTTP: where it is, who may see it, and what its failures mean.

Nothing of its free words and none of the key is in an error: the words may quote the document.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from decoct.errors import ConfigError, StoreError, TeacherError, TransientError
from decoct.teacher.backends._chat import Complaint, refused, retry_after_s
from decoct.teacher.backends._key import read_key
from decoct.teacher.backends._options import OpenAISettings

PUBLIC_URL = "https://api.openai.com/v1"
MAX_WAIT_S = 60.0
_ASK_AGAIN = frozenset({408, 409, 425, 429})
_THROTTLED = frozenset({429, 503, 529})


class Endpoint:
    """Where requests go.

    Args:
        settings: see `OpenAISettings`.
        model: for messages.
        anonymous: go without a key.

    Attributes:
        where: host and path, as messages and the log's key have it.
        local: whether it is this machine.
        openai: whether it is OpenAI's own.
        private: whether protected health information may go there.

    Raises:
        ConfigError: no key, a key file that others can read, or a `base_url` that is none.
    """

    def __init__(self, settings: OpenAISettings, model: str, anonymous: bool = False) -> None:
        self._settings, self._model = settings, model
        self._base = _base_url(settings)
        self.where = self._base.netloc.decode("ascii") + self._base.path.rstrip("/")
        host = self._base.host
        self.local = is_loopback(host)
        self.openai = host == httpx.URL(PUBLIC_URL).host
        allowed = {name.lower() for name in settings.allow_hosts}
        self.private = self.local or host.lower() in allowed
        self._headers = self._make_headers(
            "" if anonymous else _key(settings, needed=not self.local)
        )
        self._idle: list[httpx.AsyncHTTPTransport] = []
        self._tls: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def url(self, path: str, **query: str) -> httpx.URL:
        """Return the URL of a path such as `chat/completions`."""
        if self._settings.api_version:
            query["api-version"] = self._settings.api_version
        return self._base.copy_with(
            path=f"{self._base.path.rstrip('/')}/{path}", params=query or None
        )

    async def send(
        self,
        method: str,
        url: httpx.URL,
        timeout_s: float | None = None,
        **content: Any,  # noqa: ANN401 (httpx's own)
    ) -> httpx.Response:
        """Send one request, and return whatever came back.

        Args:
            method: `GET` or `POST`.
            url: from `url`.
            timeout_s: seconds to the last byte; None for the settings'.
            content: httpx's `content`, `json`, `data` or `files`.

        Raises:
            TransientError: nothing came back.
            TeacherError: its certificate is not trusted.
        """
        with self._failures(timeout_s or self._settings.timeout_s) as limit_s:
            async with asyncio.timeout(limit_s), self._exchange(method, url, content) as response:
                await response.aread()
                return response

    async def download(self, url: httpx.URL, path: Path, timeout_s: float) -> None:
        """Save what is at a URL, in pieces; the file takes its name when it is whole.

        Raises:
            TransientError: it broke off.
            TeacherError: it can't be had.
            StoreError: it can't be written.
        """
        part = path.with_name(f"{path.name}.part")
        with self._failures(timeout_s) as limit_s:
            async with asyncio.timeout(limit_s), self._exchange("GET", url, {}) as response:
                if not response.is_success:
                    await response.aread()
                    raise self.error(response, Complaint.from_body(response.content))
                try:
                    with part.open("wb") as handle:
                        async for piece in response.aiter_bytes():
                            handle.write(piece)
                    part.replace(path)
                except OSError as error:
                    raise StoreError(f"{path}: can't be written: {error.strerror}") from None

    @contextmanager
    def _failures(self, timeout_s: float) -> Iterator[float]:
        """Say what it means when nothing comes back."""
        try:
            yield timeout_s
        except (TimeoutError, httpx.TimeoutException):
            raise TransientError(f"nothing within {timeout_s:g} s") from None
        except httpx.ConnectError as error:
            if "CERTIFICATE" in str(error):
                raise TeacherError(f"{self.where}: its TLS certificate is not trusted") from None
            raise TransientError("can't connect; is the endpoint running?") from None
        except httpx.RequestError as error:
            raise TransientError(f"the connection broke ({type(error).__name__})") from None

    def error(self, response: httpx.Response, complaint: Complaint) -> TeacherError:
        """Return what a response that is no success means."""
        status = response.status_code
        answered = f"HTTP {status}{complaint.words}"
        if complaint.code == "insufficient_quota" or status == 402:
            return TeacherError(f"{self.where}: {answered}: no credit left for {self._key_name}")
        if status in _ASK_AGAIN or status >= 500:
            wait_s = retry_after_s(response.headers, MAX_WAIT_S)
            return TransientError(answered, wait_s, throttled=status in _THROTTLED)
        if status in (401, 403):
            return TeacherError(f"{self.where}: {answered}: check {self._key_name}")
        if response.has_redirect_location:
            host = _host(response.headers["location"]) or self._base.host
            return TeacherError(
                f"{self.where}: redirects to {host}, not followed; "
                "if you trust it, make it the base_url"
            )
        if complaint.refusal or status == 413:
            return refused(complaint.refusal or "too_long")
        if status == 404:
            return TeacherError(
                f"{self.where}: {answered}: no model {self._model!r} there, or base_url does not "
                "end where /chat/completions begins"
            )
        return TeacherError(
            f"{self.where}: {answered}: it does not take this request; check the model "
            f"{self._model!r} and the options"
        )

    async def aclose(self) -> None:
        """Let go of connections; a later request opens new ones."""
        idle, self._idle = self._idle, []
        for lane in idle:
            await lane.aclose()

    @property
    def _key_name(self) -> str:
        file = self._settings.api_key_file
        return f"the key in {file or self._settings.api_key_env}"

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: httpx.URL, content: Mapping[str, Any]
    ) -> AsyncGenerator[httpx.Response]:
        """Send a request and yield the response, its body still to be read."""
        headers = {**self._headers, **content.get("headers", {})}
        request = httpx.Request(method, url, **{**content, "headers": headers})
        with self._lane() as lane:
            response = await lane.handle_async_request(request)
            try:
                yield response
            finally:
                await response.aclose()

    @contextmanager
    def _lane(self) -> Iterator[httpx.AsyncHTTPTransport]:
        """Lend a transport of one connection.

        httpx's client would do, were its pool not quadratic: it looks at every connection for every
        idle one whenever a request begins or ends, 8 ms of processor with 64 of them. Cookies,
        redirects and authentication, which it takes care of, are not wanted here.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # connections belong to one event loop
            self._loop, self._idle = loop, []
        lane = self._idle.pop() if self._idle else self._open()
        try:
            yield lane
        finally:
            self._idle.append(lane)

    def _open(self) -> httpx.AsyncHTTPTransport:
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        return httpx.AsyncHTTPTransport(verify=self._tls, proxy=self._proxy())

    def _proxy(self) -> str | None:
        """Return the environment's proxy; it would read plain HTTP, TLS goes through it unread."""
        if self._base.scheme != "https" or self.local or proxy_bypass(self._base.host):
            return None
        found = getproxies().get("https") or getproxies().get("all")
        return f"http://{found}" if found and "://" not in found else found

    def _make_headers(self, key: str) -> Mapping[str, str]:
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "decoct"}
        if key and self._settings.auth == "api-key":
            return {**headers, "api-key": key}
        return {**headers, "Authorization": f"Bearer {key}"} if key else headers


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(location: str) -> str:
    try:
        return httpx.URL(location).host
    except httpx.InvalidURL:
        return "no sensible place"


def _key(settings: OpenAISettings, needed: bool) -> str:
    return read_key(settings.api_key_env, settings.api_key_file, needed)


def _base_url(settings: OpenAISettings) -> httpx.URL:
    """Return the checked URL; what can't be shown safely in a message is not shown."""
    given = settings.base_url or os.environ.get("OPENAI_BASE_URL") or PUBLIC_URL
    try:
        url = httpx.URL(given.strip())
        url.raw_host.decode("ascii").encode("idna")  # as it will be when it is looked up
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigError("base_url: not a URL; write http(s)://HOST[:PORT]/v1") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError("base_url: not an http or https URL; write http(s)://HOST[:PORT]/v1")
    if url.userinfo or url.query or url.fragment:
        raise ConfigError(
            f"base_url: no credentials, query or fragment may stand in it (host {url.host}); "
            f"the key is read from the environment variable {settings.api_key_env}, and "
            "api_version has an option of its own"
        )
    return url

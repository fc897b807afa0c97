"""A real HTTP server on loopback that speaks OpenAI's chat completions, well or badly on demand.

Example:
    with FakeOpenAI(lambda messages: '{"relations": []}') as server:
        server.faults += [throttled(retry_after="0"), status(503)]
        ...  # point a client at server.base_url
        assert len(server.requests) == 3
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Messages = list[dict[str, str]]
Headers = Mapping[str, str]


@dataclass(frozen=True)
class Fault:
    """One misbehaviour.

    Attributes:
        status: HTTP status of the answer.
        body: what is sent, as JSON unless it is bytes; None = the protocol's answer.
        headers: sent with it.
        hang_s: seconds before answering.
        reset: cut the connection instead of answering.
        patch: keys laid over the first choice of the protocol's answer.
        message_patch: keys laid over its message.
        unless: does the request satisfy the server? Then it is answered, and the fault stays for
            the next request; where it does not, the fault also stays.
    """

    status: int = 200
    body: object = None
    headers: Headers = field(default_factory=dict)
    hang_s: float = 0.0
    reset: bool = False
    patch: Mapping[str, Any] = field(default_factory=dict)
    message_patch: Mapping[str, Any] = field(default_factory=dict)
    unless: Callable[[Mapping[str, Any]], bool] | None = None


def status(http_status: int, /, **error: str | None) -> Fault:
    """Return a plain HTTP error, with OpenAI's `message`, `param` and `code` if given."""
    return Fault(http_status, {"error": {"message": "no", "type": "error", **error}})


def throttled(retry_after: str) -> Fault:
    """Return a 429 that says how long to wait."""
    return Fault(429, {"error": {"message": "slow down"}}, {"Retry-After": retry_after})


def hang(seconds: float) -> Fault:
    """Return an answer that comes too late."""
    return Fault(hang_s=seconds)


def reset() -> Fault:
    """Return a connection cut without an answer."""
    return Fault(reset=True)


def garbage() -> Fault:
    """Return a 200 that is a web page."""
    return Fault(body=b"<html>welcome to the hotel's wifi</html>")


def truncated_json() -> Fault:
    """Return a 200 whose JSON stops half-way."""
    return Fault(body=b'{"choices": [{"message": {"content": "{')


def finish(reason: str) -> Fault:
    """Return an answer that ends for another reason than `stop`."""
    return Fault(patch={"finish_reason": reason})


def refusal(words: str = "I can't help with that.") -> Fault:
    """Return an answer whose `refusal` is set."""
    return Fault(message_patch={"refusal": words, "content": None})


def redirect(url: str) -> Fault:
    """Return a 307 to another place."""
    return Fault(307, b"", {"Location": url})


def takes_formats(*formats: str) -> Fault:
    """Return an endpoint that, for good, takes only these `response_format` types.

    Args:
        formats: of `json_schema`, `json_object`, and `text` for none at all.
    """

    def accepted(body: Mapping[str, Any]) -> bool:
        return body.get("response_format", {}).get("type", "text") in formats

    message = "Invalid parameter: 'response_format' of this type is not supported with this model."
    error = {"message": message, "param": "response_format", "code": None}
    return Fault(400, {"error": error}, unless=accepted)


def rejects(parameter: str, *, param: bool = True) -> Fault:
    """Return an endpoint that, for good, does not take a parameter, as newer OpenAI models.

    Args:
        parameter: such as `max_tokens` or `temperature`.
        param: name it in the error's `param` also, or in its words only.
    """
    message = f"Unsupported parameter: '{parameter}' is not supported with this model."
    error = {"message": message, "param": parameter if param else None}
    return Fault(400, {"error": error}, unless=lambda body: parameter not in body)


@dataclass(frozen=True)
class Recorded:
    """One request as it came."""

    path: str
    headers: Headers
    body: Mapping[str, Any]


class FakeOpenAI:
    """The server; a context manager.

    Args:
        handler: messages -> the content of the answer.

    Attributes:
        faults: taken one a request, from the left; then all is well.
        standing: faults with `unless`, in force for good.
        requests: what has come, in order.
    """

    def __init__(self, handler: Callable[[Messages], str] = lambda messages: "{}") -> None:
        self.handler = handler
        self.faults: deque[Fault] = deque()
        self.standing: list[Fault] = []
        self.requests: list[Recorded] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.fake = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._http.server_address[1])

    @property
    def base_url(self) -> str:
        """What a client is told."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def next_fault(self, recorded: Recorded) -> Fault:
        """Record a request and say what is to go wrong with it."""
        with self._lock:
            self.requests.append(recorded)
            for fault in self.standing:
                if fault.unless is not None and not fault.unless(recorded.body):
                    return fault
            return self.faults.popleft() if self.faults else Fault()

    def answer(self, body: Mapping[str, Any], fault: Fault) -> dict[str, Any]:
        """Return the protocol's answer, with the fault's patches laid over it."""
        messages = body["messages"]
        content = self.handler(messages)
        message = {"role": "assistant", "content": content, **fault.message_patch}
        choice = {"index": 0, "message": message, "finish_reason": "stop", **fault.patch}
        n_prompt = sum(len(part["content"].split()) for part in messages)
        usage = {"prompt_tokens": n_prompt, "completion_tokens": len(content.split())}
        return {
            "id": "chatcmpl-fake",
            "object": "chat.completion",
            "model": f"{body['model']}-2025",
            "choices": [choice],
            "usage": usage,
        }


class _Server(ThreadingHTTPServer):
    fake: FakeOpenAI
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer, or misbehave."""
        fake = self.server.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = fake.next_fault(Recorded(self.path, dict(self.headers), body))
        if fault.hang_s:
            fake.closing.wait(fault.hang_s)
        if fault.reset:
            self._reset()
        elif self.path != "/v1/chat/completions":
            self._send(404, {"error": {"message": "no such path"}}, {})
        else:
            sent = fake.answer(body, fault) if fault.body is None else fault.body
            self._send(fault.status, sent, fault.headers)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)  # closing now sends RST
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def _send(self, code: int, body: object, headers: Headers) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # the client has hung up, as after a timeout

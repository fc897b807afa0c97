"""Every fault as it comes over the wire, and how it is counted."""

import json
import socket
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from decoct.testing import FakeOpenAI, Fault, faults

from .conftest import Client, body

GOOD = '{"drugs": []}'


def choice(response: httpx.Response) -> dict:
    return response.json()["choices"][0]


def raw(client: Client) -> bytes:
    """Send a request as bytes and return all that comes until the server closes."""
    data = json.dumps(body()).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(head.encode() + data)
        found = b""
        while chunk := sock.recv(65536):
            found += chunk
        return found


def test_without_a_fault_it_speaks_the_protocol(client: Client) -> None:
    answer = client.chat("Rash after drug.").json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "m-2025"
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": GOOD, "refusal": None},
            "finish_reason": "stop",
        }
    ]
    assert answer["usage"] == {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


@pytest.mark.parametrize(
    ("fault", "code", "headers"),
    [
        (faults.status(400, code="x"), 400, {}),
        (faults.status(500), 500, {}),
        (faults.status(503), 503, {}),
        (faults.throttled(), 429, {"retry-after": "1"}),
        (faults.throttled("17"), 429, {"retry-after": "17"}),
        (faults.throttled(None), 429, {}),
        (faults.throttled_ms(250), 429, {"retry-after-ms": "250"}),
        (faults.redirect("http://127.0.0.1:1/"), 307, {"location": "http://127.0.0.1:1/"}),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_errors(client: Client, fault: Fault, code: int, headers: dict[str, str]) -> None:
    client.server.faults.append(fault)
    response = client.chat()
    assert response.status_code == code
    told = {"retry-after", "retry-after-ms", "location"}
    assert {k: v for k, v in response.headers.items() if k in told} == headers
    assert client.server.counts.faults == {fault.name: 1}
    assert (client.server.answered, client.server.failed) == (0, 1)
    assert client.chat().status_code == 200, "a fault is taken once"


def test_an_error_says_what_it_was_told_to(client: Client) -> None:
    client.server.faults.append(faults.status(404, code="model_not_found", param="model"))
    error = client.chat().json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")


def test_a_date_to_wait_for_counts_from_the_answer(client: Client) -> None:
    client.server.faults.append(faults.throttled_until(30))
    time.sleep(0.05)
    date = parsedate_to_datetime(client.chat().headers["retry-after"])
    assert 27 < (date - datetime.now(UTC)).total_seconds() <= 30


def test_a_hanging_answer_comes_late_and_is_whole(client: Client) -> None:
    client.server.faults.append(faults.hang(0.3))
    started = time.monotonic()
    assert choice(client.chat())["message"]["content"] == GOOD
    assert 0.3 <= time.monotonic() - started < 3
    assert client.server.answered == 1


def test_who_does_not_wait_for_a_hanging_answer_did_not_get_it(client: Client) -> None:
    client.server.faults.append(faults.hang(30))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{client.server.base_url}/chat/completions",
            json=body(),
            timeout=0.2,
            trust_env=False,
        )
    deadline = time.monotonic() + 10
    while not client.server.failed:  # it looks from time to time whether the client is there
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.server.answered == 0


def test_reset(client: Client) -> None:
    client.server.faults.append(faults.reset())
    with pytest.raises(ConnectionResetError):
        raw(client)
    assert client.server.counts.faults == {"reset": 1}
    assert (client.server.answered, client.server.failed) == (0, 1)


def test_cut_stream(client: Client) -> None:
    client.server.faults.append(faults.cut_stream())
    head, _, sent = raw(client).partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    assert 0 < len(sent) == length // 2
    assert client.server.failed == 1


def test_too_long_a_length(client: Client) -> None:
    client.server.faults.append(faults.wrong_length(100))
    head, _, sent = raw(client).partition(b"\r\n\r\n")
    assert json.loads(sent)["choices"], "the body is whole"
    assert f"content-length: {len(sent) + 100}".encode() in head
    client.server.faults.append(faults.wrong_length())
    with pytest.raises(httpx.RemoteProtocolError):
        client.chat()
    assert client.server.failed == 2


def test_too_short_a_length_spoils_the_connection(client: Client) -> None:
    client.server.faults.append(faults.wrong_length(-30))
    response = client.chat()
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()
    sock = socket.create_connection(("127.0.0.1", client.server.port), timeout=10)
    with sock:
        data = json.dumps(body()).encode()
        ask = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        client.server.faults.append(faults.wrong_length(-30))
        found = b""
        for n_answers in (1, 2):
            sock.sendall(ask % len(data) + data)
            while found.count(b'"total_tokens": 5}}') < n_answers:
                found += sock.recv(65536)
    left_over = found.split(b"HTTP/1.1 200")[1][-30:]
    assert left_over.endswith(b"}"), "the answer's end stands before the next one's head"
    assert (client.server.answered, client.server.failed) == (0, 3), "neither can be read"


@pytest.mark.parametrize(
    ("fault", "start"),
    [(faults.garbage(), "<html>"), (faults.truncated_json(), '{"choices": [{"mess')],
    ids=["garbage", "truncated_json"],
)
def test_what_is_no_json(client: Client, fault: Fault, start: str) -> None:
    client.server.faults.append(fault)
    response = client.chat()
    assert response.status_code == 200
    assert response.text.startswith(start)
    assert client.server.failed == 1


def test_empty_choices(client: Client) -> None:
    client.server.faults.append(faults.empty_choices())
    assert client.chat().json()["choices"] == []
    assert client.server.failed == 1


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        (faults.wrong_schema(), '{"summary": "The text was read."}'),
        (faults.broken_answer(), '{"drugs": ["'),
        (faults.broken_answer("no"), "no"),
        (faults.extra_prose(), f"Sure, here it is:\n\n```json\n{GOOD}\n```\n\nAnything else?"),
    ],
    ids=["wrong_schema", "broken_answer", "broken_answer", "extra_prose"],
)
def test_what_is_said_otherwise(client: Client, fault: Fault, content: str) -> None:
    client.server.faults.append(fault)
    assert choice(client.chat())["message"]["content"] == content
    assert client.server.answered == 1, "it is whole, and would be billed"
    assert client.server.counts.faults == {fault.name: 1}


def test_refusals(client: Client) -> None:
    client.server.faults += [
        faults.content_filter(),
        faults.finish("length"),
        faults.refusal("No."),
    ]
    assert choice(client.chat())["finish_reason"] == "content_filter"
    assert choice(client.chat())["finish_reason"] == "length"
    message = choice(client.chat())["message"]
    assert (message["refusal"], message["content"]) == ("No.", None)
    assert client.server.answered == 3


def test_usage_can_be_missing_and_can_tell_of_a_cache(client: Client) -> None:
    client.server.faults.append(faults.no_usage())
    assert client.chat().json()["usage"] is None
    client.server.cached_tokens = 2
    assert client.chat().json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    client.server.cached_tokens = 1000
    assert client.chat().json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}


def test_takes_formats(client: Client) -> None:
    client.server.standing.append(faults.takes_formats("json_object", "text"))
    schema = client.chat(response_format={"type": "json_schema"})
    assert schema.status_code == 400
    assert schema.json()["error"]["param"] == "response_format"
    assert client.chat(response_format={"type": "json_object"}).status_code == 200
    assert client.chat().status_code == 200


@pytest.mark.parametrize("param", [True, False])
def test_rejects(client: Client, param: bool) -> None:
    client.server.standing.append(faults.rejects("temperature", param=param))
    error = client.chat(temperature=0).json()["error"]
    assert error["param"] == ("temperature" if param else None)
    assert "'temperature'" in error["message"]
    assert client.chat().status_code == 200


@pytest.mark.parametrize("code", [400, 500])
def test_no_system_role(client: Client, code: int) -> None:
    client.server.standing.append(faults.no_system_role(code))
    refused = client.chat()
    assert refused.status_code == code
    assert "System role not supported" in refused.text
    assert client.chat(messages=[{"role": "user", "content": "Rash."}]).status_code == 200


def test_what_stands_lets_the_queue_go_first(client: Client) -> None:
    client.server.standing.append(faults.extra_prose())
    client.server.faults.append(faults.status(503))
    assert client.chat().status_code == 503
    for _ in range(2):
        assert "```" in choice(client.chat())["message"]["content"]


def test_a_slow_start_refuses_connections() -> None:
    with FakeOpenAI(standing=[faults.slow_start(0.4)]) as server:
        url = f"{server.base_url}/chat/completions"
        with pytest.raises(httpx.ConnectError):
            httpx.post(url, json=body(), trust_env=False)
        time.sleep(0.6)
        assert httpx.post(url, json=body(), trust_env=False).status_code == 200


@pytest.mark.parametrize("how", ["hang", "503"])
def test_a_slow_start_keeps_waiting(serve, how) -> None:
    with serve(standing=[faults.slow_start(0.4, how)]) as client:
        started = time.monotonic()
        codes = [client.chat().status_code]
        while codes[-1] != 200:
            time.sleep(0.05)
            codes.append(client.chat().status_code)
        assert 0.3 < time.monotonic() - started < 5
        assert set(codes[:-1]) == ({503} if how == "503" else set())
        started = time.monotonic()
        assert client.chat().status_code == 200
        assert time.monotonic() - started < 0.3


def test_a_server_that_never_gets_ready_can_be_stopped() -> None:
    started = time.monotonic()
    with FakeOpenAI(standing=[faults.slow_start(60)]):
        pass
    assert time.monotonic() - started < 5


def test_every_fault_is_public() -> None:
    assert all(callable(getattr(faults, name)) for name in faults.__all__)

"""The server's life, its paths, and what it remembers."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from decoct.testing import FakeOpenAI, faults

from .conftest import body


def test_it_needs_nothing_of_decoct_and_nothing_heavy() -> None:
    code = (
        "import sys, decoct.testing\n"
        "print(*[m for m in sys.modules if m.startswith('decoct.') and 'testing' not in m])\n"
        "print(*[m for m in ('torch', 'numpy', 'pydantic', 'httpx') if m in sys.modules])"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.split() == []


def test_what_has_come_is_remembered(client) -> None:
    client.http.headers = {"X-Own": "yes"}
    client.chat("Rash.", temperature=0)
    client.get("batches", limit="3")
    chat, listing = client.server.requests
    assert (chat.method, chat.path) == ("POST", "/v1/chat/completions")
    assert chat.body == body("Rash.", temperature=0)
    assert chat.headers["x-own"] == chat.headers["X-Own"] == "yes"
    assert "X-Own" in chat.headers
    assert "x-other" not in chat.headers
    assert (listing.method, listing.path, listing.body) == ("GET", "/v1/batches?limit=3", {})
    assert 0 <= chat.at_s <= listing.at_s < 60


@pytest.mark.parametrize("name", ["Authorization", "api-key"])
def test_azure_has_paths_of_its_own(serve, name) -> None:
    with serve(api_key="k") as client:
        client.http.headers = {name: "Bearer k" if name == "Authorization" else "k"}
        path = "openai/deployments/gpt%20x/chat/completions?api-version=2024-10-21"
        without_model = {"messages": [{"role": "user", "content": "Rash."}]}
        answer = client.http.post(f"{client.server.azure_url}/{path}", json=without_model)
        assert answer.json()["model"] == "gpt x-2025"
        assert client.server.requests[0].path == f"/{path}"
        assert client.server.requests[0].headers[name].endswith("k")
        for good in ("openai/v1/batches", "openai/batches?api-version=1", "v1/batches"):
            assert client.http.get(f"{client.server.azure_url}/{good}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "openai/deployments/d/chat/completions",
        "openai/batches",
        "openai/chat/completions?api-version=1",
        "v1/deployments/d/chat/completions",
        "v1/chat/completions/x",
        "chat/completions",
        "v1/files/a/cancel",
        "v1/batches/a/content",
        "v1",
        "",
    ],
)
def test_paths_that_lead_nowhere(client, path) -> None:
    assert client.http.post(f"{client.server.azure_url}/{path}", json=body()).status_code == 404


def test_chat_takes_nothing_but_post(client) -> None:
    assert client.get("chat/completions").status_code == 405
    assert client.server.received == 0


def test_a_handler_may_wait_without_holding_up_others(serve) -> None:
    async def slowly(messages) -> str:
        if messages[-1]["content"] == "slow":
            await asyncio.sleep(0.5)
        return messages[-1]["content"]

    with serve(slowly) as client:
        answers: list[str] = []

        def ask(text: str) -> None:
            answers.append(client.chat(text).json()["choices"][0]["message"]["content"])

        threads = [threading.Thread(target=ask, args=(text,)) for text in ("slow", "quick")]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        for thread in threads:
            thread.join()
        assert answers == ["quick", "slow"]


def test_a_handler_that_fails_is_heard_of() -> None:
    def broken(messages) -> str:
        raise KeyError("no such text")

    def run() -> None:
        with FakeOpenAI(broken) as server, pytest.raises(httpx.RemoteProtocolError):
            httpx.post(f"{server.base_url}/chat/completions", json=body(), trust_env=False)

    with pytest.raises(KeyError, match="no such text"):
        run()
    with pytest.raises(httpx.RemoteProtocolError) as caught, FakeOpenAI(broken) as server:
        httpx.post(f"{server.base_url}/chat/completions", json=body(), trust_env=False)
    assert "no such text" in caught.value.__notes__[0]


def test_a_handler_can_be_exchanged(client) -> None:
    client.server.handler = lambda messages: messages[-1]["content"]
    for text in ("阿奇霉素 😀", "a\ufffd"):
        assert client.chat(text).json()["choices"][0]["message"]["content"] == text


def test_an_outage(serve) -> None:
    with serve() as client:
        port = client.server.port
        assert client.chat().status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/v1/batches", trust_env=False)
    with serve(port=port) as client:
        assert client.server.port == port
        assert client.chat().status_code == 200


def test_a_port_that_is_taken(client) -> None:
    with pytest.raises(OSError, match="in use"):
        FakeOpenAI(port=client.server.port).__enter__()


def test_there_is_no_port_before_the_start() -> None:
    with pytest.raises(RuntimeError, match="with"):
        _ = FakeOpenAI().base_url


def test_stopping_does_not_wait_for_who_hangs(serve) -> None:
    with serve(standing=[faults.hang(60)]) as client:
        sock = socket.create_connection(("127.0.0.1", client.server.port), timeout=10)
        data = json.dumps(body()).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        sock.sendall(head % len(data) + data)
        while not client.server.received:
            time.sleep(0.01)
        idle = socket.create_connection(("127.0.0.1", client.server.port), timeout=10)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    for each in (sock, idle):
        with each, contextlib.suppress(ConnectionResetError):
            assert each.recv(10) == b""


def test_who_does_not_speak_http_does_no_harm(client) -> None:
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(b"\x00\x01 what?\r\n\r\n")
        assert sock.recv(1000) == b""
    assert client.chat().status_code == 200


def test_who_waits_for_leave_to_send_is_given_it(client) -> None:
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert sock.recv(1000).startswith(b"HTTP/1.1 100")
        sock.sendall(b"{}")
        assert sock.recv(1000).startswith(b"HTTP/1.1 400")


def test_latency_and_jitter(serve) -> None:
    with serve(latency_s=0.1, jitter_s=0.2, seed=1) as client:
        took_s = []
        for number in range(6):
            started = time.monotonic()
            client.chat(str(number))
            took_s.append(time.monotonic() - started)
        assert min(took_s) >= 0.1
        assert max(took_s) < 1
        assert max(took_s) - min(took_s) > 0.02


def test_many_connections_and_no_thread_for_each(serve) -> None:
    with serve(latency_s=0.2) as client:

        async def run() -> list[int]:
            limits = httpx.Limits(max_connections=None)
            async with (
                httpx.AsyncClient(trust_env=False, limits=limits, timeout=30) as http,
                asyncio.TaskGroup() as group,
            ):
                url = f"{client.server.base_url}/chat/completions"
                asked = [
                    group.create_task(http.post(url, json=body(str(number))))
                    for number in range(100)
                ]
                await asyncio.sleep(0.1)
                n_threads = threading.active_count()
            return [n_threads, *(task.result().status_code for task in asked)]

        before = threading.active_count()
        n_threads, *codes = asyncio.run(run())
        assert codes == [200] * 100
        assert n_threads <= before

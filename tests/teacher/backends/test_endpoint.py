"""Where an endpoint is, and what it means when nothing or only a part comes back."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from decoct.errors import StoreError, TeacherError, TransientError
from decoct.teacher.backends._endpoint import Endpoint
from decoct.teacher.backends._options import OpenAISettings
from decoct.testing import FakeOpenAI
from decoct.testing import faults as fake
from fakes.endpoints import SECRET, check_says_nothing

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as running:
        yield running


def endpoint(base_url: str, **options: Any) -> Endpoint:
    return Endpoint(OpenAISettings(base_url=base_url, **options), "m")


def run(endpoint: Endpoint, step: Coroutine[Any, Any, T]) -> T:
    async def go() -> T:
        try:
            return await step
        finally:
            await endpoint.aclose()

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("base_url", "options", "expected"),
    [
        ("http://h/v1", {}, "http://h/v1/chat/completions"),
        ("http://h/v1/", {}, "http://h/v1/chat/completions"),
        (" http://h:81 ", {}, "http://h:81/chat/completions"),
        (
            "https://r.openai.azure.com/openai/deployments/d",
            {"api_version": "2024-10-21"},
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
        ("http://[::1]:81/v1", {}, "http://[::1]:81/v1/chat/completions"),
    ],
)
def test_paths_are_put_behind_the_base_url(
    base_url: str, options: dict[str, str], expected: str
) -> None:
    assert str(endpoint(base_url, **options).url("chat/completions")) == expected


def test_a_query_and_the_version_go_together() -> None:
    url = endpoint("http://h/openai", api_version="2024-10-21").url("batches", limit="3")
    assert dict(url.params) == {"limit": "3", "api-version": "2024-10-21"}


def test_where_it_is_is_told_without_a_key() -> None:
    made = endpoint("https://LLM.example.org:8443/v1/")
    assert made.where == "llm.example.org:8443/v1"
    assert SECRET not in repr(made) + str(vars(made)["_settings"])
    assert not made.openai
    assert Endpoint(OpenAISettings(), "m").openai


def test_proxies_are_left_aside_for_plain_http_and_for_this_machine(server: FakeOpenAI) -> None:
    made = endpoint(server.base_url)
    assert run(made, made.send("GET", made.url("batches"))).status_code == 200
    named = endpoint(f"http://localhost:{server.port}/v1", allow_hosts=("localhost",))
    assert run(named, named.send("GET", named.url("batches"))).status_code == 200


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
def test_a_certificate_that_nobody_has_signed_stops_at_once(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def go() -> None:
        serving = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=context)
        port = serving.sockets[0].getsockname()[1]
        made = endpoint(f"https://localhost:{port}/v1")
        with pytest.raises(TeacherError, match="certificate is not trusted") as caught:
            await made.send("POST", made.url("chat/completions"), content=b"{}")
        assert caught.type is TeacherError
        await made.aclose()
        serving.close()
        await serving.wait_closed()

    asyncio.run(go())


# Downloads


def upload(server: FakeOpenAI, content: bytes) -> str:
    file = {"file": ("f.jsonl", content)}
    made = httpx.post(
        f"{server.base_url}/files", data={"purpose": "batch"}, files=file, trust_env=False
    )
    return f"files/{made.json()['id']}/content"


def test_a_download_is_whole_or_not_there(server: FakeOpenAI, tmp_path: Path) -> None:
    content = b"line\n" * 200_000
    path, out = upload(server, content), tmp_path / "out.jsonl"
    made = endpoint(server.base_url)
    for fault in (fake.cut_stream(), fake.wrong_length(), fake.reset(), fake.hang(5)):
        server.faults.append(fault)
        with pytest.raises(TransientError) as caught:
            run(made, made.download(made.url(path), out, timeout_s=0.5))
        check_says_nothing(caught.value)
        assert not out.exists(), fault.name
    run(made, made.download(made.url(path), out, timeout_s=30))
    assert out.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (fake.status(404), TeacherError),
        (fake.status(401), TeacherError),
        (fake.status(503), TransientError),
    ],
)
def test_a_download_that_is_refused(
    server: FakeOpenAI, tmp_path: Path, fault: fake.Fault, kind: type[TeacherError]
) -> None:
    made = endpoint(server.base_url)
    server.faults.append(fault)
    with pytest.raises(kind) as caught:
        run(made, made.download(made.url("files/x/content"), tmp_path / "out", timeout_s=30))
    assert caught.type is kind
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_can_not_be_written(server: FakeOpenAI, tmp_path: Path) -> None:
    path = upload(server, b"x")
    made = endpoint(server.base_url)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be written"):
        run(made, made.download(made.url(path), tmp_path / "file" / "out", timeout_s=30))


# Proxies


@pytest.mark.parametrize(
    ("scheme", "bypass", "asked"),
    [("http://", "", True), ("", "", True), ("http://", "llm.invalid", False)],
    ids=["proxy", "without a scheme", "bypassed"],
)
def test_tls_goes_through_a_proxy_unread(
    scheme: str, bypass: str, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    async def go() -> None:
        serving = await asyncio.start_server(proxy, "127.0.0.1", 0)
        port = serving.sockets[0].getsockname()[1]
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"{scheme}127.0.0.1:{port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, bypass)
        made = endpoint("https://llm.invalid/v1")
        with pytest.raises(TransientError) as caught:
            await made.send("POST", made.url("chat/completions"), content=b"{}", timeout_s=30)
        check_says_nothing(caught.value)
        await made.aclose()
        serving.close()
        await serving.wait_closed()

    asyncio.run(go())
    assert [line.split(b"\r\n")[0] for line in heard] == [
        b"CONNECT llm.invalid:443 HTTP/1.1"
    ] * asked
    assert SECRET.encode() not in b"".join(heard)

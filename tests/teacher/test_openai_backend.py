"""The OpenAI backend against a real server on loopback that misbehaves on demand."""

import asyncio
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TypeVar

import pytest

from decoct.errors import ConfigError, RefusedError, TeacherError, TransientError
from decoct.tasks.base import Prompt
from decoct.teacher.backends._chat import Complaint, Shape, retry_after_s
from decoct.teacher.backends.openai import OpenAIBackend, OpenAISettings
from decoct.teacher.base import BACKENDS, Completion, Request, load_teacher
from decoct.testing import FakeOpenAI, Fault
from decoct.testing import faults as fake

SECRET = "sk-planted-key-1234567890"
TEXT = "Mrs. Quillfeather took zonkomycin and lost her hearing."
SCHEMA = {"type": "object", "properties": {"relations": {"type": "array"}}}

E = TypeVar("E", bound=TeacherError)


def ask(text: str = TEXT, sample: int = 0) -> Request:
    return Request("d1", text, "ade", Prompt("Label the text.", text), SCHEMA, sample)


class Clock:
    """Stands in for asyncio.sleep: waits no time and remembers how long."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    # Were a proxy of the environment used for loopback, every test here would fail.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(lambda messages: '{"relations": []}') as running:
        yield running


@pytest.fixture(autouse=True)
def _no_leak(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text
    assert "Quillfeather" not in caplog.text


def make(server: FakeOpenAI, clock: Clock | None = None, **options: object) -> OpenAIBackend:
    settings = OpenAISettings.model_validate({"base_url": server.base_url, **options})
    return OpenAIBackend("gpt-fake", settings, sleep=(clock or Clock()).sleep)


def complete(backend: OpenAIBackend, *requests: Request) -> list[Completion]:
    async def run() -> list[Completion]:
        try:
            return [await backend.complete(request) for request in requests or (ask(),)]
        finally:
            await backend.aclose()

    return asyncio.run(run())


def fail(backend: OpenAIBackend, kind: type[E]) -> E:
    """Return the error, having checked that it says nothing that it must not say."""
    with pytest.raises(kind) as caught:
        complete(backend)
    assert caught.type is kind
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert SECRET not in shown
    assert "Quillfeather" not in shown
    assert "\n" not in str(caught.value)
    return caught.value


def test_answers_and_sends_what_the_protocol_asks(server: FakeOpenAI) -> None:
    (completion,) = complete(make(server))
    assert completion.content == '{"relations": []}'
    assert completion.model == "gpt-fake-2025"
    assert completion.finish_reason == "stop"
    assert completion.usage.prompt_tokens > 0
    assert completion.usage.completion_tokens > 0
    assert completion.latency_s > 0
    (sent,) = server.requests
    assert sent.headers["Authorization"] == f"Bearer {SECRET}"
    assert sent.body == {
        "model": "gpt-fake",
        "messages": [
            {"role": "system", "content": "Label the text."},
            {"role": "user", "content": TEXT},
        ],
        "temperature": 0.0,
        "max_tokens": 4096,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "ade", "strict": False, "schema": SCHEMA},
        },
    }


def test_chinese_and_broken_unicode_travel(server: FakeOpenAI) -> None:
    server.handler = lambda messages: messages[1]["content"]
    assert complete(make(server), ask("阿奇霉素 😀"))[0].content == "阿奇霉素 😀"
    assert complete(make(server), ask("a\ud83d!"))[0].content == "a\ufffd!"
    server.handler = lambda messages: "cut emoji \ud83d"
    assert complete(make(server))[0].content == "cut emoji \ufffd"


@pytest.mark.parametrize(
    "fault",
    [
        fake.status(408),
        fake.status(409),
        fake.status(429),
        fake.throttled("0"),
        fake.status(500),
        fake.status(503),
        fake.reset(),
        fake.garbage(),
        fake.truncated_json(),
        Fault(body={"error": {"message": "overloaded", "code": 502}}),
        Fault(body=[]),
        Fault(body={"choices": []}),
        Fault(message_patch={"content": 5}),
    ],
    ids=lambda fault: f"{fault.status}-{str(fault.body)[:30]}",
)
def test_tries_again_and_in_the_end_gives_up(server: FakeOpenAI, fault: Fault) -> None:
    server.faults += [fault, fault]
    clock = Clock()
    assert complete(make(server, clock))[0].content == '{"relations": []}'
    assert len(server.requests) == 3
    assert clock.waits_s[0] >= 1
    assert clock.waits_s[1] >= 2

    server.faults += [fault] * 3
    error = fail(make(server, max_attempts=3), TransientError)
    assert "3 attempts" in str(error)
    assert len(server.requests) == 6


def test_gives_up_on_an_endpoint_that_hangs(server: FakeOpenAI) -> None:
    server.faults.append(fake.hang(30))
    error = fail(make(server, timeout_s=0.1, max_attempts=1), TransientError)
    assert "nothing within 0.1 s" in str(error)
    assert "1 attempt," in str(error)


def test_says_when_nobody_listens() -> None:
    with FakeOpenAI() as server:
        pass
    assert "can't connect" in str(fail(make(server, max_attempts=2), TransientError))


def test_waits_as_long_as_asked(server: FakeOpenAI) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.faults += [fake.throttled("17"), fake.throttled(soon), fake.throttled("86400")]
    clock = Clock()
    complete(make(server, clock))
    assert clock.waits_s[0] == 17
    assert 25 < clock.waits_s[1] <= 30
    assert clock.waits_s[2] == 60
    server.faults.append(fake.throttled("5"))
    assert fail(make(server, max_attempts=1), TransientError).retry_after_s == 5


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [(None, None), ("3", 3), ("-1", 0), ("nan", 0), ("inf", 60), ("soon", None), ("", None)],
)
def test_reads_retry_after(header: str | None, wait_s: float | None) -> None:
    assert retry_after_s(header, 60) == wait_s


@pytest.mark.parametrize("code", [401, 403])
def test_a_wrong_key_stops_at_once_and_names_the_variable(server: FakeOpenAI, code: int) -> None:
    echo = {"message": f"Incorrect API key: {SECRET}", "code": SECRET}
    server.faults.append(fake.status(code, **echo))
    assert "OPENAI_API_KEY" in str(fail(make(server), TeacherError))
    assert len(server.requests) == 1


def test_no_credit_stops_at_once(server: FakeOpenAI) -> None:
    server.faults.append(fake.status(429, code="insufficient_quota"))
    assert "no credit" in str(fail(make(server), TeacherError))


def test_an_unknown_model_is_named(server: FakeOpenAI) -> None:
    server.faults.append(fake.status(404, code="model_not_found"))
    message = str(fail(make(server), TeacherError))
    assert "gpt-fake" in message
    assert f"127.0.0.1:{server.port}/v1" in message
    assert "model_not_found" in message


def test_an_endpoints_words_are_not_repeated(server: FakeOpenAI) -> None:
    server.faults.append(fake.status(400, message=f"can't read {TEXT}", code=TEXT, param=TEXT))
    assert "HTTP 400" in str(fail(make(server), TeacherError))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (fake.finish("length"), "truncated"),
        (fake.finish("content_filter"), "content_filter"),
        (fake.refusal(f"I can't talk about {TEXT}"), "refusal"),
        (Fault(message_patch={"content": None}), "empty"),
        (Fault(message_patch={"content": ""}), "empty"),
        (fake.status(400, code="content_filter"), "content_filter"),
        (fake.status(400, code="context_length_exceeded"), "too_long"),
        (fake.status(413), "too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_is_final(server: FakeOpenAI, fault: Fault, reason: str) -> None:
    server.faults.append(fault)
    assert fail(make(server), RefusedError).reason == reason
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("formats", "tries"),
    [(("json_object", "text"), 2), (("text",), 3)],
)
def test_falls_back_from_json_schema_once(
    server: FakeOpenAI, formats: tuple[str, ...], tries: int
) -> None:
    server.standing.append(fake.takes_formats(*formats))
    clock = Clock()
    complete(make(server, clock), ask("one"), ask("two"), ask("three"))
    assert len(server.requests) == tries + 2
    assert clock.waits_s == []
    sent = server.requests[-1].body.get("response_format", {}).get("type", "text")
    assert sent == formats[0]


@pytest.mark.parametrize("param", [True, False])
@pytest.mark.parametrize("parameter", ["max_tokens", "temperature"])
def test_learns_which_parameters_are_not_taken(
    server: FakeOpenAI, parameter: str, param: bool
) -> None:
    server.standing.append(fake.rejects(parameter, param=param))
    complete(make(server), ask("one"), ask("two"))
    assert len(server.requests) == 3
    body = server.requests[-1].body
    assert parameter not in body
    assert ("max_completion_tokens" in body) == (parameter == "max_tokens")


def test_learns_everything_at_once_under_concurrency(server: FakeOpenAI) -> None:
    server.standing += [
        fake.rejects("max_tokens"),
        fake.rejects("temperature"),
        fake.takes_formats("text"),
    ]
    backend = make(server, max_attempts=1)

    async def run() -> list[Completion]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(backend.complete(ask(f"t{n}"))) for n in range(20)]
        await backend.aclose()
        return [task.result() for task in tasks]

    assert len(asyncio.run(run())) == 20
    before = len(server.requests)
    complete(backend)  # in another event loop, after aclose
    assert len(server.requests) == before + 1


def test_a_value_out_of_range_is_the_users_mistake(server: FakeOpenAI) -> None:
    server.faults.append(
        fake.status(400, param="temperature", code="decimal_above_max_value", message="too hot")
    )
    message = str(fail(make(server, temperature=9.0), TeacherError))
    assert "decimal_above_max_value, temperature" in message
    assert len(server.requests) == 1


def test_temperature_can_be_left_out(server: FakeOpenAI) -> None:
    backend = make(server, temperature=None)
    complete(backend)
    assert "temperature" not in server.requests[0].body
    assert backend.parameters["temperature"] is None


def test_redirects_are_not_followed(server: FakeOpenAI) -> None:
    with FakeOpenAI() as other:
        there = other.base_url.replace("127.0.0.1", "localhost") + "/chat/completions"
        server.faults.append(fake.redirect(there))
        assert "localhost" in str(fail(make(server), TeacherError))
        assert other.requests == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"not json", Complaint()),
        (b"[]", Complaint()),
        (b'"no"', Complaint()),
        (b'{"error": "no model x"}', Complaint(message="no model x")),
        (b'{"detail": "Not Found"}', Complaint(message="Not Found")),
        (b'[{"error": {"message": "m", "code": 400}}]', Complaint(message="m")),
        (
            b'{"object": "error", "message": "m", "type": "BadRequestError", "param": null}',
            Complaint(code="BadRequestError", message="m"),
        ),
        (
            b'{"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs", "input": "x"}]}',
            Complaint(message="['body', 'temperature'] Extra inputs"),
        ),
    ],
)
def test_reads_every_dialect_of_complaint(body: bytes, expected: Complaint) -> None:
    assert Complaint.from_body(body) == expected


def test_complaints_about_something_else_teach_nothing() -> None:
    for message in ("the patient had a temperature of 39 C", "Model Not Exist", ""):
        assert Shape().learn(Complaint(message=message)) is None


def test_protected_health_information_stays_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("https://api.openai.com/v1", "http://127.1/v1", "http://localhost.evil.org/v1"):
        with pytest.raises(ConfigError, match="may not see"):
            OpenAIBackend("m", OpenAISettings(base_url=url, contains_phi=True))
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.org/v1")
    with pytest.raises(ConfigError, match=r"elsewhere\.org"):
        OpenAIBackend("m", OpenAISettings(contains_phi=True))
    for url in ("http://127.0.0.1:8000/v1", "http://[::1]/v1", "http://localhost/v1"):
        OpenAIBackend("m", OpenAISettings(base_url=url, contains_phi=True))
    allowed = OpenAISettings(
        base_url="https://LLM.hospital.org/v1", contains_phi=True, allow_hosts=("llm.Hospital.org",)
    )
    assert OpenAIBackend("m", allowed).parameters["base_url"] == "llm.hospital.org/v1"


def test_the_key_comes_from_the_environment_only(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="api_key_env") as caught:
        load_teacher("openai:m", api_key=SECRET)
    assert SECRET not in str(caught.value)
    for mistaken in (SECRET, "gsk_0123456789abcdef"):
        with pytest.raises(ConfigError, match="name") as caught:
            load_teacher("openai:m", api_key_env=mistaken)
        assert mistaken not in str(caught.value)
    with pytest.raises(ConfigError, match="set the environment variable OTHER_KEY"):
        load_teacher("openai:m", api_key_env="OTHER_KEY")
    monkeypatch.setenv("OTHER_KEY", "two\nlines")
    with pytest.raises(ConfigError, match="OTHER_KEY holds"):
        load_teacher("openai:m", api_key_env="OTHER_KEY")
    monkeypatch.delenv("OPENAI_API_KEY")
    complete(make(server))
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@api.openai.com/v1",
        f"https://api.openai.com/v1?key={SECRET}",
        "ftp://api.openai.com",
        "api.openai.com/v1",
        "http://host:port/v1",
    ],
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url") as caught:
        OpenAIBackend("m", OpenAISettings(base_url=url))
    assert SECRET not in str(caught.value)


def test_is_on_the_shelf_and_checks_its_options() -> None:
    assert BACKENDS.get("openai") is OpenAIBackend
    backend = load_teacher("openai:qwen3:8b", base_url="http://127.0.0.1:1/v1/", temperature="none")
    assert backend.model == "qwen3:8b"
    assert backend.parameters == {
        "temperature": None,
        "max_tokens": 4096,
        "base_url": "127.0.0.1:1/v1",
    }
    assert OpenAIBackend.from_spec("m", {"temperature": None}).parameters["temperature"] is None
    with pytest.raises(ConfigError, match="did you mean 'base_url'"):
        load_teacher("openai:m", bse_url="http://127.0.0.1")

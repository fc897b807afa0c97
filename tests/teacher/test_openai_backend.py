"""The OpenAI backend against a real server on loopback that misbehaves on demand."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

import pytest

from decoct.errors import ConfigError, RefusedError, TeacherError, TransientError
from decoct.teacher.backends._chat import Complaint, Shape, retry_after_s
from decoct.teacher.backends.openai import OpenAIBackend, OpenAISettings
from decoct.teacher.base import BACKENDS, Completion, load_teacher
from decoct.testing import FakeOpenAI, Fault
from decoct.testing import faults as fake
from fakes.endpoints import (
    SCHEMA,
    SECRET,
    TEXT,
    ask,
    complete,
    connections_counted,
    fail,
    make,
)

ANSWER = '{"relations": []}'


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    # Were a proxy of the environment used for loopback, every test here would fail.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(lambda messages: ANSWER) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_leak(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text
    assert "Quillfeather" not in caplog.text


def at_once(backend: OpenAIBackend, texts: Sequence[str]) -> list[Completion | TeacherError]:
    """Ask all of them at once; return what became of each."""

    async def run() -> list[Completion | TeacherError]:
        asked = [backend.complete(ask(text)) for text in texts]
        found = await asyncio.gather(*asked, return_exceptions=True)
        await backend.aclose()
        return found  # type: ignore[return-value]

    return asyncio.run(run())


# What is sent and what comes


def test_answers_and_sends_what_the_protocol_asks(server: FakeOpenAI) -> None:
    (completion,) = complete(make(server))
    assert completion.content == ANSWER
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


def test_what_was_wrong_with_an_answer_is_told_in_turns(server: FakeOpenAI) -> None:
    complete(make(server), ask(turns=(("nonsense", "no JSON"), ("[]", "no object"))))
    messages = server.requests[0].body["messages"]
    assert [message["role"] for message in messages] == [
        *("system", "user", "assistant", "user", "assistant", "user"),
    ]
    assert [message["content"] for message in messages[2:]] == [
        *("nonsense", "no JSON", "[]", "no object"),
    ]


def test_chinese_and_broken_unicode_travel(server: FakeOpenAI) -> None:
    server.handler = lambda messages: messages[1]["content"]
    assert complete(make(server), ask("阿奇霉素 😀"))[0].content == "阿奇霉素 😀"
    assert complete(make(server), ask("a\ud83d!"))[0].content == "a\ufffd!"
    server.handler = lambda messages: "cut emoji \ud83d"
    assert complete(make(server))[0].content == "cut emoji \ufffd"


def test_tokens_from_the_endpoints_cache_are_told_apart(server: FakeOpenAI) -> None:
    server.cached_tokens = 2
    assert complete(make(server))[0].usage.cached_prompt_tokens == 2


def test_usage_that_is_none_counts_as_nothing(server: FakeOpenAI) -> None:
    for usage in (
        None,
        [],
        {"prompt_tokens": -1, "completion_tokens": "9"},
        {"prompt_tokens": 10**30},
    ):
        server.faults.append(Fault(answer_patch={"usage": usage}))
        found = complete(make(server))[0].usage
        assert (found.prompt_tokens, found.completion_tokens) == (0, 0)


def test_extra_keys_go_into_the_body_and_into_the_key(server: FakeOpenAI) -> None:
    backend = make(server, extra={"reasoning_effort": "low", "seed": 7})
    complete(backend)
    assert server.requests[0].body["reasoning_effort"] == "low"
    assert server.requests[0].body["seed"] == 7
    assert backend.parameters["extra"] == {"reasoning_effort": "low", "seed": 7}
    assert make(server).parameters == {
        "temperature": 0.0,
        "max_tokens": 4096,
        "base_url": f"127.0.0.1:{server.port}/v1",
    }


def test_temperature_can_be_left_out(server: FakeOpenAI) -> None:
    backend = make(server, temperature="none")
    complete(backend)
    assert "temperature" not in server.requests[0].body
    assert backend.parameters["temperature"] is None


# What fails


SOON = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)


@pytest.mark.parametrize(
    ("fault", "throttled", "retry_after"),
    [
        (fake.status(408), False, None),
        (fake.status(409), False, None),
        (fake.status(425), False, None),
        (fake.status(429), True, None),
        (fake.throttled("7"), True, (7, 7)),
        (fake.throttled("0"), True, (0, 0)),
        (fake.throttled("86400"), True, (60, 60)),
        (fake.throttled(SOON), True, (60, 60)),
        (fake.throttled_until(30), True, (27, 30)),
        (fake.throttled_ms(1500), True, (1.5, 1.5)),
        (fake.status(500), False, None),
        (fake.status(502), False, None),
        (fake.status(503), True, None),
        (Fault(503, {}, {"Retry-After": "3"}), True, (3, 3)),
        (Fault(529, b""), True, None),
        (fake.reset(), False, None),
        (fake.cut_stream(), False, None),
        (fake.wrong_length(), False, None),
        (fake.wrong_length(-40), False, None),
        (fake.garbage(), False, None),
        (fake.truncated_json(), False, None),
        (fake.empty_choices(), False, None),
        (Fault(body=b""), False, None),
        (Fault(body=[]), False, None),
        (Fault(body={"error": {"message": f"overloaded by {TEXT}", "code": 502}}), False, None),
        (Fault(message_patch={"content": 5}), False, None),
        (Fault(body=b"x", headers={"Content-Encoding": "gzip"}), False, None),
    ],
    ids=lambda value: value.name or str(value.status) if isinstance(value, Fault) else "",
)
def test_what_may_be_answered_later_is_tried_once(
    server: FakeOpenAI, fault: Fault, throttled: bool, retry_after: tuple[float, float] | None
) -> None:
    server.handler = lambda messages: messages[-1]["content"]
    server.faults.append(fault)
    backend = make(server)

    async def run() -> tuple[TransientError, Completion]:
        with pytest.raises(TransientError) as caught:
            await backend.complete(ask())
        if fault.name == "short_length":  # bytes are left over: the connection is spoilt
            with pytest.raises(TransientError):
                await backend.complete(ask("spoilt"))
            server.requests.pop()
        after = await backend.complete(ask("the next one"))
        await backend.aclose()
        return caught.value, after

    error, after = asyncio.run(run())
    assert error.throttled is throttled
    if retry_after is None:
        assert error.retry_after_s is None
    else:
        assert retry_after[0] <= (error.retry_after_s or 0.0) <= retry_after[1]
    assert after.content == "the next one", "what the failure left behind was read as an answer"
    assert len(server.requests) == 2

    server.faults.append(fault)
    fail(make(server), TransientError)
    assert len(server.requests) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "said", "throttled"),
    [
        ("refuse", "can't connect", False),
        ("hang", "nothing within", False),
        ("503", "HTTP 503", True),
    ],
)
def test_a_server_that_is_slow_to_start_is_asked_later(
    how: Literal["refuse", "hang", "503"], said: str, throttled: bool
) -> None:
    with FakeOpenAI(lambda messages: ANSWER, standing=[fake.slow_start(0.6, how)]) as server:
        backend = make(server, timeout_s=0.2)
        error = fail(backend, TransientError)
        assert said in str(error)
        assert error.throttled is throttled
        time.sleep(0.8)
        assert complete(backend)[0].content == ANSWER


def test_gives_up_on_an_endpoint_that_hangs(server: FakeOpenAI) -> None:
    server.faults.append(fake.hang(30))
    error = fail(make(server, timeout_s=0.1), TransientError)
    assert "nothing within 0.1 s" in str(error)
    assert not error.throttled


def test_says_when_nobody_listens() -> None:
    with FakeOpenAI() as server:
        pass
    assert "can't connect" in str(fail(make(server), TransientError))


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, 60),
        ({"retry-after": "1e400"}, 60),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 60),
        ({"retry-after": "Fri, 31 Feb 2026 23:59:59 GMT"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9),
    ],
)
def test_reads_retry_after(headers: dict[str, str], wait_s: float | None) -> None:
    assert retry_after_s(headers, 60) == wait_s


@pytest.mark.parametrize("code", [401, 403])
def test_a_wrong_key_stops_at_once_and_names_the_variable(server: FakeOpenAI, code: int) -> None:
    echo = {"message": f"Incorrect API key: {SECRET}", "code": SECRET}
    server.faults.append(fake.status(code, **echo))
    assert "OPENAI_API_KEY" in str(fail(make(server), TeacherError))
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [fake.status(429, code="insufficient_quota"), fake.status(402)])
def test_no_credit_stops_at_once(server: FakeOpenAI, fault: Fault) -> None:
    server.faults.append(fault)
    assert "no credit" in str(fail(make(server), TeacherError))


def test_an_unknown_model_is_named(server: FakeOpenAI) -> None:
    server.faults.append(fake.status(404, code="model_not_found"))
    message = str(fail(make(server), TeacherError))
    assert "gpt-fake" in message
    assert f"127.0.0.1:{server.port}/v1" in message
    assert "model_not_found" in message


@pytest.mark.parametrize("http_status", [400, 404, 409, 413, 418, 422, 429, 500, 503])
def test_an_endpoints_words_are_not_repeated(server: FakeOpenAI, http_status: int) -> None:
    words = f"can't read {TEXT} with {SECRET}"
    error = {"message": words, "code": TEXT, "param": SECRET, "type": words}
    for body in ({"error": error}, {"detail": [{"loc": ["body"], "msg": words, "input": TEXT}]}):
        server.faults.append(Fault(http_status, body, {"Retry-After": TEXT}))
        with pytest.raises(TeacherError) as caught:
            complete(make(server))
        assert "HTTP" in str(caught.value) or isinstance(caught.value, RefusedError)
        server.faults.append(Fault(http_status, body))
        fail(make(server), type(caught.value))


@pytest.mark.parametrize(
    ("fault", "reason", "billed"),
    [
        (fake.finish("length"), "truncated", True),
        (fake.finish("content_filter"), "content_filter", True),
        (fake.content_filter(), "content_filter", True),
        (fake.refusal(f"I can't talk about {TEXT}"), "refusal", True),
        (Fault(message_patch={"content": None}), "empty", True),
        (Fault(message_patch={"content": ""}), "empty", True),
        (
            Fault(patch={"finish_reason": "length"}, answer_patch={"usage": None}),
            "truncated",
            False,
        ),
        (fake.status(400, code="content_filter"), "content_filter", False),
        (fake.status(400, code="context_length_exceeded"), "too_long", False),
        (
            fake.status(400, message="the request exceeds the available context size"),
            "too_long",
            False,
        ),
        (fake.status(413), "too_long", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_is_final_and_says_what_was_billed(
    server: FakeOpenAI, fault: Fault, reason: str, billed: bool
) -> None:
    server.faults.append(fault)
    error = fail(make(server), RefusedError)
    assert error.reason == reason
    assert (error.prompt_tokens > 0) == billed
    assert (error.completion_tokens > 0) == billed
    assert len(server.requests) == 1
    if reason in ("truncated", "too_long"):
        assert "max_tokens" in error.detail, "the way out"


# How an endpoint likes to be asked


@pytest.mark.parametrize(
    ("formats", "tries"),
    [(("json_object", "text"), 2), (("text",), 3)],
)
def test_falls_back_from_json_schema_once(
    server: FakeOpenAI, formats: tuple[str, ...], tries: int
) -> None:
    server.standing.append(fake.takes_formats(*formats))
    complete(make(server), ask("one"), ask("two"), ask("three"))
    assert len(server.requests) == tries + 2
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


@pytest.mark.parametrize("http_status", [400, 500])
def test_learns_that_there_is_no_system_role(server: FakeOpenAI, http_status: int) -> None:
    server.standing.append(fake.no_system_role(http_status))  # type: ignore[arg-type]
    complete(make(server), ask("one", turns=(("[]", "no object"),)), ask("two"))
    assert len(server.requests) == 3
    first, last = (request.body["messages"] for request in server.requests[1:])
    assert first[0] == {"role": "user", "content": "Label the text.\n\none"}
    assert [message["role"] for message in first] == ["user", "assistant", "user"]
    assert last == [{"role": "user", "content": "Label the text.\n\ntwo"}]


def test_the_first_goes_alone_and_learns_everything_for_64(server: FakeOpenAI) -> None:
    server.latency_s = 0.01
    server.standing += [
        fake.rejects("max_tokens"),
        fake.rejects("temperature"),
        fake.takes_formats("text"),
        fake.no_system_role(500),
    ]
    backend = make(server)
    found = at_once(backend, [f"t{number}" for number in range(64)])
    assert [type(one) for one in found] == [Completion] * 64
    n_learning = 5  # max_tokens, temperature, json_schema, json_object, system
    assert len(server.requests) == 64 + n_learning
    assert server.counts.faults.total() == n_learning
    alone = server.requests[: n_learning + 1]
    assert {request.body["messages"][-1]["content"].split()[-1] for request in alone} == {"t0"}
    assert server.requests[n_learning + 1].at_s >= alone[-1].at_s + server.latency_s
    before = len(server.requests)
    complete(backend)  # in another event loop, after aclose
    assert len(server.requests) == before + 1


def test_the_others_learn_where_the_first_could_not(server: FakeOpenAI) -> None:
    server.standing += [fake.rejects("temperature"), fake.takes_formats("json_object")]
    backend = make(server, temperature="none")
    server.standing[0] = Fault(
        429, {}, unless=lambda body: body["messages"][-1]["content"] != "t0", name="busy"
    )
    found = at_once(backend, [f"t{number}" for number in range(16)])
    assert isinstance(found[0], TransientError)
    assert [type(one) for one in found[1:]] == [Completion] * 15
    assert server.received <= 1 + 2 * 15


def test_a_value_out_of_range_is_the_users_mistake(server: FakeOpenAI) -> None:
    server.faults.append(
        fake.status(400, param="temperature", code="decimal_above_max_value", message="too hot")
    )
    message = str(fail(make(server, temperature=9.0), TeacherError))
    assert "decimal_above_max_value, temperature" in message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"not json", Complaint()),
        (b"[]", Complaint()),
        (b"[" * 100_000, Complaint()),
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


def test_a_shape_is_read_back_from_what_was_sent() -> None:
    settings = OpenAISettings()
    for shape in (
        Shape(),
        Shape("json_object", "max_completion_tokens", temperature=False, system=False),
        Shape("text", system=False),
    ):
        assert Shape.of(json.loads(shape.body(ask(), "m", settings))) == shape


def test_openais_own_endpoint_is_asked_the_newer_way_from_the_start() -> None:
    """Its newer models reject `max_tokens`, all take the other; a batch would fail as a whole."""
    assert Shape.first(openai=True).limit == "max_completion_tokens"
    assert OpenAIBackend("m")._shape == Shape.first(openai=True)
    elsewhere = OpenAIBackend("m", OpenAISettings(base_url="http://localhost/v1"))
    assert elsewhere._shape == Shape()


# Where requests go


@pytest.mark.parametrize("place", ["http://[::bad", "", "//", "mailto:a@b"])
def test_a_redirect_to_nowhere_is_one_too(server: FakeOpenAI, place: str) -> None:
    server.faults.append(Fault(307, b"", {"Location": place}))
    assert "redirects to" in str(fail(make(server), TeacherError))
    assert len(server.requests) == 1


@pytest.mark.parametrize("to_another_host", [True, False])
@pytest.mark.parametrize("http_status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    server: FakeOpenAI, http_status: int, to_another_host: bool
) -> None:
    with FakeOpenAI() as other:
        there = f"http://localhost:{other.port}/v1/chat/completions"
        place = there if to_another_host else "/v1/chat/completions"
        server.faults.append(Fault(http_status, b"", {"Location": place}))
        message = str(fail(make(server), TeacherError))
        assert f"redirects to {'localhost' if to_another_host else '127.0.0.1'}" in message
        assert "base_url" in message
        assert other.requests == []
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "private", "local"),
    [
        ("https://api.openai.com/v1", False, False),
        ("http://127.1/v1", False, False),
        ("http://localhost.evil.org/v1", False, False),
        ("http://127.0.0.1.evil.org/v1", False, False),
        ("http://0.0.0.0/v1", False, False),
        ("http://127.0.0.1:8000/v1", True, True),
        ("http://127.8.9.1/v1", True, True),
        ("http://[::1]/v1", True, True),
        ("http://LOCALHOST/v1", True, True),
        ("https://LLM.hospital.org/v1", True, False),
        ("https://sub.llm.hospital.org/v1", False, False),
    ],
)
def test_who_may_see_protected_health_information(url: str, private: bool, local: bool) -> None:
    settings = OpenAISettings(base_url=url, allow_hosts=("llm.Hospital.org",))
    backend = OpenAIBackend("m", settings)
    assert (backend.private, backend.free) == (private, local)


def test_the_base_url_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://LLM.elsewhere.org/v1/")
    assert OpenAIBackend("m").parameters["base_url"] == "llm.elsewhere.org/v1"


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@api.openai.com/v1",
        f"https://api.openai.com/v1?key={SECRET}",
        f"https://api.openai.com/v1#{SECRET}",
        "ftp://api.openai.com",
        "api.openai.com/v1",
        "http://host:port/v1",
        f"https://{'a' * 64}.org/v1",
        "http:///v1",
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
    with pytest.raises(ConfigError, match=r"extra\.since"):
        load_teacher("openai:m", extra={"since": datetime.now(UTC)})
    with pytest.raises(ConfigError, match="api_key_env") as caught:
        load_teacher("openai:m", api_key=SECRET)
    assert SECRET not in str(caught.value)


# Connections


@pytest.mark.slow
def test_64_at_once_reuse_their_connections_and_close_them(server: FakeOpenAI) -> None:
    server.latency_s = 0.05
    server.handler = lambda messages: messages[-1]["content"]
    backend = make(server)
    texts = [f"t{number}" for number in range(64)]

    async def run() -> None:
        for _ in range(5):
            found = await asyncio.gather(*(backend.complete(ask(text)) for text in texts))
            assert [one.content for one in found] == texts
        await backend.aclose()

    with connections_counted() as opened:
        asyncio.run(run())
        assert 16 < len(opened) <= 64
        assert server.counts.most_at_once > 16
        n_before = len(opened)
        asyncio.run(run())  # another event loop: the old connections are not its own
        assert 16 < len(opened) - n_before <= 64
    assert all(connection.fileno() == -1 for connection in opened), "they are left open"


def test_a_request_that_is_cancelled_does_no_harm(server: FakeOpenAI) -> None:
    server.handler = lambda messages: messages[-1]["content"]
    backend = make(server)

    async def run() -> list[Completion]:
        await backend.complete(ask("first"))
        server.faults.append(fake.hang(20))
        lost = asyncio.create_task(backend.complete(ask("lost")))
        while len(server.requests) < 2:
            await asyncio.sleep(0.005)
        lost.cancel()
        await asyncio.gather(lost, return_exceptions=True)
        found = [await backend.complete(ask(f"after {number}")) for number in range(3)]
        await backend.aclose()
        return found

    assert [one.content for one in asyncio.run(run())] == ["after 0", "after 1", "after 2"]

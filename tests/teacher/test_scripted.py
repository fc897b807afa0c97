"""The scripted teacher: honest, countable, and as strict about its file as any reader."""

import asyncio
from pathlib import Path

import pytest

from decoct.errors import ConfigError, FormatError, RefusedError, StoreError, TransientError
from decoct.tasks.base import Prompt
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import (
    BACKENDS,
    Backend,
    Completion,
    Request,
    load_teacher,
    request_key,
)


def ask(backend: Backend, text: str = "t", document_id: str = "d1") -> Completion:
    return asyncio.run(backend.complete(request(text, document_id)))


def request(text: str = "t", document_id: str = "d1") -> Request:
    return Request(document_id, text, "ade", Prompt("s", text), {})


def test_answers_from_a_mapping_and_counts() -> None:
    whole = Completion("b", "gpt", finish_reason="stop")
    backend = ScriptedBackend({"one": "a", "two": whole, "three": TransientError("busy")})
    assert ask(backend, "one") == Completion("a", "scripted")
    assert ask(backend, "two") is whole
    with pytest.raises(TransientError, match="busy"):
        ask(backend, "three")
    with pytest.raises(RefusedError) as caught:
        ask(backend, "four")
    assert caught.value.reason == "not_scripted"
    assert backend.asked == 4
    asyncio.run(backend.aclose())


def test_answers_from_a_function() -> None:
    backend = ScriptedBackend(lambda request: request.document_id * 2)
    assert ask(backend, document_id="x").content == "xx"
    with pytest.raises(RefusedError, match="refusal"):
        ask(ScriptedBackend(lambda request: RefusedError("refusal")))


def test_another_script_is_another_key() -> None:
    keys = {request_key(ScriptedBackend({"t": reply}), request()) for reply in ("a", "b")}
    keys.add(request_key(ScriptedBackend(lambda _: "a", {"seed": 1}), request()))
    assert len(keys) == 3
    assert request_key(ScriptedBackend({"t": "a"}), request()) in keys


def test_answers_from_a_file(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"text": "t", "content": "by text"}\n\n{"id": "d2", "content": "by id"}\n')
    backend = load_teacher(f"scripted:{script}")
    assert isinstance(backend, ScriptedBackend)
    assert ask(backend).content == "by text"
    assert ask(backend, "u", "d2").content == "by id"
    with pytest.raises(RefusedError):
        ask(backend, "u")
    before = backend.parameters
    script.write_text('{"text": "t", "content": "changed"}\n')
    assert load_teacher(f"scripted:{script}").parameters != before


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        '{"text": "secret"}',
        '{"content": "secret"}',
        '{"text": "secret", "id": "d", "content": "c"}',
        '{"text": "secret", "content": 5}',
        '{"text": "secret", "content": "c", "contents": "secret"}',
        '{"text": "known", "content": "again"}',
        '["secret"]',
    ],
)
def test_a_wrong_line_is_named_and_not_quoted(tmp_path: Path, line: str) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"text": "known", "content": "c"}\n' + line + "\n")
    with pytest.raises(FormatError, match=r"script\.jsonl:2: ") as caught:
        ScriptedBackend.from_spec(str(script), {})
    assert "secret" not in str(caught.value)


def test_says_what_is_wrong_with_its_spec(tmp_path: Path) -> None:
    assert BACKENDS.get("scripted") is ScriptedBackend
    with pytest.raises(ConfigError, match=r"scripted:FILE\.jsonl"):
        load_teacher("scripted")
    with pytest.raises(ConfigError, match="temperature"):
        load_teacher(f"scripted:{tmp_path}/s.jsonl", temperature=1)
    with pytest.raises(StoreError, match=r"nope\.jsonl"):
        load_teacher(f"scripted:{tmp_path}/nope.jsonl")

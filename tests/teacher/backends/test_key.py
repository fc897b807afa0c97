"""Where a key may come from, and that it is never shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from decoct.errors import ConfigError, TeacherError
from decoct.teacher.backends._key import read_key
from decoct.teacher.base import load_teacher
from decoct.testing import FakeOpenAI
from fakes.endpoints import SECRET, check_says_nothing, complete, fail, make


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def key_file(folder: Path, content: bytes = SECRET.encode() + b"\n", mode: int = 0o600) -> Path:
    path = folder / "llm.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refused(variable: str = "LLM_KEY", file: Path | None = None, needed: bool = True) -> str:
    with pytest.raises(ConfigError) as caught:
        read_key(variable, file, needed)
    check_says_nothing(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
@pytest.mark.parametrize("content", [b"%s", b"%s\n", b"  %s\r\n\n"])
def test_a_file_of_ones_own_is_read(tmp_path: Path, mode: int, content: bytes) -> None:
    file = key_file(tmp_path, content.replace(b"%s", SECRET.encode()), mode)
    assert read_key("LLM_KEY", file, needed=True) == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o620, 0o602, 0o601, 0o666])
def test_a_file_that_others_may_read_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    file = key_file(tmp_path, mode=mode)
    message = refused(file=file)
    assert f"mode {mode:o}" in message
    assert f"chmod 600 {file}" in message
    file.chmod(0o600)
    assert read_key("LLM_KEY", file, needed=True) == SECRET


def test_a_symlink_is_judged_by_what_it_points_to(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file(tmp_path, mode=0o644))
    assert "chmod 600" in refused(file=link)
    key_file(tmp_path, mode=0o600)
    assert read_key("LLM_KEY", link, needed=True) == SECRET


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    os.chown(file, 12345, 12345)
    assert "belongs to another user" in refused(file=file)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "Is a directory" in refused(file=tmp_path)
    assert "No such file" in refused(file=tmp_path / "none")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "can't be read" in refused(file=tmp_path / "loop")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)  # opened as usual, it would wait for a writer for ever
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert "not a regular file" in refused(file=pipe)


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n "])
def test_an_empty_file_is_refused_also_where_no_key_is_needed(
    tmp_path: Path, content: bytes
) -> None:
    assert "holds no key" in refused(file=key_file(tmp_path, content), needed=False)


@pytest.mark.parametrize(
    "content",
    ["sk-ключ".encode(), b"\xff\xfe", b"two\nlines", b"a b", b"nul\0", SECRET.encode() * 2000],
)
def test_what_can_not_be_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = key_file(tmp_path, content)
    if content.startswith(SECRET.encode()):  # of so long a file only the beginning is read
        assert len(read_key("LLM_KEY", file, needed=True)) == 4096
    else:
        assert "holds characters no key has" in refused(file=file)


def test_the_environment_is_asked_where_no_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "the environment variable LLM_KEY is not set" in refused()
    assert read_key("LLM_KEY", None, needed=False) == ""
    for wrong in ("two\nlines", "sk-ключ", "a b", "\udcff"):
        monkeypatch.setenv("LLM_KEY", wrong)
        assert "LLM_KEY holds characters no key has" in refused()
    monkeypatch.setenv("LLM_KEY", "  ")
    assert "is not set" in refused()
    monkeypatch.setenv("LLM_KEY", "of-the-environment")
    assert read_key("LLM_KEY", None, needed=True) == "of-the-environment"
    assert read_key("LLM_KEY", key_file(tmp_path), needed=True) == SECRET, "the file wins"


@pytest.mark.parametrize("mistaken", [SECRET, "gsk_0123456789abcdef", "llm_key", ""])
def test_a_key_in_place_of_the_variables_name_is_not_repeated(mistaken: str) -> None:
    message = refused(variable=mistaken)
    assert "api_key_env" in message
    assert not mistaken or mistaken not in message


def test_an_endpoint_elsewhere_needs_one_and_one_here_does_not() -> None:
    with pytest.raises(ConfigError, match="environment variable OPENAI_API_KEY is not set"):
        load_teacher("openai:m")
    with pytest.raises(ConfigError, match="no key"):
        load_teacher("batch:m", submit=True)
    load_teacher("batch:m")  # a file needs no key
    with FakeOpenAI(lambda messages: "{}") as server:
        complete(make(server))
        assert {"authorization", "api-key"}.isdisjoint(
            name.lower() for name in server.requests[0].headers
        )


@pytest.mark.parametrize("auth", ["bearer", "api-key"])
def test_it_goes_into_one_header_and_into_no_error(tmp_path: Path, auth: str) -> None:
    file = key_file(tmp_path)
    with FakeOpenAI(lambda messages: "{}", api_key=SECRET) as server:
        backend = make(server, api_key_file=file, auth=auth)
        complete(backend)
        headers = server.requests[0].headers
        expected = {"bearer": (f"Bearer {SECRET}", None), "api-key": (None, SECRET)}[auth]
        assert (headers.get("Authorization"), headers.get("api-key")) == expected
        assert SECRET not in repr(backend.settings)
        assert SECRET not in str(backend.parameters)

        (tmp_path / "llm.key").write_text("sk-another")
        error = fail(make(server, api_key_file=file, auth=auth), TeacherError)
        assert f"the key in {file}" in str(error)
        assert "sk-another" not in str(error)

"""A teacher that says what it was told to say: for tests, decoct's own and its users'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from decoct.config import Settings, check
from decoct.errors import ConfigError, FormatError, RefusedError, StoreError
from decoct.store import sha256_file, sha256_json
from decoct.teacher.base import Completion, Request

Reply = str | Completion | Exception
Script = Mapping[str, Reply] | Callable[[Request], Reply]


class ScriptedBackend:
    """Answers from a script, and counts how often it was asked.

    Args:
        script: document text -> reply, or a function of the request. A reply is an answer's
            content, a whole `Completion`, or an exception, which is raised.
        parameters: what to put into the log's key; by default a hash of a mapping's replies, and
            nothing for a function.
        live: whether the script reads the prompt, and may be asked again and about several
            documents at once.

    Attributes:
        asked: how many requests have come, answered or not.

    Example:
        >>> import asyncio
        >>> from decoct.tasks.base import Prompt
        >>> teacher = ScriptedBackend({"No drug here.": '{"relations": []}'})
        >>> request = Request("d1", "No drug here.", "ade", Prompt("", "No drug here."), {})
        >>> asyncio.run(teacher.complete(request)).content
        '{"relations": []}'
        >>> teacher.asked
        1
    """

    name = "scripted"
    private = True
    free = True

    def __init__(
        self,
        script: Script,
        parameters: Mapping[str, Any] | None = None,
        *,
        live: bool = False,
    ) -> None:
        self.model = "scripted"
        self.live = live
        self.asked = 0
        self._script = script
        if parameters is None and isinstance(script, Mapping):
            hashed = {text: repr(reply) for text, reply in script.items()}
            parameters = {"script": sha256_json(hashed)[:16]}
        self.parameters: Mapping[str, Any] = parameters or {}

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Make a backend of a JSONL file: `{"text": ..., "content": ...}`, or `id` for `text`.

        Raises:
            ConfigError: no file is named, or an option is given.
            StoreError: the file can't be read.
            FormatError: a line is not as above, or says again what is answered already.
        """
        check(Settings, dict(options), "--teacher scripted")
        if not argument:
            raise ConfigError("--teacher scripted: name its script; write scripted:FILE.jsonl")
        path = Path(argument)
        by_text, by_id = _read_script(path)

        def reply(request: Request) -> Reply:
            content = by_text.get(request.text, by_id.get(request.document_id))
            return _no_reply() if content is None else content

        return cls(reply, {"script": sha256_file(path)[:16]})

    async def complete(self, request: Request) -> Completion:
        """Answer one request as the script says.

        Raises:
            RefusedError: `not_scripted`, the script has no reply to it.
            Exception: the one that the script holds for it.
        """
        self.asked += 1
        if isinstance(self._script, Mapping):
            reply = self._script.get(request.text, _no_reply())
        else:
            reply = self._script(request)
        if isinstance(reply, Exception):
            raise reply
        return Completion(reply, self.model) if isinstance(reply, str) else reply

    async def aclose(self) -> None:
        """There is nothing to let go of."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str | None = None
    id: str | None = None
    content: str


def _read_script(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return content by text and content by id."""
    by_text: dict[str, str] = {}
    by_id: dict[str, str] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StoreError(f"{path}: can't be read: {error.strerror}") from None
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        line = _read_line(raw, f"{path}:{number}")
        replies, key = (by_id, line.id) if line.text is None else (by_text, line.text)
        if key is None or (line.text is not None and line.id is not None):
            raise FormatError(f'{path}:{number}: give either "text" or "id" beside "content"')
        if key in replies:
            raise FormatError(f"{path}:{number}: this document is answered already, further up")
        replies[key] = line.content
    return by_text, by_id


def _read_line(raw: bytes, where: str) -> _Line:
    try:
        return _Line.model_validate_json(raw)
    except ValidationError:  # its words would quote the document
        raise FormatError(
            f'{where}: expected a JSON object of strings, "content" and either "text" or "id"'
        ) from None


def _no_reply() -> RefusedError:
    return RefusedError("not_scripted", "the script has no reply to this document")


plugin = ScriptedBackend

r"""Recorded answers, asked again for nothing.

A recording is JSONL (also gzipped), one answer a line::

    {"text": "...", "content": "{\"drugs\": [], \"events\": []}", "model": "gpt-4-1106-preview",
     "usage": {"prompt_tokens": 330, "completion_tokens": 17}, "finish_reason": "stop"}

`text` is the document's text; `id` may stand in its place. `content` is the answer as it came.
Everything else may be missing. `_adapt` turns other shapes that are found in the field into this
one: answers given as `function_arguments`, and answers given as fields: `drugs` and `ades`, or a
`mention`, its `candidates`, and the `choice` of one by its id, null for none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from decoct.config import Settings, check
from decoct.errors import ConfigError, Faults, FormatError, RefusedError
from decoct.formats.base import read_lines
from decoct.records import Candidate, describe
from decoct.store import sha256_file
from decoct.teacher.base import Completion, Request, Usage

_REFUSING = {"length": "truncated", "content_filter": "content_filter"}


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_prompt_tokens: int | None = None


class _Recorded(BaseModel):
    """One line in the documented shape; other keys are passed over."""

    text: str | None = None
    id: str | None = None
    content: str | None = None
    model: str | None = None
    usage: _Usage | None = None
    finish_reason: str | None = None
    state: str | None = None
    candidates: tuple[Candidate, ...] | None = None


class ReplayBackend:
    """Answers from a recording; a document that is not in it is refused as `no_recorded_answer`."""

    name = "replay"
    live = False
    private = True
    free = True

    def __init__(self, path: Path) -> None:
        self._by_text: dict[str, _Recorded] = {}
        self._by_id: dict[str, _Recorded] = {}
        faults = Faults()
        for number, line in read_lines(path, faults):
            record = _read_record(line, f"{path}:{number}")
            if record.state != "open":  # an exported log has questions that nobody answered
                self._file(record)
        if faults:
            raise FormatError(f"{faults.kept[0]}; a recording is UTF-8")
        recording = sha256_file(path)[:16]
        self._prompt_hash = f"recording:{recording}"
        self.parameters: Mapping[str, Any] = {"recording": recording}
        records = (*self._by_text.values(), *self._by_id.values())
        if records and not any(one.content or one.finish_reason for one in records):
            raise FormatError(
                f"{path}: no line of it holds a 'content'; what a teacher said is asked for"
            )
        named = {record.model for record in records if record.model}
        self.model = ",".join(sorted(named)) or path.name.split(".")[0]

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Open the recording at path `argument`.

        Raises:
            ConfigError: no path is given.
            StoreError: the file can't be read.
            FormatError: a line is not a recorded answer.
        """
        check(Settings, dict(options), "--teacher replay")
        if not argument:
            raise ConfigError("--teacher replay needs a file: replay:FILE")
        return cls(Path(argument))

    async def complete(self, request: Request) -> Completion:
        """Return the recorded answer.

        Raises:
            RefusedError: there is none, or it was cut off or filtered when it was made.
        """
        record = self._by_text.get(request.text.strip()) or self._by_id.get(request.document_id)
        if record is None:
            raise RefusedError("no_recorded_answer")
        reason = _REFUSING.get(record.finish_reason or "")
        if reason or not record.content:
            raise RefusedError(reason or "empty_answer")
        usage = record.usage or _Usage()
        return Completion(
            content=record.content,
            model=record.model or self.model,
            usage=Usage(
                usage.prompt_tokens or 0,
                usage.completion_tokens or 0,
                usage.cached_prompt_tokens or 0,
            ),
            finish_reason=record.finish_reason,
            prompt_hash=self._prompt_hash,
        )

    def candidates(self, text: str) -> tuple[Candidate, ...] | None:
        """Return the candidates that a mention's recorded choice was made among.

        Args:
            text: the mention as it is written.
        """
        record = self._by_text.get(text.strip())
        return record.candidates if record else None

    async def aclose(self) -> None:
        """Do nothing: the recording is already closed."""

    def _file(self, record: _Recorded) -> None:
        if record.text is not None:
            self._by_text.setdefault(record.text.strip(), record)
        else:
            self._by_id.setdefault(record.id or "", record)


def _read_record(line: str, where: str) -> _Recorded:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise FormatError(f"{where}: not JSON; a recording holds one answer a line") from None
    if not isinstance(data, dict):
        raise FormatError(f"{where}: not a JSON object; a recording holds one answer a line")
    try:
        record = _Recorded.model_validate(_adapt(data))
    except ValidationError as error:
        raise FormatError(f"{where}: {describe(error, quote=False)}") from None
    except (TypeError, ValueError):
        raise FormatError(f"{where}: 'ades' must be a list of [drug, effect]") from None
    if record.text is None and not record.id:
        raise FormatError(f"{where}: a recorded answer needs 'text' or 'id'")
    return record


def _adapt(data: dict[str, Any]) -> dict[str, Any]:
    """Return a line's data in the documented shape."""
    if data.get("content"):
        return data
    if data.get("function_arguments"):
        return {**data, "content": data["function_arguments"]}
    if "drugs" in data and "ades" in data:
        events = [{"drug": drug, "effect": effect} for drug, effect in data["ades"]]
        answer = {"drugs": data["drugs"], "events": events}
        return {**data, "content": json.dumps(answer, ensure_ascii=False)}
    if "mention" in data and "choice" in data:
        answer = {"id": data["choice"], "certainty": data.get("confidence")}
        said = json.dumps(answer, ensure_ascii=False)
        return {**data, "text": data["mention"], "content": said}
    return data


plugin = ReplayBackend

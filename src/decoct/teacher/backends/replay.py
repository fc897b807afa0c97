r"""Recorded answers, asked again for nothing.

A recording is JSONL (also gzipped), one answer a line::

    {"text": "...", "content": "{\"drugs\": [], \"events\": []}", "model": "gpt-4-1106-preview",
     "usage": {"prompt_tokens": 330, "completion_tokens": 17}, "finish_reason": "stop"}

`text` is the document's text; `id` may stand in its place. `content` is the answer as it came. Everything
else may be missing. `_adapt` turns other shapes that are found in the field into this one: answers
given as `function_arguments`, and answers given as fields (`drugs`, `ades`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from decoct.errors import ConfigError, Faults, FormatError, RefusedError
from decoct.formats.base import read_lines
from decoct.store import sha256_file
from decoct.teacher.base import Completion, Request, Usage

_REFUSING = {"length": "truncated", "content_filter": "content_filter"}


class ReplayBackend:
    """Answers from a recording; a document that is not in it is refused as `no_recorded_answer`."""

    name = "replay"

    def __init__(self, path: Path) -> None:
        self._by_text: dict[str, Mapping[str, Any]] = {}
        self._by_id: dict[str, Mapping[str, Any]] = {}
        faults = Faults()
        for number, line in read_lines(path, faults):
            self._file(_adapt(_parse(path, number, line)), path, number)
        recording = sha256_file(path)[:16]
        self._prompt_hash = f"recording:{recording}"
        self.parameters: Mapping[str, Any] = {"recording": recording}
        named = {str(record["model"]) for record in (*self._by_text.values(), *self._by_id.values()) if record.get("model")}
        self.model = ",".join(sorted(named)) or path.name.split(".")[0]

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Open the recording at path `argument`.

        Raises:
            ConfigError: no path is given.
            StoreError: the file can't be read.
            FormatError: a line is not a recorded answer.
        """
        del options
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
        reason = _REFUSING.get(str(record.get("finish_reason")))
        if reason or not record.get("content"):
            raise RefusedError(reason or "empty_answer")
        usage = record.get("usage") or {}
        return Completion(
            content=str(record["content"]),
            model=str(record.get("model") or self.model),
            usage=Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)),
            finish_reason=record.get("finish_reason"),
            prompt_hash=self._prompt_hash,
        )

    async def aclose(self) -> None:
        """Do nothing: the recording is already closed."""

    def _file(self, record: Mapping[str, Any], path: Path, number: int) -> None:
        if isinstance(record.get("text"), str):
            self._by_text.setdefault(record["text"].strip(), record)
        elif isinstance(record.get("id"), str):
            self._by_id.setdefault(record["id"], record)
        else:
            raise FormatError(f"{path}:{number}: a recorded answer needs 'text' or 'id'")


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise FormatError(f"{path}:{number}: not JSON; a recording holds one answer a line") from None
    if not isinstance(record, dict):
        raise FormatError(f"{path}:{number}: not a JSON object; a recording holds one answer a line")
    return record


def _adapt(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record in the documented shape."""
    if record.get("content"):
        return record
    if record.get("function_arguments"):
        return {**record, "content": record["function_arguments"]}
    if "drugs" in record and "ades" in record:
        events = [{"drug": drug, "effect": effect} for drug, effect in record["ades"]]
        return {**record, "content": json.dumps({"drugs": record["drugs"], "events": events}, ensure_ascii=False)}
    return record


plugin = ReplayBackend

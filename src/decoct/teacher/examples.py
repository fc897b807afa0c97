"""A file of few-shot examples, read and checked before anything is paid for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from decoct.errors import AnswerError, ConfigError, Faults, FormatError
from decoct.formats.base import read_lines
from decoct.records import Document, describe
from decoct.tasks.base import Answer, Example, QuestionTask, Task
from decoct.teacher.grounding import ground

N_SHOWN_FAULTS = 5
_SHAPE = '{"text": ..., "answer": {...}} or an annotated document'


def read_examples(path: Path, task: Task) -> tuple[Example, ...]:
    r"""Read few-shot examples, JSONL, and check that each is what a teacher should have answered.

    A line is `{"text": ..., "answer": {...}}`, the answer in the task's schema, or an annotated
    document (`decoct.records.Document`), whose annotations become the answer. Every string of an
    answer has to stand in its text, letter for letter: a teacher quotes as it is shown to.

    Raises:
        ConfigError: a line is no such example, or two have the same text; names each such line.
        StoreError: the file can't be read.
    """
    faults = Faults()
    examples: list[Example] = []
    line_of_text: dict[str, int] = {}
    try:
        for number, line in read_lines(path, faults):
            where = f"{path}:{number}"
            try:
                example = _read_example(line, task)
            except ConfigError as error:
                faults.add(where, str(error), "bad_example")
                continue
            first = line_of_text.setdefault(spaced(example.text), number)
            if first != number:
                faults.add(where, f"has the text of line {first} again", "bad_example")
            examples.append(example)
    except FormatError:
        raise ConfigError(f"{path}: holds no examples; write one a line, {_SHAPE}") from None
    if faults:
        shown = "; ".join(str(fault) for fault in faults.kept[:N_SHOWN_FAULTS])
        more = faults.n - N_SHOWN_FAULTS
        raise ConfigError(shown + (f"; and {more} more such lines" if more > 0 else ""))
    return tuple(examples)


def spaced(text: str) -> str:
    """Return a text with single spaces, by which two texts are told to be the same."""
    return " ".join(text.split())


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str | None = None
    text: str
    answer: dict[str, Any]


def _read_example(line: str, task: Task) -> Example:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise ConfigError("is not JSON") from None
    if not isinstance(data, dict):
        raise ConfigError(f"is not an object; write {_SHAPE}")
    example = _answered(data) if "answer" in data else _annotated(data, task)
    faults = list(_misfits(example.answer, task.schema)) or list(_misquotes(example, task))
    if faults:
        raise ConfigError("; ".join(faults))
    return example


def _answered(data: dict[str, Any]) -> Example:
    try:
        line = _Line.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{describe(error, quote=False)}; write {_SHAPE}") from None
    return Example(line.text, line.answer)


def _annotated(data: dict[str, Any], task: Task) -> Example:
    try:
        document = Document.model_validate(data)
    except ValidationError as error:
        found = describe(error, quote=False, without="value_error")  # those quote the text
        found = found or "a span or relation contradicts its text"
        raise ConfigError(f"{found}; write {_SHAPE}") from None
    if document.source is None and not document.spans and document.label is None:
        raise ConfigError('has no annotations; if there is nothing to find, say "source": "gold"')
    question = task.question(document, 0) if isinstance(task, QuestionTask) else ""
    return Example(document.text, task.answer(document), question)


def _misfits(value: Any, schema: Mapping[str, Any], path: str = "answer") -> Iterator[str]:  # noqa: ANN401
    """Yield where a value departs from a schema: what an example leaves out, a teacher will too."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int}
    kind = schema.get("type")
    if kind in kinds and not isinstance(value, kinds[kind]):
        yield f"{path} is not of type {kind}"
    elif value not in schema.get("enum", [value]):
        yield f"{path} must be one of {', '.join(schema['enum'])}"
    elif kind == "object" and set(value) != set(schema["properties"]):
        yield f"{path} must have {', '.join(schema['properties'])} and nothing else"
    elif kind == "object":
        for key, part in schema["properties"].items():
            yield from _misfits(value[key], part, key if path == "answer" else f"{path}.{key}")
    elif kind == "array":
        for number, item in enumerate(value):
            yield from _misfits(item, schema["items"], f"{path}.{number}")


def _misquotes(example: Example, task: Task) -> Iterator[str]:
    """Yield which of an answer's strings are not in the text, or can't be placed in it."""
    try:
        answer = task.parse(json.dumps(example.answer, ensure_ascii=False))
    except AnswerError as error:
        yield str(error)
        return
    quotes = {string for _, string in answer.mentions}
    quotes |= {part for claim in answer.claims for part in (claim.subject, claim.object)}
    lost = _lost(task, example.text, answer)
    for path, string in _leaves(example.answer):
        if string in quotes and string not in example.text:
            yield f"{path} is not in its text"
        elif string in lost:
            yield f"{path} can't be placed in its text: blank, or too long"


def _lost(task: Task, text: str, answer: Answer) -> set[str]:
    found = ground(task, text, answer)
    lost = set(found.lost_subjects)
    for one in found.ungrounded:
        if one.reason != "object_not_in_text":
            lost.add(one.claim.subject)
        if one.reason != "subject_not_in_text":
            lost.add(one.claim.object)
    return lost


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """Yield (path, string) for every string of an answer: `events.0.effect`."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping | list):
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in parts:
            yield from _leaves(part, f"{path}.{key}" if path else str(key))

"""The JSON in a teacher's answer, read as it was meant or refused, never guessed.

Endpoints wrap JSON in words, fences and thoughts, and models write it with mistakes. What an error
says is what the teacher is told when it is asked again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from decoct.errors import AnswerError
from decoct.tasks._repair import repair_json_at

# where an object or a list of objects begins; other brackets stand in prose
_BEGINNING = re.compile(
    r"""\{\s*(?:["'“”‘]|//|/\*|\#|[A-Za-z_]\w*\s*(?::|\Z)|\Z)|\[\s*(?:\{|\Z)""", re.VERBOSE
)
_THINKING = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_THOUGHT = re.compile(r".*</(?:think|thinking|reasoning)>", re.IGNORECASE | re.DOTALL)


def load_json(content: str) -> Any:  # noqa: ANN401 (JSON is what it is)
    """Return the one JSON object of an answer, or its one list of objects.

    Words and code fences around it are passed over, and so are thoughts in front. The same object
    twice is one; where several differ, which of them is meant would be a guess. A list's object
    with a key again and again stands for several (see `_Run`).

    Raises:
        AnswerError: there is none, it is broken off, or it can't be read; without a word of it.
    """
    body = _without_thoughts(content)
    found: list[Any] = []
    start = 0
    while beginning := _BEGINNING.search(body, start):
        value, start = _read(body, beginning.start())
        if value not in found:
            found.append(value)
    if not found:
        raise AnswerError("answer holds no JSON object; give the JSON object and nothing else")
    if len(found) > 1:
        raise AnswerError(f"answer holds {len(found)} JSON objects that differ; give one")
    return found[0]


def load_object(content: str) -> dict[str, Any]:
    """Return the one JSON object of an answer, also where it is the only one in a list.

    Raises:
        AnswerError: as `load_json`, or it is a list of several.
    """
    found = load_json(content)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise AnswerError("answer is a list; give one JSON object")
    return found


def _without_thoughts(content: str) -> str:
    """Cut off what a model thought before it answered."""
    while opening := _THINKING.search(content):
        if _BEGINNING.search(content, 0, opening.start()):
            break  # it is in the answer
        closing = content.lower().find(f"</{opening[1].lower()}>", opening.end())
        if closing < 0:
            raise AnswerError("answer is broken off within its thoughts; think less, then answer")
        content = content[closing + len(opening[0]) + 1 :]
    thought = _THOUGHT.match(content)  # some chat templates open the thought themselves
    if thought and not _BEGINNING.match(content.lstrip()):
        return content[thought.end() :]
    return content


def _read(body: str, start: int) -> tuple[Any, int]:
    """Return the value that begins at `start`, and where it ends."""
    decoder = json.JSONDecoder(
        strict=False, object_pairs_hook=_object, parse_constant=lambda _: None
    )
    try:
        try:
            value, end = decoder.raw_decode(body, start)
        except json.JSONDecodeError as error:
            repaired, end = repair_json_at(body, start, error.msg)
            value = decoder.decode(repaired)
        value = _told_apart(value)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise AnswerError("answer holds a lone surrogate") from None
    except (ValueError, RecursionError):
        raise AnswerError(
            "answer is not sensible JSON: nested too deep, or a huge number"
        ) from None
    return value, end


class _Run(list[dict[str, Any]]):
    """What a model meant by an object that has a key again with another value.

    GPT-4 in JSON mode forgets the brackets between a list's objects in about 3 of 100 answers:
    `{"drug": a, "effect": x, "drug": b, "effect": y}`, or `{"drug": a, "effect": x, "effect": y}`.
    A key that comes again begins the next object, which keeps what came before that key in the last
    one. Where an object comes again, the model had got stuck in a loop.
    """


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Run:
    made = dict(pairs)
    if len(made) == len(pairs) or all(made[key] == value for key, value in pairs):
        return made
    run = _Run([{}])
    for key, value in pairs:
        if key in run[-1]:
            keys = list(run[-1])
            run.append({kept: run[-1][kept] for kept in keys[: keys.index(key)]})
        run[-1][key] = value
    if len({json.dumps(one) for one in run}) < len(run):
        raise AnswerError("answer goes round in circles; give each object of a list once")
    return run


def _told_apart(value: Any) -> Any:  # noqa: ANN401
    """Put the objects of each run into the list that it stands in."""
    if isinstance(value, _Run):
        raise AnswerError("answer gives a key twice in one object; give each key once")
    if isinstance(value, dict):
        return {key: _told_apart(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_told_apart(item) for one in value for item in _members(one)]
    return value


def _members(item: Any) -> Iterator[Any]:  # noqa: ANN401
    yield from item if isinstance(item, _Run) else (item,)

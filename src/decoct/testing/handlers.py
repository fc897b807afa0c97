"""Ready-made handlers: what a server answers to the prompts of decoct's tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from decoct.testing.manner import Handler, Messages

_ITEM = re.compile(r"^\[(\d+)\]\n(.*)$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]{4,}")
_NOTHING: Mapping[str, Any] = {"drugs": [], "events": []}

Answer = Mapping[str, Any] | str


def by_text(answer: Callable[[str], Answer | None]) -> Callable[[Messages], str]:
    """Return a handler made of a function of a document's text.

    It finds the text in a prompt: the first user message, or what stands in it behind an empty
    line (examples and folded-in instructions come before the text); in a packed prompt, which asks
    for `"items"`, each JSON string under a line `[n]`.

    Args:
        answer: text -> the answer, an object or its JSON; None where it knows no such text.

    Raises:
        LookupError: from the handler: no part of the prompt is known.
    """

    def handler(messages: Messages) -> str:
        asked = next(m["content"] for m in messages if m["role"] == "user")
        if '"items"' in messages[0]["content"]:
            return _packed(asked, answer)
        for text in _endings(asked):
            found = answer(text)
            if found is not None:
                return found if isinstance(found, str) else json.dumps(found)
        raise LookupError("the handler has no answer to a text that it was asked about")

    return handler


def _endings(asked: str) -> Iterator[str]:
    """Yield a message, and what is left of it behind each empty line, the longest first."""
    yield asked
    at = asked.find("\n\n")
    while at >= 0:
        yield asked[at + 2 :]
        at = asked.find("\n\n", at + 1)


def _packed(asked: str, answer: Callable[[str], Answer | None]) -> str:
    items = []
    for number, quoted in _ITEM.findall(asked):
        found = answer(json.loads(quoted))
        whole = json.loads(found) if isinstance(found, str) else found
        if whole is not None:
            items.append({"item": int(number), **whole})
    return json.dumps({"items": items})


def _made_up(text: str) -> Mapping[str, Any]:
    """Return an answer that is always the same for a text, and stands in it."""
    lines = [line for line in text.splitlines() if line.strip()]
    words = _WORD.findall(lines[-1]) if lines else []
    if len(words) < 2:
        return _NOTHING
    drug, effect = words[0], words[-1]
    return {"drugs": [drug], "events": [{"drug": drug, "effect": effect}]}


ade: Handler = by_text(_made_up)
"""Answers every prompt of the task `ade`: the last line's first long word is the drug, its last
the effect."""


def from_file(path: Path) -> Handler:
    """Return a handler that answers from a file, and finds nothing in other texts.

    Args:
        path: JSONL as for `--teacher scripted`: `{"text": ..., "content": ...}`.
    """
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    contents: dict[str, str] = {line["text"]: line["content"] for line in lines}

    known = by_text(contents.get)

    def handler(messages: Messages) -> str:
        try:
            return known(messages)
        except LookupError:
            return json.dumps(_NOTHING)

    return handler

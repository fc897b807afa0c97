"""Several documents in one prompt: their schema, and each one's own answer and share of the bill.

An entry is believed only under its own number: one that is missing, doubtful or given twice costs
its document nothing but being asked again, and never the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from decoct.errors import AnswerError
from decoct.tasks._json import load_json
from decoct.teacher.base import Usage

ITEMS, ITEM = "items", "item"


def packed_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of `{"items": [{"item": 1, ...}, ...]}`, entries by a task's schema.

    Args:
        schema: of an object, in the strict subset that endpoints enforce.
    """
    entry = {
        **schema,
        "properties": {ITEM: {"type": "integer"}, **schema["properties"]},
        "required": [ITEM, *schema["required"]],
    }
    return {
        "type": "object",
        "properties": {ITEMS: {"type": "array", "items": entry}},
        "required": [ITEMS],
        "additionalProperties": False,
    }


def unpack(content: str, n_items: int) -> list[str | AnswerError]:
    """Return each text's own answer, as JSON for the task to parse, or why it has none.

    A list without the frame is read too, and for one text an answer without a number. A number
    beyond the last means that the teacher lost count: then the entries from the first missing
    number on may be another text's, and are not believed; nor is any where one counts from 0.

    Args:
        content: a raw answer.
        n_items: how many texts were asked about.
    """
    try:
        numbered = _by_number(_entries(load_json(content), n_items), n_items)
    except AnswerError as error:
        return [error] * n_items
    n_sure = _n_sure(set(numbered), n_items)
    return [
        _own(numbered.get(number, []), number, sure=number <= n_sure)
        for number in range(1, n_items + 1)
    ]


def share(usage: Usage, weights: Sequence[int]) -> list[Usage]:
    """Split a packed call's tokens over its texts; the parts add up to the whole.

    Args:
        usage: of the call.
        weights: one for each text, such as its length; all zero counts as all equal.
    """
    fresh = _split(usage.prompt_tokens - usage.cached_prompt_tokens, weights)
    cached = _split(usage.cached_prompt_tokens, weights)
    answered = _split(usage.completion_tokens, weights)
    return [Usage(f + c, a, c) for f, c, a in zip(fresh, cached, answered, strict=True)]


def _split(total: int, weights: Sequence[int]) -> list[int]:
    if not any(weights):
        weights = [1] * len(weights)
    reached = [0, *(total * part // sum(weights) for part in accumulate(weights))]
    return [after - before for before, after in pairwise(reached)]


def _entries(found: Any, n_items: int) -> list[Any]:  # noqa: ANN401 (JSON is what it is)
    if isinstance(found, dict) and ITEMS in found:
        found = found[ITEMS]
    elif isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise AnswerError(f"answer does not fit: {ITEMS!r} must be a list of objects")
    if n_items == 1 and len(found) == 1 and isinstance(found[0], dict):
        return [{ITEM: 1, **found[0]}]
    return found


def _by_number(entries: list[Any], n_items: int) -> dict[int, list[dict[str, Any]]]:
    """Sort the entries by their numbers; one that has none is nobody's."""
    numbered: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        number = _number(entry)
        if number is not None:
            own = {key: value for key, value in entry.items() if key != ITEM}
            numbered.setdefault(number, []).append(own)
    if not numbered:
        raise AnswerError(f"answer numbers no entry; each needs {ITEM!r}, from 1 to {n_items}")
    return numbered


def _number(entry: Any) -> int | None:  # noqa: ANN401
    number = entry.get(ITEM) if isinstance(entry, dict) else None
    if isinstance(number, str):
        digits = number.strip("[] ")
        return int(digits) if re.fullmatch("[0-9]{1,9}", digits) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _n_sure(numbers: set[int], n_items: int) -> int:
    """Return up to which number an entry is surely the text's that has its number."""
    if min(numbers) < 1:
        return 0
    if max(numbers) <= n_items:
        return n_items
    return next((n for n in range(n_items) if n + 1 not in numbers), n_items)


def _own(entries: list[dict[str, Any]], number: int, *, sure: bool) -> str | AnswerError:
    if not entries:
        return AnswerError(f"answer has no entry for item {number}")
    if not sure:
        return AnswerError(
            f"answer has an item number that was not asked about, so item {number} is in doubt"
        )
    if any(entry != entries[0] for entry in entries):
        return AnswerError(f"answer has several entries for item {number} that differ")
    return json.dumps(entries[0], ensure_ascii=False)

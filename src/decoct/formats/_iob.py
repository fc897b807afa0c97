"""Sentences of tagged tokens, as rows of a CoNLL file have them, made into documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from decoct.errors import RecordError
from decoct.records import Document, Span

MAX_GAP_CHARS = 10_000
_BEGINS, _INSIDE, _ENDS = frozenset("BSU"), frozenset("IEL"), frozenset("ESLU")


@dataclass(slots=True)
class Token:
    """One row.

    Attributes:
        form: the token.
        tag: such as `B-Disease`.
        start: first code point, where the row has it.
    """

    form: str
    tag: str
    start: int | None = None


@dataclass(slots=True)
class Block:
    """One document as its rows have it.

    Attributes:
        where: of its first row, for messages.
        id: its own, or what it is called in want of one.
        text: its exact text, where the file has it.
        rest: source, label and meta, where the file has them.
        sentences: its tokens.
    """

    where: str
    id: str
    text: str | None = None
    rest: dict[str, Any] = field(default_factory=dict)
    sentences: list[list[Token]] = field(default_factory=list)


def block_document(block: Block, label: str) -> Document:
    """Make a document of rows.

    Offsets are those of the rows, where all of them have one; else tokens are joined by single
    spaces and sentences by line ends.

    Args:
        block: the rows.
        label: of spans whose tags, such as `B`, name none.

    Raises:
        RecordError: the offsets contradict the tokens or each other.
    """
    tokens = [token for sentence in block.sentences for token in sentence]
    if all(token.start is not None for token in tokens) and (tokens or block.text is not None):
        starts = [token.start or 0 for token in tokens]
        text = _padded(tokens, starts) if block.text is None else block.text
    else:
        text, starts = _joined(block.sentences)
    for token, start in zip(tokens, starts, strict=True):
        if text[start : start + len(token.form)] != token.form:
            raise RecordError(f"token {token.form!r} is not at {start} of the text")
    spans = _spans(text, block.sentences, starts, label)
    known = {"source": "gold" if spans else None} | block.rest
    return Document.from_dict({"id": block.id, "text": text, "spans": spans, **known})


def _padded(tokens: Sequence[Token], starts: Sequence[int]) -> str:
    parts: list[str] = []
    length = 0
    for token, start in zip(tokens, starts, strict=True):
        if not 0 <= start - length <= MAX_GAP_CHARS:
            raise RecordError(
                f"token {token.form!r} at {start} does not follow what ends at {length}"
            )
        parts += (" " * (start - length), token.form)
        length = start + len(token.form)
    return "".join(parts)


def _joined(sentences: Sequence[Sequence[Token]]) -> tuple[str, list[int]]:
    starts: list[int] = []
    length = 0
    for sentence in sentences:
        for token in sentence:
            starts.append(length)
            length += len(token.form) + 1
    lines = (" ".join(token.form for token in sentence) for sentence in sentences)
    return "\n".join(lines), starts


def _spans(
    text: str, sentences: Sequence[Sequence[Token]], starts: Sequence[int], label: str
) -> list[dict[str, Any]]:
    place = iter(starts)
    spans: list[dict[str, Any]] = []
    for sentence in sentences:
        placed = [(next(place), token) for token in sentence]
        for start, end, found in _stretches(placed, label):
            id_ = f"T{len(spans) + 1}"
            spans.append(
                Span(id=id_, start=start, end=end, label=found, text=text[start:end]).model_dump()
            )
    return spans


def _stretches(placed: Sequence[tuple[int, Token]], label: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, label) of IOB2 tags; IOB1 and BIOES are understood too."""
    open_: tuple[int, int, str] | None = None
    for start, token in placed:
        prefix, found = _split(token.tag, label)
        end = start + len(token.form)
        goes_on = open_ is not None and prefix in _INSIDE and open_[2] == found
        if open_ is not None and not goes_on:
            yield open_
            open_ = None
        if prefix:
            open_ = (open_[0] if open_ is not None else start, end, found)
        if open_ is not None and prefix in _ENDS:
            yield open_
            open_ = None
    if open_ is not None:
        yield open_


def _split(tag: str, label: str) -> tuple[str, str]:
    """Return prefix and label of a tag; no prefix for outside."""
    if tag in ("O", "_", ""):
        return "", ""
    prefix, _, name = tag.partition("-")
    if prefix in _BEGINS | _INSIDE:
        return prefix, name or label
    return "I", tag


def quoted(text: str) -> str:
    """Return a text as JSON on one line, whatever counts as the end of one."""
    as_json = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029]", lambda sign: f"\\u{ord(sign[0]):04x}", as_json)

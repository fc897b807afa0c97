"""JSON with small mistakes, made valid.

Commas too many or missing, quotes of other kinds, comments, Python's literals, keys without quotes.
Nothing is completed: an answer whose brackets or quotes are not closed was broken off, and what is
missing may be events. And nothing is guessed: every string comes out as it stood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from decoct.errors import AnswerError

MAX_DEPTH = 50
MAX_CHARS = 200_000
_LITERAL = r"(?i:true|false|null|none|nan|[-+]?inf(?:inity)?|[-+]?\.?\d[\d.e+-]*)"
# a quote within a string: around a word with no sign of JSON in it, or between two letters
_QUOTED_WORD = r"""(?<=[\s(])"[^",:{}\[\]]*"(?!\s*(?:[,:}\]]|//|/\*|\#|\Z))"""
_LEXEMES = re.compile(
    rf"""
    (?P<gap>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)
    |(?P<opening>[{{\[])
    |(?P<closing>[}}\]])
    |(?P<sign>[,:])
    |"(?P<double>(?:\\.|[^"\\]|{_QUOTED_WORD})*+)"
    |'(?P<single>(?:\\.|[^'\\]|(?<=\w)'(?=\w))*+)'
    |[“”](?P<curly>(?:\\.|[^“”"\\])*+)[”"]
    |‘(?P<curly_single>(?:\\.|[^‘’\\]|(?<=\w)’(?=\w))*+)’
    |(?P<key>[^\W\d]\w*)(?=\s*:)
    |(?P<literal>(?:{_LITERAL})(?=\s*(?:[,}}\]]|//|/\*|\#|\Z)))
    """,
    re.VERBOSE | re.DOTALL,
)
# what comes behind the last lexeme where the text ends too early
_CUT_SHORT = re.compile(r"""["'“”‘’]|/\*|[\w.+/-]*\Z""")
_STRINGS = frozenset({"double", "single", "curly", "curly_single"})
_ESCAPES = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)|\"", re.DOTALL)
_NOTHING = re.compile(r"none|null|nan|[-+]?inf(?:inity)?", re.IGNORECASE)


class _Piece(NamedTuple):
    """A bracketed stretch: its end, itself with every string in plain quotes, and the strings."""

    end: int
    json: str
    strings: list[str]


def repair_json_at(body: str, start: int, fault: str) -> tuple[str, int]:
    """Return the bracketed stretch that begins at `start` as valid JSON, and where it ends.

    Args:
        body: an answer.
        start: an opening bracket in it.
        fault: what a strict reader found wrong.

    Raises:
        AnswerError: it is broken off, or can't be repaired with every string as it stands.
        RecursionError: it is nested too deep.
    """
    piece = _cut(body, start, fault)
    if _is_valid(piece.json):
        return piece.json, piece.end
    from json_repair import repair_json

    beyond = AnswerError(f"answer is not valid JSON: {fault}")
    if len(piece.json) > MAX_CHARS:
        raise beyond
    made = repair_json(piece.json, skip_json_loads=True, ensure_ascii=False)
    if not _is_valid(made) or list(_strings(json.loads(made))) != piece.strings:
        raise beyond
    return made, piece.end


def _cut(body: str, start: int, fault: str) -> _Piece:
    open_brackets: list[str] = []
    parts: list[str] = []
    strings: list[str] = []
    end = start
    while lexeme := _LEXEMES.match(body, end):
        end = lexeme.end()
        parts.append(_plain(lexeme, strings))
        if lexeme["opening"]:
            open_brackets.append("}" if lexeme[0] == "{" else "]")
        elif lexeme["closing"] and open_brackets.pop() != lexeme[0]:
            raise AnswerError("answer is not valid JSON: brackets don't match")
        if len(open_brackets) > MAX_DEPTH:
            raise RecursionError
        if not open_brackets:
            return _Piece(end, "".join(parts), strings)
    if _CUT_SHORT.match(body, end):
        raise AnswerError(
            "answer is broken off: a bracket or a quote is not closed; give the whole JSON object"
        )
    raise AnswerError(f"answer is not valid JSON: {fault}")


def _plain(lexeme: re.Match[str], strings: list[str]) -> str:
    """Return a lexeme as JSON has it, and put what is or will be a string onto `strings`."""
    kind, text = lexeme.lastgroup or "", lexeme[0]
    if kind == "gap":
        return " "
    if kind in _STRINGS:
        strings.append(_unescaped(lexeme[kind]))
        return json.dumps(strings[-1], ensure_ascii=False)
    if kind == "key":
        strings.append(text)
    if kind == "literal":
        return "null" if _NOTHING.fullmatch(text) else text.lower()
    return text


def _unescaped(quoted: str) -> str:
    def plain(escape: re.Match[str]) -> str:
        if escape[0] == '"':
            return '\\"'
        if len(escape[1]) == 3:
            return f"\\u00{escape[1][1:]}"  # Python's \xe9
        if len(escape[1]) > 1 or escape[1] in '"\\/bfnrt':
            return escape[0]
        return "'" if escape[1] == "'" else "\\\\" + escape[1]

    return str(json.loads(f'"{_ESCAPES.sub(plain, quoted)}"', strict=False))


def _is_valid(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401 (JSON is what it is)
    """Yield the keys and strings of a value in the order in which they are written."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)

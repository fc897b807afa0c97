"""Candidates as a teacher is shown them, and which of them its answer means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from decoct.errors import AnswerError

NIL = ""  # the label of a question to which no candidate is the answer; no entity has this id
CHOICE = ("choice", "answer", "candidate", "number")  # what models call it
_NONE = frozenset(
    {"", "none", "null", "nil", "n/a", "none of these", "none of them", "none of the above"}
    | {"no match", "no candidate", "无", "都不是", "以上都不是", "没有"}
)
_NUMBER = re.compile(r"[\[(#]*\s*(\d{1,6})\s*[\]).:]*")
_NUMBERED = re.compile(r"[\[(#]*\s*(\d{1,6})\s*[\]).:|]+\s+(\S.*)")


class Option(BaseModel):
    """A candidate, and what is shown of it.

    Attributes:
        id: the entity's.
        name: its preferred name.
        aliases: other names, the one that was matched first.
        definition: what it is, as far as it is shown; "" for nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    aliases: tuple[str, ...] = ()
    definition: str = ""

    def line(self, *, show_id: bool = False) -> str:
        """Return what is shown of it, on one line."""
        parts = [flat(self.name) + (f" ({flat(self.id)})" if show_id else "")]
        if self.aliases:
            parts.append("also: " + "; ".join(map(flat, self.aliases)))
        if self.definition:
            parts.append(flat(self.definition))
        return " | ".join(parts)


def flat(text: str) -> str:
    """Return a text on one line, with single spaces."""
    return " ".join(text.split())


def choose(said: Mapping[str, Any], options: Sequence[Option], *, ids_shown: bool = False) -> str:
    """Return the id of the candidate that an answer means, or `NIL`.

    By its number, its name or its id, under any key that models use for it; where there are several
    of them, they have to mean the same.

    Args:
        said: the answer's fields.
        options: the candidates in the order in which they were numbered, from 1.
        ids_shown: whether their ids were shown, so that "3" may be either.

    Raises:
        AnswerError: it means none of the candidates, or more than one; without a word of it.
    """
    found = {_chosen(said[key], options, ids_shown) for key in CHOICE if key in said}
    hints = {key: said[key] for key in ("id", "name") if key in said}
    if not found and not hints:
        raise AnswerError(f"answer has no 'choice'; give a number from 0 to {len(options)}")
    for key, value in hints.items():
        if not found:
            found = {_by_id(value, options) if key == "id" else _chosen(value, options, False)}
        elif value is not None:
            known = _named(flat(str(value)), options, _id_of if key == "id" else _names_of)
            found |= set() if known & found else known
    if len(found) > 1:
        raise AnswerError("answer means more than one candidate; give the number of one")
    return found.pop()


def _chosen(value: Any, options: Sequence[Option], ids_shown: bool) -> str:  # noqa: ANN401
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping):
        return choose(value, options, ids_shown=ids_shown)
    if value is None:
        return NIL
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool | list | float):
        raise AnswerError(f"'choice' must be one number from 0 to {len(options)}")
    text = flat(str(value))
    if number := _NUMBER.fullmatch(text):
        return _by_number(int(number[1]), text, options, ids_shown and isinstance(value, str))
    return _by_words(text, options)


def _by_id(value: Any, options: Sequence[Option]) -> str:  # noqa: ANN401
    if value is None:
        return NIL
    known = _named(flat(str(value)), options, _id_of)
    if not known:
        raise _unknown(options)
    return known.pop()


def _by_number(number: int, text: str, options: Sequence[Option], ids_shown: bool) -> str:
    ids = _named(text, options, _id_of)
    if number > len(options):  # an entity's number, it may be
        if ids:
            return ids.pop()
        raise _unknown(options)
    meant = options[number - 1].id if number else NIL
    if ids_shown and ids - {meant}:
        raise AnswerError(
            "'choice' is one candidate's number and another's id; write it as a number"
        )
    return meant


def _by_words(text: str, options: Sequence[Option]) -> str:
    known = _named(text, options, _id_of) or _named(text, options, _names_of)
    known = known or _named(text, options, _aliases_of)
    is_none = text.strip(" .'\"").casefold() in _NONE
    if is_none and not known:
        return NIL
    if not known and (numbered := _NUMBERED.fullmatch(text)):
        return choose({"choice": int(numbered[1]), "name": numbered[2]}, options)
    if not known:
        raise _unknown(options)
    if len(known) > 1 or is_none:
        raise AnswerError("'choice' is a name that more than one option has; give its number")
    return known.pop()


def _named(
    text: str, options: Iterable[Option], words_of: Callable[[Option], Iterable[str]]
) -> set[str]:
    """Return the ids of the candidates that are called so."""
    wanted = text.casefold()
    return {
        option.id
        for option in options
        if any(flat(word).casefold() == wanted for word in words_of(option))
    }


def _id_of(option: Option) -> Iterable[str]:
    return (option.id,)


def _names_of(option: Option) -> Iterable[str]:
    return (option.name,)


def _aliases_of(option: Option) -> Iterable[str]:
    return option.aliases


def _unknown(options: Sequence[Option]) -> AnswerError:
    return AnswerError(
        f"'choice' is none of the candidates; give a number from 1 to {len(options)}, "
        "or 0 for none of these"
    )

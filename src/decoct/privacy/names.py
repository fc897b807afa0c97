"""Other names for people: every token of a name has its own stand-in within a patient or document.

So "Mr. Smith" and "John Smith" agree by construction, "J. Smith" and "Anna S." get the initials of
the stand-ins, and two people who share a surname go on sharing one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from decoct.privacy import lists
from decoct.privacy.draw import Draw
from decoct.privacy.key import Key
from decoct.privacy.words import (
    DEGREES,
    FEMALE_TITLES,
    MALE_TITLES,
    PARTICLES,
    TITLES,
    ZH_TITLES,
    folded,
    in_case_of,
    is_cjk,
    plain,
)

_PART = re.compile(r"[^\W\d_]+(?:['’](?!s\b)[^\W\d_]+)*")
_GIVEN, _SURNAME = "given", "surname"
_ZH_LETTERS = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")
_ZH_UNNAMED = "某"
_SURNAMES_TOO = frozenset({"do", "pa", "np", "ma"})  # degrees only after a comma


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_DEGREE = _any_of(DEGREES)
_DEGREES = re.compile(
    rf"(?:(?:\s*,\s*(?:{_DEGREE})|\s+(?:{_any_of(DEGREES - _SURNAMES_TOO)}))\.?(?!\w))+\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A token of a name: where it stands, what it says, and which name it is."""

    start: int
    end: int
    text: str
    role: str

    @property
    def token(self) -> str:
        """The same for each way of writing it."""
        return folded(self.text)

    @property
    def is_initial(self) -> bool:
        return len(self.text) == 1 or (len(self.text) == 2 and self.text.isupper())


@dataclass(slots=True)
class People:
    """The people of one patient or document; add all names first, then ask for stand-ins.

    Attributes:
        key: for initials of nobody who is named in full.
        draw: of the patient or document.
    """

    key: Key
    draw: Draw
    _names: dict[str, None] = field(default_factory=dict)
    _roles: dict[str, str] = field(default_factory=dict)
    _whole: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    _genders: dict[str, str] = field(default_factory=dict)

    def add(self, name: str) -> None:
        """Take note of a name."""
        self._names[name] = None

    def settle(self) -> None:
        """Find out who is who, and draw stand-ins in an order that is not the text's."""
        full: dict[str, set[tuple[str, str]]] = defaultdict(set)  # initial or token -> people
        titled: list[tuple[str, str, str]] = []
        for name in self._names:
            parts = _western(name)
            given, surname = _both(parts)
            for part in parts:
                if not part.is_initial and (len(parts) > 1 or _title_of(name)):
                    self._roles.setdefault(part.token, part.role)
            for token in filter(None, (given, surname)):
                full[token].add((given, surname))
            titled.append((_title_of(name), given, surname))
        self._whole = dict(full)
        for title, given, surname in sorted(titled):
            self._note_gender(title, given, surname)
        for name in sorted(self._names):
            self.stand_in(name)

    def person_of(self, name: str) -> str:
        """Return a word that is the same for the names of one person, as far as can be told."""
        if is_cjk(name):
            return self._zh_person(name)
        parts = _western(name)
        given, surname = _both(parts)
        if len(parts) == 1 and self._roles.get(parts[0].token) == _SURNAME:
            given, surname = "", parts[0].token
        people = {
            one
            for token in (given, surname)
            for one in self._whole.get(token, ())
            if _fits(given, one[0]) and _fits(surname, one[1]) and len(min(one, key=len)) > 1
        }
        if len(people) == 1:
            given, surname = people.pop()
        return f"{given} {surname}".strip() or plain(name)

    def _zh_person(self, name: str) -> str:
        core = _zh_letters(name)
        surname, given = _zh_parts(core)
        if given.strip(_ZH_UNNAMED):
            return core
        whole = {one for one in map(_zh_letters, self._names) if _zh_parts(one)[0] == surname}
        whole = {one for one in whole if _zh_parts(one)[1].strip(_ZH_UNNAMED)}
        return whole.pop() if len(whole) == 1 else core

    def stand_in(self, name: str) -> str | None:
        """Return another name in the same form; None where nothing in it is a name."""
        if is_cjk(name):
            return self._zh_stand_in(name)
        parts = _western(name)
        if not parts or any(char.isdigit() for char in name):
            return None
        written, at = [], 0
        for part in parts:
            written += [name[at : part.start], self._other(part, parts)]
            at = part.end
        found = "".join([*written, name[at:]])
        return None if found.casefold() == name.casefold() else found

    def _note_gender(self, title: str, given: str, surname: str) -> None:
        gender = "m" if title in MALE_TITLES else "f" if title in FEMALE_TITLES else ""
        if not gender:
            return
        if not given:  # Mrs. Smith, and only one Smith has another name
            others = {one for one, other in self._whole.get(surname, set()) if one}
            given = next(iter(others)) if len(others) == 1 else ""
        if len(given) > 1:
            self._genders.setdefault(given, gender)

    def _other(self, part: _Part, parts: list[_Part]) -> str:
        token = part.token
        if part.is_initial:
            return self._initials(part, parts)
        role = self._roles.get(token, part.role) if len(parts) == 1 else part.role
        return in_case_of(self._drawn(token, role), part.text)

    def _drawn(self, token: str, role: str) -> str:
        if role == _SURNAME:
            return self.draw.from_list(_SURNAME, token, lists.surnames())
        gender = self._genders.get(token, "")
        names = {"m": lists.MALE, "f": lists.FEMALE}.get(gender, lists.NEUTRAL)
        return self.draw.from_list(_GIVEN, token, names)

    def _initials(self, part: _Part, parts: list[_Part]) -> str:
        """Return the initial of whom it is short for, where that is clear, else another letter."""
        rest = {one.token for one in parts if not one.is_initial}
        written = []
        for letter in part.token:
            fits = {
                token
                for token, role in self._roles.items()
                if role == part.role and token.startswith(letter)
            }
            near = {
                token
                for token in fits
                if any(rest & {given, surname} for given, surname in self._whole.get(token, ()))
            }
            chosen = near if rest else fits
            if len(chosen) == 1:
                initial = self._drawn(next(iter(chosen)), part.role)[0]
            else:
                initial = _other_letter(self.key, letter)
            written.append(initial)
        initials = "".join(written)
        return initials.lower() if part.text.islower() else initials.upper()

    def _zh_stand_in(self, name: str) -> str | None:
        before, core, after = _zh_core(name)

        def other(match: re.Match[str]) -> str:
            surname, given = _zh_parts(match.group())
            found = self.draw.from_list("zh surname", surname, _zh_surnames(surname), "")
            if not given.strip(_ZH_UNNAMED):
                return found + given
            names = lists.zh_given(min(len(given), 2))
            return found + self.draw.from_list("zh given", given, names, "")

        found = before + _ZH_LETTERS.sub(other, core) + after
        return None if found == name else found


def name_tokens(name: str) -> list[str]:
    """Return the tokens of a name that are looked for by themselves: no titles, no initials."""
    if is_cjk(name):
        core = _zh_core(name)[1]
        return [core] if len(core) > 1 else []
    return [part.text for part in _western(name) if len(part.text) > 2]


def _both(parts: list[_Part]) -> tuple[str, str]:
    """Return the first given name and the surname, as tokens; empty where there is none."""
    given = next((part.token for part in parts if part.role == _GIVEN), "")
    return given, next((part.token for part in parts if part.role == _SURNAME), "")


def _fits(token: str, other: str) -> bool:
    """Whether a token may be short for another: nothing, an initial, or itself."""
    return not token or token == other or (len(token) == 1 and other.startswith(token))


def _western(name: str) -> list[_Part]:
    """Cut a name in letters into its parts, given names before surnames or after a comma."""
    found: list[tuple[int, int, str]] = []
    for match in _PART.finditer(name):
        word = plain(match.group())
        # degrees are only at the end, titles only in front; both may be dotted
        if word in TITLES and not found:
            continue
        is_particle = word in PARTICLES and match.group().islower()  # Della is a name
        if is_particle or word in ("", "and", "or", "the"):
            continue
        if word == "s" and name[max(0, match.start() - 1)] in "'’":
            continue
        found.append((match.start(), match.end(), match.group()))
    found = _without_degrees(name, found)
    if not found:
        return []
    roles = _roles(name, found)
    return [_Part(*one, role) for one, role in zip(found, roles, strict=True)]


def _without_degrees(name: str, found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Drop what follows a name: M.D., PhD, Jr."""
    tail = _DEGREES.search(name)
    if tail is None:
        return found
    kept = [one for one in found if one[0] < tail.start()]
    return kept or found


def _roles(name: str, found: list[tuple[int, int, str]]) -> list[str]:
    """Say which parts are surnames: the last, those before a comma, one alone after a title."""
    comma = name.find(",")
    if comma != -1 and found[0][0] < comma < found[-1][0]:
        return [_SURNAME if start < comma else _GIVEN for start, _, _ in found]
    if len(found) == 1:
        return [_SURNAME if _title_of(name) else _GIVEN]
    roles = [_GIVEN] * (len(found) - 1) + [_SURNAME]
    for number in range(len(found) - 2, -1, -1):  # Smith-Jones is one surname
        if name[found[number][1] : found[number + 1][0]] == "-":
            roles[number] = roles[number + 1]
        else:
            break
    return roles


def _title_of(name: str) -> str:
    first = plain(name.split(maxsplit=1)[0]) if name.split() else ""
    return first if first in TITLES else ""


def _other_letter(key: Key, letter: str) -> str:
    letters = [one for one in "ABCDEFGHIJKLMNOPRSTUVW" if one.casefold() != letter]
    return key.pick(letters, "initial", letter)


def _zh_core(name: str) -> tuple[str, str, str]:
    """Cut a Chinese name into what precedes it, itself, and the title that follows."""
    stripped = name.strip()
    before = name[: len(name) - len(name.lstrip())]
    after = name[len(before) + len(stripped) :]
    for title in sorted(ZH_TITLES, key=len, reverse=True):
        if stripped.endswith(title) and len(stripped) > len(title):
            return before, stripped[: -len(title)], title + after
        if stripped.startswith(title) and len(stripped) > len(title):
            return before + title, stripped[len(title) :], after
    return before, stripped, after


def _zh_letters(name: str) -> str:
    return "".join(_ZH_LETTERS.findall(_zh_core(name)[1]))


def _zh_parts(name: str) -> tuple[str, str]:
    n_surname = 2 if name[:2] in lists.ZH_COMPOUND and len(name) > 1 else 1
    return name[:n_surname], name[n_surname:]


def _zh_surnames(surname: str) -> tuple[str, ...]:
    return lists.ZH_COMPOUND if len(surname) == 2 else lists.ZH_SURNAMES

"""Other places: what kind of place it is stays, its name becomes an invented one."""

from __future__ import annotations

import re
from collections.abc import Callable

from decoct.privacy import lists
from decoct.privacy.draw import Draw
from decoct.privacy.words import (
    COMPASS,
    INSTITUTIONS,
    ROADS,
    SMALL,
    ZH_PLACES,
    in_case_of,
    is_cjk,
    plain,
)

_TOKEN = re.compile(r"[^\W\d_][\w.'’]*(?:-[^\W\d_][\w.'’]*)*|\d[\w-]*")
_KIND = INSTITUTIONS | ROADS | COMPASS | SMALL
_SAINT = re.compile(r"(?:St|Saint|Mt|Mount|Fort|Ft|San|Santa|New|Los|Las)\.?", re.IGNORECASE)
_ZH_KIND = re.compile("|".join(sorted(map(re.escape, ZH_PLACES), key=len, reverse=True)))
_ZH_TOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+|\d+")
_ABBREVIATION = re.compile(r"[A-Z]{2,6}")


class Places:
    """Stand-ins for places of one patient or document.

    Args:
        draw: of the patient or document.
        other_number: gives digits and letters other ones, such as a house's number.
    """

    def __init__(self, draw: Draw, other_number: Callable[[str], str | None]) -> None:
        self._draw = draw
        self._other_number = other_number

    def stand_in(self, place: str) -> str | None:
        """Return another place in the same form; None where no name or kind of place is in it."""
        if is_cjk(place):
            return self._zh(place)
        names = _names(place)
        if not names:  # General Hospital
            kinds = _TOKEN.findall(place)
            return f"{self._other(place)} {kinds[-1]}" if kinds else None
        written, at = [], 0
        for start, end, is_number in names:
            name = place[start:end]
            other = self._other_number(name) if is_number else self._other(name)
            if other is None:
                return None
            written += [place[at:start], other]
            at = end
        found = "".join([*written, place[at:]])
        return None if found.casefold() == place.casefold() else found

    def _other(self, name: str) -> str | None:
        core = name.casefold().replace("’", "'")
        if name in lists.STATES:
            return self._draw.from_list("state", core, lists.STATES)
        if _ABBREVIATION.fullmatch(name):
            return self._other_number(name)
        core = re.sub(r"'s$", "", core)
        found = in_case_of(self._draw.from_list("place", core, lists.places()), name)
        return f"{found}'s" if re.search(r"['’]s$", name) else found

    def _zh(self, place: str) -> str | None:
        def other(match: re.Match[str]) -> str:
            text = match.group()
            if text.isdigit():
                return self._other_number(text) or text
            written, at = [], 0
            for kind in _ZH_KIND.finditer(text):
                written += [self._zh_name(text[at : kind.start()]), kind.group()]
                at = kind.end()
            return "".join([*written, self._zh_name(text[at:])])

        found = _ZH_TOKEN.sub(other, place)
        return None if found == place else found

    def _zh_name(self, name: str) -> str:
        if not name or name == "号":
            return name
        return self._draw.from_list("zh place", name, lists.zh_places(), "")


def _names(place: str) -> list[tuple[int, int, bool]]:
    """Return (start, end, whether it is a number) of each name in a place.

    Words that follow one another with nothing but space between are one name: "Beth Israel".
    """
    found: list[tuple[int, int, bool]] = []
    for match in _TOKEN.finditer(place):
        word = match.group().rstrip(".")
        end = match.start() + len(word)
        is_number = word[0].isdigit()
        is_saint = (
            _SAINT.fullmatch(word)
            and place[end : end + 2].strip(". ") == ""
            and (end + 1 < len(place))
        )
        if not is_saint and plain(word) in _KIND and word not in lists.STATES:
            continue
        if found and _joined(place, found[-1], match.start(), word, is_number):
            found[-1] = (found[-1][0], end, False)
        else:
            found.append((match.start(), end, is_number))
    return found


def _joined(
    place: str, last: tuple[int, int, bool], start: int, word: str, is_number: bool
) -> bool:
    """Whether a word goes on with the name before it."""
    between = place[last[1] : start]
    is_alone = is_number or last[2] or word in lists.STATES
    return not is_alone and not between.strip(".-/ ")

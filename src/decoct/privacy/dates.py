"""Dates moved by a secret number of days: the time between two stays what it was.

A day without a year is moved in the year of a date beside it, else in an ordinary one; a month by
its middle, a year by its own. The number of days is never a multiple of seven, at least half a year
and not near whole years, so that no weekday, month or year comes out as itself.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from decoct.privacy.date_forms import (
    FORMS,
    Form,
    month_of,
    number_of,
    ordinal,
    write_month,
    write_number,
    write_weekday,
    write_year,
    year_of,
)
from decoct.privacy.key import Key

_ORDINARY_YEAR, _LEAP_YEAR = 2001, 2000
_SHIFTS = tuple(days for days in chain(range(190, 341), range(390, 706)) if days % 7)
_TIME = (
    r"t?\d{1,2}[:：]\d{2}(?:[:：]\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?\s*"
    r"(?:z|[+-]\d{2}:?\d{2}|utc|gmt)?(?![a-z0-9])|\d{1,2}\s*[ap]\.?m\.?(?![a-z0-9])"
    r"|[上下]午|\d{1,2}[时時点點](?:\d{1,2}分)?(?:\d{1,2}秒)?"
)
# what may stand beside dates in a span and tells nothing
_BESIDE = re.compile(
    rf"(?:{_TIME}|[\s,;:：，、()\[\]（）~～–—\-/.&]"
    r"|(?:to|until|till|thru|through|and|or|from|between|on|in|of|the|at|since|circa|ca|about"
    r"|around|before|after|by|early|late|mid|dob|date|born|week|month|year|admitted|discharged)"
    r"(?![a-z])|[至到和与及的起于在从底初])*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shift:
    """How dates are moved, and read where they can be read in two ways.

    Attributes:
        days: how far, later if above 0.
        day_first: whether 03/04 is in April.
        year: of a day without one.
    """

    days: int
    day_first: bool = False
    year: int | None = None

    @classmethod
    def of(cls, key: Key, day_first: bool = False) -> Shift:
        """Return the shift that belongs to a key."""
        sign = 1 if key.number("sign") % 2 else -1
        return cls(sign * key.pick(_SHIFTS, "days"), day_first)

    def move(self, year: int | None, month: int, day: int) -> datetime.date | None:
        """Return the day that a day becomes; None where there is no such day."""
        years = (year,) if year is not None else (self.year or _ORDINARY_YEAR, _LEAP_YEAR)
        for one in years:
            try:
                return datetime.date(one, month, day) + datetime.timedelta(days=self.days)
            except (ValueError, OverflowError):
                continue
        return None

    def __repr__(self) -> str:
        return "Shift(***)"  # the number is a secret


def shift_dates(text: str, shift: Shift) -> str | None:
    """Return a span's text with all of its dates moved; None where anything in it is not clear."""
    found = list(_find(text, FORMS))
    if not found:
        return None
    years = (year_of(match["y"]) for _, match in found if _has(match, "y"))
    shift = replace(shift, year=next(years, shift.year))
    written, at = [], 0
    for form, match in found:
        moved = _moved(form, match, shift)
        beside = text[at : match.start()]
        if moved is None or not _BESIDE.fullmatch(beside):
            return None
        written += [beside, moved]
        at = match.end()
    if not _BESIDE.fullmatch(text[at:]):
        return None
    return "".join([*written, text[at:]])


def is_day_first(text: str) -> bool | None:
    """Whether a span's text has the day before the month; None where it does not tell."""
    for _, match in _find(text, FORMS):
        if _has(match, "a") and (int(match["a"]) > 12) != (int(match["b"]) > 12):
            return int(match["a"]) > 12
    return None


def find_dates(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of dates that are written with their year and exist."""
    anyhow = Shift(1)
    for form, match in _find(text, tuple(form for form in FORMS if form.has_year)):
        if _moved(form, match, anyhow) or _moved(form, match, replace(anyhow, day_first=True)):
            yield match.span()


def _find(text: str, forms: tuple[Form, ...]) -> Iterator[tuple[Form, re.Match[str]]]:
    """Yield forms' matches from left to right, of those at one place the longest."""
    ahead: dict[int, re.Match[str] | None] = {
        number: form.pattern.search(text) for number, form in enumerate(forms)
    }
    at = 0
    while True:
        for number, match in ahead.items():
            if match is not None and match.start() < at:
                ahead[number] = forms[number].pattern.search(text, at)
        found = [(number, match) for number, match in ahead.items() if match is not None]
        if not found:
            return
        number, match = min(found, key=lambda one: (one[1].start(), -one[1].end(), one[0]))
        yield forms[number], match
        at = match.end()


def _moved(form: Form, match: re.Match[str], shift: Shift) -> str | None:
    """Return a match with its date moved; None where it is no date."""
    order = _day_and_month(match, shift.day_first)
    if order is None:
        return None
    day_group, month_group = order
    year = year_of(match["y"]) if _has(match, "y") else None
    fields: dict[str, str] = {}
    if _has(match, "wd"):
        fields["wd"] = write_weekday(match["wd"], shift.days)
    if not year and not month_group:
        return _refilled(match, fields)
    month = _month(match, month_group) if month_group else 7
    day = number_of(match[day_group]) if day_group else (15 if month_group else 2)
    moved = shift.move(year, month, day)
    if moved is None:
        return None
    if _has(match, "d2"):
        return _moved_range(match, shift, moved, shift.move(year, month, number_of(match["d2"])))
    fields |= _fields(form, match, moved, day_group, month_group)
    return _refilled(match, fields)


def _fields(
    form: Form, match: re.Match[str], moved: datetime.date, day_group: str, month_group: str
) -> dict[str, str]:
    """Return what to write into a match's groups for another day."""
    fields: dict[str, str] = {}
    pad = form.pads and all(len(match[g]) == 2 for g in (day_group, month_group) if g)
    if month_group == "mon":
        fields["mon"] = write_month(moved.month, match["mon"])
    elif month_group:
        fields[month_group] = write_number(moved.month, match[month_group], pad)
    if day_group:
        fields[day_group] = write_number(moved.day, match[day_group], pad)
    if _has(match, "ord"):
        fields["ord"] = ordinal(moved.day, match["ord"])
    if _has(match, "y"):
        fields["y"] = write_year(moved.year, match["y"])
    return fields


def _moved_range(
    match: re.Match[str], shift: Shift, first: datetime.date, last: datetime.date | None
) -> str | None:
    """Return `March 3-5, 2019` moved; a month or year that is no longer shared is written twice."""
    if last is None or last <= first:
        return None
    in_chinese = _has(match, "m")
    group = "m" if in_chinese else "mon"
    written = match[group]

    def month(day: datetime.date) -> str:
        if in_chinese:
            return write_number(day.month, written, False)
        return write_month(day.month, written)

    ends = {"d": write_number(first.day, match["d"], False)}
    ends["d2"] = write_number(last.day, match["d2"], False)
    for suffix, day in (("ord", first), ("ord2", last)):
        if _has(match, suffix):
            ends[suffix] = ordinal(day.day, match[suffix])
    year_first = in_chinese  # the shared year stands at the first day, else at the last
    shared = first if year_first or match.start(group) < match.start("d") else last
    ends[group] = month(shared)
    if _has(match, "y"):
        ends["y"] = write_year((first if year_first else last).year, match["y"])
    if first.month != last.month:
        _write_twice(match, ends, month(first), month(last), in_chinese)
    if _has(match, "y") and first.year != last.year:
        if in_chinese:
            ends["d2"] = f"{write_year(last.year, match['y'])}年{ends['d2']}"
        else:
            after = "ord" if "ord" in ends else "d"
            ends[after] += f", {write_year(first.year, match['y'])}"
    return _refilled(match, ends)


def _write_twice(
    match: re.Match[str], ends: dict[str, str], first: str, last: str, in_chinese: bool
) -> None:
    """Write the month at both days of a range."""
    if in_chinese:
        ends["d2"] = f"{last}月{ends['d2']}"
    elif match.start("mon") < match.start("d"):
        ends["d2"] = f"{last} {ends['d2']}"
    else:
        after = "ord" if "ord" in ends else "d"
        ends[after] += f" {first}"


def _day_and_month(match: re.Match[str], day_first: bool) -> tuple[str, str] | None:
    """Return the groups of day and month, empty for none; None where they can't be that."""
    if _has(match, "a"):
        a, b = int(match["a"]), int(match["b"])
        day_first = day_first or match.groupdict().get("s") == "."
        if a > 12 or b > 12:  # only one way is left
            day_first = a > 12
        day, month = ("a", "b") if day_first else ("b", "a")
        return (day, month) if 1 <= int(match[month]) <= 12 else None
    month = next((group for group in ("mon", "m") if _has(match, group)), "")
    return ("d" if _has(match, "d") else ""), month


def _month(match: re.Match[str], group: str) -> int:
    return month_of(match[group]) if group == "mon" else number_of(match[group])


def _has(match: re.Match[str], group: str) -> bool:
    return match.groupdict().get(group) is not None


def _refilled(match: re.Match[str], fields: Mapping[str, str]) -> str:
    """Return a match's text with other text in some of its groups."""
    text, start = match.group(), match.start()
    for group, written in sorted(fields.items(), key=lambda one: -match.start(one[0])):
        text = text[: match.start(group) - start] + written + text[match.end(group) - start :]
    return text

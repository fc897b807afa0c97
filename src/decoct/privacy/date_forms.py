"""How dates are written, so that another date can be written the same way.

A form is a pattern with named groups: `wd` weekday, `y` year, `m` month in digits, `mon` month by
name, `d` day, `ord` its "th", `a` and `b` month and day in the order of the country, and `d2`,
`ord2` the day that a range ends on. What is between groups is kept as it stands.

python-dateutil reads dates but does not say how they were written, knows no ranges and no Chinese;
the tests hold these forms against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ZH_WEEKDAYS = "一二三四五六日"
ZH_DIGITS = "〇一二三四五六七八九"

_L, _R = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_MON = (
    r"(?P<mon>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY_NAME = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?"
    r"|sat(?:urday)?|sun(?:day)?)"
)
_WD = rf"(?:(?P<wd>{_DAY_NAME})\.?,?\s+(?:the\s+)?)?"
_YEAR = r"(?:1[89]\d\d|20\d\d|2100)"
_Y = rf"(?P<y>{_YEAR}|['’]\d\d)"
_Y4 = rf"(?P<y>{_YEAR})"
_D = r"(?P<d>3[01]|[12]\d|0?[1-9])"
_M = r"(?P<m>1[0-2]|0?[1-9])"
_ORD = r"(?P<ord>st|nd|rd|th)?"
_TO = r"\s*(?:-|–|—|to|through|thru|until|and|&)\s*"
_D2 = r"(?P<d2>3[01]|[12]\d|0?[1-9])(?P<ord2>st|nd|rd|th)?"
_ZH_NUMBER = r"(?:[1-9]\d?|0[1-9]|三十一?|二?十[一二三四五六七八九]?|[一二三四五六七八九])"
_ZH_YEAR = rf"(?P<y>{_YEAR}|[一二][〇零○一二三四五六七八九]{{3}}|(?<!\d)\d\d)"
_ZH_M, _ZH_D = rf"(?P<m>{_ZH_NUMBER})", rf"(?P<d>{_ZH_NUMBER})"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a date.

    Attributes:
        name: what it looks like.
        pattern: see above.
        has_year: whether the year is always written, in a way that hardly anything else is.
        pads: whether two-digit months and days mean that one digit gets a zero.
    """

    name: str
    pattern: re.Pattern[str]
    has_year: bool = False
    pads: bool = False


def _form(name: str, pattern: str, *, has_year: bool = False, pads: bool = False) -> Form:
    return Form(name, re.compile(pattern, re.IGNORECASE), has_year, pads)


FORMS = (
    _form(
        "2021-07-03",
        rf"{_L}{_Y4}(?P<s>[-/.]){_M}(?P=s){_D}(?![\d]|(?P=s)\d)",
        has_year=True,
        pads=True,
    ),
    _form("20210703", rf"{_L}{_Y4}(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?!\d)", pads=True),
    _form(
        "03/14/2019",
        rf"{_L}(?P<a>[0-3]?\d)(?P<s>[-/.])(?P<b>[0-3]?\d)(?P=s){_Y4}{_R}",
        has_year=True,
        pads=True,
    ),
    _form(
        "03/14/19",
        rf"{_L}(?P<a>[0-3]?\d)(?P<s>[-/.])(?P<b>[0-3]?\d)(?P=s)(?P<y>\d\d){_R}",
        pads=True,
    ),
    _form("03/14", rf"{_L}(?P<a>[0-3]?\d)/(?P<b>[0-3]?\d)(?![\d/A-Za-z])", pads=True),
    _form("03/2019", rf"{_L}{_M}[-/.]{_Y4}{_R}", pads=True),
    _form("2019-03", rf"{_L}{_Y4}[-/.](?P<m>0[1-9]|1[0-2]){_R}", pads=True),
    _form(
        "March 3-5, 2019",
        rf"{_L}{_MON}\.?\s+{_D}{_ORD}{_TO}{_D2}(?:(?:,\s*|\s+){_Y})?{_R}",
    ),
    _form("3-5 March 2019", rf"{_L}{_D}{_ORD}{_TO}{_D2}\s+(?:of\s+)?{_MON}\.?(?:,?\s+{_Y})?{_R}"),
    _form(
        "March 14th, 2019",
        rf"{_L}{_WD}{_MON}\.?(?:\s*[-/]\s*|\s+)(?:the\s+)?{_D}{_ORD}(?:\s*,\s*|\s*[-/]\s*|\s+)"
        rf"(?:of\s+)?{_Y}{_R}",
        has_year=True,
    ),
    _form("March 14th", rf"{_L}{_WD}{_MON}\.?(?:\s*[-/]\s*|\s+)(?:the\s+)?{_D}{_ORD}{_R}"),
    _form(
        "14th of March 2019",
        rf"{_L}{_WD}{_D}{_ORD}\s*[-/ ]?\s*(?:of\s+)?{_MON}\.?(?:\s*,\s*|\s*[-/]\s*|\s*)"
        rf"(?:of\s+)?(?P<y>{_YEAR}|['’]?\d\d){_R}",
        has_year=True,
    ),
    _form("14th of March", rf"{_L}{_WD}{_D}{_ORD}\s*[-/ ]?\s*(?:of\s+)?{_MON}{_R}"),
    _form("March 2019", rf"{_L}{_MON}\.?(?:\s*[-/,]\s*|\s+)(?:of\s+)?{_Y}{_R}", has_year=True),
    _form("March", rf"{_L}{_MON}{_R}"),
    _form("2019", rf"{_L}{_Y4}{_R}"),
    _form("'19", rf"{_L}(?P<y>['’]\d\d){_R}"),
    _form("Monday", rf"{_L}(?P<wd>{_DAY_NAME}){_R}"),
    _form(
        "2019年3月14日至16日",
        rf"(?:{_ZH_YEAR}\s*年\s*)?{_ZH_M}\s*月\s*{_ZH_D}\s*[日号號]?"
        rf"\s*[-–—~～至到]\s*(?P<d2>{_ZH_NUMBER})\s*[日号號]",
    ),
    _form("2019年3月14日", rf"{_ZH_YEAR}\s*年\s*{_ZH_M}\s*月\s*{_ZH_D}\s*[日号號]", has_year=True),
    _form("2019年3月", rf"{_ZH_YEAR}\s*年\s*{_ZH_M}\s*月(?:份)?", has_year=True),
    _form("2019年", rf"{_ZH_YEAR}\s*年"),
    _form("3月14日", rf"{_ZH_M}\s*月\s*{_ZH_D}\s*[日号號]"),
    _form("3月", rf"{_ZH_M}\s*月(?:份)?"),
    _form("星期一", rf"(?:星期|礼拜|禮拜|周|週)(?P<wd>[{ZH_WEEKDAYS}天])"),
)


def month_of(written: str) -> int:
    """Return the month, 1 to 12, of its English name or the beginning of it."""
    return next(
        number
        for number, name in enumerate(MONTHS, start=1)
        if name[:3].lower() == written[:3].lower()
    )


def write_month(month: int, like: str) -> str:
    """Write a month as long as another was written, and in its case."""
    name = MONTHS[month - 1]
    is_whole = any(like.lower() == one.lower() for one in MONTHS)
    return like_case(name if is_whole else name[:3], like)


def write_weekday(written: str, n_days: int) -> str:
    """Write the weekday that comes so many days later, as long and in the same case."""
    if written in f"{ZH_WEEKDAYS}天":
        today = ZH_WEEKDAYS.index("日" if written == "天" else written)
        return ZH_WEEKDAYS[(today + n_days) % 7]
    today = next(
        number for number, name in enumerate(WEEKDAYS) if name[:3].lower() == written[:3].lower()
    )
    name = WEEKDAYS[(today + n_days) % 7]
    return like_case(name if written.lower().endswith("day") else name[:3], written)


def like_case(word: str, like: str) -> str:
    """Write a word in the case of another: all capitals, none, or as it is."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word.lower() if like.islower() else word


def ordinal(day: int, like: str) -> str:
    """Return what follows a day's number, such as `th`, in the case of another."""
    ending = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return like_case(ending, like)


def number_of(written: str) -> int:
    """Return a number in digits, Chinese digits (a year) or Chinese numerals up to 31."""
    if written.isdecimal():
        return int(written)
    plain = written.replace("零", "〇").replace("○", "〇")
    if "十" in plain:
        tens, _, units = plain.partition("十")
        return 10 * (ZH_DIGITS.index(tens) if tens else 1) + (
            ZH_DIGITS.index(units) if units else 0
        )
    return int("".join(str(ZH_DIGITS.index(sign)) for sign in plain))


def write_number(number: int, like: str, pad: bool) -> str:
    """Write a month or day in digits or Chinese numerals, as another was written."""
    if like.isdecimal():
        return f"{number:02}" if pad or like.startswith("0") else str(number)
    tens, units = divmod(number, 10)
    return (
        ("" if tens < 2 else ZH_DIGITS[tens])
        + ("十" if tens else "")
        + (ZH_DIGITS[units] if units else "")
    )


def year_of(written: str) -> int:
    """Return the year; of two digits, 69 to 99 are the last century's, as POSIX has it."""
    digits = written.lstrip("'’")
    year = number_of(digits)
    if len(digits) > 2:
        return year
    return year + (1900 if year >= 69 else 2000)


def write_year(year: int, like: str) -> str:
    """Write a year with as many signs, and of the kind, that another was written with."""
    digits = like.lstrip("'’")
    if not digits.isdecimal():
        return "".join(ZH_DIGITS[int(digit)] for digit in f"{year:04}")
    quote = like[: len(like) - len(digits)]
    return quote + (f"{year:04}" if len(digits) > 2 else f"{year % 100:02}")

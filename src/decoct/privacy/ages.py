"""Ages: those over 89 are protected, and become one group; all others stay."""

from __future__ import annotations

import re

OLDEST = 89
GROUP, ZH_GROUP = "90 or over", "90岁以上"
_TENS = {"eighty": 80, "ninety": 90}
_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NOT_YEARS = re.compile(
    r"(?:months?|mos?|weeks?|wks?|days?|hours?|hrs?|minutes?)\b|[月周天日]", re.I
)
_IN_WORDS = re.compile(rf"\b(eighty|ninety)(?:[\s-]+({'|'.join(_UNITS)}))?\b", re.IGNORECASE)


def generalise_age(text: str) -> str | None:
    """Return an age as it may be told: itself up to 89, a group above.

    None where it can't be read, as in "elderly".

    Example:
        >>> generalise_age("92-year-old"), generalise_age("45 y/o"), generalise_age("ninety-one")
        ('90 or over', '45 y/o', '90 or over')
    """
    years = [int(found) for found in re.findall(r"\d+", text)]
    years += [
        _TENS[match[1].lower()] + (_UNITS.index(match[2].lower()) + 1 if match[2] else 0)
        for match in _IN_WORDS.finditer(text)
    ]
    if re.search(r"\bhundred\b|\bcentenarian\b|百岁", text, re.IGNORECASE):
        years.append(100)
    if not years:
        return text if re.fullmatch(r"[a-z\s-]*(?:teen|ty|teens)[a-z\s-]*", text, re.I) else None
    if max(years) <= OLDEST or _NOT_YEARS.search(text):
        return text
    return ZH_GROUP if "岁" in text else GROUP

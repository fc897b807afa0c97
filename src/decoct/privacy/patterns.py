"""What models miss and a form gives away: numbers, addresses, dates with their year.

Conservative on purpose: a number is taken only for its form or the word before it, so that doses,
counts and laboratory values stay.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from decoct.privacy import lists
from decoct.privacy.ages import OLDEST
from decoct.privacy.dates import find_dates
from decoct.privacy.labels import (
    AGE,
    DATE,
    EMAIL,
    FAX,
    IP,
    LOCATION,
    OTHER,
    PHONE,
    RECORD,
    SSN,
    URL,
)
from decoct.privacy.numbers import is_zh_id
from decoct.privacy.pieces import Piece

_L, _R = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_FAX = re.compile(r"(?:\bfax|传真)\W{0,3}(?:number|no\.?|#)?\W{0,3}$", re.IGNORECASE)
_STATES = "|".join(lists.STATES)
_CODE = r"#?\s*(?P<phi>[A-Za-z]{0,4}[-/]?\d[\dA-Za-z]*(?:[-/][\dA-Za-z]+)*)"
_SAID = (
    r"\.?\s*(?:numbers?|num\.?|no\.?|nr\.?|id|ids|#|号码|编号|号)?\s*(?:is|was|:|：|=|#|为|是)?\s*"
)
_ASSIGNED = r"(?:numbers?|num\.?|no\.?|nr\.?|id|#)\s*(?:is|was|:|：|=|#)?\s*"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A form of PHI.

    Attributes:
        name: what it is said to be found by.
        label: the type of PHI.
        expression: its group `phi`, where there is one, is what is taken.
        is_real: a closer look at what was found.
    """

    name: str
    label: str
    expression: re.Pattern[str]
    is_real: Callable[[str], bool] = bool


def _pattern(
    name: str, label: str, expression: str, is_real: Callable[[str], bool] = bool, flags: int = re.I
) -> Pattern:
    return Pattern(name, label, re.compile(expression, flags), is_real)


def _is_code(text: str) -> bool:
    return sum(char.isdecimal() for char in text) >= 4


def _is_new_ip(text: str) -> bool:
    try:
        return text.count(":") >= 2 and len(text) > 5 and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def _is_old(text: str) -> bool:
    found = re.search(r"\d+", text)
    return found is not None and OLDEST < int(found.group()) <= 125


PATTERNS = (
    _pattern(
        "email",
        EMAIL,
        r"(?<![\w.+-])[\w.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24}"
        r"(?![a-z0-9])",
        flags=re.I | re.A,
    ),
    _pattern(
        "url",
        URL,
        r"(?<![a-z0-9])(?:https?://|ftp://|www\.)[^\s<>\"'（），。；、]+"
        r"[^\s<>\"'.,;:!?)\]（），。；、]",
    ),
    _pattern("ipv4", IP, rf"(?<![\d.v])(?<!version )(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.]*\d)"),
    _pattern("ipv6", IP, r"(?<![\w:.])[0-9a-f:]{6,39}(?![\w:.])", _is_new_ip),
    _pattern("ssn", SSN, r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    _pattern(
        "ssn",
        SSN,
        r"\b(?:ssn|social security)" + _SAID + r"(?P<phi>\d{3}[ -]?\d{2}[ -]?\d{4})"
        r"(?!\d)",
    ),
    _pattern("zh_id", OTHER, r"(?<![A-Za-z0-9])\d{17}[\dXx](?![A-Za-z0-9])", is_zh_id),
    _pattern(
        "phone",
        PHONE,
        rf"{_L}(?<![\d+-])(?:\+?1[\s.-]?)?\(?\d{{3}}\)?[\s.-]\d{{3}}[.-]\d{{4}}"
        r"(?:\s*(?:x|ext\.?)\s*\d{1,5})?(?![\d-])",
    ),
    _pattern("phone", PHONE, r"(?<![\w(])\(\d{3}\)\s?\d{3}[\s.-]\d{4}(?![\d-])"),
    _pattern(
        "phone",
        PHONE,
        r"(?<![\w+])\+(?:[2-9]\d{0,2}[\s-]\(?\d{1,4}\)?(?:[\s-]\d{2,4}){1,4})"
        r"(?![\d-])",
    ),
    _pattern(
        "zh_phone",
        PHONE,
        r"(?<![\dA-Za-z.])(?:\+?86[\s-]?)?1[3-9]\d(?:\d{8}|[\s-]\d{4}[\s-]\d{4})"
        r"(?![\dA-Za-z])",
    ),
    _pattern("zh_phone", PHONE, r"(?<![\dA-Za-z.-])0\d{2,3}-\d{7,8}(?![\dA-Za-z-])"),
    _pattern(
        "phone",
        PHONE,
        r"(?:\b(?:tel|phone|telephone|mobile|fax)\b|电话|手机|传真)"
        + _SAID
        + r"(?P<phi>\+?[\d(][\d\s().-]{5,}\d)(?!\d)",
    ),
    _pattern(
        "record",
        RECORD,
        r"(?:\bmrn\b|\bmedical record\b|病历号?|住院号|门诊号)" + _SAID + _CODE,
        _is_code,
    ),
    _pattern("record", RECORD, r"\b(?:chart|hospital|patient)\s+" + _ASSIGNED + _CODE, _is_code),
    _pattern(
        "account", "ACCOUNT_NUMBER", r"\b(?:account|acct)\.?\s*" + _ASSIGNED + _CODE, _is_code
    ),
    _pattern(
        "health_plan",
        "HEALTH_PLAN_BENEFICIARY_NUMBER",
        r"(?:\b(?:policy|member|beneficiary|insurance|medicare|medicaid|health plan)\s+"
        + _ASSIGNED
        + r"|(?:医保|社保)(?:卡)?号[:：]?\s*)"
        + _CODE,
        _is_code,
    ),
    _pattern("zip", LOCATION, rf"(?-i:\b(?:{_STATES}))[ ,]+(?P<phi>\d{{5}}(?:-\d{{4}})?)(?![\d-])"),
    _pattern("zip", LOCATION, rf"\bzip(?: code)?{_SAID}(?P<phi>\d{{5}}(?:-\d{{4}})?)(?![\d-])"),
    _pattern("zip", LOCATION, r"邮(?:政?编|编)码?[:：]?\s*(?P<phi>\d{6})(?!\d)"),
    _pattern(
        "age",
        AGE,
        rf"{_L}\d{{2,3}}[\s-]?(?:year|yr)s?[\s-]?old{_R}|{_L}\d{{2,3}}\s?y/?o{_R}"
        r"|\d{2,3}岁",
        _is_old,
    ),
    _pattern(
        "age",
        AGE,
        rf"\b(?:aged?|age of)\s(?P<phi>\d{{2,3}}){_R}(?!\s*(?:days|weeks|months))",
        _is_old,
    ),
)


def find_patterns(text: str) -> Iterator[tuple[Piece, str]]:
    """Yield what has the form of PHI, and the name of the form; the pieces may overlap.

    Forms: email, url, ipv4, ipv6, ssn, phone (fax after that word), zh_phone, zh_id (its check sign
    must fit), record, account, health_plan (these after such a word only), zip (after a state or
    that word), age (over 89), date (with its year).
    """
    for pattern in PATTERNS:
        group = "phi" if "phi" in pattern.expression.groupindex else 0
        for match in pattern.expression.finditer(text):
            start, end = match.span(group)
            if not pattern.is_real(text[start:end]):
                continue
            label = pattern.label
            if label == PHONE and _is_fax(text, match):
                label = FAX
            yield Piece(start, end, label, text[start:end], "pattern"), pattern.name
    for start, end in find_dates(text):
        yield Piece(start, end, DATE, text[start:end], "pattern"), "date"


def _is_fax(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 16) : match.start()]
    return bool(_FAX.search(before)) or match.group().lower().startswith(("fax", "传真"))

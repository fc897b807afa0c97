"""Other numbers, addresses of mail and machines: digits become digits, letters letters.

Where a made-up one could be somebody's, it is one that nobody has: social security numbers of an
area never given out, hosts under the reserved `.example`, private or documentation addresses (RFC
2606, 1918, 3849), Chinese identity numbers of a province that there is none of.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import string

from decoct.privacy.dates import Shift
from decoct.privacy.draw import Draw
from decoct.privacy.key import Key
from decoct.privacy.labels import EMAIL, FAX, IP, PHONE, SSN, URL
from decoct.privacy.words import CUES, folded

_WORD = re.compile(r"[^\W\d_]+(?:'s)?")
_SSN = re.compile(r"\d{3}(\D?)\d{2}\1\d{4}")
_ZH_ID = re.compile(r"(?P<area>\d{6})(?P<born>(?:19|20)\d{6})(?P<rest>\d{3}[\dXx])")
_ZH_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ZH_CHECKS = "10X98765432"
_MAIL = re.compile(r"[^\s@<>:;,]+@[^\s@<>:;,]+")
_LINK = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)?(?P<www>www\.)?(?P<host>[^/?#\s:]+)(?P<path>\S*)",
    re.IGNORECASE,
)


class Numbers:
    """Stand-ins for identifiers of one patient or document.

    Args:
        key: of the patient or document.
        draw: likewise.
        shift: how dates are moved; a Chinese identity number holds one.
    """

    def __init__(self, key: Key, draw: Draw, shift: Shift) -> None:
        self._key = key
        self._draw = draw
        self._shift = shift

    def __call__(self, number: str) -> str | None:
        """Return digits and letters of the same shape."""
        return self.stand_in("", number)

    def stand_in(self, label: str, text: str) -> str | None:
        """Return another identifier of that type; None where nothing fits or is in it."""
        if not any(char.isalnum() for char in text):
            return None
        made = self._special(label, text)
        if made is not None:
            return made
        kind = "phone" if label in (PHONE, FAX) else "number"
        keeps = _lead(text) if kind == "number" else 0

        def other(number: int, attempt: int) -> str:
            return text[:keeps] + self._shaped(text[keeps:], number, attempt, kind)

        return self._draw.made(kind, folded(text), other)

    def _special(self, label: str, text: str) -> str | None:
        """Return a stand-in for what has a form of its own, None for all else."""
        if _ZH_ID.fullmatch(text):
            return self._draw.made("zh id", text, lambda n, k: self._zh_id(text, n, k))
        if label == SSN and _SSN.search(text):
            return self._draw.made("ssn", folded(text), lambda n, k: self._ssn(text, n, k))
        if label == EMAIL and _MAIL.search(text):
            return self._draw.made("mail", folded(text), lambda n, k: self._mail(text, n, k))
        if label == URL and "." in text:
            return self._draw.made("url", folded(text), lambda n, k: self._url(text, n, k))
        if label == IP:
            return self._draw.made("ip", folded(text), lambda n, k: _ip(text, n + k))
        return None

    def _shaped(self, text: str, number: int, attempt: int, kind: str) -> str:
        """Put other digits and letters into a text; a digit that leads and is no 0 stays so."""
        key = self._key.derive("shape", kind, folded(text), str(number), str(attempt))
        written = []
        leads = True
        for place, char in enumerate(text):
            draw = key.number(str(place))
            if char.isdecimal():
                digits = string.digits[1:] if leads and char != "0" else string.digits
                written.append(digits[draw % len(digits)])
                leads = False
            elif char.isalpha():
                letters = string.ascii_uppercase if char.isupper() else string.ascii_lowercase
                written.append(letters[draw % 26])
            else:
                written.append(char)
                leads = leads or char in "( +"
        if kind == "phone":
            return _dialable("".join(written), text)
        return "".join(written)

    def _ssn(self, text: str, number: int, attempt: int) -> str:
        digits = f"{900 + number % 100:03}{1 + number // 100 % 49:02}"
        digits += f"{(number // 4900 + attempt) % 10_000:04}"
        left = iter(digits)

        def other(match: re.Match[str]) -> str:
            return re.sub(r"\d", lambda _: next(left), match.group())

        return _SSN.sub(other, text, count=1)

    def _mail(self, text: str, number: int, attempt: int) -> str:
        def other(match: re.Match[str]) -> str:
            local, _, host = match.group().rpartition("@")
            name = self._shaped(local, number, attempt, "mail")
            return f"{name}@{self._host(host, number, attempt)}"

        return _MAIL.sub(other, text)

    def _url(self, text: str, number: int, attempt: int) -> str:
        def other(match: re.Match[str]) -> str:
            path = self._shaped(match["path"], number, attempt, "path")
            host = self._host(match["host"], number, attempt)
            return f"{match['scheme'] or ''}{match['www'] or ''}{host}{path}"

        return _LINK.sub(other, text, count=1)

    def _host(self, host: str, number: int, attempt: int) -> str:
        labels = host.split(".")
        names = labels[:-1] or labels
        return f"{self._shaped('.'.join(names), number, attempt, 'host').lower()}.example"

    def _zh_id(self, text: str, number: int, attempt: int) -> str:
        match = _ZH_ID.fullmatch(text)
        assert match is not None
        born = match["born"]
        moved = self._shift.move(int(born[:4]), int(born[4:6]), int(born[6:]))
        day = (moved or datetime.date(1970, 1, 1)).strftime("%Y%m%d")
        digits = f"99{number % 10_000:04}{day}{(number // 10_000 + attempt) % 1000:03}"
        total = sum(int(digit) * weight for digit, weight in zip(digits, _ZH_WEIGHTS, strict=True))
        return digits + _ZH_CHECKS[total % 11]


def is_zh_id(text: str) -> bool:
    """Whether a text is a Chinese identity number: 18 signs, a day of birth and the check sign."""
    if not _ZH_ID.fullmatch(text):
        return False
    try:
        datetime.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(int(d) * weight for d, weight in zip(text[:17], _ZH_WEIGHTS, strict=True))
    return _ZH_CHECKS[total % 11] == text[17].upper()


def _lead(text: str) -> int:
    """Return where the identifier begins after words that say what it is, as in `Patient ID: 7`."""
    end = 0
    for match in _WORD.finditer(text):
        if match.group().casefold() not in CUES or not re.fullmatch(
            r"[\s:#.,/()-]*", text[end : match.start()]
        ):
            break
        after = text[match.end() : match.end() + 1]
        if after and (after.isalnum() or after in "-_"):
            break  # a part of the identifier, as in MRN-12 or ID7
        end = match.end()
    return end if any(char.isalnum() for char in text[end:]) else 0


def _dialable(written: str, like: str) -> str:
    """Keep what says which kind of phone it is: a country's code, a Chinese mobile's 1."""
    digits = [place for place, char in enumerate(like) if char.isdecimal()]
    code = re.match(r"\s*\(?\+(?:1(?!\d{3}\D?\d{3}\b)|\d{1,3}(?=[\s(.-])|86|1)", like)
    signs = list(written)
    kept = code.end() if code else 0
    for place in digits:
        if place < kept:
            signs[place] = like[place]
    rest = [place for place in digits if place >= kept]
    if len(rest) == 11 and like[rest[0]] == "1" and like[rest[1]] in "3456789":
        signs[rest[0]] = "1"
        signs[rest[1]] = "3456789"[int(signs[rest[1]]) % 7]
    elif len(rest) == 11 and like[rest[0]] == "1":
        signs[rest[0]] = "1"
    return "".join(signs)


def _ip(text: str, number: int) -> str:
    try:
        is_new = ipaddress.ip_address(text.strip().strip("[]")).version == 6
    except ValueError:
        is_new = ":" in text
    if is_new:
        return str(ipaddress.ip_address((0x20010DB8 << 96) + number % 2**96))
    return str(ipaddress.ip_address((10 << 24) + number % 2**24))

"""Concept ids as corpora write them into one field: none, one, or several."""

from __future__ import annotations

import re

from decoct.records import Link

NIL = frozenset({"nil", "cui-less", "-1"})
_VARIANT = re.compile(r"[a-z]\|[A-Z]+\|.*")  # a name such as `p|SUB|V|600|E` is one id
_IDENTIFIER = re.compile(r"[A-Za-z][\w.]*:[\w.]+|[A-Za-z]{1,2}\d{4,}|\d+")
_WEAK = re.compile(r"[+,;]")


def read_link(field: str) -> Link | None:
    """Make a link of a field that names concepts.

    `|` separates ids. So does `+`, `,` or `;`, but only where everything between them is a whole
    identifier, such as `D004829` or `OMIM:612446`: the `+` of the ICD-10 code `A18.7+` is part of
    it. `NIL`, `CUI-less` and `-1` stand for none of the knowledge base's.

    Returns:
        None where the field is empty: nobody has looked.

    Example:
        >>> [read_link(field).ids for field in ("D003110|D009369", "A18.7+", "CUI-less")]
        [('D003110', 'D009369'), ('A18.7+',), ()]
    """
    parts = [part for one in _split(field.strip()) if (part := one.strip())]
    if not parts:
        return None
    first, *others = dict.fromkeys(part for part in parts if part.casefold() not in NIL) or (None,)
    return Link(id=first, also=tuple(other for other in others if other is not None))


def write_link(link: Link | None) -> str:
    """Return the field of a link: ids between `|`, `-1` for NIL, "" where there is no link."""
    if link is None:
        return ""
    return "|".join(link.ids) or "-1"


def _split(field: str) -> list[str]:
    if _VARIANT.fullmatch(field):
        return [field]
    return [part for one in field.split("|") for part in _split_weakly(one)]


def _split_weakly(field: str) -> list[str]:
    parts = [part.strip() for part in _WEAK.split(field)]
    return parts if all(map(_IDENTIFIER.fullmatch, parts)) else [field]

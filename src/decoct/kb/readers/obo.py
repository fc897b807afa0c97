r"""OBO: the terms of an ontology with their synonyms, read stanza by stanza.

Only the clauses that linking needs are looked at, so a file whose cross-references break the rules,
names terms that it does not hold or runs in circles is read all the same. pronto and fastobo, which
check everything, give up on such files; on those that they read, the tests hold this to them.

Source: The OBO Flat File Format Specification, version 1.4; of the older `exact_synonym` and its
like, the quoted text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from decoct.errors import Faults, FormatError
from decoct.kb.lines import text_lines
from decoct.kb.readers.base import Entry, Notes, ReaderSettings

Scope = Literal["EXACT", "NARROW", "BROAD", "RELATED"]
SCOPES: tuple[Scope, ...] = ("EXACT", "NARROW", "BROAD", "RELATED")

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(EXACT|NARROW|BROAD|RELATED)?')
_COMMENT = re.compile(r"(?<!\\)\s+!.*$|^!.*$")
_MODIFIERS = re.compile(r"\s*(?<!\\)\{[^{}]*=[^{}]*\}\s*$")
_ESCAPED = re.compile(r"\\(.)")
_SPECIAL = {"n": "\n", "W": " ", "t": "\t"}
_OLD_SYNONYM = re.compile(r"(exact|narrow|broad|related)_synonym")
_LICENSE = re.compile(r"(?:license|licence|rights)\s+\"?([^\"]+)", re.IGNORECASE)


def split_scopes(value: object) -> object:
    """Take `exact,narrow` for a list of two."""
    if isinstance(value, str):
        return tuple(word.strip().upper() for word in value.split(",") if word.strip())
    return value


class OntologySettings(ReaderSettings):
    """Which terms and synonyms of an ontology are taken.

    Attributes:
        scopes: synonyms of these kinds, such as `EXACT,NARROW`.
        obsolete: whether to take terms that are marked as obsolete.
    """

    scopes: Annotated[tuple[Scope, ...], BeforeValidator(split_scopes)] = SCOPES
    obsolete: bool = False


class Obo:
    """Read the `[Term]` stanzas of an OBO file."""

    name = "obo"
    suffixes = (".obo",)
    settings = OntologySettings
    repeats = False

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it begins with an OBO header or a stanza."""
        del path
        head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return head.startswith(b"format-version:") or b"\n[Term]" in head

    def files(self, path: Path) -> list[Path]:
        """Return the file."""
        return [path]

    def read(self, path: Path, settings: OntologySettings, notes: Notes) -> Iterator[Entry]:
        """Yield an entry for each term that is not obsolete.

        Raises:
            FormatError: there is no term in the file.
        """
        namespace, n_terms = "", 0
        for kind, clauses in _stanzas(path, notes.faults):
            if not kind:
                namespace = _read_header(clauses, notes)
            elif kind == "Term":
                n_terms += 1
                stanza = _Stanza(path, clauses, settings, notes.faults)
                if stanza.obsolete and not settings.obsolete:
                    notes.left_out["obsolete"] += 1
                else:
                    yield stanza.entry(namespace)
        if not n_terms:
            raise FormatError(f"{path}: holds no [Term]; is it an OBO file?")


Clause = tuple[int, str, str]


def _stanzas(path: Path, faults: Faults) -> Iterator[tuple[str, list[Clause]]]:
    """Yield (kind, or "" for the header; its clauses as line number, tag and value)."""
    kind, clauses = "", list[Clause]()
    for number, raw in text_lines(path, faults):
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            yield kind, clauses
            kind, clauses = line[1:-1].strip(), [(number, "", "")]
            continue
        if not line or line.startswith("!"):
            continue
        tag, colon, value = line.partition(":")
        if colon:
            clauses.append((number, tag.strip(), value.strip()))
        elif kind in ("", "Term"):
            faults.add(f"{path}:{number}", "not `tag: value`; the line is left out", "bad_clause")
    yield kind, clauses


def _read_header(clauses: list[Clause], notes: Notes) -> str:
    """Take release and terms from the header, and return the default namespace."""
    said = {tag: value for _, tag, value in reversed(clauses)}
    notes.release = said.get("data-version", "") or said.get("date", "")
    for _, tag, value in clauses:
        if tag == "property_value" and (match := _LICENSE.search(value)):
            notes.license_note = notes.license_note or match[1].strip()
    for _, tag, value in clauses:
        if tag == "remark" and re.search(r"licen[cs]e", value, re.IGNORECASE):
            notes.license_note = notes.license_note or _unescaped(value)
    return _unescaped(said.get("default-namespace", ""))


class _Stanza:
    """One term, clause by clause."""

    def __init__(
        self, path: Path, clauses: list[Clause], settings: OntologySettings, faults: Faults
    ) -> None:
        self._path = path
        self._faults = faults
        self._scopes = settings.scopes
        self.line = clauses[0][0]
        self.obsolete = False
        self._plain: dict[str, list[str]] = {}
        self._synonyms: list[str] = []
        self._definition = ""
        for number, tag, value in clauses:
            self._take(number, tag, value)

    def _take(self, number: int, tag: str, value: str) -> None:
        if tag in ("id", "name", "alt_id", "namespace"):
            plain = _unescaped(_MODIFIERS.sub("", _COMMENT.sub("", value)).strip())
            self._plain.setdefault(tag, []).append(plain)
        elif tag == "is_obsolete":
            self.obsolete = value.split()[:1] == ["true"]
        elif tag == "def":
            self._definition = self._quoted(number, tag, value)[0]
        elif tag == "synonym" or _OLD_SYNONYM.fullmatch(tag):
            text, scope = self._quoted(number, tag, value)
            old = _OLD_SYNONYM.fullmatch(tag)
            if (old[1].upper() if old else scope or "RELATED") in self._scopes:
                self._synonyms.append(text)

    def _quoted(self, number: int, tag: str, value: str) -> tuple[str, str]:
        """Return the quoted text and the scope behind it, both "" where the clause is broken."""
        match = _QUOTED.match(value)
        if match is None:
            reason = f"{tag}: no text in double quotes; the line is left out"
            self._faults.add(f"{self._path}:{number}", reason, "bad_clause")
            return "", ""
        return _unescaped(match[1]), match[2] or ""

    def entry(self, namespace: str) -> Entry:
        """Return what the stanza says, in the ontology's namespace where it names none."""
        plain = self._plain
        return Entry(
            id=next(iter(plain.get("id", [])), ""),
            names=[(name, "") for name in (*plain.get("name", []), *self._synonyms)],
            definition=self._definition,
            types=plain.get("namespace", [namespace]),
            alternatives=plain.get("alt_id", []),
            line=self.line,
        )


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: _SPECIAL.get(match[1], match[1]), text)


plugin = Obo()

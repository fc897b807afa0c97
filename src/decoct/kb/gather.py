"""From what a source says, place by place, to entities that can be kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from decoct.kb.base import Entity
from decoct.kb.readers.base import Entry, Notes, ReaderSettings
from decoct.records import describe, one_line

MAX_NAME_CHARS = 4_000  # UMLS's longest have 3,000
MAX_DEFINITION_CHARS = 100_000
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Gathering:
    """Cleans entries and puts those of one entity together.

    Attributes:
        path: the file that lines are counted in.
        settings: what the reader was told.
        notes: gets faults, and counts what is left out.
        repeats: whether entries that follow each other under one id are one entity.
    """

    path: Path
    settings: ReaderSettings
    notes: Notes
    repeats: bool

    def entities(self, entries: Iterable[Entry]) -> Iterator[tuple[Entity, int]]:
        """Yield entities, each with the line that it starts on."""
        current: Entry | None = None
        for entry in entries:
            self._clean(entry)
            if not entry.id:
                self._fault(entry, "no id; it is left out", "no_id")
            elif current and self.repeats and current.id == entry.id:
                _absorb(current, entry)
            else:
                if current:
                    yield from self._made(current)
                current = entry
        if current:
            yield from self._made(current)

    def where(self, line: int, id_: str) -> str:
        """Name a place of the source."""
        return f"{self.path}:{line}" if line else f"{self.path}: {one_line(id_)}"

    def _clean(self, entry: Entry) -> None:
        entry.id = self._text(entry, entry.id, MAX_NAME_CHARS, "id")
        names = []
        for name, language in entry.names:
            if clean := self._text(entry, name, MAX_NAME_CHARS, "name"):
                names.append((clean, language or self.settings.name_language))
        entry.names = names
        entry.definition = self._text(entry, entry.definition, MAX_DEFINITION_CHARS, "definition")
        entry.types = [tidy for each in entry.types if (tidy := _tidy(each))]
        entry.alternatives = [tidy for each in entry.alternatives if (tidy := _tidy(each))]

    def _text(self, entry: Entry, text: str, most_chars: int, what: str) -> str:
        """Return a text with single spaces and no control characters; "" if it is too long."""
        if not text or (
            text.isprintable() and "  " not in text and text[0] != " " and text[-1] != " "
        ):
            clean = text
        else:
            clean = _tidy(text)
            if any(unicodedata.category(char) == "Cc" and not char.isspace() for char in text):
                reason = f"{what} {_shown(clean)} held control characters; they are taken out"
                self._fault(entry, reason, "control_characters")
        if len(clean) > most_chars:
            reason = f"{what} of {len(clean)} characters ({_shown(clean)}) is left out"
            self._fault(entry, f"{reason}; the most is {most_chars}", "too_long")
            return ""
        return clean

    def _made(self, entry: Entry) -> Iterator[tuple[Entity, int]]:
        if not entry.names:
            self._fault(entry, f"{_shown(entry.id)} has no name; it is left out", "no_name")
            return
        if self.settings.keep_types and not set(self.settings.keep_types) & set(entry.types):
            self.notes.left_out["other_type"] += 1
            return
        name, *aliases = dict.fromkeys(name for name, _ in entry.names)
        languages: dict[str, str] = {}
        for each, language in entry.names:
            if language:
                languages.setdefault(each, language)
        try:
            yield (
                Entity(
                    id=entry.id,
                    name=name,
                    aliases=tuple(aliases),
                    definition=entry.definition,
                    types=tuple(dict.fromkeys(entry.types)),
                    languages=languages,
                    alternatives=tuple(
                        other for other in dict.fromkeys(entry.alternatives) if other != entry.id
                    ),
                ),
                entry.line,
            )
        except ValidationError as error:  # a lone surrogate, which JSON can spell
            self._fault(entry, describe(error, quote=False), "bad_entry")

    def _fault(self, entry: Entry, reason: str, kind: str) -> None:
        self.notes.faults.add(self.where(entry.line, entry.id), reason, kind)


def _absorb(entry: Entry, more: Entry) -> None:
    entry.names += more.names
    entry.definition = entry.definition or more.definition
    entry.types += more.types
    entry.alternatives += more.alternatives


def _tidy(text: str) -> str:
    """Return a text without control characters, every run of spaces as one."""
    if not text.isprintable():
        text = "".join(
            char for char in text if char.isspace() or unicodedata.category(char) != "Cc"
        )
    return " ".join(text.split())


def _shown(text: str) -> str:
    cut = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
    return repr(cut)

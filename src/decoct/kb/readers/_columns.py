"""Which column, or key, of a source holds what: named, or guessed by the usual words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from decoct.errors import ConfigError
from decoct.kb.readers.base import Entry, ReaderSettings, Words
from decoct.registry import nearest

USUAL = {
    "id": "concept_id id cui code identifier curie subject_id 编码 代码 诊断编码",
    "name": (
        "name preferred_name canonical_name label preferred_label pref_label term preferred_term "
        "concept_name title str source_value 名称 标准名称 诊断名称"
    ),
    "alias": (
        "alias aliases synonym synonyms alt_label alt_labels other_names also_known_as "
        "translation_value 别名 同义词"
    ),
    "definition": "definition def description 定义",
    "type": "type types tui tuis semantic_type semantic_types category namespace 类型",
    "language": "language lang name_language source_language 语言",
    "alias_language": "alias_language translation_language",
    "alternative": "alternatives alternative_ids alt_id alt_ids alternate_ids",
}
_SEVERAL = frozenset({"alias", "type", "alternative"})  # every column that fits is one
_FROM = re.compile(r"(\d+)-")

Cell = str | Sequence[str]


class ColumnSettings(ReaderSettings):
    """Which column holds what: by its name, or by its number from 1.

    Several columns are parted by commas; `4-` is the fourth and all that follow. What is not named
    is guessed by the usual words, such as `concept_id` or `synonyms`.

    Attributes:
        id: of the entity; what stands behind the first `separator` are other ids that it goes by.
        name: its preferred name; what stands behind the first `separator` are aliases.
        alias: other names.
        definition: what it is.
        type: semantic types.
        language: language tag of `name`, and of `alias` where those have no column of their own.
        alias_language: language tag of `alias`.
        alternative: other ids that it goes by.
        separator: what parts several values in one cell; "" for cells of one value each.
        only: `COLUMN=VALUE`, to read those rows alone.
    """

    id: Words = ()
    name: Words = ()
    alias: Words = ()
    definition: Words = ()
    type: Words = ()
    language: Words = ()
    alias_language: Words = ()
    alternative: Words = ()
    separator: str = "|"
    only: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands in a row.

    Attributes:
        places: field -> positions, from 0.
        tail: field -> position from which on all cells are its.
        only: position and value that a row must have to be read, or None.
        separator: what parts several values in one cell.
    """

    places: Mapping[str, tuple[int, ...]]
    tail: Mapping[str, int]
    only: tuple[int, str] | None
    separator: str

    @classmethod
    def find(cls, header: Sequence[str], settings: ColumnSettings, where: str) -> Columns:
        """Find the columns that the settings name, or that the usual words give.

        Args:
            header: the columns' names; empty where there are none and numbers count.
            settings: which to take.
            where: of the header, for messages.

        Raises:
            ConfigError: a column is not there, or none can be guessed for ids or names.
        """
        places: dict[str, tuple[int, ...]] = {}
        tail: dict[str, int] = {}
        taken: set[int] = set()
        for field in USUAL:
            named: tuple[str, ...] = getattr(settings, field)
            plain = [word for word in named if not _FROM.fullmatch(word)]
            for word in named:
                if match := _FROM.fullmatch(word):
                    tail[field] = int(match[1]) - 1
            found = (
                [_position(header, word, f"{field}=", where) for word in plain]
                if named
                else _guess(field, header, taken)
            )
            places[field] = tuple(found)
            taken.update(found)
        for field in ("id", "name"):
            if not places[field] and field not in tail:
                raise _no_column(field, header, where, hasattr(settings, "header"))
        return cls(places, tail, _only(header, settings.only, where), settings.separator)

    def entry(self, cells: Sequence[Cell], line: int) -> Entry | None:
        """Make an entry of a row, or return None for one that is not to be read."""
        if self.only and (
            self.only[0] >= len(cells) or _text(cells[self.only[0]]).strip() != self.only[1]
        ):
            return None
        ids = self._values("id", cells)
        language = self._first("language", cells)
        names = [(name, language) for name in self._values("name", cells)]
        if aliases := self._values("alias", cells):
            language = self._first("alias_language", cells) or language
            names += [(alias, language) for alias in aliases]
        return Entry(
            id=ids[0] if ids else "",
            names=names,
            definition=" ".join(map(_text, self._cells("definition", cells))),
            types=self._values("type", cells),
            alternatives=ids[1:] + self._values("alternative", cells),
            line=line,
        )

    def _cells(self, field: str, cells: Sequence[Cell]) -> list[Cell]:
        found = [cells[place] for place in self.places[field] if place < len(cells)]
        return found + list(cells[self.tail[field] :]) if field in self.tail else found

    def _values(self, field: str, cells: Sequence[Cell]) -> list[str]:
        values: list[str] = []
        for cell in self._cells(field, cells):
            if not isinstance(cell, str):
                values += cell
            elif self.separator and self.separator in cell:
                values += [part for part in cell.split(self.separator) if part.strip()]
            elif cell.strip():
                values.append(cell)
        return values

    def _first(self, field: str, cells: Sequence[Cell]) -> str:
        return next(iter(self._values(field, cells)), "").strip()


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else " ".join(cell)


def _guess(field: str, header: Sequence[str], taken: set[int]) -> list[int]:
    """Return the positions whose names are among the usual ones, the most usual first."""
    if not header:
        return {"id": [0], "name": [1]}.get(field, [])
    words = {_folded(word): place for place, word in reversed(list(enumerate(header)))}
    found = [words[word] for word in USUAL[field].split() if word in words]
    free = [place for place in found if place not in taken]
    return free if field in _SEVERAL else free[:1]


def _position(header: Sequence[str], word: str, flag: str, where: str) -> int:
    if word in header:
        return list(header).index(word)
    folded = [_folded(each) for each in header]
    if _folded(word) in folded:
        return folded.index(_folded(word))
    if (
        word.isascii()
        and word.isdigit()
        and int(word) > 0
        and (not header or int(word) <= len(header))
    ):
        return int(word) - 1
    raise ConfigError(
        f"{where}: {flag}{word}: no such column{nearest(word, header)}{_listed(header)}"
    )


def _only(header: Sequence[str], condition: str, where: str) -> tuple[int, str] | None:
    if not condition:
        return None
    column, equals, value = condition.partition("=")
    if not equals:
        raise ConfigError(f"{where}: only={condition}: write only=COLUMN=VALUE")
    return _position(header, column.strip(), "only=", where), value.strip()


def _no_column(field: str, header: Sequence[str], where: str, is_table: bool) -> ConfigError:
    what = {"id": "ids", "name": "names"}[field]
    way_out = f"{field}=COLUMN, or header=false if the first row is an entity"
    return ConfigError(
        f"{where}: no {'column' if is_table else 'key'} for {what}{_listed(header)}; "
        f"give {way_out if is_table else f'{field}=KEY'}"
    )


def _listed(header: Sequence[str]) -> str:
    return f"; there are: {', '.join(word or repr(word) for word in header)}" if header else ""


def _folded(word: str) -> str:
    return re.sub(r"[\s_\-.]+", "_", word.strip().casefold())

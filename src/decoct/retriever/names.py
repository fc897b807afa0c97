"""Tables of names: every name of every entity, mapped from disk, and whose it is."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decoct.kb.base import Entity
from decoct.retriever.arrays import Array, damaged, open_array, save_array


@dataclass(frozen=True, slots=True)
class Strings:
    """Strings in one stretch of UTF-8.

    Attributes:
        text: (n_bytes,) uint8.
        starts: (n_strings + 1,) int64, where each begins; the last one says where all end.
    """

    text: Array
    starts: Array

    @classmethod
    def open(cls, folder: Path, name: str) -> Strings:
        """Map what `save` wrote.

        Raises:
            ArtifactError: it is missing or damaged.
        """
        starts = open_array(folder / f"{name}.starts.npy", np.int64)
        if not len(starts):
            raise damaged(folder / f"{name}.starts.npy", "is empty")
        return cls(open_array(folder / f"{name}.npy", np.uint8, int(starts[-1])), starts)

    def save(self, folder: Path, name: str) -> None:
        """Write them as two files."""
        save_array(folder / f"{name}.npy", self.text)
        save_array(folder / f"{name}.starts.npy", self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> str:
        return self.text[self.starts[row] : self.starts[row + 1]].tobytes().decode()

    def slice(self, first: int, last: int) -> list[str]:
        """Return the strings of rows [first, last)."""
        edges = self.starts[first : last + 1].tolist()
        if len(edges) < 2:
            return []
        text = self.text[edges[0] : edges[-1]].tobytes()
        ends = [edge - edges[0] for edge in edges]
        return [text[start:end].decode() for start, end in pairwise(ends)]


class _Packing:
    """Strings being put together."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts = array("q", [0])

    def add(self, string: str) -> None:
        """Put one more at the end."""
        self._text += string.encode()
        self._starts.append(len(self._text))

    def strings(self) -> Strings:
        """Return them all; no more can be added then."""
        text = np.frombuffer(self._text or b"", dtype=np.uint8)
        return Strings(text, _numbers(self._starts))


def _numbers(numbers: array[int]) -> NDArray[np.int64]:
    return np.array(numbers, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class NameTable:
    """The names of some entities; an entity's stand together, the preferred one first.

    Attributes:
        names: of all.
        entities: (n_names,) int32, whose each is: a number, rising from 0.
        firsts: (n_entities + 1,) int32, row of each entity's first name; the last is `n_names`.
        ids: of the entities.
        kb_rows: (n_entities,) int64, the entities' rows in the store.
    """

    names: Strings
    entities: Array
    firsts: Array
    ids: Strings
    kb_rows: Array

    @classmethod
    def of(cls, entities: Iterable[tuple[int, Entity]]) -> NameTable:
        """Make a table of (row in the store, entity)."""
        names, ids = _Packing(), _Packing()
        counts, kb_rows = array("q"), array("q")
        for row, entity in entities:
            for name in entity.names:
                names.add(name)
            ids.add(entity.id)
            counts.append(len(entity.names))
            kb_rows.append(row)
        return cls.joined(names.strings(), ids.strings(), _numbers(counts), _numbers(kb_rows))

    @classmethod
    def joined(
        cls, names: Strings, ids: Strings, counts: NDArray[np.int64], kb_rows: NDArray[np.int64]
    ) -> NameTable:
        """Make a table of names and of how many of them each entity has."""
        firsts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        numbers = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        return cls(names, numbers, firsts, ids, kb_rows)

    @classmethod
    def open(cls, folder: Path) -> NameTable:
        """Map what `save` wrote.

        Raises:
            ArtifactError: it is missing or damaged.
        """
        names, ids = Strings.open(folder, "names"), Strings.open(folder, "ids")
        return cls(
            names,
            open_array(folder / "entities.npy", np.int32, len(names)),
            open_array(folder / "firsts.npy", np.int32, len(ids) + 1),
            ids,
            open_array(folder / "kb_rows.npy", np.int64, len(ids)),
        )

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.names.save(folder, "names")
        self.ids.save(folder, "ids")
        save_array(folder / "entities.npy", self.entities)
        save_array(folder / "firsts.npy", self.firsts)
        save_array(folder / "kb_rows.npy", self.kb_rows)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def n_entities(self) -> int:
        """How many entities have these names."""
        return len(self.ids)

    def chunks(self, size: int) -> Iterator[tuple[int, list[str]]]:
        """Yield (first row, names) for all rows, `size` at a time."""
        for first in range(0, len(self), size):
            yield first, self.names.slice(first, min(first + size, len(self)))


class Names:
    """The names of all segments: rows and entities are counted through.

    Args:
        tables: the segments'.
        living: (n_kb_rows,) bool, which rows of the knowledge base's store hold an entity.

    Attributes:
        alive: for each segment, (n_names,) bool, whether the name's entity was not removed.
        owners: (n_names of all,) int32, the entity that each name is of, -1 if it was removed.
        firsts: (n_entities of all + 1,) int64, where each entity's names begin.
    """

    def __init__(self, tables: Sequence[NameTable], living: NDArray[np.bool_]) -> None:
        self.tables = tables
        self.alive = [living[table.kb_rows][table.entities] for table in tables]
        sizes = [len(table) for table in tables]
        self._rows = [0, *accumulate(sizes)]
        counts = [table.n_entities for table in tables]
        self._entities = [0, *accumulate(counts)]
        self.owners = np.concatenate(
            [
                np.where(alive, table.entities + np.int32(first), np.int32(-1))
                for table, alive, first in zip(tables, self.alive, self._entities, strict=False)
            ]
        )
        self.firsts = np.concatenate(
            [
                *(table.firsts[:-1] + row for table, row in zip(tables, self._rows, strict=False)),
                self._rows[-1:],
            ]
        ).astype(np.int64)

    @property
    def n_alive(self) -> int:
        """How many names are living."""
        return sum(int(np.count_nonzero(alive)) for alive in self.alive)

    @property
    def n_entities(self) -> int:
        """How many entities are living."""
        return len(np.unique(self.owners[self.owners >= 0]))

    def __getitem__(self, row: int) -> str:
        number = bisect_right(self._rows, row) - 1
        return self.tables[number].names[row - self._rows[number]]

    def id_of(self, entity: int) -> str:
        """Return the id of an entity."""
        number = bisect_right(self._entities, entity) - 1
        return self.tables[number].ids[entity - self._entities[number]]

    def merged(self, renumbered: NDArray[np.int64] | None = None) -> NameTable:
        """Return one table of all living names.

        Args:
            renumbered: (n_kb_rows,) the store's new row for each old one; None leaves them.
        """
        names, ids = _Packing(), _Packing()
        counts, kb_rows = array("q"), array("q")
        for table, alive in zip(self.tables, self.alive, strict=True):
            for entity in np.unique(table.entities[alive]).tolist():
                first, last = int(table.firsts[entity]), int(table.firsts[entity + 1])
                for name in table.names.slice(first, last):
                    names.add(name)
                ids.add(table.ids[entity])
                counts.append(last - first)
                kb_rows.append(int(table.kb_rows[entity]))
        rows = _numbers(kb_rows)
        rows = rows if renumbered is None else renumbered[rows]
        return NameTable.joined(names.strings(), ids.strings(), _numbers(counts), rows)

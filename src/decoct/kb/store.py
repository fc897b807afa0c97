"""A knowledge base on disk: found by id, by name or in order, without holding it in memory."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from decoct.errors import RecordError, StoreError
from decoct.kb.base import Entity
from decoct.kb.changes import append_changes, check_current
from decoct.kb.draft import Repeated, name_key, write_draft
from decoct.kb.folder import Layout, Tables, broken, commit, locked, next_number, read_stored
from decoct.kb.manifest import Manifest

_CHUNK = 1 << 8  # rows that are read at once


class EntityStore:
    """The entities of a knowledge base, read from its folder when they are asked for.

    Entities are in the order in which they were written; what a change adds comes last. Each has a
    row, a number that stays the same until `compact`. Several threads may read.

    Attributes:
        folder: where it is.
        manifest: where it is from, and what is in it.
        n_rows: rows, those of removed entities included; a change adds its own after these.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = EntityStore.write(folder, [Entity(id="C1", name="MI")])
        ...     store["C1"].name, len(store)
        ('MI', 1)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stored = read_stored(folder)
        self.manifest: Manifest = self._stored.manifest
        layout = self._stored.layout
        self.n_rows = layout.n_rows
        path = folder / layout.entities
        try:
            self._file: IO[bytes] = path.open("rb", buffering=0)
        except OSError as error:
            raise broken(folder, f"{path.name} can't be read ({error.strerror})") from None
        weakref.finalize(self, self._file.close)
        n_bytes = os.fstat(self._file.fileno()).st_size
        if n_bytes < layout.n_bytes:
            raise broken(folder, f"{path.name} has {n_bytes} bytes")
        self._tables = Tables.open(folder, layout)
        self._seeking = threading.Lock()

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a knowledge base.

        Raises:
            StoreError: the folder holds none, or a broken one.
        """
        return cls(Path(folder))

    @classmethod
    def write(
        cls,
        folder: str | Path,
        entities: Iterable[Entity],
        manifest: Manifest | Callable[[], Manifest] | None = None,
        *,
        repeated: Repeated | None = None,
    ) -> Self:
        """Write entities as they come, and open what was written.

        Entities of one id become one. What was in the folder before stays until all is written.

        Args:
            folder: made where there is none.
            entities: in any order.
            manifest: where they are from; the counts are made here. A function is called when the
                last entity was taken.
            repeated: called for each id that came more than once, with the places, from 0.

        Raises:
            FormatError: there is no entity.
            StoreError: the folder can't be written.
        """
        folder = Path(folder)
        number = next_number(folder)
        name, draft = write_draft(folder, number, entities, repeated)
        layout = Layout(
            entities=name, n_bytes=draft.n_bytes, n_rows=draft.n_rows, generation=number + 1
        )
        tables = Tables(draft.lines(), draft.ids(), draft.names())
        given = manifest() if callable(manifest) else manifest
        commit(folder, given or Manifest(), layout, tables, draft.census)
        return cls(folder)

    @property
    def content_hash(self) -> str:
        """Hash of ids and names, by which an index knows its knowledge base."""
        return self.manifest.content_hash

    def __len__(self) -> int:
        return self.manifest.n_entities

    def __iter__(self) -> Iterator[Entity]:
        return (entity for _, entity in self.rows())

    def rows(self) -> Iterator[tuple[int, Entity]]:
        """Yield each entity's row and the entity, in order."""
        for first in range(0, self.n_rows, _CHUNK):
            starts, lengths = self._tables.lines[:, first : first + _CHUNK + 1].tolist()
            end = starts[_CHUNK] if len(starts) > _CHUNK else self._stored.layout.n_bytes
            lines = self._read(starts[0], end - starts[0]).split(b"\n")
            for row, (line, length) in enumerate(
                zip(lines[:-1], lengths, strict=False), start=first
            ):
                if length:
                    yield row, self._parse(line, row)

    def ids(self) -> Iterator[str]:
        """Yield the ids, in order."""
        return (entity.id for entity in self)

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self._find(id_) is not None

    def __getitem__(self, id_: str) -> Entity:
        found = self._find(id_)
        if found is None:
            raise KeyError(id_)
        return found[1]

    def get(self, id_: str) -> Entity | None:
        """Return the entity of an id, its own or another of its, or None."""
        found = self._find(id_)
        return found[1] if found else None

    def main_id(self, id_: str) -> str | None:
        """Return the own id of what goes by an id, or None."""
        entity = self.get(id_)
        return entity.id if entity else None

    def row_of(self, id_: str) -> int:
        """Return the row of an id.

        Raises:
            KeyError: no entity has it.
        """
        found = self._find(id_)
        if found is None:
            raise KeyError(id_)
        return found[0]

    def at(self, row: int) -> Entity:
        """Return the entity of a row.

        Raises:
            StoreError: there is no such row, or its entity was removed.
        """
        start, length = (
            (int(edge) for edge in self._tables.lines[:, row]) if 0 <= row < self.n_rows else (0, 0)
        )
        if not length:
            raise StoreError(f"{self.folder}: has no row {row}; is the index another one's?")
        return self._parse(self._read(start, length), row)

    def live_rows(self) -> npt.NDArray[np.int64]:
        """Return the rows of entities that were not removed, rising: (n_entities,) int64."""
        return np.flatnonzero(self._tables.lines[1])

    def named(self, name: str) -> tuple[Entity, ...]:
        """Return the entities that have a name, case and spaces aside, in order."""
        key = name_key(name)
        found = (self.at(row) for row in self._tables.names.rows(key))
        return tuple(each for each in found if key in map(name_key, each.names))

    def with_changes(self, add: Iterable[Entity] = (), remove: Iterable[str] = ()) -> Self:
        """Add and remove entities in the folder, and open what it is then.

        An added entity takes the place of the one of its id. Only the changes are read and written,
        and the tables; removed lines stay in the file until `compact`.

        Raises:
            RecordError: an id to remove is not there; nothing is changed.
            StoreError: the folder can't be written, or was changed since this was opened.
        """
        new: dict[str, Entity] = {}
        for entity in add:
            new[entity.id] = new[entity.id].merged(entity) if entity.id in new else entity
        gone = self._own(remove) | self._own(new, missing_ok=True)
        if not new and not gone:
            return self
        append_changes(self.folder, self._stored, self._tables, list(new.values()), gone)
        return type(self)(self.folder)

    def compact(self) -> Self:
        """Write the folder anew without removed entities, and open it; rows are numbered anew."""
        with locked(self.folder / self._stored.layout.entities):
            check_current(self.folder, self._stored)
            return type(self).write(self.folder, self, self.manifest)

    def __repr__(self) -> str:
        return f"EntityStore({str(self.folder)!r}, {len(self)} entities)"

    def _own(self, ids: Iterable[str], *, missing_ok: bool = False) -> dict[int, Entity]:
        """Return row -> entity of those whose own id is among these."""
        found: dict[int, Entity] = {}
        for id_ in ids:
            row, entity = self._find(id_) or (-1, None)
            if entity is not None and entity.id == id_:
                found[row] = entity
            elif not missing_ok:
                raise RecordError(f"{self.folder}: has no entity {id_!r}; nothing was changed")
        return found

    def _find(self, id_: str) -> tuple[int, Entity] | None:
        other = None
        for row in self._tables.ids.rows(id_):
            entity = self.at(row)
            if entity.id == id_:
                return row, entity
            if id_ in entity.alternatives and other is None:
                other = row, entity
        return other

    def _read(self, start: int, length: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), length, start)
        with self._seeking:
            self._file.seek(start)
            return self._file.read(length)

    def _parse(self, line: bytes, row: int) -> Entity:
        try:
            return Entity.from_json(line)
        except RecordError as error:
            raise broken(self.folder, f"row {row} is no entity ({error})") from None

"""Entities on their way into a store: lines written one after another, and tables of where."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import numpy as np

from decoct.errors import FormatError, StoreError
from decoct.kb.base import Entity
from decoct.kb.lookup import Lookup, Table, key_hash
from decoct.kb.manifest import Census

Repeated = Callable[[str, list[int]], None]


def name_key(name: str) -> str:
    """Return what names that differ in case and spaces alone have in common."""
    return " ".join(name.casefold().split())


class Draft:
    """Writes entities as lines of a file, and remembers where; memory holds numbers alone.

    Args:
        handle: the file, open for writing in binary.
        n_bytes: how long it is already.
        n_rows: how many rows, live or dead, are before the first that is added.
        census: gone on with.
    """

    def __init__(
        self, handle: IO[bytes], n_bytes: int = 0, n_rows: int = 0, census: Census | None = None
    ) -> None:
        self._handle = handle
        self.n_bytes = n_bytes
        self.n_rows = n_rows
        self.census = census or Census()
        self._starts, self._lengths = array("Q"), array("Q")
        self._own = array("Q")  # hash of each row's own id
        self._ids, self._id_rows = array("Q"), array("Q")
        self._names, self._name_rows = array("Q"), array("Q")

    def add(self, entity: Entity) -> None:
        """Write one entity.

        Raises:
            StoreError: the disk is full.
        """
        line = entity.to_json().encode() + b"\n"
        try:
            self._handle.write(line)
        except OSError as error:
            name = getattr(self._handle, "name", "knowledge base")
            raise StoreError(f"{name}: can't be written: {error.strerror or error}") from None
        self._starts.append(self.n_bytes)
        self._lengths.append(len(line))
        self._own.append(key_hash(entity.id))
        for id_ in {entity.id, *entity.alternatives}:
            self._ids.append(key_hash(id_))
            self._id_rows.append(self.n_rows)
        for key in {name_key(name) for name in entity.names}:
            self._names.append(key_hash(key))
            self._name_rows.append(self.n_rows)
        self.census.add(entity)
        self.n_bytes += len(line)
        self.n_rows += 1

    def lines(self) -> Table:
        """Return (2, n_rows) uint64: where each added line starts, and its length in bytes."""
        return np.stack([np.asarray(self._starts), np.asarray(self._lengths)]).astype(np.uint64)

    def ids(self) -> Lookup:
        """Return the rows that each id, an entity's own or another of its, is in."""
        return Lookup.build(self._ids, self._id_rows)

    def names(self) -> Lookup:
        """Return the rows that each name is in, case and spaces aside."""
        return Lookup.build(self._names, self._name_rows)

    def repeats(self, path: Path) -> dict[str, list[int]]:
        """Return the ids that more than one row has as its own, and those rows, rising.

        Args:
            path: the file that was written, closed.
        """
        hashes = np.asarray(self._own)
        order = np.argsort(hashes, kind="stable")
        same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
        found: dict[str, list[int]] = defaultdict(list)
        with path.open("rb") as handle:
            for row in np.unique(order[np.concatenate([same, same + 1])]):
                handle.seek(self._starts[row])
                found[Entity.from_json(handle.readline()).id].append(int(row))
        return {id_: rows for id_, rows in found.items() if len(rows) > 1}


def write_draft(
    folder: Path, number: int, entities: Iterable[Entity], repeated: Repeated | None
) -> tuple[str, Draft]:
    """Write entities to a new file of a folder, those of one id as one; return its name.

    Args:
        folder: where.
        number: of the new file, and with the next one free too.
        entities: in any order.
        repeated: called for each id that came more than once, with the places, from 0.

    Raises:
        FormatError: there is no entity.
        StoreError: the file can't be written.
    """
    path, second = (folder / f"entities.{number + more}.jsonl" for more in (0, 1))
    try:
        with _new(path) as handle:
            draft = Draft(handle)
            for entity in entities:
                draft.add(entity)
        if not draft.n_rows:
            raise FormatError(f"{folder}: no entity to write; a knowledge base needs one at least")
        repeats = draft.repeats(path)
        if repeated:
            for id_, rows in repeats.items():
                repeated(id_, rows)
        if repeats:
            draft = _write_merged(path, draft, repeats, second)
            path.unlink()
            path = second
    except BaseException:
        path.unlink(missing_ok=True)
        second.unlink(missing_ok=True)
        raise
    return path.name, draft


def _write_merged(path: Path, draft: Draft, repeats: dict[str, list[int]], out: Path) -> Draft:
    """Write a draft's lines once more, entities of one id as one, where the first of them stood.

    Args:
        path: the draft's file, closed.
        draft: what was written to it.
        repeats: id -> its rows.
        out: the new file.
    """
    others = {rows[0]: rows[1:] for rows in repeats.values()}
    later = {row for rows in others.values() for row in rows}
    starts = draft.lines()[0]
    with path.open("rb") as lines, path.open("rb") as aside, _new(out) as handle:
        merged = Draft(handle)
        for row, line in enumerate(lines):
            if row in later:
                continue
            entity = Entity.from_json(line)
            for other in others.get(row, ()):
                aside.seek(int(starts[other]))
                entity = entity.merged(Entity.from_json(aside.readline()))
            merged.add(entity)
    return merged


def _new(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise StoreError(f"{path}: can't be written: {error.strerror or error}") from None

"""The folder that a knowledge base is kept in.

::

    manifest.json       where it is from, what is in it, and which of the files below are meant
    entities.0.jsonl    one entity a line, a row; changes are added at its end
    lines.1.npy         where each row starts, and its length; 0 for one that was removed
    ids.1.npy           hashes of ids in order, and the row of each
    names.1.npy         hashes of names, case aside, in order, and the row of each

Whatever is written anew gets the next number, and counts when the manifest, written last and in one
step, says so. Who has the folder open goes on with what was there before.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from decoct.errors import StoreError
from decoct.kb.base import Entity
from decoct.kb.draft import name_key
from decoct.kb.lookup import Lookup, Table, key_hash, open_array, save_array
from decoct.kb.manifest import Census, Manifest
from decoct.records import describe
from decoct.store import write_text

MANIFEST = "manifest.json"
_NUMBERED = re.compile(r"(entities|lines|ids|names)\.(\d+)\.(jsonl|npy)")
_EXAMPLES = 5


class Layout(BaseModel):
    """Which files of the folder are meant.

    Attributes:
        entities: name of the file of entities.
        n_bytes: how much of it counts; what is beyond is of a change that was broken off.
        n_rows: rows in it, removed ones included.
        generation: number of the tables.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entities: str
    n_bytes: int
    n_rows: int
    generation: int


class Stored(Manifest):
    """What `manifest.json` holds."""

    layout: Layout

    @property
    def manifest(self) -> Manifest:
        """It without the layout."""
        return Manifest.model_validate(self.model_dump(exclude={"layout"}))


@dataclass(frozen=True, slots=True)
class Tables:
    """Where everything is.

    Attributes:
        lines: (2, n_rows) uint64, where each row starts, and its length in bytes.
        ids: id -> rows.
        names: name, case and spaces aside -> rows.
    """

    lines: Table
    ids: Lookup
    names: Lookup

    @classmethod
    def open(cls, folder: Path, layout: Layout) -> Tables:
        """Map the tables of a folder.

        Raises:
            StoreError: one is missing or of another length than the manifest says.
        """
        number = layout.generation
        lines = open_array(folder / f"lines.{number}.npy")
        if lines.shape != (2, layout.n_rows):
            raise broken(folder, f"lines.{number}.npy is of shape {lines.shape}")
        return cls(
            lines,
            Lookup.open(folder / f"ids.{number}.npy"),
            Lookup.open(folder / f"names.{number}.npy"),
        )

    def save(self, folder: Path, number: int) -> None:
        """Write them under a number."""
        save_array(folder / f"lines.{number}.npy", self.lines)
        self.ids.save(folder / f"ids.{number}.npy")
        self.names.save(folder / f"names.{number}.npy")


def read_stored(folder: Path) -> Stored:
    """Read a folder's manifest.

    Raises:
        StoreError: there is none, or it is none of ours.
    """
    path = folder / MANIFEST
    try:
        return Stored.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StoreError(
            f"{folder}: holds no knowledge base ({MANIFEST}: {error.strerror or error}); "
            "`decoct index` makes one"
        ) from None
    except ValidationError as error:
        raise StoreError(f"{path}: is no knowledge base's: {describe(error)}") from None


def next_number(folder: Path) -> int:
    """Return a number that no file of the folder has; the folder is made where there is none.

    Raises:
        StoreError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = [_NUMBERED.fullmatch(path.name) for path in folder.iterdir()]
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None
    return 1 + max((int(match[2]) for match in found if match), default=-1)


def commit(
    folder: Path, manifest: Manifest, layout: Layout, tables: Tables, census: Census
) -> None:
    """Write tables and then the manifest, which makes them count; sweep what it no longer names.

    Raises:
        StoreError: the disk is full, or the folder can't be written.
    """
    tables.save(folder, layout.generation)
    facts: dict[str, Any] = {
        **census.facts(),
        "n_ambiguous": tables.names.n_shared(),
        "ambiguous": _ambiguous(folder / layout.entities, tables),
    }
    stored = Stored.model_validate({**manifest.model_dump(), **facts, "layout": layout})
    write_text(folder / MANIFEST, stored.model_dump_json(indent=2) + "\n")
    for path in folder.iterdir():
        match = _NUMBERED.fullmatch(path.name)
        if match and path.name != layout.entities and int(match[2]) != layout.generation:
            with contextlib.suppress(OSError):  # a system that does not delete what is mapped
                path.unlink()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of entities so that one at a time may add to it.

    Raises:
        StoreError: it can't be opened, or another is at it.
    """
    try:
        handle = path.open("r+b")
    except OSError as error:
        raise StoreError(f"{path}: can't be written: {error.strerror or error}") from None
    with handle:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError(f"{path}: is being changed by another; try again") from None
        yield handle


def broken(folder: Path, what: str) -> StoreError:
    """Return the error of a folder that contradicts its manifest."""
    return StoreError(f"{folder}: {what}, not as its manifest says; read the knowledge base again")


def _ambiguous(path: Path, tables: Tables) -> list[str]:
    """Return some names that more than one entity has."""
    found = []
    with path.open("rb") as handle:
        for hash_, row in tables.names.shared(_EXAMPLES):
            handle.seek(int(tables.lines[0, row]))
            names = Entity.from_json(handle.readline()).names
            found += [name for name in names if key_hash(name_key(name)) == hash_][:1]
    return found

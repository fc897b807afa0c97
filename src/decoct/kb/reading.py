"""Bring a knowledge base: whatever format it is in, read, cleaned, counted and kept on disk."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from decoct.config import check
from decoct.errors import Faults, FormatError, StoreError
from decoct.kb.base import Entity
from decoct.kb.gather import Gathering
from decoct.kb.lines import read_head
from decoct.kb.manifest import Manifest
from decoct.kb.readers.base import READERS, Notes, Reader, ReaderSettings
from decoct.kb.store import EntityStore
from decoct.progress import Progress, Silent
from decoct.store import sha256_file


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """A knowledge base that was read.

    Attributes:
        entities: to be gone through as often as one likes, or asked for one by its id.
        faults: what could not be read as it stood.
    """

    entities: EntityStore
    faults: Faults

    @property
    def manifest(self) -> Manifest:
        """Where it is from, and what is in it."""
        return self.entities.manifest

    def __len__(self) -> int:
        return len(self.entities)

    def __iter__(self) -> Iterator[Entity]:
        return iter(self.entities)

    def __getitem__(self, id_: str) -> Entity:
        return self.entities[id_]

    def save(self, folder: str | Path) -> EntityStore:
        """Write it to a folder and open that; what was read into a temporary one is not kept.

        Raises:
            StoreError: the folder can't be written.
        """
        return EntityStore.write(folder, self.entities, self.manifest)

    def __repr__(self) -> str:
        manifest = self.manifest
        return (
            f"KnowledgeBase({manifest.source!r}, {manifest.n_entities} entities, "
            f"{manifest.n_names} names)"
        )


def read_kb(
    path: str | Path,
    format: str | None = None,
    faults: Faults | None = None,
    *,
    into: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401 (each reader checks its own)
) -> KnowledgeBase:
    """Read a knowledge base of any known format.

    Entities go to disk as they are read, so that one of a million names takes little memory.

    Args:
        path: a file, or a folder such as UMLS's.
        format: a name on the shelf `decoct.kb.readers`; None guesses by ending, then by content.
        faults: gets what can't be read as it stands, too.
        into: the folder that it is kept in; None for one that goes when the result goes.
        progress: shown how many entities are read.
        options: of the reader, such as `id="code"`, `languages="ENG,CHI"` or `license_note="CC0"`.

    Raises:
        StoreError: `path` can't be read, or `into` written.
        FormatError: its format can't be told, or it holds no entity.
        ConfigError: an option does not fit the format, or names a column that is not there.
        RegistryError: no such format.

    Example:
        kb = decoct.kb.read_kb("terms.csv", id="code", name="preferred", alias="other names")
    """
    path = Path(path)
    if not path.exists():
        raise StoreError(f"{path}: can't be read: no such file or folder")
    reader: Reader = READERS.get(format or guess_format(path))
    settings = check(reader.settings, options, f"{path.name} as {reader.name}")
    read = _Reading(path, reader, settings)
    folder = Path(into) if into else Path(tempfile.mkdtemp(prefix="decoct-kb-"))
    try:
        entities = (progress or Silent()).track(read.entities(), None, f"read {path.name}")
        store = EntityStore.write(folder, entities, read.manifest, repeated=read.repeated)
    except BaseException:
        if not into:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        if faults is not None:
            faults.extend(read.notes.faults)
    if not into:
        weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
    return KnowledgeBase(store, read.notes.faults)


def guess_format(path: Path) -> str:
    """Return the format that a file's ending, or else what it holds, speaks for.

    Raises:
        FormatError: nothing does.
        StoreError: it can't be read.
    """
    readers: list[Reader] = [READERS.get(name) for name in READERS.names()]
    file_name = path.name.lower().removesuffix(".gz")
    head = b"" if path.is_dir() else read_head(path)
    for reader in readers:
        if not path.is_dir() and file_name.endswith(reader.suffixes):
            return reader.name
    for reader in readers:
        if reader.knows(path, head):
            return reader.name
    names = ", ".join(reader.name for reader in readers)
    raise FormatError(f"{path}: can't tell its format; name one of: {names}")


class _Reading:
    """One source being read, and what is to be said of it afterwards."""

    def __init__(self, path: Path, reader: Reader, settings: ReaderSettings) -> None:
        self._path, self._reader, self._settings = path, reader, settings
        self._files = reader.files(path)
        self.notes = Notes(Faults())
        self._gathering = Gathering(self._files[0], settings, self.notes, reader.repeats)
        self._lines = array("q")  # of each entity, in the order in which they were read

    def entities(self) -> Iterator[Entity]:
        entries = self._reader.read(self._path, self._settings, self.notes)
        for entity, line in self._gathering.entities(entries):
            self._lines.append(line)
            yield entity
        if not self._lines:
            raise self._nothing()

    def repeated(self, id_: str, places: list[int]) -> None:
        """Name an id that came again, where that should not be."""
        if self._reader.repeats:
            return
        first, *others = (self._lines[place] for place in places)
        for line in others:
            where = self._gathering.where(line, id_)
            before = f" (line {first})" if first else ""
            reason = f"id {id_!r} was there before{before}; names are put together"
            self.notes.faults.add(where, reason, "duplicate_id")

    def manifest(self) -> Manifest:
        """Say where the entities are from."""
        given = self._settings.model_dump(mode="json", exclude_defaults=True)
        for key in ("release", "license_note"):
            given.pop(key, None)
        return Manifest(
            source=self._path.name,
            format=self._reader.name,
            release=self._settings.release or self.notes.release,
            license_note=self._settings.license_note or self.notes.license_note,
            files={each.name: sha256_file(each) for each in self._files},
            options=given,
            left_out=dict(self.notes.left_out),
            skipped=dict(self.notes.faults.counts),
            date_read=datetime.now(UTC).date().isoformat(),
            decoct=_version(),
        )

    def _nothing(self) -> FormatError:
        """Return the error of a source without an entity, with what was wrong, if anything was."""
        kept = self.notes.faults.kept
        left_out = ", ".join(f"{n} {reason}" for reason, n in self.notes.left_out.items())
        why = f"; {kept[0]}" if kept else f"; left out: {left_out}" if left_out else ""
        read_as = f"(read as {self._reader.name})"
        return FormatError(f"{self._path}: holds no entity with an id and a name {read_as}{why}")


def _version() -> str:
    with suppress(PackageNotFoundError):
        return version("decoct")
    return ""

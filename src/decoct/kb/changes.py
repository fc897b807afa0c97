"""What is added to a knowledge base on disk, and taken from it, without writing it anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from decoct.errors import RecordError, StoreError
from decoct.kb.base import Entity
from decoct.kb.draft import Draft
from decoct.kb.folder import Stored, Tables, commit, locked, next_number, read_stored
from decoct.kb.manifest import Census


def append_changes(
    folder: Path,
    stored: Stored,
    tables: Tables,
    new: Sequence[Entity],
    gone: Mapping[int, Entity],
) -> None:
    """Add lines at the end of the file of entities, and write tables that say what counts.

    Args:
        folder: of the knowledge base.
        stored: its manifest, as it was when it was opened.
        tables: its tables.
        new: entities whose ids are not there, but for those of `gone`.
        gone: row -> entity of those that are removed.

    Raises:
        RecordError: nothing would be left.
        StoreError: the folder can't be written, or was changed since it was opened.
    """
    layout, rows = stored.layout, list(gone)
    census = Census.of(stored)
    for entity in gone.values():
        census.add(entity, -1)
    if not census.n_entities and not new:
        raise RecordError(f"{folder}: no entity would be left; delete the folder instead")
    with locked(folder / layout.entities) as handle:
        check_current(folder, stored)
        handle.truncate(layout.n_bytes)
        handle.seek(layout.n_bytes)
        draft = Draft(handle, layout.n_bytes, layout.n_rows, census)
        for entity in new:
            draft.add(entity)
        handle.flush()
        lines = np.concatenate([tables.lines, draft.lines()], axis=1)
        lines[1, rows] = 0
        changed = Tables(
            lines, tables.ids.changed(draft.ids(), rows), tables.names.changed(draft.names(), rows)
        )
        after = {
            "n_bytes": draft.n_bytes,
            "n_rows": draft.n_rows,
            "generation": next_number(folder),
        }
        commit(folder, stored.manifest, layout.model_copy(update=after), changed, draft.census)


def check_current(folder: Path, stored: Stored) -> None:
    """Make sure that a folder is as it was when it was opened.

    Raises:
        StoreError: it is not.
    """
    if read_stored(folder).layout != stored.layout:
        raise StoreError(f"{folder}: was changed since it was opened; open it again")

"""How entities are added to an index and removed from it, without building it anew."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decoct.errors import RecordError, StoreError
from decoct.kb.base import Entity
from decoct.kb.folder import locked
from decoct.kb.manifest import Census
from decoct.kb.store import EntityStore
from decoct.progress import Progress
from decoct.retriever.card import (
    CARD,
    NAMES,
    NEXT,
    IndexCard,
    KbState,
    free_number,
    open_kb,
    read_card,
    segment_folder,
    sweep,
)
from decoct.retriever.indexes.base import Retriever
from decoct.retriever.making import (
    LOCK,
    living_rows,
    open_names,
    segments_of,
    weighed,
    write_segment,
)
from decoct.retriever.names import NameTable

MAX_SEGMENTS = 8  # more are merged, but for the first


def change_index(
    folder: Path,
    retrievers: dict[str, Retriever],
    add: Sequence[Entity],
    remove: Iterable[str],
    progress: Progress,
) -> None:
    """Add and remove entities; an added one takes the place of the one of its id.

    Raises:
        RecordError: an id to remove is not there, or nothing would be left; nothing is changed.
        StoreError: the folder can't be written, or is being changed by another.
    """
    with _changing(folder) as card:
        store = open_kb(folder)
        new: dict[str, Entity] = {}
        for entity in add:
            new[entity.id] = new[entity.id].merged(entity) if entity.id in new else entity
        removed = list(dict.fromkeys(remove))
        gone = _rows_of(store, folder, removed, new)
        if not new and not gone:
            return
        state = _state_after(store, gone.values(), new.values())
        if not len(store) - len(gone) + len(new):
            raise RecordError(f"{folder}: no entity would be left; delete the folder instead")
        living = np.append(living_rows(store), np.ones(len(new), dtype=np.bool_))
        living[list(gone)] = False
        segments = card.segments
        if new:
            number = free_number(folder)
            table = NameTable.of(enumerate(new.values(), start=store.n_rows))
            write_segment(folder, number, table, retrievers, progress)
            segments = (*segments, number)
        changed = card.model_copy(
            update={"kb": state, "segments": segments, "generation": card.generation + 1}
        )
        if len(segments) > MAX_SEGMENTS:
            later = _merge(folder, segments[1:], retrievers, living, None, progress)
            changed = changed.model_copy(update={"segments": (segments[0], later)})
        weighed(folder, changed, retrievers, living).write(folder, NEXT)
        store.with_changes(new.values(), removed)
        _settle(folder)


def compact_index(folder: Path, retrievers: dict[str, Retriever], progress: Progress) -> None:
    """Write the segments as one, without what was removed; vectors and texts stay as they are.

    Raises:
        StoreError: the folder can't be written, or is being changed by another.
    """
    with _changing(folder) as card:
        store = open_kb(folder)
        living = living_rows(store)
        if len(card.segments) == 1 and living.all():
            return
        renumbered = np.cumsum(living) - 1
        number = _merge(folder, card.segments, retrievers, living, renumbered, progress)
        after = KbState(content_hash=store.content_hash, n_rows=len(store))
        compacted = card.model_copy(
            update={"kb": after, "segments": (number,), "generation": card.generation + 1}
        )
        everything = np.ones(len(store), dtype=np.bool_)
        weighed(folder, compacted, retrievers, everything).write(folder, NEXT)
        if not living.all():
            store.compact()
        _settle(folder)


def _rows_of(
    store: EntityStore, folder: Path, removed: Iterable[str], new: Iterable[str]
) -> dict[int, Entity]:
    """Return the rows of what is removed or replaced."""
    gone: dict[int, Entity] = {}
    for ids, needed in ((removed, True), (new, False)):
        for id_ in ids:
            entity = store.get(id_)
            if entity is not None and entity.id == id_:
                gone[store.row_of(id_)] = entity
            elif needed:
                raise RecordError(f"{folder}: has no entity {id_!r}; nothing was changed")
    return gone


def _state_after(store: EntityStore, gone: Iterable[Entity], new: Iterable[Entity]) -> KbState:
    """Return how the knowledge base will be known after a change."""
    census = Census.of(store.manifest)
    n_new = 0
    for entity in gone:
        census.add(entity, -1)
    for n_new, entity in enumerate(new, start=1):  # noqa: B007 (counted)
        census.add(entity)
    content = str(census.facts()["content_hash"])
    return KbState(content_hash=content, n_rows=store.n_rows + n_new)


def _merge(
    folder: Path,
    numbers: Sequence[int],
    retrievers: dict[str, Retriever],
    living: NDArray[np.bool_],
    renumbered: NDArray[np.int64] | None,
    progress: Progress,
) -> int:
    """Write one segment of the living names of several; return its number."""
    names = open_names(folder, numbers, living)
    number = free_number(folder)
    at = segment_folder(folder, number)
    names.merged(renumbered).save(at / NAMES)
    table = NameTable.open(at / NAMES)
    for kind, retriever in retrievers.items():
        sources = segments_of(folder, numbers, names, kind)
        retriever.merge(sources, table, at / kind, progress)
    return number


def _settle(folder: Path) -> None:
    """Give the new card its name, and sweep what it does not name."""
    try:
        (folder / NEXT).replace(folder / CARD)
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None
    sweep(folder, read_card(folder))


@contextlib.contextmanager
def _changing(folder: Path) -> Iterator[IndexCard]:
    """Lock an index, and yield what is in it.

    Raises:
        StoreError: another changes it, or it can't be written.
    """
    read_card(folder)
    try:
        (folder / LOCK).touch()
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None
    with locked(folder / LOCK):
        card = read_card(folder)
        sweep(folder, card)
        yield card

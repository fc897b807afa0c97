"""How an index comes to be."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decoct.config import check
from decoct.errors import StoreError
from decoct.kb.base import Entity
from decoct.kb.folder import locked
from decoct.kb.reading import KnowledgeBase
from decoct.kb.store import EntityStore
from decoct.progress import Progress
from decoct.retriever.card import GLOSSARY, KB, NAMES, IndexCard, KbState, segment_folder
from decoct.retriever.indexes.base import INDEXES, Retriever, Segment
from decoct.retriever.names import Names, NameTable
from decoct.retriever.settings import IndexSettings
from decoct.text.glossary import CC_CEDICT

LOCK = ".lock"


def make_retrievers(settings: IndexSettings) -> dict[str, Retriever]:
    """Make the retrievers that settings name.

    Raises:
        RegistryError: there is none of a name.
        ConfigError: its settings are wrong.
        MissingExtraError: a library that it needs is not installed.
    """
    made: dict[str, Retriever] = {}
    for kind in settings.kinds:
        plugin = INDEXES.get(kind)
        made[kind] = plugin(check(plugin.settings, settings.table(kind), f"index, {kind}"))
    return made


def build_index(
    entities: Iterable[Entity] | KnowledgeBase | EntityStore,
    folder: Path,
    settings: IndexSettings,
    retrievers: dict[str, Retriever],
    progress: Progress,
) -> None:
    """Write an index; the folder is there only when it is whole.

    Raises:
        StoreError: there is something in the folder already, or it can't be written.
        FormatError: there is no entity.
    """
    started = time.perf_counter()
    identities = {kind: dict(retriever.identity()) for kind, retriever in retrievers.items()}
    with _building(folder) as part:
        store = _keep(entities, part / KB)
        if settings.dense and settings.dense.glossary not in ("", CC_CEDICT):
            shutil.copyfile(settings.dense.glossary, part / GLOSSARY)
        write_segment(part, 0, NameTable.of(store.rows()), retrievers, progress)
        card = IndexCard(
            decoct=version("decoct"),
            settings=settings,
            identities=identities,
            kb=KbState.of(store),
            source=store.manifest.model_dump(mode="json"),
            segments=(0,),
            generation=0,
            n_entities=0,
            n_names=0,
        )
        card = weighed(part, card, retrievers, living_rows(store))
        seconds = round(time.perf_counter() - started, 1)
        card.model_copy(update={"seconds": seconds}).write(part)


def open_names(folder: Path, segments: Sequence[int], living: NDArray[np.bool_]) -> Names:
    """Map the names of some segments.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    tables = [NameTable.open(segment_folder(folder, number) / NAMES) for number in segments]
    return Names(tables, living)


def living_rows(store: EntityStore) -> NDArray[np.bool_]:
    """Return of each row of a store whether it holds an entity: (n_rows,)."""
    living = np.zeros(store.n_rows, dtype=np.bool_)
    living[store.live_rows()] = True
    return living


def segments_of(folder: Path, numbers: Sequence[int], names: Names, kind: str) -> list[Segment]:
    """Return a retriever's part of some segments."""
    return [
        Segment(segment_folder(folder, number) / kind, table, alive)
        for number, table, alive in zip(numbers, names.tables, names.alive, strict=True)
    ]


def _keep(entities: Iterable[Entity] | KnowledgeBase | EntityStore, folder: Path) -> EntityStore:
    """Write the knowledge base into the index's folder."""
    if isinstance(entities, KnowledgeBase):
        entities = entities.entities
    manifest = entities.manifest if isinstance(entities, EntityStore) else None
    return EntityStore.write(folder, entities, manifest)


def write_segment(
    folder: Path,
    number: int,
    table: NameTable,
    retrievers: dict[str, Retriever],
    progress: Progress,
) -> None:
    """Write a segment of new names."""
    at = segment_folder(folder, number)
    table.save(at / NAMES)
    names = NameTable.open(at / NAMES)  # mapped, so that memory is free for the retrievers
    for kind, retriever in retrievers.items():
        retriever.build(names, at / kind, progress)


def weighed(
    folder: Path, card: IndexCard, retrievers: dict[str, Retriever], living: NDArray[np.bool_]
) -> IndexCard:
    """Write what depends on all living names, and return the card with what is then known."""
    names = open_names(folder, card.segments, living)
    facts = {}
    for kind, retriever in retrievers.items():
        segments = segments_of(folder, card.segments, names, kind)
        retriever.weigh(segments, card.generation)
        facts[kind] = dict(retriever.open(segments, card.generation).facts())
    n = {"n_entities": names.n_entities, "n_names": names.n_alive}
    return card.model_copy(update={**n, "facts": facts})


@contextlib.contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """Yield a folder beside one that it takes the place of when the block ends well.

    What a killed build left there is swept away.

    Raises:
        StoreError: there is something in the folder already, another builds there, or it can't be
            written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(
            f"{folder}: is there already; name another folder, or change the index in it with "
            "decoct index --index"
        )
    part = folder.absolute().with_name(f".{folder.absolute().name}.building")
    try:
        part.mkdir(parents=True, exist_ok=True)
        (part / LOCK).touch()
    except OSError as error:
        raise StoreError(f"{part}: can't be written: {error.strerror or error}") from None
    with locked(part / LOCK):
        try:
            for left in part.iterdir():
                if left.is_dir():
                    shutil.rmtree(left)
                elif left.name != LOCK:
                    left.unlink()
            yield part
            os.replace(part, folder)
        except OSError as error:
            raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)

"""Entities as the knowledge base has them, without the names that mentions have given them.

A re-ranker is shown these. Were it shown the learnt names too, it would find each mention that it
learns from among the names of the right entity, and learn to look for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from decoct.kb.base import Entity
from decoct.retriever.fit_settings import Pair
from decoct.retriever.index import Index
from decoct.store import read_json, write_json

LEARNT = "learnt.json"


def write_learnt(folder: Path, entities: Sequence[Entity], aliases: Sequence[Pair]) -> None:
    """Write down, beside an index, which names its entities owe to mentions.

    Args:
        folder: the index's.
        entities: as they were before.
        aliases: that they were given.

    Raises:
        StoreError: it can't be written.
    """
    own = {entity.id: set(entity.names) for entity in entities}
    given: dict[str, list[str]] = {}
    for pair in aliases:
        if pair.text not in own[pair.entity]:
            given.setdefault(pair.entity, []).append(pair.text)
    write_json(folder / LEARNT, given)


def untaught(index: Index) -> Callable[[str], Entity]:
    """Return what gives an index's entities by their ids, without learnt names.

    Raises:
        StoreError: what was written down can't be read.
    """
    path = index.folder / LEARNT
    if not path.is_file():
        return index.entity
    given = {id_: frozenset(names) for id_, names in read_json(path).items()}

    def lookup(id_: str) -> Entity:
        entity = index.entity(id_)
        learnt = given.get(entity.id)
        if not learnt:
            return entity
        kept = tuple(name for name in entity.aliases if name not in learnt)
        return entity.model_copy(update={"aliases": kept})

    return lookup

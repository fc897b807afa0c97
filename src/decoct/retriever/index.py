"""The index: a knowledge base in which mentions are looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from decoct.errors import ArtifactError, ConfigError
from decoct.inference.onnx_graph import AGAIN, FOLDER, Engine, chosen_engine, read_onnx_card
from decoct.kb.base import Entity, Query
from decoct.kb.reading import KnowledgeBase
from decoct.kb.store import EntityStore
from decoct.progress import Progress, Silent
from decoct.records import Candidate
from decoct.retriever.card import ENCODER, GLOSSARY, KB, IndexCard, read_card
from decoct.retriever.changing import change_index, compact_index
from decoct.retriever.indexes.base import Retriever
from decoct.retriever.making import build_index, make_retrievers
from decoct.retriever.onnx_encoder import EncoderCard, is_exported
from decoct.retriever.searching import OpenIndex
from decoct.retriever.settings import DenseSettings, IndexSettings

_BATCH_MENTIONS = 1024


class Index:
    """A knowledge base and the retrievers that look mentions up in it; several threads may.

    Who has an index open while it is changed goes on with what it was.

    Attributes:
        folder: where it is.

    Example:
        index = Index.build(read_kb("doid.obo"), "doid-index")
        index.search(["heart atack"], k=5)[0][0].id
    """

    def __init__(
        self, folder: Path, retrievers: dict[str, Retriever], settings: IndexSettings
    ) -> None:
        self.folder = folder
        self._retrievers = retrievers
        self._settings = settings
        self._state = OpenIndex.open(folder, retrievers)

    @classmethod
    def build(
        cls,
        entities: Iterable[Entity] | KnowledgeBase | EntityStore,
        folder: str | Path,
        settings: IndexSettings | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Write an index and open it; a build that is broken off leaves none.

        Args:
            entities: the knowledge base; a copy of it is kept with the index.
            folder: must not be there, or be empty.
            settings: which retrievers, and how they work.
            progress: shown how far it is.

        Raises:
            StoreError: there is something in the folder already, or it can't be written.
            FormatError: there is no entity.
            ConfigError: a setting is wrong.
            RegistryError: there is no such retriever.
            ArtifactError: the encoder can't be loaded.
            MissingExtraError: a library is not installed.
        """
        settings = settings or IndexSettings()
        retrievers = make_retrievers(settings)
        build_index(entities, Path(folder), settings, retrievers, progress or Silent())
        return cls(Path(folder), retrievers, settings)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        encoder: str | None = None,
        device: str | None = None,
        engine: Engine = "auto",
    ) -> Self:
        """Open an index.

        Args:
            folder: that `build` wrote.
            encoder: where the encoder is now, if it is not where it was; it must be the same one.
            One in the index's own folder is found there.
            device: where to run it; None for what the index says.
            engine: what runs it where no encoder is named: `onnx` for what `decoct export` wrote
                into the folder, which needs no torch; `torch`; `auto` for the first where it is
                there and no other device than a cpu is asked for.

        Raises:
            ArtifactError: there is no index, it is damaged, of a newer version, or was built with
                another encoder or from another knowledge base.
            ConfigError: an encoder is named, and the index has no vectors; or the engine runs on
                no such device.
            MissingExtraError: a library is not installed.
        """
        folder = Path(folder)
        card = read_card(folder)
        if encoder is None:
            encoder = _own_encoder(folder, card.settings, device, engine)
        settings = _with_encoder(card.settings, folder, encoder, device)
        retrievers = make_retrievers(settings)
        for kind, retriever in retrievers.items():
            if dict(retriever.identity()) != card.identities.get(kind, {}):
                raise ArtifactError(_other_encoder(folder, settings, kind, encoder))
        return cls(folder, retrievers, settings)

    @property
    def card(self) -> IndexCard:
        """What is in it."""
        return self._state.card

    @property
    def settings(self) -> IndexSettings:
        """Its retrievers' and their fusion's."""
        return self._settings

    @property
    def store(self) -> EntityStore:
        """The knowledge base."""
        return self._state.store

    @property
    def n_entities(self) -> int:
        """How many entities there are."""
        return self.card.n_entities

    @property
    def n_names(self) -> int:
        """How many names they have."""
        return self.card.n_names

    @property
    def precision(self) -> str | None:
        """Of the exported encoder that reads mentions; None where none is exported."""
        dense = self._settings.dense
        if dense is None or not is_exported(dense.encoder):
            return None
        return read_onnx_card(Path(dense.encoder).parent, EncoderCard).precision

    def retriever(self, kind: str) -> Retriever | None:
        """Return one of its retrievers by its name, None where it has none of that name."""
        return self._retrievers.get(kind)

    def only(self, kind: str) -> Self:
        """Return the index as one of its retrievers alone sees it."""
        alone = self._settings.model_copy(update={"retrievers": (kind,), "weights": {}})
        return type(self)(self.folder, {kind: self._retrievers[kind]}, alone)

    def draw_names(self, n: int, seed: int = 0) -> list[tuple[str, str]]:
        """Return names and the ids of their entities, drawn by lot, all if there are no more."""
        names = self._state.names
        rows = np.flatnonzero(names.owners >= 0)
        if len(rows) > n:
            rows = np.sort(np.random.default_rng(seed).choice(rows, n, replace=False))
        return [(names[row], names.id_of(int(names.owners[row]))) for row in rows.tolist()]

    def entity(self, id_: str) -> Entity:
        """Return the entity of an id.

        Raises:
            KeyError: there is none.
        """
        return self._state.store[id_]

    def search(self, queries: Sequence[Query | str], k: int = 16) -> list[tuple[Candidate, ...]]:
        """Return candidates for each mention, best first.

        A candidate's `scores` hold, by each retriever's name, the similarity of the entity's name
        that it likes best, and, as in `ngram_rank`, the entity's rank from 1 where the retriever
        brought it among its own first ones.

        Args:
            queries: mentions, alone or with the text around them; best many at a time.
            k: the most candidates for a mention.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; ask for one candidate at the least")
        state = self._state
        asked = [Query(query) if isinstance(query, str) else query for query in queries]
        return [
            candidates
            for first in range(0, len(asked), _BATCH_MENTIONS)
            for candidates in state.search(
                asked[first : first + _BATCH_MENTIONS], k, self._settings
            )
        ]

    def add(self, entities: Iterable[Entity], progress: Progress | None = None) -> None:
        """Add entities; one takes the place of the one of its id. No other is read anew.

        Raises:
            StoreError: the folder can't be written, or another is changing it.
        """
        self.change(add=entities, progress=progress)

    def remove(self, ids: Iterable[str], progress: Progress | None = None) -> None:
        """Remove entities.

        Raises:
            RecordError: one is not there, or nothing would be left; nothing is changed.
            StoreError: the folder can't be written, or another is changing it.
        """
        self.change(remove=ids, progress=progress)

    def change(
        self,
        add: Iterable[Entity] = (),
        remove: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> None:
        """Add and remove entities in one step; see `add` and `remove`."""
        change_index(self.folder, self._retrievers, list(add), remove, progress or Silent())
        self._state = OpenIndex.open(self.folder, self._retrievers)

    def compact(self, progress: Progress | None = None) -> None:
        """Free what removed entities take, and make one of what was added bit by bit.

        Raises:
            StoreError: the folder can't be written, or another is changing it.
        """
        compact_index(self.folder, self._retrievers, progress or Silent())
        self._state = OpenIndex.open(self.folder, self._retrievers)

    def __len__(self) -> int:
        return self.n_entities

    def __repr__(self) -> str:
        kinds = ", ".join(self._retrievers)
        n = f"{self.n_entities} entities, {self.n_names} names"
        return f"Index({str(self.folder)!r}, {n}, {kinds})"


def _own_encoder(
    folder: Path, settings: IndexSettings, device: str | None, engine: Engine
) -> str | None:
    """Return the encoder that is in an index's folder, an exported one where it is to run."""
    if "dense" in settings.kinds:
        dense = settings.dense or DenseSettings()
        if chosen_engine(folder, device or dense.device, engine) == "onnx":
            read_onnx_card(folder, EncoderCard)  # or there is none
            return str(folder / FOLDER)
        if (folder / ENCODER / "config.json").is_file():
            return str(folder / ENCODER)
    return None


def _with_encoder(
    settings: IndexSettings, folder: Path, encoder: str | None, device: str | None
) -> IndexSettings:
    """Return settings with the encoder and device that were asked for, and the index's glossary."""
    if "dense" not in settings.kinds:
        if encoder is not None:
            raise ConfigError(
                f"{folder}: has no vectors, and encoder {encoder!r} nothing to do; leave it out, "
                "or build the index with --retriever dense"
            )
        return settings
    glossary = str(folder / GLOSSARY) if (folder / GLOSSARY).is_file() else None
    given = {"encoder": encoder, "device": device, "glossary": glossary}
    changed = {name: value for name, value in given.items() if value is not None}
    dense = (settings.dense or DenseSettings()).model_copy(update=changed)
    return settings.model_copy(update={"dense": dense})


def _other_encoder(folder: Path, settings: IndexSettings, kind: str, encoder: str | None) -> str:
    dense = settings.dense or DenseSettings()
    name = dense.encoder if kind == "dense" else kind
    if kind == "dense" and is_exported(name):
        return (
            f"{name}: was exported from another encoder than the index was built with, or "
            f"tokenizer or glossary are others now; {AGAIN}"
        )
    if kind == "dense" and dense.glossary:
        return (
            f"{folder}: was built with encoder {name!r} and glossary {dense.glossary!r}, and one "
            f"of them is another now; bring the old one back, or build the index again with decoct "
            f"index --kb {folder / KB} --encoder {name} --glossary {dense.glossary}"
        )
    if encoder is not None:
        return (
            f"{folder}: was built with another encoder than {name!r}; name the one that it was "
            f"built with, or build it again with decoct index --kb {folder / KB} --encoder {name}"
        )
    return (
        f"{folder}: was built with encoder {name!r}, which is another now; bring the old one back "
        f"and name it with --encoder, or build the index again with decoct index "
        f"--kb {folder / KB} --encoder {name}"
    )

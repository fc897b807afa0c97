"""Mentions in, candidates out: what the retrievers bring, as entities, fused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from decoct.errors import ArtifactError
from decoct.kb.base import Query
from decoct.kb.store import EntityStore
from decoct.records import Candidate
from decoct.retriever.card import IndexCard, open_kb, read_card
from decoct.retriever.fusion import Fused, NameHits, fuse, hits, n_distinct
from decoct.retriever.indexes.base import NameSearch, Retriever
from decoct.retriever.making import living_rows, open_names, segments_of
from decoct.retriever.names import Names
from decoct.retriever.settings import IndexSettings
from decoct.retriever.sparse import spread

_MIN_DEPTH = 64  # names that each retriever brings at the least
_DEEPER = 4
_TRIES = 3


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """An index as it is at a time; several threads may search it.

    Attributes:
        card: what is in it.
        store: the knowledge base.
        names: all names.
        searches: retriever -> its open index.
    """

    card: IndexCard
    store: EntityStore
    names: Names
    searches: dict[str, NameSearch]

    @classmethod
    def open(cls, folder: Path, retrievers: dict[str, Retriever]) -> OpenIndex:
        """Open it; if it is changed at that moment, once more."""
        for left in range(_TRIES, 0, -1):
            card = read_card(folder)
            try:
                return cls._of(folder, card, retrievers)
            except ArtifactError:
                if left == 1 or read_card(folder) == card:
                    raise
        raise AssertionError("the last try returns or raises")

    @classmethod
    def _of(cls, folder: Path, card: IndexCard, retrievers: dict[str, Retriever]) -> OpenIndex:
        store = open_kb(folder)
        names = open_names(folder, card.segments, living_rows(store))
        searches = {
            kind: retriever.open(segments_of(folder, card.segments, names, kind), card.generation)
            for kind, retriever in retrievers.items()
        }
        return cls(card, store, names, searches)

    def search(
        self, queries: Sequence[Query], k: int, settings: IndexSettings
    ) -> Iterator[tuple[Candidate, ...]]:
        """Yield the candidates of each mention."""
        kinds = list(self.searches)
        weights = [settings.weight(kind) for kind in kinds]
        prepared = [search.prepare(queries) for search in self.searches.values()]
        lists: list[list[NameHits]] = [
            self._hits(search, asked, k) if weight else [{} for _ in queries]
            for search, asked, weight in zip(self.searches.values(), prepared, weights, strict=True)
        ]
        fused = [
            fuse([found[number] for found in lists], weights, settings.rrf_k, k)
            for number in range(len(queries))
        ]
        for number, (search, asked) in enumerate(
            zip(self.searches.values(), prepared, strict=True)
        ):
            self._complete(search, asked, fused, number)
        for entities in fused:
            yield tuple(self._candidate(entity, kinds) for entity in entities)

    def _hits(self, search: NameSearch, asked: Any, k: int) -> list[NameHits]:  # noqa: ANN401
        """Return each mention's entities, as one retriever ranks them: `k` of them if it can."""
        wanted = min(k, self.card.n_entities)
        n_names = len(self.names.owners)
        depth = max(_MIN_DEPTH, _DEEPER * k)
        found: list[NameHits] = [{} for _ in range(len(asked))]
        mentions = np.arange(len(asked))
        while len(mentions):
            rows, scores = search.search(asked, min(depth, n_names))
            entities = np.where(rows >= 0, self.names.owners[rows], -1)
            short = (n_distinct(entities) < wanted) & (rows[:, -1] >= 0)
            short &= depth < n_names
            enough = np.flatnonzero(~short)
            for mention, *line in zip(
                mentions[enough].tolist(),
                np.where(entities >= 0, rows, -1)[enough].tolist(),
                scores[enough].tolist(),
                entities[enough].tolist(),
                strict=True,
            ):
                found[mention] = hits(*line)
            left = np.flatnonzero(short)
            mentions, asked = mentions[left], search.take(asked, left)
            depth *= _DEEPER
        return found

    def _complete(
        self,
        search: NameSearch,
        asked: Any,  # noqa: ANN401
        fused: Sequence[Sequence[Fused]],
        number: int,
    ) -> None:
        """Give entities that a retriever did not bring its similarity all the same."""
        lacking = [
            (mention, entity)
            for mention, entities in enumerate(fused)
            for entity in entities
            if number not in entity.scores
        ]
        if not lacking:
            return
        entities = np.array([entity.entity for _, entity in lacking])
        first, last = self.names.firsts[entities], self.names.firsts[entities + 1]
        mentions = np.repeat([mention for mention, _ in lacking], last - first)
        scores = search.similarities(asked, mentions, spread(first, last - first))
        best = np.maximum.reduceat(scores, np.cumsum(last - first) - (last - first))
        for (_, entity), score in zip(lacking, best.tolist(), strict=True):
            entity.scores[number] = score

    def _candidate(self, found: Fused, kinds: Sequence[str]) -> Candidate:
        preferred = int(self.names.firsts[found.entity])
        scores = {kinds[number]: score for number, score in sorted(found.scores.items())}
        ranks = {f"{kinds[number]}_rank": float(rank) for number, rank in found.ranks.items()}
        return Candidate(
            id=self.names.id_of(found.entity),
            name=self.names[preferred],
            alias=None if found.row == preferred else self.names[found.row],
            score=found.score,
            scores={**scores, **ranks},
        )

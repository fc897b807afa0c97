"""The linker: candidates are retrieved, re-ranked and decided between, NIL among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from decoct.config import check
from decoct.errors import ArtifactError
from decoct.inference.onnx_graph import Engine
from decoct.kb.base import Entity, Query, queries_of
from decoct.linker.abbreviations import expanded_queries
from decoct.linker.settings import LinkerSettings
from decoct.records import Candidate, Document, Link, Span
from decoct.reranker.base import Question
from decoct.reranker.ranker import Ranker
from decoct.retriever.card import CARD as INDEX_CARD
from decoct.retriever.index import Index
from decoct.retriever.untaught import untaught
from decoct.store import read_json, sha256_json, write_json

LINKER = "linker.json"
_CHUNK_DOCUMENTS = 256  # whose mentions are retrieved and re-ranked together
_LEAST = 1e-30  # of a probability that is divided by
_FORMAT = 1


@dataclass(frozen=True)
class Linker:
    """An index and, where there is one, a ranker.

    Attributes:
        index: what candidates come from.
        ranker: what chooses among them; without it the first one is taken, with no confidence.
        settings: how.

    Example:
        linker = decoct.Linker.load("linker")
        linker.link("couldn't keep my eyes open").name
    """

    index: Index
    ranker: Ranker | None = None
    settings: LinkerSettings = field(default_factory=LinkerSettings)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, device: str = "auto", engine: Engine = "auto"
    ) -> Linker:
        """Load a linker's folder, or an index alone.

        Args:
            path: the folder.
            device: where torch runs encoders; `auto` is for the index what it was built with.
            engine: what runs them: `torch`; `onnx` for what `decoct export` wrote, of each part
                that has an encoder; `auto` for the latter where it is there.

        Raises:
            ArtifactError: it is neither, or a part of it is missing, damaged or does not fit.
            ConfigError: there is no such device, or the engine does not run on it.
        """
        return cls.open(*read_parts(Path(path)), engine, device)

    @classmethod
    def open(
        cls,
        index: Path,
        ranker: Path | None = None,
        settings: LinkerSettings | None = None,
        engine: Engine = "auto",
        device: str = "auto",
    ) -> Linker:
        """Put an index and a ranker together.

        Args:
            index: the index's folder.
            ranker: the ranker's, or None.
            settings: how to link.
            engine: see `load`.
            device: likewise.

        Raises:
            ArtifactError: one of them can't be read.
            ConfigError: there is no such device, or the engine does not run on it.
        """
        own = Ranker.load(ranker, engine, device) if ranker else None
        at = None if device == "auto" else device
        opened = Index.open(index, device=at, engine=engine)
        return cls(opened, own, settings or LinkerSettings())

    @staticmethod
    def describe(folder: Path, index: Path, ranker: Path | None, settings: LinkerSettings) -> None:
        """Write down which index and ranker make a linker, so that `load` finds them.

        Args:
            folder: of the linker; paths are kept relative to it.
            index: the index's folder.
            ranker: the ranker's, or None.
            settings: how to link.

        Raises:
            StoreError: it can't be written.
        """

        def beside(path: Path) -> str:
            return os.path.relpath(path, folder)

        data = {
            "format": _FORMAT,
            "index": beside(index),
            "reranker": beside(ranker) if ranker else None,
            "settings": settings.model_dump(mode="json"),
        }
        write_json(folder / LINKER, data)

    @property
    def fingerprint(self) -> str:
        """A hash of all that a link depends on."""
        blend = self.ranker.blend.to_dict() if self.ranker else None
        about = dict(self.ranker.about) if self.ranker else None
        settings = self.settings.model_dump(mode="json")
        card = self.index.card
        index = [card.identities, card.kb.content_hash, card.settings.model_dump(mode="json")]
        exported = [self.index.precision, self.ranker.precision if self.ranker else None]
        if any(exported):  # an exported encoder says a little else than the same one in torch
            return sha256_json([index, blend, about, settings, exported])
        return sha256_json([index, blend, about, settings])

    @overload
    def link(self, mentions: str) -> Link: ...  # type: ignore[overload-overlap]

    @overload
    def link(self, mentions: Sequence[str]) -> list[Link]: ...

    def link(self, mentions: str | Sequence[str]) -> Link | list[Link]:
        """Link a mention, or several, that stand alone.

        Returns:
            A link, or one for each mention; its id is None for NIL.
        """
        if isinstance(mentions, str):
            return self.links([Query(mentions)])[0]
        return self.links([Query(mention) for mention in mentions])

    def link_documents(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Link the mentions of documents, their spans; yield them in order.

        Links that are there already go, also those of spans that are not linked. Documents come
        out as predicted.
        """
        stream = iter(documents)
        while chunk := list(islice(stream, _CHUNK_DOCUMENTS)):
            asked = [list(self.mentions(document)) for document in chunk]
            links = iter(self.links([query for own in asked for _, query in own]))
            for document, own in zip(chunk, asked, strict=True):
                found = {span.id: next(links) for span, _ in own}
                spans = tuple(
                    span.model_copy(update={"link": found.get(span.id)}) for span in document.spans
                )
                yield document.model_copy(update={"spans": spans, "source": "predicted"})

    def mentions(self, document: Document) -> Iterator[tuple[Span, Query]]:
        """Yield the spans of a document that are linked, and what each is looked up by."""
        read = expanded_queries if self.settings.abbreviations else queries_of
        return read(document, frozenset(self.settings.labels))

    def candidates(self, queries: Sequence[Query]) -> list[tuple[Candidate, ...]]:
        """Return what the index brings for each query, best first."""
        return self.index.search(queries, self.settings.k)

    def links(self, queries: Sequence[Query]) -> list[Link]:
        """Return a link for each query."""
        lists = self.candidates(queries)
        if self.ranker is None:
            return [self._first(candidates) for candidates in lists]
        questions = [Question(query, own) for query, own in zip(queries, lists, strict=True)]
        found = self.ranker.log_probs(questions, self._lookup)
        return [self._decide(*pair) for pair in zip(lists, found, strict=True)]

    @cached_property
    def _lookup(self) -> Callable[[str], Entity]:
        return untaught(self.index)

    def _first(self, candidates: Sequence[Candidate]) -> Link:
        kept = tuple(candidates[: self.settings.keep])
        if not candidates:
            return Link()
        return Link(id=candidates[0].id, name=candidates[0].name, candidates=kept)

    def _decide(self, candidates: Sequence[Candidate], log_probs: NDArray[np.float64]) -> Link:
        probs = np.exp(log_probs)
        if not self.settings.nil:
            probs = np.append(probs[:-1] / max(probs[:-1].sum(), _LEAST), 0.0)
        order = np.argsort(-probs[:-1], kind="stable").tolist()
        kept = tuple(
            _scored(candidates[place], float(probs[place])) for place in order[: self.settings.keep]
        )
        if not order or probs[order[0]] < max(probs[-1], self.settings.min_confidence):
            return Link(confidence=min(1.0, float(probs[-1])), candidates=kept)
        best = candidates[order[0]]
        sure = min(1.0, float(probs[order[0]]))
        return Link(id=best.id, name=best.name, confidence=sure, candidates=kept)


def read_parts(folder: Path) -> tuple[Path, Path | None, LinkerSettings]:
    """Return the index, the ranker and the settings of a linker's folder, or of an index alone.

    Raises:
        ArtifactError: it is neither, or damaged.
    """
    if (folder / INDEX_CARD).is_file() and not (folder / LINKER).is_file():
        return folder, None, LinkerSettings()
    if not (folder / LINKER).is_file():
        raise ArtifactError(
            f"{folder}: neither a linker nor an index; make one with decoct index or decoct run"
        )
    data = read_json(folder / LINKER)
    try:
        if data["format"] > _FORMAT:
            raise ArtifactError(f"{folder}: made by a newer decoct; update decoct")
        index, ranker = folder / data["index"], data["reranker"]
        settings = check(LinkerSettings, data["settings"], str(folder / LINKER))
    except (KeyError, TypeError):
        raise ArtifactError(f"{folder / LINKER}: damaged; make the linker again") from None
    return index, folder / ranker if ranker else None, settings


def _scored(candidate: Candidate, prob: float) -> Candidate:
    """Return a candidate with its probability; the retriever's score is kept beside it."""
    scores = dict(candidate.scores)
    if candidate.score is not None:
        scores["retriever"] = candidate.score
    return candidate.model_copy(update={"score": round(prob, 6), "scores": scores})

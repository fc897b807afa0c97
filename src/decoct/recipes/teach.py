"""`index` with mentions to learn from: an encoder of the index's own, aliases, candidate lists."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decoct.errors import ConfigError, Faults
from decoct.formats.base import read_documents
from decoct.formats.jsonl import write_jsonl
from decoct.kb.base import Entity
from decoct.kb.links import known_links, main_ids
from decoct.kb.reading import KnowledgeBase
from decoct.linker.abbreviations import expanded_queries
from decoct.progress import Progress, Silent
from decoct.recipes.index import reading
from decoct.records import MENTION, Document, Link, Span
from decoct.reranker.choices import UNSTATED
from decoct.retriever.card import ENCODER, LISTS
from decoct.retriever.fit_settings import LearnSettings, Pair
from decoct.retriever.index import Index
from decoct.retriever.lists import build_learnt, cross_fitted_lists
from decoct.retriever.settings import IndexSettings
from decoct.retriever.untaught import write_learnt

LIST_CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class Taught:
    """An index that has learnt.

    Attributes:
        index: it.
        n_gold: mentions that people linked.
        n_silver: mentions that a teacher linked.
        n_aliases: of both, those that became aliases.
        n_sure: unlabeled mentions that were learnt.
        n_nil: labelled mentions that nobody could link, from which nothing is learnt.
    """

    index: Index
    n_gold: int
    n_silver: int
    n_aliases: int
    n_sure: int
    n_nil: int

    def to_dict(self) -> dict[str, int]:
        """Return plain JSON types."""
        names = ("n_gold", "n_silver", "n_aliases", "n_sure", "n_nil")
        return {name: getattr(self, name) for name in names}


def teach(
    kb: KnowledgeBase | Sequence[Entity],
    out: Path,
    settings: IndexSettings,
    *,
    gold: Path | None = None,
    silver: Path | None = None,
    unlabeled: Path | None = None,
    learning: LearnSettings | None = None,
    n_parts: int = 3,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Taught:
    """Make an index that has learnt from linked mentions.

    Trusted mentions become aliases. Where the index has vectors, its encoder is fine-tuned and kept
    in the index's folder. The labelled mentions' candidate lists, by indexes that have not learnt
    them, are kept there too; `decoct rerank` takes them.

    Args:
        kb: the knowledge base.
        out: folder for the index; must not be there or be empty.
        settings: of the index.
        gold: documents that people linked.
        silver: documents that a teacher linked; a link's confidence is its weight.
        unlabeled: documents with spans, whose links are not looked at.
        learning: how the encoder learns; None for the defaults. Its own `encoder` gives way to the
            index's.
        n_parts: of the labelled mentions, for the lists; 0 makes none.
        faults: gets lines that can't be read, and links to what the knowledge base does not have.
        progress: shown how far it is.

    Raises:
        ConfigError: there is nothing to learn from.
        StoreError: a file can't be read, or `out` not be written.
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: a library is not installed.
    """
    progress, faults = progress or Silent(), faults if faults is not None else Faults()
    entities = list(kb.entities if isinstance(kb, KnowledgeBase) else kb)
    known = main_ids(entities)
    people, n_nil = _pairs(gold, known, 1.0, faults)
    teacher, n_unsure = _pairs(silver, known, None, faults)
    pairs = [*people, *teacher]
    if not pairs:
        raise ConfigError("no mention with an entity to learn from; give --gold, --silver or both")
    learns = None
    if settings.dense:
        learns = (learning or LearnSettings()).model_copy(
            update={"encoder": settings.dense.encoder, "device": settings.dense.device}
        )
    others = [
        query
        for document in (read_documents(unlabeled, faults) if unlabeled and learns else ())
        for _, query in expanded_queries(document)
    ]
    with tempfile.TemporaryDirectory(prefix="decoct-teach-") as folder:
        lists = {}
        if n_parts:
            lists = cross_fitted_lists(
                entities,
                pairs,
                settings,
                learns,
                n_parts=n_parts,
                k=LIST_CANDIDATES,
                progress=progress,
            )
        made = build_learnt(
            entities, pairs, others, settings, learns, out, Path(folder), progress=progress
        )
        if learns:
            shutil.move(Path(folder) / ENCODER, out / ENCODER)
    write_learnt(out, entities, made.aliases)
    if lists:
        documents = (
            _mention(number, text, Link(candidates=candidates))
            for number, (text, candidates) in enumerate(sorted(lists.items()), start=1)
        )
        write_jsonl(out / LISTS, documents)
    return Taught(
        Index.open(out),
        len(people),
        len(teacher),
        len(made.aliases),
        len(made.sure),
        n_nil + n_unsure,
    )


def teach_file(
    kb: Path,
    out: Path,
    settings: IndexSettings,
    *,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
    **more: Any,  # noqa: ANN401 (those of `teach`)
) -> Taught:
    """Read a knowledge base and make an index of it that has learnt; see `teach`.

    Args:
        kb: a file or folder of a known format.
        out: folder for the index.
        settings: of the index.
        format: of the file; None guesses.
        options: of its reader, such as `{"id": "code"}`.
        faults: gets what can't be read.
        progress: shown how far it is.
        more: the other arguments of `teach`.
    """
    with reading(kb, format, options, faults, progress) as read:
        return teach(read, out, settings, faults=faults, progress=progress, **more)


def _pairs(
    path: Path | None, known: Mapping[str, str], weight: float | None, faults: Faults
) -> tuple[list[Pair], int]:
    """Return a file's linked mentions, and how many are NIL."""
    pairs, n_nil = [], 0
    documents = read_documents(path, faults) if path else ()
    for document in known_links(documents, known.get, faults):
        for span, query in expanded_queries(document):
            if span.link is None:
                continue
            if span.link.id is None:
                n_nil += 1
                continue
            sure = span.link.confidence if span.link.confidence is not None else UNSTATED
            pairs.append(
                Pair.of(query, span.link.id, max(sure, 0.01) if weight is None else weight)
            )
    return pairs, n_nil


def _mention(number: int, text: str, link: Link) -> Document:
    span = Span(id="T1", start=0, end=len(text), label=MENTION, text=text, link=link)
    return Document(id=str(number), text=text, spans=(span,))

"""Candidate lists for mentions that the retriever has learnt, as if it had not.

A retriever puts what it has learnt first, and a mention that became an alias finds itself. From
such lists a re-ranker would learn that the first one is always right. So each part of the mentions
is looked up in an index that has learnt the other parts alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from decoct.evaluation.items import normalize_surface
from decoct.kb.base import Entity, Query
from decoct.progress import Progress, Silent
from decoct.records import Candidate
from decoct.retriever.card import ENCODER
from decoct.retriever.fit_settings import LearnSettings, Pair
from decoct.retriever.index import Index
from decoct.retriever.learn import learn, with_aliases
from decoct.retriever.settings import DenseSettings, IndexSettings


def cross_fitted_lists(
    entities: Sequence[Entity],
    pairs: Sequence[Pair],
    settings: IndexSettings,
    learning: LearnSettings | None,
    *,
    n_parts: int = 3,
    k: int = 50,
    progress: Progress | None = None,
) -> dict[str, tuple[Candidate, ...]]:
    """Return each labelled mention's candidates, by the mention as `normalize_surface` has it.

    Args:
        entities: the knowledge base, without what was learnt.
        pairs: labelled mentions.
        settings: of the index; its encoder gives way to the learnt one.
        learning: how the encoder learns; None where only aliases are learnt. Nothing is learnt from
            unlabeled mentions here: they are labelled by neighbours, and so by those left out.
        n_parts: how many parts.
        k: candidates of a mention.
        progress: shown each part.

    Raises:
        ConfigError: a setting is wrong.
        ArtifactError: the encoder can't be loaded.
    """
    progress = progress or Silent()
    keyed = [(normalize_surface(pair.text), pair) for pair in pairs]
    texts = sorted({key for key, _ in keyed})
    order = np.random.default_rng(learning.seed if learning else 0).permutation(len(texts))
    part_of = {texts[place]: n % n_parts for n, place in enumerate(order.tolist())}
    found: dict[str, tuple[Candidate, ...]] = {}
    for part in range(n_parts):
        mine = {key: pair for key, pair in keyed if part_of[key] == part}
        others = [pair for key, pair in keyed if part_of[key] != part]
        if not mine:
            continue
        progress.note(f"lists {part + 1} of {n_parts}: {len(mine)} mentions, by the others")
        with tempfile.TemporaryDirectory(prefix="decoct-lists-") as folder:
            scratch = Path(folder)
            made = build_learnt(
                *(entities, others, (), settings, learning),
                *(scratch / "index", scratch),
                progress=progress,
            )
            queries = [pair.mention for pair in mine.values()]
            found.update(zip(mine, made.index.search(queries, k), strict=True))
    return found


@dataclass(frozen=True, slots=True)
class Made:
    """An index that has learnt.

    Attributes:
        index: it.
        aliases: labelled mentions that are names now.
        sure: unlabeled mentions that its encoder learnt.
    """

    index: Index
    aliases: tuple[Pair, ...]
    sure: tuple[Pair, ...]


def build_learnt(
    entities: Sequence[Entity],
    pairs: Sequence[Pair],
    unlabeled: Sequence[Query],
    settings: IndexSettings,
    learning: LearnSettings | None,
    out: Path,
    folder: Path,
    *,
    progress: Progress | None = None,
) -> Made:
    """Learn from mentions, and build an index with what was learnt.

    Args:
        entities: the knowledge base.
        pairs: labelled mentions; the trusted ones become aliases.
        unlabeled: mentions without a label, for the encoder.
        settings: of the index; its encoder gives way to the learnt one.
        learning: how the encoder learns; it reads as the index does (glossary, template, length).
            None where only aliases are learnt.
        out: the index's folder.
        folder: gets the learnt encoder, in `encoder/`.
        progress: shown each epoch.
    """
    if learning is None:
        aliases = tuple(pair for pair in pairs if pair.weight >= LearnSettings().alias_trust)
        index = Index.build(with_aliases(entities, aliases), out, settings, progress)
        return Made(index, aliases, ())
    dense = settings.dense or DenseSettings()
    reading: dict[str, Any] = {
        "glossary": dense.glossary,
        "template": dense.template,
        "max_tokens": dense.max_tokens,
        **({} if unlabeled else {"rounds": 0}),
    }
    learnt = learn(entities, pairs, unlabeled, learning.model_copy(update=reading), progress)
    learnt.encoder.save(folder / ENCODER)
    own = dense.model_copy(update={"encoder": str(folder / ENCODER), "pooling": "auto"})
    index = Index.build(
        with_aliases(entities, learnt.aliases),
        out,
        settings.model_copy(update={"dense": own}),
        progress,
    )
    return Made(index, learnt.aliases, learnt.sure)

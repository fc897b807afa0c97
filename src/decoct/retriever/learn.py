"""What a retriever learns: labelled mentions first, then those that it is sure of by itself.

Most mentions that nobody has labelled are near one that somebody has, so that a retriever which has
learnt a few hundred is right about the rest where it is sure; learning those too makes it surer of
their neighbours. A teacher's labels pay twice here: they reach concepts that the few gold ones do
not, and the sure mentions around those come along.

Source: self-training after Yarowsky 1995 (P95-1026).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.evaluation.items import normalize_surface
from decoct.kb.base import Entity, Query
from decoct.progress import Progress, Silent
from decoct.retriever.encoder import TextEncoder
from decoct.retriever.fit import fit
from decoct.retriever.fit_settings import LearnSettings, Pair

_CHUNK = 1024  # mentions that are compared with all names at a time


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of it.

    Attributes:
        encoder: the bi-encoder.
        aliases: labelled mentions that are to be names of their entities.
        sure: unlabeled mentions that were learnt, by the last round.
    """

    encoder: TextEncoder
    aliases: tuple[Pair, ...]
    sure: tuple[Pair, ...]


def learn(
    entities: Sequence[Entity],
    pairs: Sequence[Pair],
    unlabeled: Sequence[Query] = (),
    settings: LearnSettings | None = None,
    progress: Progress | None = None,
) -> Learnt:
    """Fine-tune a bi-encoder on labelled mentions, and on unlabeled ones that it is sure of.

    Args:
        entities: the knowledge base.
        pairs: labelled mentions, gold and silver; where several are written the same, and stand in
            the same context if that is read, the one that counts most is believed.
        unlabeled: mentions without a label; those that are labelled are left out.
        settings: None for the defaults.
        progress: shown each epoch.

    Raises:
        ConfigError: there is nothing to learn from, or an entity is not in the knowledge base.
        ArtifactError: the encoder can't be loaded.
    """
    settings, progress = settings or LearnSettings(), progress or Silent()
    known = _distinct(pairs, by_context=settings.template == "mention_context")
    aliases = tuple(pair for pair in known if pair.weight >= settings.alias_trust)
    if settings.doubt == "check" and 0 < len(aliases) < len(known):
        known = (*aliases, *_checked(entities, aliases, known, settings, progress))
    encoder = fit(entities, known, settings, progress=progress).encoder
    left = _first_of_each(unlabeled, {normalize_surface(pair.text) for pair in known})
    sure: tuple[Pair, ...] = ()
    for number in range(1, settings.rounds + 1 if left else 1):
        sure = _sure(encoder, with_aliases(entities, aliases), left, settings)
        progress.note(f"round {number}: {len(sure)} of {len(left)} unlabeled mentions are learnt")
        again = settings.model_copy(
            update={"epochs": settings.round_epochs, "seed": settings.seed + number}
        )
        fit(entities, (*known, *sure), again, encoder=encoder, progress=progress)
    return Learnt(encoder, aliases, sure)


def with_aliases(entities: Sequence[Entity], pairs: Sequence[Pair]) -> list[Entity]:
    """Return the entities with mentions as further aliases of those that they mean."""
    more: dict[str, list[str]] = {}
    for pair in pairs:
        more.setdefault(pair.entity, []).append(pair.text)
    return [
        entity.model_copy(
            update={"aliases": tuple(dict.fromkeys((*entity.aliases, *more[entity.id])))}
        )
        if entity.id in more
        else entity
        for entity in entities
    ]


def _distinct(pairs: Sequence[Pair], by_context: bool) -> tuple[Pair, ...]:
    found: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        key = normalize_surface(pair.text), pair.mention.context if by_context else ""
        if key not in found or pair.weight > found[key].weight:
            found[key] = pair
    return tuple(found.values())


def _first_of_each(mentions: Sequence[Query], known: Container[str]) -> list[Query]:
    """Return mentions that are not known, each surface once."""
    found: dict[str, Query] = {}
    for mention in mentions:
        if normalize_surface(mention.text) not in known:
            found.setdefault(mention.text, mention)
    return list(found.values())


def _checked(
    entities: Sequence[Entity],
    trusted: Sequence[Pair],
    known: Sequence[Pair],
    settings: LearnSettings,
    progress: Progress,
) -> tuple[Pair, ...]:
    """Return the doubtful pairs whose entity is nearest to what has learnt the trusted ones."""
    doubtful = [pair for pair in known if pair.weight < settings.alias_trust]
    encoder = fit(entities, trusted, settings, progress=progress).encoder
    mentions = [pair.mention for pair in doubtful]
    best, _ = _nearest(encoder, with_aliases(entities, trusted), mentions)
    kept = tuple(
        pair
        for pair, place in zip(doubtful, best.tolist(), strict=True)
        if entities[place].id == pair.entity
    )
    progress.note(f"{len(kept)} of {len(doubtful)} doubtful mentions are learnt")
    return kept


def _sure(
    encoder: TextEncoder,
    entities: Sequence[Entity],
    mentions: Sequence[Query],
    settings: LearnSettings,
) -> tuple[Pair, ...]:
    """Return the mentions whose entity is nearest by the widest margin over the next."""
    best, margins = _nearest(encoder, entities, mentions)
    n_sure = round(settings.sure_share * len(mentions))
    return tuple(
        Pair.of(mentions[place], entities[best[place]].id, settings.unlabeled_weight)
        for place in np.argsort(-margins, kind="stable")[:n_sure].tolist()
    )


def _nearest(
    encoder: TextEncoder, entities: Sequence[Entity], mentions: Sequence[Query]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return each mention's nearest entity, by its place, and its margin over the next one."""
    names = [name for entity in entities for name in entity.names]
    starts = np.cumsum([0, *(len(entity.names) for entity in entities)])[:-1]
    vectors = encoder.encode(names)
    best = np.zeros(len(mentions), dtype=np.int64)
    margins = np.zeros(len(mentions), dtype=np.float32)
    for at in range(0, len(mentions), _CHUNK):
        near = encoder.encode(mentions[at : at + _CHUNK]) @ vectors.T
        nearest = np.maximum.reduceat(near, starts, axis=1)
        best[at : at + _CHUNK] = nearest.argmax(axis=1)
        first_two = np.sort(nearest, axis=1)[:, -2:]
        margins[at : at + _CHUNK] = first_two[:, -1] - first_two[:, 0]
    return best, margins

"""A choice whose answer is known: an invented disease, among others, or none of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

from decoct.kb.base import Entity, Query
from decoct.records import Candidate
from decoct.reranker.base import Choice, Question

STEMS = [f"{a}{b}" for a, b in product(("zora", "beli", "kuta", "mevo", "rin"), ("fia", "tum"))]
HEADS = ("itis", "pathy", "oma fever")
KB = {
    f"X{number}": Entity(
        id=f"X{number}",
        name=f"{stem} {head}",
        aliases=(f"{head} of {stem}", f"{stem} {head} disease") if number % 2 else (),
        definition=f"A {head} of the {stem} that was invented." if number % 3 else "",
    )
    for number, (stem, head) in enumerate(product(STEMS, HEADS))
}


def lookup(id_: str) -> Entity:
    """Return an entity of `KB`."""
    return KB[id_]


def choices(
    n: int, seed: int = 0, *, size: int = 4, nil_share: float = 0.2, helpful: float = 0.5
) -> list[Choice]:
    """Make choices whose right candidate is named as the mention, but for the word order.

    Args:
        n: how many.
        seed: of everything.
        size: candidates in a list.
        nil_share: share of the lists that the right one is not in.
        helpful: share of the lists in which the retriever's best is the right one; elsewhere its
            scores are drawn.
    """
    rng = random.Random(seed)
    return [_choice(rng, size, nil_share, helpful) for _ in range(n)]


def _choice(rng: random.Random, size: int, nil_share: float, helpful: float) -> Choice:
    right, *others = rng.sample(sorted(KB), size + 1)
    mention = KB[right].name.upper() if rng.random() < 0.5 else f"severe {KB[right].name}"
    listed = others if rng.random() < nil_share else [right, *others[:-1]]
    scores = [rng.uniform(0.2, 0.8) for _ in listed]
    if right in listed and rng.random() < helpful:
        scores[listed.index(right)] = 0.9
    found = sorted(zip(scores, listed, strict=True), reverse=True)
    candidates = tuple(
        Candidate(
            id=id_, name=KB[id_].name, score=score, scores={"ngram": score, "dense": 1 - score}
        )
        for score, id_ in found
    )
    ids = [candidate.id for candidate in candidates]
    target = ids.index(right) if right in ids else len(ids)
    return Choice(Question(Query(mention), candidates), target)


def accuracy(found: Sequence[Sequence[float]], wanted: Sequence[Choice]) -> float:
    """Return the share of choices whose right option has the highest score."""
    right = sum(
        max(range(len(row)), key=lambda at: row[at]) == choice.target
        for row, choice in zip(found, wanted, strict=True)
    )
    return right / len(wanted)

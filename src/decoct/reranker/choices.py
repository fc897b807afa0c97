"""From linked mentions to choices: what was meant, among what the index brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from decoct.kb.base import Query, queries_of
from decoct.records import Candidate, Document, Link, Span
from decoct.reranker.base import Choice, Question

Search = Callable[[Sequence[Query], int], Sequence[tuple[Candidate, ...]]]

Mentions = Callable[[Document], Iterable[tuple[Span, Query]]]

UNSTATED = 0.7  # confidence of a silver link that has none


@dataclass(slots=True)
class Choices:
    """Choices, and the mentions that gave none.

    Attributes:
        found: to learn from.
        n_out_of_reach: mentions whose entity is not among the candidates; there is nothing to be
            learnt from them about choosing.
        n_unlinked: mentions without a link.
    """

    found: list[Choice] = field(default_factory=list)
    n_out_of_reach: int = 0
    n_unlinked: int = 0


def choices_of(
    documents: Iterable[Document],
    search: Search,
    k: int,
    *,
    mentions: Mentions = queries_of,
    gold: bool = False,
    made: Choices | None = None,
) -> Choices:
    """Turn the links of documents into choices among the candidates that an index brings.

    The candidates that a teacher was shown are not taken: a re-ranker is to learn from lists, and
    from retrievers' scores, such as it will see. But when it said that none of those is meant, it
    said nothing of others, which are left out of the list.

    Args:
        documents: with links on their spans; a link without an id says NIL.
        search: brings candidates.
        k: how many.
        mentions: what of a document is looked up, and by what.
        gold: people made the links: each counts fully.
        made: what to add to.
    """
    made = made if made is not None else Choices()
    asked: list[tuple[Query, Link]] = []
    for document in documents:
        for span, query in mentions(document):
            if span.link is None:
                made.n_unlinked += 1
            else:
                asked.append((query, span.link))
    lists = search([query for query, _ in asked], k) if asked else []
    for (query, link), candidates in zip(asked, lists, strict=True):
        if link.id is None and link.candidates and not gold:
            shown = {candidate.id for candidate in link.candidates}
            candidates = tuple(one for one in candidates if one.id in shown)
        target = _place(link, candidates)
        if target is None:
            made.n_out_of_reach += 1
            continue
        sure = link.confidence if link.confidence is not None else UNSTATED
        weight = 1.0 if gold else max(sure, 0.01)
        made.found.append(Choice(Question(query, tuple(candidates)), target, weight, gold))
    return made


def _place(link: Link, candidates: Sequence[Candidate]) -> int | None:
    if link.id is None:
        return len(candidates)
    for place, candidate in enumerate(candidates):
        if candidate.id in link.ids:
            return place
    return None

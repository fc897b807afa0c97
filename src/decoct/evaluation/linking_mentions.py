"""What a system made of each gold mention: where in its list the right entity stands.

- A gold mention is a gold span with a link. A system's answer to it is the link of its span at the
  same fragments, of the same label if it has several there; with no such span it is missed.
- A system's ranking is what it decided for, an entity or NIL, and then its candidates in the order
  in which they are stored. An entry is right if it is any of the gold ids: for "colon and some
  other cancers" one of the two is enough, as in BioSyn. Ids are compared as strings: an ancestor's
  or a retired one's is wrong. Where gold is NIL only NIL is right. Other ids of a predicted link
  (`Link.also`) do not count.
- The candidates before any decision, which are the re-ranker's ceiling, are taken in the
  retriever's order where each carries its score (`Candidate.scores["retriever"]`), else as stored.

Source: the rule for composite mentions is that of BioSyn (Sung et al. 2020, arXiv 2005.00239).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from decoct.evaluation.align import Aligned
from decoct.evaluation.items import place
from decoct.records import Candidate, Document, Link, Span

RETRIEVER = "retriever"
Order = Literal["retriever", "stored"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One gold mention, and a system's answer.

    Attributes:
        document: its document's position among the aligned ones.
        document_id: its id.
        span: gold's.
        gold: gold's link.
        predicted: the system's, or None where it has no link there.
        rank: place of the first right entry in the system's ranking, from 1; 0 where there is none.
        retrieved: the same in its candidates alone.
    """

    document: int
    document_id: str
    span: Span
    gold: Link
    predicted: Link | None
    rank: int
    retrieved: int

    @property
    def says_nil(self) -> bool:
        """Whether the system decided for NIL."""
        return self.predicted is not None and self.predicted.id is None


def judge(aligned: Aligned, order: Order = "stored") -> list[Judged]:
    """Judge every gold mention, in order of document and place.

    Identical gold mentions of a document count once.

    Args:
        aligned: gold and predictions.
        order: of the candidates, from `candidate_order`.
    """
    judged: list[Judged] = []
    for number, (gold, predicted) in enumerate(zip(aligned.gold, aligned.predicted, strict=True)):
        answers = _by_place(predicted)
        for span, link in _mentions(gold):
            label, fragments = place(span)
            at_place = answers.get(fragments, {})
            answer = at_place.get(label) or next(iter(at_place.values()), None)
            judged.append(
                Judged(
                    document=number,
                    document_id=gold.id,
                    span=span,
                    gold=link,
                    predicted=answer,
                    rank=_first_right(_ranking(answer), link),
                    retrieved=_first_right(_retrieved(answer, order), link),
                )
            )
    return judged


def candidate_order(predicted: Iterable[Document]) -> Order:
    """Say whether every candidate carries the retriever's score."""
    candidates = [one for link in _links(predicted) for one in link.candidates]
    scored = all(RETRIEVER in one.scores for one in candidates)
    return "retriever" if candidates and scored else "stored"


def candidates_of(link: Link | None, order: Order) -> list[Candidate]:
    """Return a link's candidates, best first; the retriever's equals stay as stored."""
    candidates = [] if link is None else list(link.candidates)
    if order == "retriever":
        candidates.sort(key=lambda one: -one.scores[RETRIEVER])
    return candidates


def n_candidates(predicted: Iterable[Document]) -> int:
    """Return how many different entities the longest list of candidates has."""
    return max((len({one.id for one in link.candidates}) for link in _links(predicted)), default=0)


def has_links(documents: Iterable[Document]) -> bool:
    """Say whether any span has a link."""
    return next(_links(documents), None) is not None


def _links(documents: Iterable[Document]) -> Iterator[Link]:
    return (span.link for document in documents for span in document.spans if span.link is not None)


def _mentions(document: Document) -> list[tuple[Span, Link]]:
    found: dict[object, tuple[Span, Link]] = {}
    for span in document.spans:
        if span.link is not None:
            found.setdefault((place(span), frozenset(span.link.ids)), (span, span.link))
    return sorted(found.values(), key=lambda one: (place(one[0])[::-1], one[1].ids))


def _by_place(document: Document) -> dict[tuple[tuple[int, int], ...], dict[str, Link]]:
    answers: dict[tuple[tuple[int, int], ...], dict[str, Link]] = {}
    for span in document.spans:
        if span.link is not None:
            label, fragments = place(span)
            answers.setdefault(fragments, {}).setdefault(label, span.link)
    return answers


def _ranking(link: Link | None) -> list[str | None]:
    if link is None:
        return []
    return list(dict.fromkeys([link.id, *(one.id for one in link.candidates)]))


def _retrieved(link: Link | None, order: Order) -> list[str]:
    return list(dict.fromkeys(one.id for one in candidates_of(link, order)))


def _first_right(ranking: Sequence[str | None], gold: Link) -> int:
    right: tuple[str | None, ...] = gold.ids or (None,)
    return next((rank for rank, one in enumerate(ranking, start=1) if one in right), 0)

"""Which links are wrong: what is taken for what, and single mentions with their candidates."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from decoct.evaluation.align import align
from decoct.evaluation.linking_mentions import Judged, candidate_order, judge
from decoct.records import Document

_CONTEXT_CHARS = 80  # shown on either side of a mention
_N_CANDIDATES = 5
_N_SURFACES = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """An entity as it is shown.

    Attributes:
        id: None for NIL.
        name: "" where no link or candidate names it.
    """

    id: str | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Confusion:
    """One entity taken for another, or for NIL, or NIL for one.

    Attributes:
        gold: what is right; several entities where gold has several.
        predicted: what the system says instead; empty where it missed the mention.
        n: mentions.
        surfaces: up to three of them as they are written, the commonest first.
    """

    gold: tuple[Entry, ...]
    predicted: tuple[Entry, ...]
    n: int
    surfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrongLink:
    """A mention whose link is wrong.

    Attributes:
        document_id: where it is.
        before: text before the mention.
        mention: as it is written.
        after: text after it.
        gold: what is right.
        predicted: what the system says; empty where it missed the mention.
        retrieved: place of the right entity among the candidates, from 1; 0 where it is not there.
        candidates: the first five of the ranking.
    """

    document_id: str
    before: str
    mention: str
    after: str
    gold: tuple[Entry, ...]
    predicted: tuple[Entry, ...]
    retrieved: int
    candidates: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class LinkErrors:
    """What is wrong with a system's links.

    Attributes:
        n_wrong: mentions whose first entry is wrong.
        confusions: the commonest first.
        wrong: some of the mentions.
    """

    n_wrong: int
    confusions: tuple[Confusion, ...]
    wrong: tuple[WrongLink, ...]


def find_link_errors(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    *,
    n_confusions: int = 15,
    n_wrong: int = 20,
) -> LinkErrors:
    """Return the worst confusions and some wrong links.

    More wrong links than asked for are thinned by a hash of document and place: the choice is
    always the same and favors neither the first nor the worst.

    Args:
        gold: documents whose spans have links.
        predicted: a system's.
        n_confusions: at most this many.
        n_wrong: at most this many.

    Raises:
        EvaluationError: the two can't be joined (see `align`).
    """
    aligned = align(gold, predicted)
    mentions = judge(aligned, candidate_order(aligned.predicted))
    wrong = [one for one in mentions if one.rank != 1]
    names = _names((*aligned.gold, *aligned.predicted))
    chosen = sorted(wrong, key=_hash)[:n_wrong]
    chosen.sort(key=lambda one: (one.document, one.span.start, one.span.end))
    return LinkErrors(
        n_wrong=len(wrong),
        confusions=tuple(_confusions(wrong, names))[:n_confusions],
        wrong=tuple(_wrong_link(one, aligned.gold[one.document], names) for one in chosen),
    )


def _confusions(wrong: Iterable[Judged], names: Mapping[str, str]) -> Iterator[Confusion]:
    surfaces: defaultdict[tuple[tuple[Entry, ...], tuple[Entry, ...]], Counter[str]]
    surfaces = defaultdict(Counter)
    for one in wrong:
        surfaces[_gold(one, names), _predicted(one, names)][one.span.text] += 1
    for (gold, predicted), found in sorted(
        surfaces.items(), key=lambda item: (-item[1].total(), repr(item[0]))
    ):
        commonest = sorted(found, key=lambda surface: (-found[surface], surface))
        yield Confusion(gold, predicted, found.total(), tuple(commonest[:_N_SURFACES]))


def _wrong_link(one: Judged, document: Document, names: Mapping[str, str]) -> WrongLink:
    before = document.text[max(0, one.span.start - _CONTEXT_CHARS) : one.span.start]
    after = document.text[one.span.end : one.span.end + _CONTEXT_CHARS]
    candidates = () if one.predicted is None else one.predicted.candidates[:_N_CANDIDATES]
    return WrongLink(
        document_id=one.document_id,
        before="…" * (one.span.start > _CONTEXT_CHARS) + before,
        mention=one.span.text,
        after=after + "…" * (one.span.end + _CONTEXT_CHARS < len(document.text)),
        gold=_gold(one, names),
        predicted=_predicted(one, names),
        retrieved=one.retrieved,
        candidates=tuple(Entry(candidate.id, candidate.name) for candidate in candidates),
    )


def _gold(one: Judged, names: Mapping[str, str]) -> tuple[Entry, ...]:
    return tuple(Entry(id_, names.get(id_, "")) for id_ in sorted(one.gold.ids)) or (Entry(None),)


def _predicted(one: Judged, names: Mapping[str, str]) -> tuple[Entry, ...]:
    if one.predicted is None:
        return ()
    id_ = one.predicted.id
    return (Entry(id_, names.get(id_, "") if id_ else ""),)


def _names(documents: Iterable[Document]) -> dict[str, str]:
    """Return id -> name, as far as any link or candidate says."""
    names: dict[str, str] = {}
    for document in documents:
        for span in document.spans:
            link = span.link
            if link is None:
                continue
            if link.id is not None and link.name:
                names.setdefault(link.id, link.name)
            for candidate in link.candidates:
                names.setdefault(candidate.id, candidate.name)
    return names


def _hash(one: Judged) -> bytes:
    where = f"{one.document_id}\0{one.span.start}\0{one.span.end}\0{sorted(one.gold.ids)}"
    return hashlib.sha256(where.encode("utf-8", "surrogatepass")).digest()

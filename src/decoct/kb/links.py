"""Labelled links beside a knowledge base: ids of merged entries, and ids that it does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from decoct.errors import Faults
from decoct.kb.base import Entity
from decoct.records import Candidate, Document, Link

MainId = Callable[[str], str | None]

UNKNOWN = "unknown_id"


def main_ids(entities: Iterable[Entity]) -> dict[str, str]:
    """Return each id that entities go by -> their own; an own id goes before another's alternative.

    Example:
        >>> main_ids([Entity(id="C2", name="MI", alternatives=("C1",))])
        {'C1': 'C2', 'C2': 'C2'}
    """
    found: dict[str, str] = {}
    own: dict[str, str] = {}
    for entity in entities:
        own[entity.id] = entity.id
        for id_ in entity.alternatives:
            found.setdefault(id_, entity.id)
    return found | own


def renamed(document: Document, main_id: MainId) -> Document:
    """Return a document whose links and candidates go by entries' own ids; unknown ids stay.

    Args:
        document: as it was linked, perhaps by ids of an older release.
        main_id: id -> the entry's own, or None.
    """

    def own(id_: str) -> str:
        return main_id(id_) or id_

    spans = []
    for span in document.spans:
        if span.link is not None:
            candidates = tuple(
                one.model_copy(update={"id": own(one.id)}) for one in span.link.candidates
            )
            link = _to(span.link, map(own, span.link.ids), candidates)
            span = span.model_copy(update={"link": link})
        spans.append(span)
    return document.model_copy(update={"spans": tuple(spans)})


def known_links(
    documents: Iterable[Document], main_id: MainId, faults: Faults
) -> Iterator[Document]:
    """Yield documents whose links name entries that there are, by their own ids.

    A link to none of them is taken off its span, and is a fault; one to NIL stays.

    Args:
        documents: labelled.
        main_id: id -> the entry's own, or None where the knowledge base does not have it.
        faults: gets each mention whose entry is not there.
    """
    for document in documents:
        spans = []
        for span in document.spans:
            if span.link is not None and span.link.id is not None:
                own = [one for id_ in span.link.ids if (one := main_id(id_)) is not None]
                link = _to(span.link, own, span.link.candidates) if own else None
                if link is None:
                    reason = f"linked to {span.link.id}, which the knowledge base does not have"
                    faults.add(f"{document.id}#{span.id}", reason, UNKNOWN)
                span = span.model_copy(update={"link": link})
            spans.append(span)
        yield document.model_copy(update={"spans": tuple(spans)})


def _to(link: Link, ids: Iterable[str], candidates: tuple[Candidate, ...]) -> Link:
    first, *also = dict.fromkeys(ids) or (None,)
    return link.model_copy(update={"id": first, "also": tuple(also), "candidates": candidates})

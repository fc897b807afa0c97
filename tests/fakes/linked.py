"""Small documents with links, for the tests of linking: `sore knees` means K, and so on."""

from __future__ import annotations

from collections.abc import Sequence

from decoct.records import Candidate, Document, Link, Span

NIL = "NIL"


def link(*ids: str, candidates: Sequence[str] = (), scores: Sequence[float] = ()) -> Link:
    """Build a link; the id NIL is none, and a score of the retriever's goes with each candidate."""
    first, *also = ids
    listed = [
        Candidate(id=id_, name=f"name of {id_}", scores={"retriever": scores[n]} if scores else {})
        for n, id_ in enumerate(candidates)
    ]
    return Link(id=None if first == NIL else first, also=tuple(also), candidates=tuple(listed))


def mention(id_: str, text: str, made: Link | None, label: str = "Mention") -> Document:
    """Build a document that is nothing but its mention."""
    span = Span(id="T1", start=0, end=len(text), label=label, text=text, link=made)
    return Document(id=id_, text=text, spans=[span])


def text_with(id_: str, text: str, *marks: tuple[str, Link | None, str]) -> Document:
    """Build a document; a mark is the first occurrence of a string, its link and its label."""
    spans = []
    for number, (surface, made, label) in enumerate(marks):
        start = text.index(surface)
        spans.append(
            Span(
                id=f"T{number}", start=start, end=start + len(surface), label=label,
                text=surface, link=made,
            )
        )  # fmt: skip
    return Document(id=id_, text=text, spans=spans)

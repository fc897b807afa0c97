"""A builder of small documents, shared by the tests of evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from decoct.records import Document, Relation, Span

Build = Callable[..., Document]


def build_document(
    text: str,
    spans: Sequence[tuple[str, str | Sequence[tuple[int, int]]]] = (),
    pairs: Sequence[tuple[int, int]] = (),
    *,
    id: str = "d1",
    ungrounded: Sequence[tuple[str, str, str]] = (),
    relation: str = "ADE",
) -> Document:
    """Build a document; a span is (label, first occurrence of a string) or (label, fragments)."""
    made = [_span(f"T{n}", text, label, where) for n, (label, where) in enumerate(spans)]
    relations = [
        Relation(label=relation, subject=f"T{subject}", object=f"T{object_}")
        for subject, object_ in pairs
    ]
    claims = [dict(zip(("label", "subject", "object"), claim, strict=True)) for claim in ungrounded]
    meta = {"ungrounded": claims} if claims else {}
    return Document(id=id, text=text, spans=made, relations=relations, meta=meta)


def _span(id_: str, text: str, label: str, where: str | Sequence[tuple[int, int]]) -> Span:
    if isinstance(where, str):
        start = text.index(where)
        return Span(id=id_, start=start, end=start + len(where), label=label, text=where)
    fragments = tuple(where)
    surface = " ".join(text[start:end] for start, end in fragments)
    return Span(
        id=id_,
        start=fragments[0][0],
        end=fragments[-1][1],
        label=label,
        text=surface,
        fragments=fragments if len(fragments) > 1 else None,
    )


@pytest.fixture(scope="session")
def build() -> Build:
    return build_document

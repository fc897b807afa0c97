"""What a format could not carry: not claimed but found, by reading back what was written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from decoct.records import Document, Relation, Span

KINDS: Mapping[str, str] = {
    "text": "texts with other characters than before",
    "document_ids": "ids of documents",
    "sources": "sources (gold, silver, predicted)",
    "document_labels": "labels of documents",
    "meta": "documents with meta, in whole or in part",
    "spans": "spans",
    "overlapping_spans": "spans, left out because they nest in or overlap another",
    "discontinuous_spans": "discontinuous spans, made one stretch",
    "span_edges": "spans, trimmed of white space at an edge",
    "span_offsets": "spans' offsets, since the text has changed",
    "span_ids": "ids of spans",
    "span_labels": "spans with another label than before",
    "links": "links to a knowledge base",
    "link_details": "names, confidences or candidates of links",
    "confidences": "confidences",
    "relations": "relations",
    "relation_labels": "relations with another label than before",
}
Key = Callable[[Span], Hashable]


@dataclass(slots=True)
class Losses:
    """What was lost of documents that were written; no fault, but to be said.

    Attributes:
        keep: how many documents are named for each kind.
        counts: how often, by kind; kinds are the keys of `KINDS`.
        examples: ids of the first documents that lost such a thing.
    """

    keep: int = 3
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, document_id: str, n: int = 1) -> None:
        """Count `n` things of a kind that one document lost."""
        self.counts[kind] += n
        named = self.examples.setdefault(kind, [])
        if len(named) < self.keep:
            named.append(document_id)

    def compare(self, before: Document, after: Document) -> None:
        """Count what a document has lost on its way through a format."""
        if before != after:
            for kind, n in missing(before, after).items():
                self.add(kind, before.id, n)

    @property
    def n(self) -> int:
        """How many things were lost."""
        return self.counts.total()

    def __bool__(self) -> bool:
        return self.n > 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types: for each kind how many, and documents that show it."""
        return {
            kind: {"n": n, "documents": self.examples[kind]}
            for kind, n in self.counts.most_common()
        }

    def lines(self) -> list[str]:
        """Return a line for each kind, the most frequent first."""
        return [
            f"{n} {KINDS.get(kind, kind)} (such as in {', '.join(self.examples[kind])})"
            for kind, n in self.counts.most_common()
        ]


def missing(before: Document, after: Document) -> Counter[str]:
    """Count, by kind, what `before` has and `after` has not; additions are no losses."""
    found: Counter[str] = Counter()
    found["document_ids"] += before.id != after.id
    found["text"] += before.text != after.text
    found["sources"] += before.source != after.source
    found["document_labels"] += before.label != after.label
    found["meta"] += any(
        name not in after.meta or after.meta[name] != value for name, value in before.meta.items()
    )
    pairs = _pairs(before, after)
    kept = [span for span, other in zip(before.spans, pairs, strict=True) if other]
    for span, other in zip(before.spans, pairs, strict=True):
        if other is None:
            inside = any(one.overlaps(span) for one in kept)
            found["overlapping_spans" if inside else "spans"] += 1
        else:
            _compare_spans(span, other, before.text == after.text, found)
    new_ids = {span.id: other.id for span, other in zip(before.spans, pairs, strict=True) if other}
    _compare_relations(before, after, new_ids, found)
    return +found


def _pairs(before: Document, after: Document) -> list[Span | None]:
    """Return, for each span, the one that it has become: as it was, or as near as there is."""
    found: list[Span | None] = [None] * len(before.spans)
    left = list(after.spans)
    same: list[tuple[Key, Key]] = [
        (key, key)
        for key in (
            lambda span: (span.start, span.end, span.label, span.fragments, span.id),
            lambda span: (span.start, span.end, span.label, span.fragments),
            lambda span: (span.start, span.end, span.label),
            lambda span: (span.start, span.end),
        )
    ]
    trimmed: Key = lambda span: (*_trimmed(before.text, span), span.label)  # noqa: E731
    same.append((trimmed, lambda span: (span.start, span.end, span.label)))
    if before.text != after.text:
        same.append(((lambda span: (span.text, span.label)),) * 2)
    for key, other_key in same:
        if not left:
            break
        by_key: dict[Hashable, list[Span]] = defaultdict(list)
        for other in reversed(left):
            by_key[other_key(other)].append(other)
        for position, span in enumerate(before.spans):
            others = by_key.get(key(span)) if found[position] is None else None
            if others:
                found[position] = others.pop()
        left = [other for others in by_key.values() for other in reversed(others)]
    return found


def _trimmed(text: str, span: Span) -> tuple[int, int]:
    piece = text[span.start : span.end]
    start = span.start + len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _compare_spans(span: Span, other: Span, same_text: bool, found: Counter[str]) -> None:
    if (span.start, span.end) != (other.start, other.end):
        found["span_edges" if same_text else "span_offsets"] += 1
    found["discontinuous_spans"] += _pieces(span) != _pieces(other)
    found["span_labels"] += span.label != other.label
    found["span_ids"] += span.id != other.id
    found["confidences"] += span.confidence != other.confidence
    if span.link is None or span.link == other.link:
        return
    alike = other.link is not None and other.link.ids == span.link.ids
    found["link_details" if alike else "links"] += 1


def _pieces(span: Span) -> int:
    return len(span.fragments or ((span.start, span.end),))


def _compare_relations(
    before: Document, after: Document, new_ids: Mapping[str, str], found: Counter[str]
) -> None:
    left = list(after.relations)
    unmatched: list[Relation] = []
    for relation in before.relations:
        ends = (new_ids.get(relation.subject), new_ids.get(relation.object))
        alike = [one for one in left if (one.subject, one.object) == ends]
        alike.sort(key=lambda one: one.confidence != relation.confidence)
        match = next((one for one in alike if one.label == relation.label), None)
        if match is None:
            unmatched.append(relation)
        else:
            left.remove(match)
            found["confidences"] += match.confidence != relation.confidence
    for relation in unmatched:
        ends = (new_ids.get(relation.subject), new_ids.get(relation.object))
        match = next((one for one in left if (one.subject, one.object) == ends), None)
        if match is not None:
            left.remove(match)
        found["relations" if match is None else "relation_labels"] += 1

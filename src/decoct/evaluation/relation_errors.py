"""In what ways the relations of one annotation err when another is the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from decoct.evaluation.items import (
    Place,
    PlacePair,
    place_pairs,
    place_pairs_agree,
    places,
    places_agree,
    ungrounded,
)
from decoct.records import Document

ErrorType = Literal["boundary", "wrong pair", "invented", "missed"]
ERROR_TYPES: tuple[ErrorType, ...] = ("boundary", "wrong pair", "invented", "missed")
_MAX_EXAMPLES = 3
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Example:
    """Where an error is, without a word of the text.

    Attributes:
        document_id: which document.
        label: of the relation.
        subject: the subject's fragments, as (start, end).
        object: the object's.
    """

    document_id: str
    label: str
    subject: tuple[tuple[int, int], ...]
    object: tuple[tuple[int, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "document": self.document_id,
            "label": self.label,
            "subject": [list(fragment) for fragment in self.subject],
            "object": [list(fragment) for fragment in self.object],
        }


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How often one type of error occurs.

    Attributes:
        n: errors.
        n_of: what they are among: the second annotation's relations or, for `missed`, the first's.
        examples: the first few, in order of document id.
    """

    n: int
    n_of: int
    examples: tuple[Example, ...]

    @property
    def share(self) -> float:
        """`n / n_of`, 0 to 1; 0 where there is nothing to err in."""
        return self.n / self.n_of if self.n_of else 0.0

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        return {
            "n": self.n,
            "n_of": self.n_of,
            "share": round(self.share, _DIGITS),
            "examples": [example.to_dict() for example in self.examples],
        }


@dataclass(frozen=True, slots=True)
class RelationErrors:
    """In what ways the relations of b err when a is the reference.

    A relation of b is exact, or of one of the first three types; `missed` is about a's relations.

    Attributes:
        n_exact: relations of b that a has too.
        n_ungrounded: claims in b's meta whose strings are not in the text; in no type.
        types: `boundary`, both ends overlap those of a relation of a without being equal;
            `wrong pair`, both ends overlap spans of a that are not so related; `invented`, an end
            overlaps no span of a with its label; `missed`, a relation of a that none of b overlaps.
    """

    n_exact: int
    n_ungrounded: int
    types: Mapping[ErrorType, ErrorCount]

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types; a type is a key without spaces."""
        return {
            "n_exact": self.n_exact,
            "n_ungrounded": self.n_ungrounded,
            **{name.replace(" ", "_"): one.to_dict() for name, one in self.types.items()},
        }


def find_errors(a: Sequence[Document], b: Sequence[Document], n_ungrounded: int) -> RelationErrors:
    """Tell apart in what ways the relations of b err.

    Args:
        a: the reference.
        b: the same documents in the same order.
        n_ungrounded: see `count_ungrounded`.
    """
    counts = Counter[str]()
    examples: dict[ErrorType, list[Example]] = {name: [] for name in ERROR_TYPES}
    for reference, other in zip(a, b, strict=True):
        wanted, stated = place_pairs(reference), place_pairs(other)
        spans = places(reference)
        counts.update(a=len(wanted), b=len(stated), exact=len(wanted & stated))
        found = [(_error_type(pair, wanted, spans), pair) for pair in sorted(stated - wanted)]
        found += [
            ("missed", pair)
            for pair in sorted(wanted)
            if not any(place_pairs_agree(pair, one) for one in stated)
        ]
        for name, (label, subject, object_) in found:
            counts[name] += 1
            if len(examples[name]) < _MAX_EXAMPLES:
                examples[name].append(Example(reference.id, label, subject[1], object_[1]))
    types = {
        name: ErrorCount(
            counts[name], counts["a" if name == "missed" else "b"], tuple(examples[name])
        )
        for name in ERROR_TYPES
    }
    return RelationErrors(counts["exact"], n_ungrounded, types)


def count_ungrounded(documents: Iterable[Document], label: str | None) -> int:
    """Count the claims, of one label or any, whose strings are not in the text.

    Raises:
        EvaluationError: `meta["ungrounded"]` is malformed.
    """
    return sum(
        label in (None, claim[0]) for document in documents for claim in set(ungrounded(document))
    )


def _error_type(pair: PlacePair, wanted: set[PlacePair], spans: set[Place]) -> ErrorType:
    if any(place_pairs_agree(pair, other) for other in wanted):
        return "boundary"
    if all(any(places_agree(end, span) for span in spans) for end in pair[1:]):
        return "wrong pair"
    return "invented"

"""Everything that one evaluation says, as one object."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from decoct.evaluation.counts import By, Match
from decoct.evaluation.scores import Interval, Score

Setting = tuple[Match, By]
SETTINGS: tuple[Setting, ...] = (
    ("strict", "offsets"),
    ("lenient", "offsets"),
    ("strict", "surface"),
    ("lenient", "surface"),
)
_Z_95 = 1.959963984540054  # standard normal quantile of 0.975


@dataclass(frozen=True, slots=True)
class Negatives:
    """What happened in the documents that have no gold relation.

    Attributes:
        n_documents: gold documents without a relation.
        n_false_positive: those that got at least one predicted relation, grounded or not.
        rate: the second over the first, with its Wilson 95 % interval.
        signature: how the number was made.
    """

    n_documents: int
    n_false_positive: int
    rate: Interval
    signature: str

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "n_documents": self.n_documents,
            "n_false_positive": self.n_false_positive,
            "rate": self.rate.to_dict(),
            "signature": self.signature,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Metrics:
    """Precision, recall and F1 of relations and spans, strict and lenient, with intervals.

    Attributes:
        relations: (match, by) -> score of the pairs.
        spans: (match, by) -> score of all spans together.
        span_labels: label -> (match, by) -> score of the spans of that label.
        negatives: false positives in documents without a gold relation; None when there are none.
        missing: ids of gold documents without a prediction, scored as empty.
        unknown: ids of predictions without a gold document, not scored.

    Example:
        >>> metrics.relations["strict", "offsets"].f1.value  # doctest: +SKIP
        0.784
    """

    relations: Mapping[Setting, Score]
    spans: Mapping[Setting, Score]
    span_labels: Mapping[str, Mapping[Setting, Score]]
    negatives: Negatives | None
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def headline_of(self) -> Literal["relations", "spans"]:
        """What the corpus is about: relations, or spans where neither side has a relation.

        Ungrounded pairs are predicted relations too.
        """
        return "spans" if self.relations["strict", "offsets"].is_vacuous else "relations"

    @property
    def strict(self) -> Score:
        """The strict score by offsets of what the corpus is about."""
        return self._headline_scores["strict", "offsets"]

    @property
    def lenient(self) -> Score:
        """The lenient score by offsets of what the corpus is about."""
        return self._headline_scores["lenient", "offsets"]

    @property
    def n_documents(self) -> int:
        """How many gold documents were scored."""
        return self.strict.n_documents

    @property
    def headline(self) -> str:
        """The two numbers to quote, in one line."""
        return (
            f"{self.headline_of} by offsets over {self.n_documents} documents: "
            f"strict F1 {self.strict.f1.percent}, lenient F1 {self.lenient.f1.percent}"
        )

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types: relations and spans -> by -> match -> score."""
        return {
            "headline": self.headline,
            "n_documents": self.n_documents,
            "relations": _nested(self.relations),
            "spans": _nested(self.spans),
            "span_labels": {label: _nested(scores) for label, scores in self.span_labels.items()},
            "negatives": self.negatives.to_dict() if self.negatives else None,
            "missing": list(self.missing),
            "unknown": list(self.unknown),
        }

    @property
    def _headline_scores(self) -> Mapping[Setting, Score]:
        return self.relations if self.headline_of == "relations" else self.spans

    def __repr__(self) -> str:
        missing = f", {len(self.missing)} missing" if self.missing else ""
        return f"Metrics({self.headline}{missing})"

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{match}, by {by}</td><td>{one.precision.percent}</td>"
            f"<td>{one.recall.percent}</td><td>{one.f1.percent}</td></tr>"
            for (match, by), one in self._headline_scores.items()
        )
        return (
            f"<table><caption>{html.escape(self.headline_of)}, {self.n_documents} documents"
            "</caption><tr><th></th><th>precision</th><th>recall</th><th>F1</th></tr>"
            f"{cells}</table>"
        )


def wilson(n_hits: int, n: int) -> Interval:
    """Return a proportion with its 95 % score interval, which stays in 0 to 1 for small n.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    share = n_hits / n
    spread = _Z_95 * math.sqrt(share * (1 - share) / n + _Z_95**2 / (4 * n**2))
    scale = 1 + _Z_95**2 / n
    middle = share + _Z_95**2 / (2 * n)
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return Interval(share, min(max(0.0, low), share), max(min(1.0, high), share))


def _nested(scores: Mapping[Setting, Score]) -> dict[str, dict[str, object]]:
    nested: dict[str, dict[str, object]] = {}
    for (match, by), one in scores.items():
        nested.setdefault(by, {})[match] = one.to_dict()
    return nested

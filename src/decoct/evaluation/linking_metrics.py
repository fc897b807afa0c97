"""Everything that one evaluation of links says, as one object."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from decoct.evaluation.counts import Match
from decoct.evaluation.linking_mentions import Order
from decoct.evaluation.scores import Interval, Score

ALL, SEEN, UNSEEN = "all", "seen mentions", "unseen mentions"
UNSEEN_CONCEPTS = "unseen concepts"
_DIGITS = 6


@dataclass(frozen=True, slots=True, repr=False)
class LinkingScores:
    """How good the links of a group of gold mentions are.

    Attributes:
        recall: k -> share of the mentions with an entity that have a right one among the first k
            candidates: the ceiling of whatever chooses among them. Empty where no list is stored.
        accuracy: k -> share of all mentions with a right entry among the first k of the ranking,
            NIL included; 5 only where lists are stored.
        entity_accuracy: Acc@1 over the mentions with an entity; None where there is none.
        mrr: mean over all mentions of 1 / place of the first right entry, 0 where there is none.
        macro: Acc@1 over the mentions of each entity (or set of them), averaged over these; None
            where no mention has one.
        nil: precision, recall and F1 of saying NIL, over the mentions that were not missed; None
            where neither side says it.
        n_mentions: gold mentions.
        n_entity: those of them with an entity; the others are NIL.
        n_missed: those without an answer, which count as wrong.
        n_concepts: different entities, or sets of them, in gold.
        signature: how the numbers were made.
    """

    recall: Mapping[int, Interval]
    accuracy: Mapping[int, Interval]
    entity_accuracy: Interval | None
    mrr: Interval
    macro: Interval | None
    nil: Score | None
    n_mentions: int
    n_entity: int
    n_missed: int
    n_concepts: int
    signature: str

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "recall": {str(k): one.to_dict() for k, one in self.recall.items()},
            "accuracy": {str(k): one.to_dict() for k, one in self.accuracy.items()},
            "entity_accuracy": self.entity_accuracy and self.entity_accuracy.to_dict(),
            "mrr": self.mrr.to_dict(),
            "macro": self.macro and self.macro.to_dict(),
            "nil": self.nil and self.nil.to_dict(),
            "n_mentions": self.n_mentions,
            "n_entity": self.n_entity,
            "n_missed": self.n_missed,
            "n_concepts": self.n_concepts,
            "signature": self.signature,
        }

    def __repr__(self) -> str:
        return f"LinkingScores(Acc@1 {self.accuracy[1].percent}, {self.signature})"


@dataclass(frozen=True, slots=True, repr=False)
class LinkingMetrics:
    """Acc@k, recall@k, NIL and end-to-end scores of a system's links, with intervals.

    Attributes:
        groups: `all`, and where labelled data were given `seen mentions` (their surface is in those
            data, case and spacing aside), `unseen mentions` and `unseen concepts` (mentions with an
            entity none of whose ids is in them); only those that hold a mention.
        end_to_end: match -> precision, recall and F1 of (span, entity) pairs, whatever the labels:
            strict where the spans are equal, lenient where they overlap.
        order: how candidates were ordered for recall@k, see `linking_mentions`.
        n_documents: gold documents.
        n_beyond: predicted links where gold has no mention, which count in `end_to_end` only.
        missing: ids of gold documents without a prediction; their mentions are missed.
        unknown: ids of predictions without a gold document, not scored.

    Example:
        >>> metrics.groups["unseen mentions"].accuracy[1].value  # doctest: +SKIP
        0.612
    """

    groups: Mapping[str, LinkingScores]
    end_to_end: Mapping[Match, Score]
    order: Order
    n_documents: int
    n_beyond: int
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def all(self) -> LinkingScores:
        """The scores over all mentions."""
        return self.groups[ALL]

    @property
    def found_mentions(self) -> bool:
        """Whether the mentions were the system's to find: some differ from gold's."""
        return self.n_beyond > 0 or self.all.n_missed > 0

    @property
    def headline(self) -> str:
        """The numbers to quote, in one line, the ceiling first."""
        scores = self.all
        ceiling = "".join(f"recall@{k} {scores.recall[k].percent}, " for k in [*scores.recall][-1:])
        return f"{scores.n_mentions} mentions: {ceiling}Acc@1 {scores.accuracy[1].percent}"

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "headline": self.headline,
            "n_documents": self.n_documents,
            "groups": {name: scores.to_dict() for name, scores in self.groups.items()},
            "end_to_end": {match: one.to_dict() for match, one in self.end_to_end.items()},
            "order": self.order,
            "n_beyond": self.n_beyond,
            "missing": list(self.missing),
            "unknown": list(self.unknown),
        }

    def __repr__(self) -> str:
        return f"LinkingMetrics({self.headline})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{one.n_mentions}</td>"
            f"<td>{one.accuracy[1].percent}</td><td>{one.mrr.percent}</td></tr>"
            for name, one in self.groups.items()
        )
        return (
            f"<table><caption>links, {self.n_documents} documents</caption>"
            f"<tr><th></th><th>mentions</th><th>Acc@1</th><th>MRR</th></tr>{rows}</table>"
        )


@dataclass(frozen=True, slots=True, repr=False)
class LinkingComparison:
    """The difference in Acc@k between two systems, and how surprising it is.

    Attributes:
        accuracy_a: of the first system, 0 to 1.
        accuracy_b: of the second.
        difference: `accuracy_a - accuracy_b` with its paired-bootstrap 95 % interval; above 0, a is
            better.
        p: two-sided p-value, as in `significance.Comparison`.
        n_mentions: gold mentions compared.
        n_documents: gold documents, which are what is resampled and swapped.
        missed_a: mentions without an answer of the first system, which count as wrong.
        missed_b: the same of the second.
        k: of Acc@k.
        signature: how the numbers were made.
    """

    accuracy_a: float
    accuracy_b: float
    difference: Interval
    p: float
    n_mentions: int
    n_documents: int
    missed_a: int
    missed_b: int
    k: int
    signature: str

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "accuracy_a": round(self.accuracy_a, _DIGITS),
            "accuracy_b": round(self.accuracy_b, _DIGITS),
            "difference": self.difference.to_dict(),
            "p": round(self.p, _DIGITS),
            "n_mentions": self.n_mentions,
            "n_documents": self.n_documents,
            "missed_a": self.missed_a,
            "missed_b": self.missed_b,
            "k": self.k,
            "signature": self.signature,
        }

    def __repr__(self) -> str:
        low, high = 100 * self.difference.low, 100 * self.difference.high
        return (
            f"LinkingComparison(Acc@{self.k} {100 * self.accuracy_a:.1f} against "
            f"{100 * self.accuracy_b:.1f}: {100 * self.difference.value:+.1f} "
            f"[{low:+.1f}, {high:+.1f}], p={self.p:.4f}, {self.signature})"
        )

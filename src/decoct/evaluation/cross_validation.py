"""What a cross-validation came to: the score of all folds together, and its spread over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.folds import Folding
from decoct.evaluation.metrics import SETTINGS, Metrics, Setting
from decoct.evaluation.scores import Score
from decoct.records import Document

TABLE_HEADER = (
    *("", "precision", "recall", "F1", "95 % interval"),
    *("F1 over folds", "gold", "predicted"),
)
_DIGITS = 6


@dataclass(frozen=True, slots=True, repr=False)
class Spread:
    """The mean of a number over folds and its standard deviation.

    Attributes:
        mean: over the folds, each counting the same.
        sd: the sample's (n - 1); None for one fold.
    """

    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else None)

    def to_dict(self) -> dict[str, float | None]:
        """Return plain JSON types, rounded to six digits."""
        sd = None if self.sd is None else round(self.sd, _DIGITS)
        return {"mean": round(self.mean, _DIGITS), "sd": sd}

    @property
    def percent(self) -> str:
        """The mean as papers print it, such as `78.4 ± 1.2`."""
        return f"{100 * self.mean:.1f}" + ("" if self.sd is None else f" ± {100 * self.sd:.1f}")

    def __repr__(self) -> str:
        return self.percent


@dataclass(frozen=True, slots=True, repr=False)
class CrossValidation:
    """The scores of a cross-validation.

    Attributes:
        folding: how the documents were divided.
        pooled: of all held-out documents together, with intervals.
        by_fold: fold -> its own scores; folds that are not done are not there.
        predicted: the predictions for all held-out documents.
        n_gold: gold documents, those of folds that are not done included.
        facts: how the students were made, as JSON types.
    """

    folding: Folding
    pooled: Metrics
    by_fold: Mapping[int, Metrics]
    predicted: tuple[Document, ...]
    n_gold: int
    facts: Mapping[str, object]

    @property
    def missing(self) -> tuple[int, ...]:
        """The folds that are not done."""
        return tuple(fold for fold in range(self.folding.n_folds) if fold not in self.by_fold)

    def spread(self, setting: Setting, of: str = "relations") -> Spread:
        """Return mean and standard deviation of F1 over folds.

        Args:
            setting: (match, by).
            of: relations, spans, or a span label.
        """
        return Spread.of([_scores(one, of)[setting].f1.value for one in self._each(of)])

    def rows(self) -> list[tuple[str, ...]]:
        """Return a row of strings per score, under the columns of `TABLE_HEADER`.

        Relations are left out where neither side has one.
        """
        named = ["relations"] if self.pooled.headline_of == "relations" else []
        named += ["spans", *(self.pooled.span_labels if len(self.pooled.span_labels) > 1 else ())]
        return [
            self._row(of, setting, _scores(self.pooled, of)[setting])
            for of in named
            for setting in SETTINGS
        ]

    def lines(self) -> list[str]:
        """Return what is to be said under the table."""
        lines = []
        if self.missing:
            lines.append(
                f"not done: fold {', '.join(map(str, self.missing))} of {self.folding.n_folds}; "
                f"scored on {self.pooled.n_documents} of {self.n_gold} documents"
            )
        if negatives := self.pooled.negatives:
            lines.append(
                f"false alarms: {negatives.rate.percent} % of the {negatives.n_documents} "
                f"documents without a relation"
            )
        return [*lines, self.pooled.strict.signature]

    def to_markdown(self) -> str:
        """Return the table and what is to be said under it."""
        rule = ("---",) * len(TABLE_HEADER)
        table = [f"| {' | '.join(row)} |" for row in (TABLE_HEADER, rule, *self.rows())]
        return "\n\n".join(["\n".join(table), *self.lines()]) + "\n"

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types: the pooled metrics' own, and what there is of the folds."""
        labels = sorted(self.pooled.span_labels)
        alarms = [one.negatives.rate.value for one in self.by_fold.values() if one.negatives]
        return {
            **self.pooled.to_dict(),
            "folds": {
                **self.folding.to_dict(),
                "done": sorted(self.by_fold),
                "missing": list(self.missing),
                "n_gold_documents": self.n_gold,
            },
            "over_folds": {
                "relations": self._spreads("relations"),
                "spans": self._spreads("spans"),
                "span_labels": {label: self._spreads(label) for label in labels},
                "negatives": Spread.of(alarms).to_dict() if alarms else None,
            },
            "by_fold": {str(fold): one.to_dict() for fold, one in sorted(self.by_fold.items())},
            **self.facts,
        }

    def _each(self, of: str) -> list[Metrics]:
        """Return the folds that have such scores: a rare label may be in some alone."""
        return [one for one in self.by_fold.values() if _scores(one, of)]

    def _spreads(self, of: str) -> dict[str, dict[str, object]]:
        nested: dict[str, dict[str, object]] = {}
        for match, by in SETTINGS:
            scores = [_scores(one, of)[match, by] for one in self._each(of)]
            nested.setdefault(by, {})[match] = {
                "precision": Spread.of([one.precision.value for one in scores]).to_dict(),
                "recall": Spread.of([one.recall.value for one in scores]).to_dict(),
                "f1": Spread.of([one.f1.value for one in scores]).to_dict(),
                "n_folds": len(scores),
            }
        return nested

    def _row(self, of: str, setting: Setting, one: Score) -> tuple[str, ...]:
        match, by = setting
        return (
            f"{of}, {match}, by {by}",
            *(f"{100 * part.value:.1f}" for part in (one.precision, one.recall, one.f1)),
            f"{100 * one.f1.low:.1f} to {100 * one.f1.high:.1f}",
            self.spread(setting, of).percent,
            str(one.n_gold),
            str(one.n_predicted),
        )

    def __repr__(self) -> str:
        missing = f", {len(self.missing)} folds not done" if self.missing else ""
        return f"CrossValidation({self.pooled.headline}{missing})"


def score_folds(
    gold: Sequence[Document],
    predicted: Mapping[int, Sequence[Document]],
    folding: Folding,
    *,
    seed: int = 13,
    note: str = "",
    facts: Mapping[str, object] | None = None,
) -> CrossValidation:
    """Score held-out predictions, all folds together and each by itself.

    Args:
        gold: all documents that were divided.
        predicted: fold -> predictions for its documents.
        folding: how they were divided.
        seed: of the bootstrap.
        note: what else signatures should say, such as `given:subjects`.
        facts: how the students were made, as JSON types.

    Raises:
        EvaluationError: no fold is there, or gold can't be divided or joined (see `align`).
    """
    fold_of = folding.assign(gold)
    pooled = [document for fold in sorted(predicted) for document in predicted[fold]]
    scored = [document for document in gold if fold_of[document.id] in predicted]
    return CrossValidation(
        folding=folding,
        pooled=_sign(evaluate(scored, pooled, seed=seed), _said(folding, sorted(predicted), note)),
        by_fold={
            fold: _sign(
                evaluate([one for one in scored if fold_of[one.id] == fold], found, seed=seed),
                _said(folding, [fold], note),
            )
            for fold, found in sorted(predicted.items())
        },
        predicted=tuple(pooled),
        n_gold=len(gold),
        facts=facts or {},
    )


def _scores(metrics: Metrics, of: str) -> Mapping[Setting, Score]:
    if of in ("relations", "spans"):
        return metrics.relations if of == "relations" else metrics.spans
    return metrics.span_labels.get(of, {})


def _said(folding: Folding, folds: Sequence[int], note: str) -> str:
    return f"|{folding.signature(folds)}" + (f"|{note}" if note else "")


def _sign(metrics: Metrics, more: str) -> Metrics:
    """Add to the signature of every number."""

    def signed(scores: Mapping[Setting, Score]) -> dict[Setting, Score]:
        return {
            setting: replace(one, signature=one.signature + more) for setting, one in scores.items()
        }

    negatives = metrics.negatives
    return replace(
        metrics,
        relations=signed(metrics.relations),
        spans=signed(metrics.spans),
        span_labels={label: signed(scores) for label, scores in metrics.span_labels.items()},
        negatives=negatives and replace(negatives, signature=negatives.signature + more),
    )

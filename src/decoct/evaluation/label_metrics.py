"""Everything that an evaluation of classes says, as one object."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from decoct.evaluation.scores import Interval

TABLE_HEADER = ("", "precision", "recall", "F1", "95 % interval", "gold", "predicted")
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Precision, recall and F1 of one class, or their means over all.

    Attributes:
        precision: right predictions of the class / predictions of it.
        recall: found documents of the class / documents of it.
        f1: their harmonic mean.
        n_gold: gold documents of the class.
        n_predicted: predictions of it.
    """

    precision: Interval
    recall: Interval
    f1: Interval
    n_gold: int
    n_predicted: int

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "precision": self.precision.to_dict(),
            "recall": self.recall.to_dict(),
            "f1": self.f1.to_dict(),
            "n_gold": self.n_gold,
            "n_predicted": self.n_predicted,
        }


@dataclass(frozen=True, slots=True, repr=False)
class LabelMetrics:
    """How well a system tells the classes of documents.

    Attributes:
        accuracy: share of the documents whose class is right.
        main: of the positive class, or the mean over the classes of gold (macro).
        classes: class -> its own; those of gold first, then those that were predicted alone.
        mcc: Matthews correlation, -1 to 1, 0 for guessing; also for more than two classes.
        confusion: (gold class, predicted class) -> documents, where there are any.
        positive: the class that `main` is of; None for the mean over all.
        n_documents: gold documents, which are what is resampled.
        missing: ids of gold documents without a predicted label, counted as wrong.
        unknown: ids of predictions without a gold document, not scored.
        signature: how the numbers were made.

    Source: Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation
    coefficient", for `mcc` of more than two classes.
    """

    accuracy: Interval
    main: ClassScore
    classes: Mapping[str, ClassScore]
    mcc: Interval
    confusion: Mapping[tuple[str, str], int]
    positive: str | None
    n_documents: int
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    signature: str

    @property
    def main_name(self) -> str:
        """What `main` is, such as `F1 of positive` or `macro F1`."""
        return "macro F1" if self.positive is None else f"F1 of {self.positive}"

    @property
    def headline(self) -> str:
        """The numbers to quote, in one line."""
        return (
            f"labels over {self.n_documents} documents: accuracy {self.accuracy.percent}, "
            f"{self.main_name} {self.main.f1.percent}, MCC {100 * self.mcc.value:.1f}"
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of the confusion matrix, gold's first."""
        return tuple(self.classes)

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "headline": self.headline,
            "n_documents": self.n_documents,
            "positive": self.positive,
            "accuracy": self.accuracy.to_dict(),
            "f1": self.main.f1.to_dict(),
            "precision": self.main.precision.to_dict(),
            "recall": self.main.recall.to_dict(),
            "mcc": self.mcc.to_dict(),
            "classes": {label: one.to_dict() for label, one in self.classes.items()},
            "confusion": {
                gold: {said: n for (label, said), n in self.confusion.items() if label == gold}
                for gold in dict.fromkeys(label for label, _ in self.confusion)
            },
            "missing": list(self.missing),
            "unknown": list(self.unknown),
            "signature": self.signature,
        }

    def __repr__(self) -> str:
        missing = f", {len(self.missing)} missing" if self.missing else ""
        return f"LabelMetrics({self.headline}{missing})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(label)}</td><td>{one.precision.percent}</td>"
            f"<td>{one.recall.percent}</td><td>{one.f1.percent}</td></tr>"
            for label, one in self.classes.items()
        )
        return (
            f"<table><caption>{html.escape(self.headline)}</caption>"
            f"<tr><th></th><th>precision</th><th>recall</th><th>F1</th></tr>{rows}</table>"
        )


@dataclass(frozen=True, slots=True, repr=False)
class LabelComparison:
    """The differences between two systems, and how surprising they are.

    Attributes:
        accuracy: the first's less the second's, with its paired-bootstrap 95 % interval.
        f1: the same of `main`'s F1.
        p_accuracy: two-sided p-value: how often a difference at least as large arises when the two
            systems' answers are swapped document by document at random.
        p_f1: the same.
        main_name: what F1 is.
        n_documents: documents compared.
        missing_a: how many of them the first system has no label for.
        missing_b: the same for the second.
        signature: how the numbers were made.
    """

    accuracy: Interval
    f1: Interval
    p_accuracy: float
    p_f1: float
    main_name: str
    n_documents: int
    missing_a: int
    missing_b: int
    signature: str

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "accuracy": self.accuracy.to_dict(),
            "p_accuracy": round(self.p_accuracy, _DIGITS),
            "f1": self.f1.to_dict(),
            "p_f1": round(self.p_f1, _DIGITS),
            "n_documents": self.n_documents,
            "missing_a": self.missing_a,
            "missing_b": self.missing_b,
            "signature": self.signature,
        }

    def __repr__(self) -> str:
        parts = [
            f"{name} {100 * one.value:+.1f} "
            f"[{100 * one.low:+.1f}, {100 * one.high:+.1f}], p={p:.4f}"
            for name, one, p in (
                ("accuracy", self.accuracy, self.p_accuracy),
                (self.main_name, self.f1, self.p_f1),
            )
        ]
        return f"LabelComparison({'; '.join(parts)}, {self.signature})"


def table_rows(metrics: LabelMetrics) -> list[tuple[str, ...]]:
    """Return a row of strings per class, and for the mean, under `TABLE_HEADER`."""
    rows = {**metrics.classes}
    if metrics.positive is None:
        rows["mean over classes"] = metrics.main
    return [
        (
            label,
            *(f"{100 * part.value:.1f}" for part in (one.precision, one.recall, one.f1)),
            f"{100 * one.f1.low:.1f} to {100 * one.f1.high:.1f}",
            str(one.n_gold),
            str(one.n_predicted),
        )
        for label, one in rows.items()
    ]

"""How far two annotations of the same documents agree, and in what ways one of them errs.

Source: Cohen (1960), "A coefficient of agreement for nominal scales"; the intervals are those of
`scores`, a percentile bootstrap over documents.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.errors import EvaluationError
from decoct.evaluation.align import align, hash_gold
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.items import place
from decoct.evaluation.metrics import Metrics, Setting
from decoct.evaluation.relation_errors import (
    ERROR_TYPES,
    ErrorCount,
    ErrorType,
    Example,
    RelationErrors,
    count_ungrounded,
    find_errors,
)
from decoct.evaluation.scores import Interval, Score, Setup, bootstrap, interval
from decoct.records import Document
from decoct.text.words import find_words

__all__ = [
    "ERROR_TYPES",
    "MATCHES",
    "Agreement",
    "ErrorCount",
    "ErrorType",
    "Example",
    "Kappa",
    "RelationErrors",
    "cohen_kappa",
    "measure_agreement",
]

MATCHES: tuple[Setting, ...] = (("strict", "offsets"), ("lenient", "offsets"))
_DIGITS = 6

_Class = frozenset[str] | bool  # what an annotator says of an item; nothing is False or empty
_Ratings = Sequence[Counter[tuple[_Class, _Class]]]  # of each document: (a's, b's) -> items


@dataclass(frozen=True, slots=True, repr=False)
class Kappa:
    """Cohen's kappa: agreement beyond what chance would give, at most 1.

    It is 0, however much is observed, where one side says the same of every item and the other does
    not: over documents, in a corpus of positives only.

    Attributes:
        value: kappa with its 95 % interval; 1 where both say the same of everything.
        observed: share of the items on which the two agree, 0 to 1.
        n_items: words or documents.
        n_a: those of them that the first annotation marks.
        n_b: those that the second marks.
        is_vacuous: both say one and the same of every item, so that kappa has no meaning.
        signature: how the number was made.
    """

    value: Interval
    observed: float
    n_items: int
    n_a: int
    n_b: int
    is_vacuous: bool
    signature: str

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {
            "kappa": self.value.to_dict(),
            "observed": round(self.observed, _DIGITS),
            "n_items": self.n_items,
            "n_a": self.n_a,
            "n_b": self.n_b,
            "is_vacuous": self.is_vacuous,
            "signature": self.signature,
        }

    def __repr__(self) -> str:
        return f"Kappa({self.value!r}, {self.signature})"


@dataclass(frozen=True, slots=True, repr=False)
class Agreement:
    """What two annotations of the same documents have in common.

    Attributes:
        n_documents: documents that both have; only these are compared.
        words: kappa over words; a word's class is the set of the labels it is marked with.
        word_labels: span label -> kappa over words, marked with that label or not.
        documents: kappa over documents, with a relation or without.
        f1: F1 of spans, of the spans of each label, and of relations; the same both ways around.
        errors: of b's relations, with a as the reference.
        only_a: ids of documents that only the first has.
        only_b: ids of documents that only the second has.
    """

    n_documents: int
    words: Kappa
    word_labels: Mapping[str, Kappa]
    documents: Kappa
    f1: Metrics
    errors: RelationErrors
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, without a word of the documents' text."""
        return {
            "n_documents": self.n_documents,
            "kappa": {
                "words": self.words.to_dict(),
                "word_labels": {label: one.to_dict() for label, one in self.word_labels.items()},
                "documents": self.documents.to_dict(),
            },
            "f1": {
                "spans": _by_match(self.f1.spans),
                "span_labels": {
                    label: _by_match(scores) for label, scores in self.f1.span_labels.items()
                },
                "relations": _by_match(self.f1.relations),
            },
            "errors": self.errors.to_dict(),
            "n_only_a": len(self.only_a),
            "n_only_b": len(self.only_b),
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
        }

    def __repr__(self) -> str:
        return (
            f"Agreement({self.n_documents} documents, kappa over words {self.words.value!r}, "
            f"over documents {self.documents.value!r})"
        )


def measure_agreement(
    a: Sequence[Document],
    b: Sequence[Document],
    *,
    label: str | None = None,
    seed: int = 13,
    n_resamples: int = 1000,
) -> Agreement:
    """Compare two annotations of the same documents.

    Claims that a teacher made in strings that are not in the text are counted and otherwise left
    out, on both sides alike.

    Args:
        a: one annotation, the reference where errors are told apart; joined by document id.
        b: the other.
        label: look at relations of this label only; spans are compared all the same.
        seed: of the bootstrap.
        n_resamples: resamples behind each interval.

    Raises:
        EvaluationError: the two have no document in common, or can't be joined (see `align`), no
            relation has that label, or `meta["ungrounded"]` of b is malformed.
    """
    aligned = align(a, b)
    missing = set(aligned.missing)
    pairs = [
        pair
        for pair in zip(aligned.gold, aligned.predicted, strict=True)
        if pair[0].id not in missing
    ]
    if not pairs:
        raise EvaluationError("the two files have no document id in common; nothing to compare")
    _check_label(pairs, label)
    first = [_comparable(document, label) for document, _ in pairs]
    second = [_comparable(document, label) for _, document in pairs]
    names = sorted({span.label for document in first + second for span in document.spans})
    by_word = [
        Counter(zip(_word_labels(one), _word_labels(other), strict=True))
        for one, other in zip(first, second, strict=True)
    ]
    ratings: dict[str, _Ratings] = {"words": [Counter[tuple[_Class, _Class]](c) for c in by_word]}
    ratings["documents"] = [
        Counter[tuple[_Class, _Class]]([(bool(one.relations), bool(other.relations))])
        for one, other in zip(first, second, strict=True)
    ]
    for name in names:
        ratings[f"words|label:{name}"] = [_of_label(counts, name) for counts in by_word]
    kappas = _kappas(ratings, Setup(hash_gold(first), seed, n_resamples))
    return Agreement(
        n_documents=len(pairs),
        words=kappas["words"],
        word_labels={name: kappas[f"words|label:{name}"] for name in names},
        documents=kappas["documents"],
        f1=evaluate(first, second, seed=seed, n_resamples=n_resamples),
        errors=find_errors(first, second, count_ungrounded((other for _, other in pairs), label)),
        only_a=aligned.missing,
        only_b=aligned.unknown,
    )


def cohen_kappa(tallies: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute Cohen's kappa from what two annotators said of the same items.

    Where both say one and the same of everything, chance explains it all and kappa is 0 / 0; it is
    1 then, as F1 is where there is nothing to find.

    Args:
        tallies: (n_classes, ..., 4) int64: items that a, that b and that both put into the class,
            and items in all.

    Returns:
        (...) float64, -1 to 1, higher is better.
    """
    by_a, by_b, by_both, items = np.moveaxis(tallies.astype(np.float64), -1, 0)
    n = items[0]
    by_chance = (by_a * by_b).sum(axis=0)
    possible = n * n - by_chance
    defined = possible > 0
    found = (n * by_both.sum(axis=0) - by_chance) / np.where(defined, possible, 1.0)
    return np.where(defined, found, 1.0)


def _check_label(pairs: Iterable[tuple[Document, Document]], label: str | None) -> None:
    if label is None:
        return
    found = {relation.label for pair in pairs for one in pair for relation in one.relations}
    if label not in found:
        there = f"there are {', '.join(sorted(found))}" if found else "there are none"
        raise EvaluationError(f"no relation has the label {label!r}; {there}")


def _comparable(document: Document, label: str | None) -> Document:
    """Return a document with the relations of one label, and without claims not in its text."""
    relations = tuple(one for one in document.relations if label in (None, one.label))
    return document.model_copy(update={"relations": relations, "meta": {}})


def _word_labels(document: Document) -> list[frozenset[str]]:
    """Return the labels that each word is marked with, wholly or in part."""
    words = find_words(document.text)
    starts, ends = [word.start for word in words], [word.end for word in words]
    found: list[set[str]] = [set() for _ in words]
    for label, fragments in map(place, document.spans):
        for start, end in fragments:
            for labels in found[bisect_right(ends, start) : bisect_left(starts, end)]:
                labels.add(label)
    return [frozenset(labels) for labels in found]


def _of_label(
    counts: Counter[tuple[frozenset[str], frozenset[str]]], label: str
) -> Counter[tuple[_Class, _Class]]:
    binary = Counter[tuple[_Class, _Class]]()
    for (one, other), n in counts.items():
        binary[label in one, label in other] += n
    return binary


def _kappas(ratings: Mapping[str, _Ratings], setup: Setup) -> dict[str, Kappa]:
    """Compute several kappas over the same documents, all with the same resamples."""
    tallies = {name: _tally(rows) for name, rows in ratings.items()}
    matrices = [matrix for by_class in tallies.values() for matrix in by_class.values()]
    sums = iter(bootstrap(matrices, setup))
    kappas = {}
    for name, by_class in tallies.items():
        totals = np.stack([matrix.sum(axis=0) for matrix in by_class.values()])
        samples = cohen_kappa(np.stack([next(sums) for _ in by_class]))
        marked = np.array([bool(one) for one in by_class])
        n_items = int(totals[0, 3])
        kappas[name] = Kappa(
            value=interval(float(cohen_kappa(totals)), samples),
            observed=int(totals[:, 2].sum()) / n_items if n_items else 1.0,
            n_items=n_items,
            n_a=int(totals[marked, 0].sum()),
            n_b=int(totals[marked, 1].sum()),
            is_vacuous=bool((totals[:, 2] == n_items).any()),
            signature=setup.signature(f"kappa:{name}", len(ratings[name])),
        )
    return kappas


def _tally(rows: _Ratings) -> dict[_Class, NDArray[np.int64]]:
    """Return for each class (n_documents, 4) int64: a's, b's, both's items, and all items."""
    classes = dict.fromkeys(one for row in rows for pair in row for one in pair) or {False: None}
    tally = {one: np.zeros((len(rows), 4), dtype=np.int64) for one in classes}
    for number, row in enumerate(rows):
        for matrix in tally.values():
            matrix[number, 3] = row.total()
        for (one, other), n in row.items():
            tally[one][number, 0] += n
            tally[other][number, 1] += n
            if one == other:
                tally[one][number, 2] += n
    return tally


def _by_match(scores: Mapping[Setting, Score]) -> dict[str, dict[str, object]]:
    return {match: scores[match, by].to_dict() for match, by in MATCHES}

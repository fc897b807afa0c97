"""What a de-identifier leaves: the share of protected characters that nothing marked.

F1 counts spans, a leak is counted in letters and digits: half a name left in a text is half a leak
and no span at all. What the marked characters are called is of no account here.

Source: recall by characters, whatever the type, after the "PHI vs. non-PHI" scores of the i2b2
2014 de-identification track (Stubbs, Kotfila and Uzuner 2015), which count tokens; intervals
resample documents as in `scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.errors import EvaluationError
from decoct.evaluation.align import align, hash_gold
from decoct.evaluation.metrics import wilson
from decoct.evaluation.scores import Interval, Setup, bootstrap, interval
from decoct.records import Document, Span

_HEAD = "leaks:characters"


@dataclass(frozen=True, slots=True)
class Share:
    """A share of characters.

    Attributes:
        n: characters that are meant, such as those that leaked, ...
        n_of: ... out of these.
        rate: the first over the second, 0 to 1, with its bootstrap 95 % interval; 0 of none is 0.
    """

    n: int
    n_of: int
    rate: Interval

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types, rounded to six digits."""
        return {"n": self.n, "n_of": self.n_of, "rate": self.rate.to_dict()}


@dataclass(frozen=True, slots=True, repr=False)
class Leaks:
    """How much protected text is left, and how much other text went with it.

    Attributes:
        leaked: gold PHI letters and digits that no prediction covers; a character that two gold
            spans hold counts once.
        labels: gold label -> the same, of its spans alone.
        documents: share of the documents with PHI in which any of it leaked, with its Wilson 95 %
            interval.
        n_leaky: those documents, ...
        n_with_phi: ... of these.
        over_masked: letters and digits outside gold PHI that a prediction covers.
        missing: ids of gold documents without a prediction: all of their PHI leaks.
        unknown: ids of predictions without a gold document, not scored.
        signature: how the numbers were made.
    """

    leaked: Share
    labels: Mapping[str, Share]
    documents: Interval
    n_leaky: int
    n_with_phi: int
    over_masked: Share
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    signature: str

    @property
    def headline(self) -> str:
        """The numbers to quote, in one line."""
        return (
            f"leak rate {self.leaked.rate.percent} % of {self.leaked.n_of} PHI characters, in "
            f"{self.n_leaky} of {self.n_with_phi} documents with PHI; "
            f"over-masked {self.over_masked.rate.percent} %"
        )

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        return {
            "headline": self.headline,
            "leaked": self.leaked.to_dict(),
            "labels": {label: share.to_dict() for label, share in self.labels.items()},
            "documents": self.documents.to_dict(),
            "n_leaky": self.n_leaky,
            "n_with_phi": self.n_with_phi,
            "over_masked": self.over_masked.to_dict(),
            "missing": list(self.missing),
            "unknown": list(self.unknown),
            "signature": self.signature,
        }

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return a table's rows: what, leaked characters, of how many, rate; the whole first."""
        shares = [("all", self.leaked), *self.labels.items(), ("over-masked", self.over_masked)]
        return [(name, str(share.n), str(share.n_of), share.rate.percent) for name, share in shares]

    def __repr__(self) -> str:
        return f"Leaks({self.headline})"


def leak_rate(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    *,
    keep_labels: Collection[str] = (),
    canonical: Callable[[str], str] = str,
    seed: int = 13,
    n_resamples: int = 1000,
) -> Leaks:
    """Count the letters and digits of gold PHI that predictions leave unmarked.

    Args:
        gold: documents whose spans mark PHI.
        predicted: documents of the same ids and texts; whatever their spans are called, they mark.
        keep_labels: labels, on either side, of spans that are no PHI, such as `Drug`.
        canonical: gives gold labels the names that they are reported under.
        seed: of the resampling.
        n_resamples: how many times the documents are resampled.

    Raises:
        EvaluationError: no gold, an id twice on a side, or another text under one id; no text is
            in the message.
    """
    _check_texts(gold, predicted)
    aligned = align(gold, predicted)
    pairs = [
        (_phi(one, keep_labels), _phi(other, keep_labels), one.text)
        for one, other in zip(aligned.gold, aligned.predicted, strict=True)
    ]
    labels = sorted({canonical(span.label) for spans, _, _ in pairs for span in spans})
    counts = [_count(*pair, labels, canonical) for pair in pairs]
    matrix = np.array(counts, dtype=np.int64)  # (n_documents, 2 * (2 + n_labels))
    setup = Setup(hash_gold(aligned.gold), seed, n_resamples)
    sums = bootstrap([matrix], setup)[0]
    shares = [_share(matrix, sums, column) for column in range(0, matrix.shape[1], 2)]
    n_leaky = int(np.count_nonzero(matrix[:, 0]))
    n_with_phi = int(np.count_nonzero(matrix[:, 1]))
    return Leaks(
        leaked=shares[0],
        labels=dict(zip(labels, shares[2:], strict=True)),
        documents=wilson(n_leaky, n_with_phi) if n_with_phi else Interval(0.0, 0.0, 0.0),
        n_leaky=n_leaky,
        n_with_phi=n_with_phi,
        over_masked=shares[1],
        missing=aligned.missing,
        unknown=aligned.unknown,
        signature=setup.signature(_HEAD, len(pairs)),
    )


def _check_texts(gold: Iterable[Document], predicted: Iterable[Document]) -> None:
    """See that texts agree, without quoting them: they hold PHI."""
    texts = {document.id: document.text for document in gold}
    for document in predicted:
        if texts.get(document.id, document.text) != document.text:
            raise EvaluationError(
                f"document {document.id!r}: gold and predicted texts differ; "
                "predict on the text that the gold was made on"
            )


def _phi(document: Document, keep_labels: Collection[str]) -> list[Span]:
    return [span for span in document.spans if span.label not in keep_labels]


def _count(
    gold: list[Span],
    predicted: list[Span],
    text: str,
    labels: list[str],
    canonical: Callable[[str], str],
) -> list[int]:
    """Return (leaked, PHI), (over-masked, other), then (leaked, PHI) of each label."""
    counted = np.fromiter((char.isalnum() for char in text), dtype=bool, count=len(text))
    masked = _covered(predicted, len(text))
    phi = _covered(gold, len(text))
    row = [*_pair(counted & phi, ~masked), *_pair(counted & ~phi, masked)]
    for label in labels:
        of_label = [span for span in gold if canonical(span.label) == label]
        row += _pair(counted & _covered(of_label, len(text)), ~masked)
    return row


def _covered(spans: Iterable[Span], n_chars: int) -> NDArray[np.bool_]:
    covered = np.zeros(n_chars, dtype=bool)
    for span in spans:
        for start, end in span.fragments or ((span.start, span.end),):
            covered[start:end] = True
    return covered


def _pair(of: NDArray[np.bool_], hit: NDArray[np.bool_]) -> tuple[int, int]:
    return int(np.count_nonzero(of & hit)), int(np.count_nonzero(of))


def _share(matrix: NDArray[np.int64], sums: NDArray[np.int64], column: int) -> Share:
    """Return the rate of two columns; resamples without any such character say nothing of it."""
    n, n_of = (int(total) for total in matrix[:, column : column + 2].sum(axis=0))
    held = sums[sums[:, column + 1] > 0]
    if not n_of or not len(held):
        return Share(n, n_of, Interval(0.0, 0.0, 0.0))
    return Share(n, n_of, interval(n / n_of, held[:, column] / held[:, column + 1]))

"""Character n-grams, weighed by TF-IDF, compared by cosine: forgives spelling, knows no meaning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from decoct.retriever.lexical import Lexical
from decoct.retriever.postings import Postings
from decoct.retriever.settings import NgramSettings
from decoct.retriever.terms import Terms, ngrams
from decoct.retriever.weighing import Floats, row_sums


class Cosine:
    """TF-IDF as scikit-learn has it with `sublinear_tf`.

    A term's weight is (1 + ln tf) * (1 + ln((1 + n) / (1 + df))): tf is how often it is there, df
    in how many of the n names. A score is the cosine: 0 for nothing in common, 1 for the same.
    """

    def __init__(self, settings: NgramSettings) -> None:
        self._sizes = settings.letters, settings.characters

    def terms(self, texts: Sequence[str]) -> Terms:
        """Return texts' n-grams."""
        return ngrams(texts, *self._sizes)

    def idf(self, n_with: NDArray[np.int64], n_names: int) -> Floats:
        """Return how telling terms are."""
        return (np.log((1 + n_names) / (1 + n_with)) + 1).astype(np.float32)

    def of_mention(self, counts: Floats, idf: Floats, owners: NDArray[np.int64]) -> Floats:
        """Return weights of mentions' terms, of length 1 for each mention."""
        weights = (1 + np.log(counts)) * idf
        squares = np.bincount(owners, weights.astype(np.float64) ** 2)
        return (weights / np.sqrt(squares[owners])).astype(np.float32)

    def scale(self, postings: Postings, idf: Floats, mean_length: float) -> Floats:
        """Return one over each name's length."""
        del mean_length

        def squares(first: int, last: int) -> NDArray[np.float32]:
            counts = postings.row_counts[first:last].astype(np.float32)
            weights: NDArray[np.float32] = (1 + np.log(counts)) * idf[
                postings.row_terms[first:last]
            ]
            return weights**2

        lengths = np.sqrt(row_sums(squares, postings.row_starts))
        return (1 / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    def of_name(self, counts: Floats, idf: Floats, scale: Floats) -> Floats:
        """Return weights of names' terms."""
        weights: Floats = np.nan_to_num((1 + np.log(counts)) * idf * scale)
        return weights


class Ngram(Lexical):
    """The retriever `ngram`."""

    name = "ngram"
    settings = NgramSettings

    def __init__(self, settings: NgramSettings) -> None:
        super().__init__(Cosine(settings), settings)


plugin = Ngram

"""Words by BM25: rare words count, and so does how much of a name a mention says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from decoct.retriever.lexical import Lexical
from decoct.retriever.postings import Postings
from decoct.retriever.settings import Bm25Settings
from decoct.retriever.terms import Terms, words
from decoct.retriever.weighing import Floats, n_terms_of


class Okapi:
    """BM25 as Lucene has it: idf * tf / (tf + k1 * (1 - b + b * length / mean length)).

    `bm25s` makes the same of its default method; it keeps what a term counts together with how
    telling it is, which every added name changes, and so it is not what these indexes are made by.

    Source: Robertson and Zaragoza 2009; Kamphuis et al. 2020 for the variant.
    """

    def __init__(self, settings: Bm25Settings) -> None:
        self._k1, self._b = settings.k1, settings.b
        self._characters = settings.characters

    def terms(self, texts: Sequence[str]) -> Terms:
        """Return texts' words."""
        return words(texts, self._characters)

    def idf(self, n_with: NDArray[np.int64], n_names: int) -> Floats:
        """Return how telling terms are."""
        return np.log1p((n_names - n_with + 0.5) / (n_with + 0.5)).astype(np.float32)

    def of_mention(self, counts: Floats, idf: Floats, owners: NDArray[np.int64]) -> Floats:
        """Return weights of mentions' words."""
        del owners
        return (counts * idf).astype(np.float32)

    def scale(self, postings: Postings, idf: Floats, mean_length: float) -> Floats:
        """Return what each name's length adds to the count of a word."""
        del idf
        lengths = n_terms_of(postings) / (mean_length or 1.0)
        return (self._k1 * (1 - self._b + self._b * lengths)).astype(np.float32)

    def of_name(self, counts: Floats, idf: Floats, scale: Floats) -> Floats:
        """Return weights of names' words."""
        del idf
        weights: Floats = np.nan_to_num(counts / (counts + scale))
        return weights


class Bm25(Lexical):
    """The retriever `bm25`."""

    name = "bm25"
    settings = Bm25Settings

    def __init__(self, settings: Bm25Settings) -> None:
        super().__init__(Okapi(settings), settings)


plugin = Bm25

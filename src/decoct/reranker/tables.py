"""Questions as tables that a linear model chooses from: alike, retriever's numbers, terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from decoct.errors import ConfigError
from decoct.kb.base import Entity
from decoct.progress import Progress
from decoct.records import Candidate
from decoct.reranker.base import Lookup, Question
from decoct.reranker.features import RetrieverFeatures, Scale
from decoct.reranker.listwise import Lists
from decoct.reranker.similarity import COLUMNS, Comparison, Rarity
from decoct.reranker.text import most_like

_ALIKE = [COLUMNS.index(f"of_both_{n}") for n in (1, 2, 3)]
_NOTHING = np.zeros((0, len(COLUMNS)), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Taken:
    """One question taken apart.

    Attributes:
        numbers: (n_candidates, n_columns) float32.
        terms: what weights can be learnt for, of each candidate.
    """

    numbers: NDArray[np.float32]
    terms: list[list[str]]


class Tables:
    """Turns questions into lists for `listwise`.

    Args:
        retriever: the retriever's numbers.
        rarity: of n-grams.
        alike: scale of the numbers between mention and name.
        best: scale of the best of them in a list.
        vocabulary: terms that weights are learnt for, in the weights' order.
        max_names: of a candidate with more names, those spelt most like the mention are looked at.
    """

    def __init__(
        self,
        retriever: RetrieverFeatures,
        rarity: Rarity,
        alike: Scale,
        best: Scale,
        vocabulary: Sequence[str],
        max_names: int,
    ) -> None:
        self.retriever = retriever
        self.alike = alike
        self.best = best
        self.vocabulary = tuple(vocabulary)
        self.max_names = max_names
        self.comparison = Comparison(rarity)
        self._places = {term: place for place, term in enumerate(self.vocabulary)}

    @property
    def rarity(self) -> Rarity:
        return self.comparison.rarity

    @property
    def widths(self) -> tuple[int, int, int, int, int]:
        """Columns of the retriever, of likeness, of terms; of NIL by the retriever, by likeness."""
        n = len(COLUMNS)
        return (
            self.retriever.n_columns,
            3 * n,
            len(self.vocabulary),
            1 + self.retriever.n_list_columns,
            n,
        )

    @classmethod
    def learn(
        cls,
        questions: Sequence[Question],
        lookup: Lookup,
        *,
        max_names: int,
        min_lists: int,
        with_ids: bool,
        progress: Progress,
    ) -> tuple[Self, Lists]:
        """Learn scales, rarity and vocabulary of questions; return the questions' lists too.

        Args:
            questions: to learn from.
            lookup: gives a candidate's names.
            max_names: as of the class.
            min_lists: a term of fewer lists than this gets no weight; 0 learns none at all.
            with_ids: whether a candidate's id is a term too.
            progress: shown the questions.
        """
        names = {
            name
            for question in questions
            for candidate in question.candidates
            for name in entity_of(candidate, lookup).names
        }
        comparison = Comparison(Rarity({}, 0))
        rarity = Rarity.learn(map(comparison.prepare, sorted(names)))
        empty = Scale.learn(np.zeros((1, len(COLUMNS)), dtype=np.float32))
        made = cls(RetrieverFeatures.learn(questions), rarity, empty, empty, (), max_names)
        taken = [
            made._take(question, lookup, with_ids=with_ids)
            for question in progress.track(questions, len(questions), "features")
        ]
        made.alike = Scale.learn(np.vstack([_in_list(one.numbers) for one in taken]))
        made.best = Scale.learn(np.stack([_best(one.numbers) for one in taken]))
        made.vocabulary = _vocabulary(taken, min_lists) if min_lists else ()
        made._places = {term: place for place, term in enumerate(made.vocabulary)}
        return made, made._put_together(questions, taken)

    def lists(self, questions: Sequence[Question], lookup: Lookup) -> Lists:
        """Return the lists of questions."""
        with_ids = any(term.startswith(_ID) for term in self.vocabulary[-1:])
        taken = [self._take(question, lookup, with_ids=with_ids) for question in questions]
        return self._put_together(questions, taken)

    def _take(self, question: Question, lookup: Lookup, *, with_ids: bool) -> _Taken:
        mention = question.query.text
        rows: list[list[float]] = []
        terms: list[list[str]] = []
        for candidate in question.candidates:
            name, numbers = self._closest(mention, entity_of(candidate, lookup))
            rows.append(numbers)
            ids = [f"{_ID}{candidate.id}"] if with_ids else []
            terms.append([*ids, *self.comparison.terms(mention, name)])
        numbers_ = np.array(rows, dtype=np.float32) if rows else _NOTHING
        return _Taken(numbers_, terms)

    def _closest(self, mention: str, entity: Entity) -> tuple[str, list[float]]:
        """Return the name that is most like a mention, and the numbers between the two."""
        names: Sequence[str] = entity.names
        if len(names) > self.max_names:
            names = most_like(mention, names, self.max_names)
        compared = [(name, self.comparison.numbers(mention, name)) for name in names]
        return max(compared, key=lambda pair: sum(pair[1][column] for column in _ALIKE))

    def _put_together(self, questions: Sequence[Question], taken: Sequence[_Taken]) -> Lists:
        sizes = np.array([len(question.candidates) for question in questions], dtype=np.int64)
        dense = [
            np.hstack(
                [self.retriever.rows(question), self.alike.apply(_in_list(one.numbers))],
            )
            for question, one in zip(questions, taken, strict=True)
            if question.candidates
        ]
        nil = [
            np.concatenate(
                [[1.0], self.retriever.whole(question), self.best.apply(_best(one.numbers))]
            )
            for question, one in zip(questions, taken, strict=True)
        ]
        width = sum(self.widths[:2])
        return Lists(
            sizes,
            np.vstack(dense).astype(np.float64) if dense else np.zeros((0, width)),
            self._sparse(terms for one in taken for terms in one.terms),
            np.stack(nil).astype(np.float64) if nil else np.zeros((0, sum(self.widths[3:]))),
        )

    def _sparse(self, rows: Iterable[list[str]]) -> Any:  # noqa: ANN401 (scipy has no types)
        places: list[int] = []
        ends = [0]
        for terms in rows:
            places += [place for term in terms if (place := self._places.get(term)) is not None]
            ends.append(len(places))
        shape = (len(ends) - 1, len(self.vocabulary))
        return csr_matrix((np.ones(len(places)), places, ends), shape=shape)


_ID = "\x7fid:"  # no term begins so, and so sorts last


def entity_of(candidate: Candidate, lookup: Lookup) -> Entity:
    """Return a candidate's entity.

    Raises:
        ConfigError: it is not in the knowledge base.
    """
    try:
        return lookup(candidate.id)
    except KeyError:
        raise ConfigError(
            f"candidate {candidate.id!r} is not in the knowledge base; "
            "retrieve the candidates from this one"
        ) from None


def _in_list(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return numbers, how far each is behind the list's best, and whether it is the best."""
    if not len(numbers):
        return np.zeros((0, 3 * numbers.shape[1]), dtype=np.float32)
    behind = numbers - numbers.max(axis=0)
    return np.hstack([numbers, behind, (behind > -1e-6).astype(np.float32)])


def _best(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(numbers):
        return np.full(numbers.shape[1], np.nan, dtype=np.float32)
    best: NDArray[np.float32] = numbers.max(axis=0)
    return best


def _vocabulary(taken: Sequence[_Taken], min_lists: int) -> tuple[str, ...]:
    """Return the terms of as many lists; one that all of a list's candidates have tells nothing."""
    counts: Counter[str] = Counter()
    for one in taken:
        within = Counter(term for terms in one.terms for term in terms)
        counts.update(term for term, count in within.items() if count < len(one.terms))
    return tuple(sorted(term for term, count in counts.items() if count >= min_lists))

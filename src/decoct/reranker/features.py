"""What a retriever says of its candidates, as numbers that a model can weigh.

Scores of different retrievers have scales of their own, and a candidate that only one of them
brought has no score of the others: columns are standardised, and what is missing counts as the
mean, beside a column that says that it is missing.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from decoct.reranker.base import Question

Numbers = NDArray[np.float32]
_FAR = 10.0  # standard deviations; what is further out counts as this
_SCORE = "score"  # the one that candidates are ordered by
_PLACE = "_rank"  # ends the names of places in a ranking, which the scores say already
RANK = 0  # the column of the retriever's order, which every table has


@dataclass(frozen=True, slots=True)
class Scale:
    """How columns are standardised.

    Attributes:
        mean: (n_columns,) float32.
        spread: (n_columns,) float32, standard deviation; 1 for a column that is always the same.
    """

    mean: Numbers
    spread: Numbers

    @classmethod
    def learn(cls, rows: Numbers) -> Self:
        """Learn from rows (n_rows, n_columns), NaN where there is no value."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column that never has a value
            mean, spread = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        spread = np.where(np.nan_to_num(spread) > 1e-6, spread, 1.0)
        return cls(np.nan_to_num(mean).astype(np.float32), spread.astype(np.float32))

    def apply(self, rows: Numbers) -> Numbers:
        """Return rows with mean 0 and spread 1; 0 where there is no value."""
        scaled: Numbers = np.nan_to_num((rows - self.mean) / self.spread, posinf=0.0, neginf=0.0)
        return np.clip(scaled, -_FAR, _FAR).astype(np.float32, copy=False)

    def to_json(self) -> dict[str, list[float]]:
        return {"mean": self.mean.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Raises ValueError, KeyError or TypeError where it is none."""
        mean, spread = (np.asarray(data[name], dtype=np.float32) for name in ("mean", "spread"))
        if mean.ndim != 1 or mean.shape != spread.shape or not (spread > 0).all():
            raise ValueError("mean and spread do not fit each other")
        return cls(mean, spread)


class RetrieverFeatures:
    """Rows of numbers for candidates, and one for their list as a whole.

    A candidate's: its place in the retriever's order, and for every retriever its score, how far
    that is behind the best of the list, its place by that score alone, and whether it has none. A
    list's: the best of each score, and how far it is before the second.

    Args:
        parts: names of the scores.
    """

    def __init__(self, parts: Sequence[str], of_row: Scale, of_list: Scale) -> None:
        self.parts = tuple(parts)
        self.of_row = of_row
        self.of_list = of_list

    @classmethod
    def learn(cls, questions: Sequence[Question]) -> Self:
        """Learn which scores there are and how they spread."""
        found = {
            name
            for question in questions
            for candidate in question.candidates
            for name in candidate.scores
            if not name.endswith(_PLACE)
        }
        scored = any(
            candidate.score is not None
            for question in questions
            for candidate in question.candidates
        )
        parts = [*([_SCORE] if scored else []), *sorted(found - {_SCORE})]
        rows = [_rows(question, parts) for question in questions if question.candidates]
        lists = [_of_list(question, parts) for question in questions if question.candidates]
        width, of_list = _width(parts), 2 * len(parts) + 1
        return cls(
            parts,
            Scale.learn(np.vstack(rows) if rows else np.full((1, width), np.nan, np.float32)),
            Scale.learn(np.vstack(lists) if lists else np.full((1, of_list), np.nan, np.float32)),
        )

    @property
    def n_columns(self) -> int:
        """Columns of a candidate."""
        return _width(self.parts)

    @property
    def n_list_columns(self) -> int:
        """Columns of a list."""
        return 2 * len(self.parts) + 1

    def rows(self, question: Question) -> Numbers:
        """Return (n_candidates, n_columns) float32, standardised."""
        return self.of_row.apply(_rows(question, self.parts))

    def whole(self, question: Question) -> Numbers:
        """Return (n_list_columns,) float32, standardised."""
        return self.of_list.apply(_of_list(question, self.parts))

    def to_json(self) -> dict[str, Any]:
        return {
            "parts": list(self.parts),
            "rows": self.of_row.to_json(),
            "lists": self.of_list.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Raises ValueError, KeyError or TypeError where it is none."""
        made = cls(
            [str(part) for part in data["parts"]],
            Scale.from_json(data["rows"]),
            Scale.from_json(data["lists"]),
        )
        if (len(made.of_row.mean), len(made.of_list.mean)) != (
            made.n_columns,
            made.n_list_columns,
        ):
            raise ValueError("the scales do not fit the scores")
        return made


def places(question: Question) -> NDArray[np.int64]:
    """Return each candidate's place in the retriever's order, from 0.

    By score where every candidate has one, so that the order of the list says nothing more; ties
    share the better place. Otherwise by the list's order.
    """
    scores = [candidate.score for candidate in question.candidates]
    if scores and all(score is not None for score in scores):
        return _ranks(np.array(scores, dtype=np.float64))
    return np.arange(len(scores))


def _width(parts: Sequence[str]) -> int:
    return 2 + 4 * len(parts)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many are better than each; NaN is worse than all."""
    filled = np.nan_to_num(values, nan=-np.inf)
    return np.asarray((filled[None, :] > filled[:, None]).sum(axis=1), dtype=np.int64)


def _values(question: Question, part: str) -> NDArray[np.float64]:
    def of(candidate: Any) -> float | None:  # noqa: ANN401
        if part == _SCORE:
            return candidate.score  # type: ignore[no-any-return]
        return candidate.scores.get(part)  # type: ignore[no-any-return]

    found = [of(candidate) for candidate in question.candidates]
    values = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _rows(question: Question, parts: Sequence[str]) -> Numbers:
    place = places(question)
    columns: list[NDArray[Any]] = [-np.log2(1.0 + place), 1.0 / (1.0 + place)]
    for part in parts:
        values = _values(question, part)
        missing = np.isnan(values)
        if missing.all():
            columns += [values, values, values, np.zeros(len(values))]
            continue
        rank = np.where(missing, np.nan, 1.0 / (1.0 + _ranks(values)))
        columns += [values, values - np.nanmax(values), rank, missing.astype(np.float64)]
    return np.stack(columns, axis=1).astype(np.float32)


def _of_list(question: Question, parts: Sequence[str]) -> Numbers:
    columns = [np.log2(1.0 + len(question.candidates))]
    for part in parts:
        values = _values(question, part)
        best = np.sort(values[~np.isnan(values)])[::-1]
        columns += [
            best[0] if len(best) else np.nan,
            best[0] - best[1] if len(best) > 1 else np.nan,
        ]
    return np.array(columns, dtype=np.float32)

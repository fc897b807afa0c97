"""What a re-ranker says and what retrievers say, put together with weights that choices teach.

A conditional logit: the score of a candidate is a weighted sum of the re-ranker's log-probability
and of each retriever's similarity, the score of NIL the re-ranker's and a constant; a softmax over
a list gives probabilities. Half a dozen numbers learn from a few hundred choices without overfit.

Source: McFadden 1974 for the model; stacking after Wolpert 1992, as the re-ranker's part comes from
mentions that it has not learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ArtifactError
from decoct.records import Candidate

_RIDGE = 1.0  # draws weights to the re-ranker alone, as strongly as one choice or so
_LEAST = -30.0  # of a log-probability

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Blend:
    """The weights.

    Attributes:
        reranker: of the re-ranker's log-probability.
        retrieval: retriever's name -> weight of its similarity within a list, in standard
            deviations of the similarities that were learnt from.
        scales: retriever's name -> that standard deviation.
        nil: what is added to NIL's score.
    """

    reranker: float = 1.0
    retrieval: dict[str, float] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    nil: float = 0.0

    def log_probs(self, logits: NDArray[np.float32], candidates: Sequence[Candidate]) -> Floats:
        """Return (n_candidates + 1,) log-probabilities, NIL last.

        Args:
            logits: the re-ranker's, of the candidates and of NIL.
            candidates: with the retrievers' scores.
        """
        names = tuple(self.retrieval)
        table = _table(logits, candidates, names, self.scales)
        weights = np.array([self.reranker, *self.retrieval.values(), self.nil])
        return log_softmax(table @ weights)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "reranker": self.reranker,
            "retrieval": self.retrieval,
            "scales": self.scales,
            "nil": self.nil,
        }

    @classmethod
    def from_dict(cls, data: object) -> Blend:
        """Read what `to_dict` made.

        Raises:
            ArtifactError: it is something else.
        """
        try:
            read = cls(**data)  # type: ignore[arg-type]
            numbers = [read.reranker, read.nil, *read.retrieval.values(), *read.scales.values()]
            if read.retrieval.keys() != read.scales.keys() or not np.isfinite(numbers).all():
                raise ValueError
        except (TypeError, ValueError, AttributeError):
            raise ArtifactError(
                "the blend's weights are damaged; train the re-ranker again"
            ) from None
        return read


def fit_blend(
    logits: Sequence[NDArray[np.float32]],
    candidates: Sequence[Sequence[Candidate]],
    targets: Sequence[int],
    weights: Sequence[float],
    *,
    retrieval: bool = True,
) -> Blend:
    """Find the weights that make the choices likeliest.

    Args:
        logits: the re-ranker's for each list, NIL last, of mentions that it has not learnt from.
        candidates: the lists.
        targets: places of what was chosen; a list's length for NIL.
        weights: how much each choice counts.
        retrieval: whether retrievers have a part.
    """
    from scipy.optimize import minimize

    names = _retrievers(candidates) if retrieval else ()
    scales = {name: _spread(candidates, name) for name in names}
    tables = [
        _table(own, listed, names, scales) for own, listed in zip(logits, candidates, strict=True)
    ]
    start = np.array([1.0, *(0.0 for _ in names), 0.0])

    def loss(found: Floats) -> tuple[float, Floats]:
        total = 0.5 * _RIDGE * float(((found - start) ** 2).sum())
        slope = _RIDGE * (found - start)
        for table, target, weight in zip(tables, targets, weights, strict=True):
            logs = log_softmax(table @ found)
            total -= weight * float(logs[target])
            slope = slope + weight * (np.exp(logs) @ table - table[target])
        return total, slope

    bounds = [(0.0, None)] * (1 + len(names)) + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    parts = dict(zip(names, map(float, found[1:-1]), strict=True))
    return Blend(float(found[0]), parts, scales, float(found[-1]))


def log_softmax(scores: NDArray[Any]) -> Floats:
    """Return the log-probabilities of (n,) scores."""
    shifted = np.asarray(scores, dtype=np.float64) - np.max(scores)
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def _table(
    logits: NDArray[np.float32],
    candidates: Sequence[Candidate],
    names: Sequence[str],
    scales: dict[str, float],
) -> Floats:
    """Return (n_candidates + 1, n_names + 2): log-probability, similarities, 1 for NIL."""
    n = len(candidates)
    table = np.zeros((n + 1, len(names) + 2))
    table[:, 0] = np.maximum(log_softmax(logits), _LEAST)
    for column, name in enumerate(names, start=1):
        known = [one.scores[name] for one in candidates if name in one.scores]
        if known:  # one that a retriever did not bring is no nearer than the last that it did
            table[:n, column] = [one.scores.get(name, min(known)) for one in candidates]
            table[:n, column] = (table[:n, column] - max(known)) / scales[name]
    table[n, -1] = 1.0
    return table


def _retrievers(candidates: Sequence[Sequence[Candidate]]) -> tuple[str, ...]:
    """Return what gave the scores, places in a ranking left out."""
    names = {name for listed in candidates for one in listed for name in one.scores}
    return tuple(sorted(name for name in names if not name.endswith("_rank")))


def _spread(candidates: Sequence[Sequence[Candidate]], name: str) -> float:
    known = [one.scores[name] for listed in candidates for one in listed if name in one.scores]
    return float(np.std(known)) or 1.0

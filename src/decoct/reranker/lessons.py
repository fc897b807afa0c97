"""What every kind does with the choices it learns from: check, describe, and score against them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from decoct.errors import ConfigError
from decoct.reranker.base import Choice
from decoct.reranker.features import RANK, Numbers
from decoct.reranker.listwise import Lists, fit_listwise
from decoct.store import sha256_json

_LEAST_TRUST = 0.1
_COST = 0.1


def check_choices(choices: Sequence[Choice]) -> None:
    """Refuse choices that can't be learnt from.

    Raises:
        ConfigError: there are none, a target is not in its list, or a weight is not 0 to 1.
    """
    if not any(choice.question.candidates and choice.weight > 0 for choice in choices):
        raise ConfigError(
            f"{len(choices)} choices with not one candidate that counts are too few to learn from"
        )
    for number, choice in enumerate(choices, start=1):
        n_candidates = len(choice.question.candidates)
        if not 0 <= choice.target <= n_candidates:
            raise ConfigError(
                f"choice {number}: target {choice.target} is not one of {n_candidates} candidates, "
                f"nor {n_candidates} for none of them"
            )
        if not 0 <= choice.weight <= 1:
            raise ConfigError(f"choice {number}: weight {choice.weight} is not 0 to 1")


def describe_choices(choices: Sequence[Choice], dev: Sequence[Choice]) -> dict[str, Any]:
    """Say what a re-ranker learns from, for its card."""
    return {
        "choices": len(choices),
        "gold": sum(choice.gold for choice in choices),
        "nil": sum(choice.target == len(choice.question.candidates) for choice in choices),
        "dev": len(dev),
        "sha256": _hash(choices),
    }


def expected_share(choices: Sequence[Choice], scores: Sequence[Numbers]) -> float:
    """Return the mean probability of the right options, by the choices' weights; 0 to 1.

    It moves with every choice, unlike the share of right ones, and a sure mistake, which among
    silver choices is often the teacher's, costs no more than a whole choice, unlike in the log
    probability.
    """
    total = 0.0
    for choice, row in zip(choices, scores, strict=True):
        shares = np.exp(row - row.max())
        total += choice.weight * float(shares[choice.target] / shares.sum())
    return total / max(sum(choice.weight for choice in choices), 1e-9)


def first_beliefs(choices: Sequence[Choice], rows: Sequence[Numbers]) -> tuple[float, float]:
    """Return the weight of the retriever's order, and NIL's score, that fit the choices best.

    The weight is above 0 whatever the choices say, so that the retriever's ranking is kept.

    Args:
        choices: what was chosen.
        rows: (n_candidates, n_columns) of each, from `RetrieverFeatures`.
    """
    ranks = np.concatenate([row[:, RANK] for row in rows]).astype(np.float64)[:, None]
    lists = Lists(
        np.array([len(row) for row in rows], dtype=np.int64),
        ranks,
        csr_matrix((len(ranks), 0)),
        np.ones((len(rows), 1)),
    )
    targets, weights = targets_of(choices)
    rank_weight, nil_score = fit_listwise(lists, targets, weights, np.full(2, _COST)).tolist()
    return max(rank_weight, _LEAST_TRUST), nil_score


def targets_of(choices: Sequence[Choice]) -> tuple[Any, Any]:
    """Return the places of what was chosen (n,) int64, and the weights (n,) float64."""
    return (
        np.array([choice.target for choice in choices], dtype=np.int64),
        np.array([choice.weight for choice in choices], dtype=np.float64),
    )


def _hash(choices: Sequence[Choice]) -> str:
    return sha256_json(
        [
            [
                *(choice.question.query.text, choice.question.query.context),
                [candidate.model_dump(mode="json") for candidate in choice.question.candidates],
                *(choice.target, choice.weight, choice.gold),
            ]
            for choice in choices
        ]
    )

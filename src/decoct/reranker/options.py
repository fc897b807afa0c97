"""Questions ready for the cross-encoder, whatever runs it: pairs, and what the retriever said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.reranker.base import Lookup, Question
from decoct.reranker.features import Numbers, RetrieverFeatures, places
from decoct.reranker.pairs import Pair, PairTokenizer


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question ready for the network; NIL is the last option.

    Attributes:
        pairs: of each option.
        rows: (n_candidates, n_columns) float32, what the retriever said of each candidate.
        whole: (n_list_columns,) float32, and of the list.
        places: (n_candidates,) int64, in the retriever's order.
    """

    pairs: tuple[Pair, ...]
    rows: Numbers
    whole: Numbers
    places: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OptionRows:
    """The options of questions, one below the other: candidates, then NIL.

    Attributes:
        pairs: what is read, n_options of them.
        retriever: (n_options, n_columns) float32, 0 for NIL.
        whole: (n_options, n_list_columns) float32, 0 for candidates.
        is_nil: (n_options,) bool.
        sizes: options of each question.
    """

    pairs: list[Pair]
    retriever: Numbers
    whole: Numbers
    is_nil: NDArray[np.bool_]
    sizes: tuple[int, ...]


def prepare(
    questions: Sequence[Question],
    lookup: Lookup,
    tokenizer: PairTokenizer,
    retriever: RetrieverFeatures,
) -> list[Prepared]:
    """Tokenize questions and look up what the retriever said."""
    return [
        Prepared(
            tuple(pairs), retriever.rows(question), retriever.whole(question), places(question)
        )
        for question, pairs in zip(questions, tokenizer.pairs_of(questions, lookup), strict=True)
    ]


def option_rows(questions: Sequence[Prepared], kept: Sequence[Sequence[int]]) -> OptionRows:
    """Put the options of questions together.

    Args:
        questions: whose, one at the least.
        kept: which candidates of each; NIL is always there.
    """
    pairs: list[Pair] = []
    rows: list[Numbers] = []
    whole: list[Numbers] = []
    is_nil: list[bool] = []
    for question, candidates in zip(questions, kept, strict=True):
        at = list(candidates)
        n_columns, n_list_columns = question.rows.shape[1], len(question.whole)
        pairs += [*(question.pairs[place] for place in at), question.pairs[-1]]
        rows += [question.rows[at], np.zeros((1, n_columns), dtype=np.float32)]
        whole += [np.zeros((len(at), n_list_columns), dtype=np.float32), question.whole[None]]
        is_nil += [False] * len(at) + [True]
    return OptionRows(
        pairs,
        np.vstack(rows),
        np.vstack(whole),
        np.array(is_nil),
        tuple(len(candidates) + 1 for candidates in kept),
    )

"""A mention and a candidate as one sequence of tokens: `[CLS] mention [SEP] names [SEP]`.

Put together from ids, so that it is the same for every tokenizer, those without special tokens
included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ArtifactError
from decoct.reranker.base import Lookup, Question
from decoct.reranker.tables import entity_of
from decoct.reranker.text import names_to_show, one_spaced, surroundings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_OPEN, _CLOSE, _BETWEEN = "[", "]", "|"
_CHARS_PER_TOKEN = 8  # more than any text has: what is cut by characters is cut again by tokens


@dataclass(frozen=True, slots=True)
class Pair:
    """What the encoder reads of one option.

    Attributes:
        ids: token ids, special ones included.
        n_first: how many of them are the mention's, with what stands around it.
    """

    ids: tuple[int, ...]
    n_first: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pairs padded to one rectangle.

    Attributes:
        input_ids: (n_pairs, n_tokens) int64.
        attention_mask: (n_pairs, n_tokens) int64.
        token_type_ids: (n_pairs, n_tokens) int64, 1 for the candidate's.
    """

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]


class PairTokenizer:
    """Makes pairs of questions.

    Args:
        tokenizer: the encoder's; its own truncation and padding are switched off.
        max_tokens: the encoder's window. The mention and what is around it take half of it at most.
        max_aliases: names beside the preferred one that are shown, those most like the mention.
        definitions: whether a definition is shown where there is room.
    """

    def __init__(
        self, tokenizer: Tokenizer, max_tokens: int, max_aliases: int, definitions: bool
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.max_aliases = max_aliases
        self.definitions = definitions
        around = tokenizer.encode("a")
        special = [bool(flag) for flag in around.special_tokens_mask]
        own = special.index(False) if False in special else len(special)
        last = len(special) - special[::-1].index(False) if False in special else len(special)
        self._head = tuple(around.ids[:own])
        tail = tuple(around.ids[last:])
        self._tail = tail
        self._between = tail or self._plain(_BETWEEN)
        if not self._between:
            raise ArtifactError("the encoder's tokenizer has no special tokens and none for '|'")

    def pairs(self, question: Question, lookup: Lookup) -> list[Pair]:
        """Return a pair for each candidate, and last the mention alone, for NIL."""
        return self.pairs_of([question], lookup)[0]

    def pairs_of(self, questions: Sequence[Question], lookup: Lookup) -> list[list[Pair]]:
        """Return the pairs of each question; each text is tokenized once."""
        texts = [
            [self._candidate(question, at, lookup) for at in range(len(question.candidates))]
            for question in questions
        ]
        ids = self._encode_all(text for some in texts for text in some)
        made = []
        for question, some in zip(questions, texts, strict=True):
            mention = self._mention(question)
            first = (*self._head, *mention)
            room = self.max_tokens - len(first) - len(self._between) - len(self._tail)
            made.append(
                [
                    *(
                        Pair(
                            (*first, *self._between, *ids[text][:room], *self._tail),
                            len(first) + len(self._between),
                        )
                        for text in some
                    ),
                    Pair((*first, *self._tail), len(first) + len(self._tail)),
                ]
            )
        return made

    def _candidate(self, question: Question, at: int, lookup: Lookup) -> str:
        candidate = question.candidates[at]
        entity = entity_of(candidate, lookup)
        names = names_to_show(question.query.text, candidate, entity, self.max_aliases)
        shown = "; ".join(one_spaced(name) for name in names)
        if self.definitions and entity.definition:
            most_chars = self.max_tokens * _CHARS_PER_TOKEN
            return f"{shown}. {one_spaced(entity.definition[:most_chars])}"
        return shown

    def _mention(self, question: Question) -> list[int]:
        """Return the ids of the mention, marked where it stands in a text, cut to half a window."""
        room = self.max_tokens // 2 - len(self._head)
        left, mention, right = surroundings(question.query, room * _CHARS_PER_TOKEN)
        ids = list(self._plain(mention))
        if len(ids) > room:
            half = room // 2
            ids = [*ids[: room - half], *ids[len(ids) - half :]]
        if not left and not right:
            return ids
        marked = [*self._plain(_OPEN), *ids, *self._plain(_CLOSE)]
        room -= len(marked)
        if room <= 0:
            return ids
        before, after = self._plain(left), self._plain(right)
        n_before = min(len(before), max(room // 2, room - len(after)))
        return [*before[len(before) - n_before :], *marked, *after[: room - n_before]]

    def _plain(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids) if text else ()

    def _encode_all(self, texts: Iterable[str]) -> dict[str, list[int]]:
        unique = list(dict.fromkeys(texts))
        encoded = self.tokenizer.encode_batch(unique, add_special_tokens=False)
        return {text: one.ids for text, one in zip(unique, encoded, strict=True)}


def pad_pairs(pairs: Sequence[Pair], pad_id: int) -> PairBatch:
    """Pad pairs to the longest of them."""
    shape = (len(pairs), max(map(len, pairs)))
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for row, pair in enumerate(pairs):
        ids[row, : len(pair)] = pair.ids
        mask[row, : len(pair)] = 1
        types[row, pair.n_first : len(pair)] = 1
    return PairBatch(ids, mask, types)

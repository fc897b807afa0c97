"""The contract of a head: what stands on an encoder and finds spans, and the objects of subjects.

A head's module binds `plugin` to a subclass of `HeadModel`. The shelf is `settings.HEADS`, which is
read without torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from decoct.inference.batch import Batch
from decoct.student.model import Tagger, tag_loss, word_means
from decoct.student.settings import HEADS, StudentCard

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Inputs:
    """A batch of pieces.

    Attributes:
        input_ids: (n_pieces, n_tokens) int64.
        attention_mask: (n_pieces, n_tokens) int64.
        word_of_token: (n_pieces, n_tokens) int64, `n_words` for tokens of no word.
        n_words: words in the widest piece.
    """

    input_ids: Tensor
    attention_mask: Tensor
    word_of_token: Tensor
    n_words: int

    def pool(self, hidden: Tensor) -> Tensor:
        """Average the tokens' states in each word: (n_pieces, n_words, d)."""
        return word_means(hidden, self.word_of_token, self.n_words)

    @classmethod
    def from_batch(cls, batch: Batch, device: torch.device) -> Inputs:
        """Put a batch on a device."""
        return cls(
            torch.from_numpy(batch.input_ids).to(device),
            torch.from_numpy(batch.attention_mask).to(device),
            torch.from_numpy(batch.word_of_token).to(device),
            batch.n_words,
        )


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch should come out as, and how much each target counts.

    Weights are float32, not negative, and 0 on padding and where nothing is learnt.

    Attributes:
        tags: (n_pieces, n_words, n_tagged, 5) float32, outside, begin, inside, end, single of a
            span of each tagged label; they sum to 1 where there is a word.
        tag_weights: (n_pieces, n_words).
        subject_piece: (n_subjects,) int64, the piece that each subject is in.
        subject_words: (n_subjects, n_words) float32, 1 on the subject's words.
        objects: (n_subjects, n_words, n_relations, 5) float32, as `tags`, of a subject's objects.
        object_weights: (n_subjects, n_words, n_relations).
        object_tags: (n_pieces, n_words, n_relations, 5) float32, as `tags`, of the spans that may
            be an object in a relation of that type.
        object_tag_weights: (n_pieces, n_words, n_relations).
        pairs: (n_pairs, 4) int64, a subject's row, a relation type, and first and last word (last
            exclusive) of a span that may be its object by that type.
        links: (n_pairs,) float32 in [0, 1], that it is.
        link_weights: (n_pairs,).
    """

    tags: Tensor
    tag_weights: Tensor
    subject_piece: Tensor
    subject_words: Tensor
    objects: Tensor
    object_weights: Tensor
    object_tags: Tensor
    object_tag_weights: Tensor
    pairs: Tensor
    links: Tensor
    link_weights: Tensor


class HeadModel(nn.Module, ABC, Generic[S]):
    """An encoder, the tagger of spans that are found by themselves, and what finds their objects.

    `S` is what `encode` hands on to `objects`, for the caller a sealed box.

    Args:
        encoder: a transformers model that returns `last_hidden_state`.
        card: labels and settings.

    Attributes:
        name: its file's name.
        head_names: prefixes of the parameters that are not the encoder's.
        extra_tokens: how many tokens it adds to a piece, for which the encoder needs room.
        exportable: whether `encode` and `objects` are functions of tensors alone, the box one of
            word states by pieces or None, so that a graph can say them.
    """

    name: ClassVar[str]
    head_names: ClassVar[tuple[str, ...]]
    extra_tokens: ClassVar[int] = 0
    exportable: ClassVar[bool] = False

    def __init__(self, encoder: Any, card: StudentCard) -> None:  # noqa: ANN401
        super().__init__()
        self.encoder = encoder
        self.subject_head = Tagger(self.width, card.settings.dropout, len(card.tagged))

    @property
    def width(self) -> int:
        """The size of a word's state."""
        return int(self.encoder.config.hidden_size)

    @abstractmethod
    def encode(self, inputs: Inputs) -> tuple[S, Tensor]:
        """Return what `objects` needs, and the tag probabilities of spans found by themselves.

        Returns:
            The box, and (n_pieces, n_words, n_tagged, 5) float32, outside, begin, inside, end,
            single; they sum to 1.
        """

    @abstractmethod
    def objects(self, states: S, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        """Return the tag probabilities of each subject's objects.

        Args:
            states: from `encode`.
            subject_piece: (n_subjects,) int64, the piece that each subject is in.
            subject_words: (n_subjects, n_words) float32, 1 on the subject's words.

        Returns:
            (n_subjects, n_words, n_relations, 5) float32, as of `encode`.
        """

    @abstractmethod
    def loss(self, inputs: Inputs, targets: Targets) -> Tensor:
        """Return the loss of a batch, a scalar."""

    def word_states(self, inputs: Inputs) -> Tensor:
        """Encode once; return (n_pieces, n_words, d) float32, zero where there is no word."""
        hidden: Tensor = self.encoder(
            input_ids=inputs.input_ids, attention_mask=inputs.attention_mask
        ).last_hidden_state.float()
        return inputs.pool(hidden)

    def subject_probs(self, states: Tensor) -> Tensor:
        """Return (n_pieces, n_words, n_tagged, 5) float32 probabilities for word states."""
        return self.subject_head.probs(states)

    def subject_loss(self, states: Tensor, targets: Targets) -> Tensor:
        """Return the tagger's loss, a scalar: the sum over labels of the weighted mean."""
        logits: Tensor = self.subject_head(states)
        weights = targets.tag_weights.unsqueeze(-1).expand(logits.shape[:-1])
        return self.subject_head.n_kinds * tag_loss(logits, targets.tags, weights)


def get_head(name: str) -> type[HeadModel[Any]]:
    """Return the head of that name.

    Raises:
        RegistryError: there is none; the message lists those there are.
    """
    head: type[HeadModel[Any]] = HEADS.get(name)
    return head

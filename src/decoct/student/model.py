"""The network: one encoder pass, a head for subjects, a head for the objects of each subject.

Source: Gu et al. 2023 (arXiv 2307.06439), the one-pass subject-centric model. Departures: states
are those of words (mean over a word's tokens), so that spans end at word edges; and a word is
combined with its subject by concatenation and by product, where the paper's abstract leaves the
combination open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

HEAD_NAMES = ("subject_head", "object_head")


class SubjectHead(nn.Module):
    """Tells for each word whether a subject begins there, goes on, or neither.

    Inputs -> targets: word states (n_pieces, n_words, d) -> tag (n_pieces, n_words) in {0 outside,
    1 begin, 2 inside}, cross-entropy.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, 3)

    def forward(self, states: Tensor) -> Tensor:
        """Return logits, (n_pieces, n_words, 3)."""
        logits: Tensor = self.out(self.dropout(states))
        return logits


class ObjectHead(nn.Module):
    """Tells for each word, given one subject, whether the word is in an object of that subject.

    Inputs -> targets: word states (n_subjects, n_words, d) of each subject's piece and the subject
    vectors (n_subjects, d) -> membership (n_subjects, n_words, n_relations) in {0, 1}, a sigmoid
    each.
    """

    def __init__(self, width: int, n_relations: int, dropout: float) -> None:
        super().__init__()
        self.word = nn.Linear(width, width)
        self.subject = nn.Linear(width, width, bias=False)
        self.product = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, n_relations)

    def forward(self, states: Tensor, subjects: Tensor) -> Tensor:
        """Return logits, (n_subjects, n_words, n_relations)."""
        subjects = subjects.unsqueeze(1)
        mixed = self.word(states) + self.subject(subjects) + self.product(states * subjects)
        logits: Tensor = self.out(self.dropout(self.norm(nn.functional.gelu(mixed))))
        return logits


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch should come out as.

    Attributes:
        tags: (n_pieces, n_words) int64; -100 where the word is padding or its tag is unknown.
        subject_piece: (n_subjects,) int64, the piece that each subject is in.
        subject_words: (n_subjects, n_words) float32, 1 on the subject's words.
        objects: (n_subjects, n_words, n_relations) float32, 1 on words in an object.
        known: (n_subjects,) float32, 0 where a subject's objects are not known.
    """

    tags: Tensor
    subject_piece: Tensor
    subject_words: Tensor
    objects: Tensor
    known: Tensor


class SubjectCentricModel(nn.Module):
    """An encoder and the two heads.

    Args:
        encoder: a transformers model that returns `last_hidden_state`.
        n_relations: relation types, one sigmoid each.
        dropout: in the heads.
    """

    def __init__(self, encoder: Any, n_relations: int, dropout: float = 0.1) -> None:  # noqa: ANN401
        super().__init__()
        self.encoder = encoder
        width = int(encoder.config.hidden_size)
        self.subject_head = SubjectHead(width, dropout)
        self.object_head = ObjectHead(width, n_relations, dropout)

    def word_states(
        self, input_ids: Tensor, attention_mask: Tensor, word_of_token: Tensor, n_words: int
    ) -> Tensor:
        """Encode once and average each word's tokens.

        Args:
            input_ids: (n_pieces, n_tokens) int64.
            attention_mask: (n_pieces, n_tokens) int64.
            word_of_token: (n_pieces, n_tokens) int64, `n_words` for tokens of no word.
            n_words: words in the widest piece.

        Returns:
            (n_pieces, n_words, d) float32; zero where there is no word.
        """
        hidden: Tensor = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state.float()
        index = word_of_token.unsqueeze(-1).expand_as(hidden)
        sums = hidden.new_zeros(hidden.shape[0], n_words + 1, hidden.shape[2]).scatter_add(
            1, index, hidden
        )
        ones = torch.ones_like(word_of_token, dtype=hidden.dtype)
        counts = hidden.new_zeros(hidden.shape[0], n_words + 1).scatter_add(1, word_of_token, ones)
        means: Tensor = sums / counts.clamp(min=1.0).unsqueeze(-1)
        return means[:, :n_words]

    def object_logits(self, states: Tensor, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        """Return (n_subjects, n_words, n_relations) logits for subjects given by their words."""
        rows = states[subject_piece]
        weights = subject_words / subject_words.sum(dim=1, keepdim=True).clamp(min=1.0)
        subjects = torch.einsum("sw,swd->sd", weights, rows)
        logits: Tensor = self.object_head(rows, subjects)
        return logits

    def loss(self, states: Tensor, word_mask: Tensor, targets: Targets) -> Tensor:
        """Return the sum of both heads' mean losses, a scalar.

        The subject head's is the mean over words whose tag is known; the object head's the mean
        over (subject, word) with the true subjects given, those whose objects are known.
        """
        tag_logits = self.subject_head(states).float()
        subject_loss = nn.functional.cross_entropy(
            tag_logits.flatten(0, 1), targets.tags.flatten(), ignore_index=-100, reduction="sum"
        ) / (targets.tags != -100).sum().clamp(min=1)
        if len(targets.subject_piece) == 0:
            return subject_loss
        logits = self.object_logits(states, targets.subject_piece, targets.subject_words).float()
        losses = nn.functional.binary_cross_entropy_with_logits(
            logits, targets.objects, reduction="none"
        )
        mask = word_mask[targets.subject_piece].unsqueeze(-1).to(losses.dtype)
        mask = mask * targets.known[:, None, None]
        return subject_loss + (losses * mask).sum() / mask.expand_as(losses).sum().clamp(min=1)

"""One encoder pass for a text; each word's state meets each subject's in a light head.

Source: Gu et al. 2023 (arXiv 2307.06439), the one-pass subject-centric model. Departures: states
are those of words, and how a word is combined with its subject, which the paper's abstract leaves
open, is a setting.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from decoct.inference.decode import N_TAGS
from decoct.student.heads.base import HeadModel, Inputs, Targets
from decoct.student.model import span_means, tag_loss
from decoct.student.settings import Combination, StudentCard


class ObjectHead(nn.Module):
    """Tells for each word, given one subject, where in an object of that subject it stands.

    Inputs -> targets: word states (n_pieces, n_words, d) and the subject vectors (n_subjects, d),
    each with its piece -> tag distributions (n_subjects, n_words, n_relations, 5) over outside,
    begin, inside, end, single; cross-entropy.

    Args:
        width: d.
        n_relations: relation types.
        dropout: before the last layer.
        combination: see `StudentSettings`.
    """

    def __init__(
        self, width: int, n_relations: int, dropout: float, combination: Combination
    ) -> None:
        super().__init__()
        self.combination = combination
        self.n_relations = n_relations
        self.word = nn.Linear(width, width)
        if combination != "add":
            self.subject = nn.Linear(width, width, bias=False)
        if combination == "concat_product":
            self.product = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, n_relations * N_TAGS)

    def forward(self, states: Tensor, subject_piece: Tensor, subjects: Tensor) -> Tensor:
        """Return logits, (n_subjects, n_words, n_relations, 5).

        Args:
            states: (n_pieces, n_words, d).
            subject_piece: (n_subjects,) int64, the piece that each subject is in.
            subjects: (n_subjects, d).
        """
        mixed = self._combine(states, subject_piece, subjects)
        logits: Tensor = self.out(self.dropout(self.norm(nn.functional.gelu(mixed))))
        return logits.view(*logits.shape[:-1], self.n_relations, N_TAGS)

    def _combine(self, states: Tensor, subject_piece: Tensor, subjects: Tensor) -> Tensor:
        """Do once a piece what does not depend on the subject: sentences have several."""
        mixed: Tensor
        if self.combination == "gated":
            gates = torch.sigmoid(self.subject(subjects)).unsqueeze(1)
            mixed = self.word(states[subject_piece] * gates)
            return mixed
        if self.combination == "add":  # a layer over a sum is a sum of one over each part
            shift = nn.functional.linear(subjects, self.word.weight)
        else:  # and so it is over a concatenation
            shift = self.subject(subjects)
        mixed = self.word(states)[subject_piece] + shift.unsqueeze(1)
        if self.combination == "concat_product":
            mixed = mixed + self.product(states[subject_piece] * subjects.unsqueeze(1))
        return mixed


class SubjectCentric(HeadModel[Tensor]):
    """A tagger for subjects and an `ObjectHead`, both on one pass's word states."""

    name = "subject_centric"
    head_names = ("subject_head", "object_head")
    exportable = True

    def __init__(self, encoder: Any, card: StudentCard) -> None:  # noqa: ANN401
        super().__init__(encoder, card)
        settings = card.settings
        self.object_head = ObjectHead(
            self.width, len(card.relation_types), settings.dropout, settings.combination
        )

    def encode(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return word states (n_pieces, n_words, d), and tag probabilities."""
        states = self.word_states(inputs)
        return states, self.subject_probs(states)

    def objects(self, states: Tensor, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        return self.object_logits(states, subject_piece, subject_words).float().softmax(dim=-1)

    def object_logits(self, states: Tensor, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        """Return (n_subjects, n_words, n_relations, 5) logits for subjects given by their words."""
        subjects = span_means(states[subject_piece], subject_words)
        logits: Tensor = self.object_head(states, subject_piece, subjects)
        return logits

    def loss(self, inputs: Inputs, targets: Targets) -> Tensor:
        """Return the sum of both heads' weighted mean losses.

        The tagger's is the mean over words, the object head's the mean over (subject, word,
        relation type) with the true subjects given.
        """
        states = self.word_states(inputs)
        loss = self.subject_loss(states, targets)
        if len(targets.subject_piece) == 0:
            return loss
        logits = self.object_logits(states, targets.subject_piece, targets.subject_words)
        return loss + tag_loss(logits, targets.objects, targets.object_weights)


plugin = SubjectCentric

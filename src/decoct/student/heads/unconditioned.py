"""Two taggers and no relation: every object found is one of every subject in its piece.

The baseline that shows what knowing the subject is worth.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from decoct.student.heads.base import HeadModel, Inputs, Targets
from decoct.student.model import Tagger, tag_loss
from decoct.student.settings import StudentCard


class Unconditioned(HeadModel[Tensor]):
    """A tagger for subjects and one for the objects of each relation type.

    A relation's own confidence is not learnt, since nothing is said of relations; its spans' are.
    """

    name = "unconditioned"
    head_names = ("subject_head", "object_head")
    exportable = True

    def __init__(self, encoder: Any, card: StudentCard) -> None:  # noqa: ANN401
        super().__init__(encoder, card)
        self.object_head = Tagger(self.width, card.settings.dropout, len(card.relation_types))

    def encode(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return tag probabilities of objects (n_pieces, n_words, n_relations, 5), of subjects."""
        states = self.word_states(inputs)
        return self.object_head.probs(states), self.subject_probs(states)

    def objects(self, states: Tensor, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        del subject_words  # whichever they are
        return states[subject_piece]

    def loss(self, inputs: Inputs, targets: Targets) -> Tensor:
        """Return the sum of both taggers' weighted mean losses over words."""
        states = self.word_states(inputs)
        return self.subject_loss(states, targets) + tag_loss(
            self.object_head(states), targets.object_tags, targets.object_tag_weights
        )


plugin = Unconditioned

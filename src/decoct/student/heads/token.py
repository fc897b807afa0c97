"""A tagger alone, for tasks whose spans stand in no relation, such as names to be masked."""

from __future__ import annotations

from torch import Tensor

from decoct.student.heads.base import HeadModel, Inputs, Targets


class Token(HeadModel[None]):
    """A tagger for each label, so that spans of different labels may overlap."""

    name = "token"
    head_names = ("subject_head",)
    exportable = True

    def encode(self, inputs: Inputs) -> tuple[None, Tensor]:
        """Return tag probabilities."""
        return None, self.subject_probs(self.word_states(inputs))

    def objects(self, states: None, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        """Refuse: nothing here is a subject."""
        raise NotImplementedError("a task without relations has no objects to find")

    def loss(self, inputs: Inputs, targets: Targets) -> Tensor:
        return self.subject_loss(self.word_states(inputs), targets)


plugin = Token

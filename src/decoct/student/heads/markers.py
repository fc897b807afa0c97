"""One encoder pass to find the subjects, then one more for each, over the text that marks it.

Source: Gu et al. 2023 (arXiv 2307.06439), the other reading of "subject-centric": the text is read
anew for each subject. The marks are tokens put before and behind the subject (Zhou and Chen 2021,
arXiv 2102.01373, compare such marks). They are inserted as learnt embeddings and not as ids, which
comes to the same as adding two tokens to the vocabulary, and works with every tokenizer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from decoct.student.heads.base import HeadModel, Inputs, Targets
from decoct.student.model import Tagger, tag_loss, word_means
from decoct.student.settings import StudentCard

_MAX_TOKENS = 8192


class Markers(HeadModel[Inputs]):
    """A tagger for subjects on the plain text, and one for objects on the text marked for each.

    Slow by design: a text with n subjects takes 1 + n passes.
    """

    name = "markers"
    head_names = ("subject_head", "object_head", "markers")
    extra_tokens = 2

    def __init__(self, encoder: Any, card: StudentCard) -> None:  # noqa: ANN401
        super().__init__(encoder, card)
        self.object_head = Tagger(self.width, card.settings.dropout, len(card.relation_types))
        words = encoder.get_input_embeddings().weight.detach()
        self.markers = nn.Parameter(
            words.mean(dim=0) + words.std() * torch.randn(2, words.shape[1])
        )

    def encode(self, inputs: Inputs) -> tuple[Inputs, Tensor]:
        """Return the inputs, and tag probabilities."""
        return inputs, self.subject_probs(self.word_states(inputs))

    def objects(self, states: Inputs, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        """Read the marked texts, so many at a time that they are no more tokens than a batch's."""
        at_once = max(1, _MAX_TOKENS // (states.input_ids.shape[1] + self.extra_tokens))
        logits = [
            self.object_logits(states, pieces, words)
            for pieces, words in zip(
                torch.split(subject_piece, at_once),
                torch.split(subject_words, at_once),
                strict=True,
            )
        ]
        return torch.cat(logits).float().softmax(dim=-1)

    def object_logits(self, inputs: Inputs, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        """Return (n_subjects, n_words, n_relations, 5) logits, an encoder pass each."""
        inside = nn.functional.pad(subject_words, (0, 1)).gather(
            1, inputs.word_of_token[subject_piece]
        )
        marked = self._mark(inputs, subject_piece, inside > 0)
        states = word_means(*marked, inputs.n_words)
        logits: Tensor = self.object_head(states)
        return logits

    def _mark(self, inputs: Inputs, subject_piece: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Encode each subject's piece with a mark before and one behind the subject.

        Args:
            inputs: the pieces.
            subject_piece: (n_subjects,) int64.
            inside: (n_subjects, n_tokens) bool, true on the subject's tokens; a subject without any
                has both marks before the text.

        Returns:
            Hidden states (n_subjects, n_tokens + 2, d) float32 and the word of each token.
        """
        places = torch.arange(inside.shape[1], device=inside.device).expand_as(inside)
        first = torch.where(inside, places, inside.shape[1]).amin(dim=1, keepdim=True)
        last = torch.where(inside, places, -1).amax(dim=1, keepdim=True)
        first = first.clamp(max=last + 1)  # where there is none
        moved = places + (places >= first).long() + (places > last).long()
        marks = torch.cat([first, last + 2], dim=1)

        def spread(tokens: Tensor, of_marks: int) -> Tensor:
            wide = tokens.new_full((len(tokens), tokens.shape[1] + 2), of_marks)
            return wide.scatter(1, moved, tokens)

        ids = spread(inputs.input_ids[subject_piece], 0)
        embedded = self.encoder.get_input_embeddings()(ids)
        index = marks.unsqueeze(-1).expand(-1, -1, embedded.shape[2])
        embedded = embedded.scatter(
            1, index, self.markers.to(embedded.dtype).expand(len(ids), -1, -1)
        )
        hidden: Tensor = self.encoder(
            inputs_embeds=embedded,
            attention_mask=spread(inputs.attention_mask[subject_piece], 1),
        ).last_hidden_state.float()
        return hidden, spread(inputs.word_of_token[subject_piece], inputs.n_words)

    def loss(self, inputs: Inputs, targets: Targets) -> Tensor:
        """Return the sum of the weighted mean losses over words and over (subject, word, type)."""
        loss = self.subject_loss(self.word_states(inputs), targets)
        if len(targets.subject_piece) == 0:
            return loss
        logits = self.object_logits(inputs, targets.subject_piece, targets.subject_words)
        return loss + tag_loss(logits, targets.objects, targets.object_weights)


plugin = Markers

"""Two taggers, then a classifier for each pair of a subject and a span that may be its object.

The classic pipeline, on one shared encoder. Zhong and Chen 2021 (arXiv 2010.12812) give each step
an encoder of its own and mark each pair in the text; here a pair is the means of its two spans,
their product, and the mean of the words between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from decoct.inference.decode import (
    BEGIN,
    END,
    INSIDE,
    N_TAGS,
    OUTSIDE,
    SINGLE,
    best_runs_by_row,
)
from decoct.student.heads.base import HeadModel, Inputs, Targets
from decoct.student.model import Tagger, link_loss, span_means, tag_loss
from decoct.student.settings import StudentCard

_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Tagged:
    """What the taggers leave to the classifier.

    Attributes:
        states: (n_pieces, n_words, d) float32.
        spans: (n_spans, 4) int64, piece, relation type, first and last word (last exclusive) of
            what may be an object by that relation type.
        confidences: (n_spans,) float32, of each.
    """

    states: Tensor
    spans: Tensor
    confidences: Tensor


class PairHead(nn.Module):
    """Tells whether a span is an object of a subject.

    Inputs -> targets: features (n_pairs, 4 d) -> membership (n_pairs, n_relations) in [0, 1], a
    sigmoid each, of which that of the pair's relation type counts.
    """

    def __init__(self, width: int, n_relations: int, dropout: float) -> None:
        super().__init__()
        self.mix = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, n_relations)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits, (n_pairs, n_relations)."""
        mixed = self.norm(nn.functional.gelu(self.mix(features)))
        logits: Tensor = self.out(self.dropout(mixed))
        return logits


class Pairwise(HeadModel[Tagged]):
    """A tagger for subjects, one for what may be an object, and a `PairHead`.

    What may be an object is decoded from the tagger's probabilities, at the threshold of the card
    that the head is made with. Weights and confidences count as in `Example`: spans' for the
    taggers, relations' for pairs.
    """

    name = "pairwise"
    head_names = ("subject_head", "object_head", "pair_head")

    def __init__(self, encoder: Any, card: StudentCard) -> None:  # noqa: ANN401
        super().__init__(encoder, card)
        self.settings = card.settings
        n_relations = len(card.relation_types)
        self.object_head = Tagger(self.width, card.settings.dropout, n_relations)
        self.pair_head = PairHead(self.width, n_relations, card.settings.dropout)

    def encode(self, inputs: Inputs) -> tuple[Tagged, Tensor]:
        """Return what was tagged as a possible object, and the subjects' tag probabilities."""
        states = self.word_states(inputs)
        # a span must not reach into padding, whose states are zeros but whose probabilities are not
        probs = torch.where(
            _is_word(inputs)[:, :, None, None], self.object_head.probs(states), _outside(states)
        )
        return Tagged(states, *self._cut(probs)), self.subject_probs(states)

    def _cut(self, probs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spans in (n_pieces, n_words, n_relations, 5), as `Tagged` has them."""
        n_words, n_relations = probs.shape[1:3]
        rows = probs.detach().cpu().numpy().swapaxes(1, 2).reshape(-1, n_words, N_TAGS)
        found = [
            (*divmod(row, n_relations), run)
            for row, runs in enumerate(
                best_runs_by_row(rows, [n_words] * len(rows), self.settings.object_threshold)
            )
            for run in runs
        ]
        spans = [(piece, kind, run.first, run.last) for piece, kind, run in found]
        return (
            torch.tensor(spans, dtype=torch.long, device=probs.device).reshape(-1, 4),
            torch.tensor([run.confidence for *_, run in found], device=probs.device),
        )

    def objects(self, states: Tagged, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        """Return tag probabilities that are decoded to the spans of which both steps are sure.

        A span has its own tags, all as probable as the lesser of two: that it is one, and that it
        is an object of the subject.
        """
        subject, span = torch.nonzero(subject_piece[:, None] == states.spans[:, 0], as_tuple=True)
        pairs = torch.cat([subject[:, None], states.spans[span, 1:]], dim=1)
        logits = self.pair_logits(states.states, subject_piece, subject_words, pairs)
        sure = torch.minimum(states.confidences[span], logits.float().sigmoid())
        n_relations = self.object_head.n_kinds
        tags = _outside(sure).repeat(len(subject_piece), states.states.shape[1], n_relations, 1)
        # a subject's spans of one type do not overlap, so each cell is written once
        pair, word = torch.nonzero(_words(pairs, tags.shape[1]), as_tuple=True)
        cells = tags[subject[pair], word, pairs[pair, 1]]
        cells[:, OUTSIDE] = 1.0 - sure[pair]
        own = _own_tags(word, pairs[pair, 2], pairs[pair, 3])
        tags[subject[pair], word, pairs[pair, 1]] = cells.scatter(1, own[:, None], sure[pair, None])
        return tags

    def pair_logits(
        self, states: Tensor, subject_piece: Tensor, subject_words: Tensor, pairs: Tensor
    ) -> Tensor:
        """Return (n_pairs,) logits, each for its own relation type.

        Args:
            states: (n_pieces, n_words, d).
            subject_piece: (n_subjects,) int64.
            subject_words: (n_subjects, n_words) float32.
            pairs: (n_pairs, 4) int64, as in `Targets`.
        """
        subjects = span_means(states[subject_piece], subject_words)
        logits = [
            self.pair_head(
                _features(
                    states[subject_piece[some[:, 0]]],
                    subjects[some[:, 0]],
                    subject_words[some[:, 0]],
                    _words(some, states.shape[1]),
                )
            )
            .gather(1, some[:, 1:2])
            .squeeze(1)
            for some in torch.split(pairs, _AT_ONCE)
        ]
        return torch.cat(logits)

    def loss(self, inputs: Inputs, targets: Targets) -> Tensor:
        """Return the sum of the weighted mean losses, over words twice and over pairs.

        Pairs are the true subjects with every true span of their piece that may be an object.
        """
        states = self.word_states(inputs)
        loss = self.subject_loss(states, targets)
        loss = loss + tag_loss(
            self.object_head(states), targets.object_tags, targets.object_tag_weights
        )
        if len(targets.pairs) == 0:
            return loss
        logits = self.pair_logits(
            states, targets.subject_piece, targets.subject_words, targets.pairs
        )
        return loss + link_loss(logits, targets.links, targets.link_weights)


def _is_word(inputs: Inputs) -> Tensor:
    """Return (n_pieces, n_words) bool, true where a word has a token."""
    index = inputs.word_of_token
    room = torch.zeros(len(index), inputs.n_words + 1, dtype=torch.bool, device=index.device)
    return room.scatter(1, index, True)[:, : inputs.n_words]


def _outside(like: Tensor) -> Tensor:
    """Return (5,) float32, surely outside, on a tensor's device."""
    return (torch.arange(N_TAGS, device=like.device) == OUTSIDE).float()


def _own_tags(words: Tensor, firsts: Tensor, lasts: Tensor) -> Tensor:
    """Return (n,) int64, the tag of each word in its span; all arguments are (n,), int64."""
    at_first, at_last = words == firsts, words == lasts - 1
    tags = torch.full_like(words, INSIDE)
    tags[at_first], tags[at_last], tags[at_first & at_last] = BEGIN, END, SINGLE
    return tags


def _words(pairs: Tensor, n_words: int) -> Tensor:
    """Return (n_pairs, n_words) float32, 1 on the words of each pair's possible object."""
    places = torch.arange(n_words, device=pairs.device)
    return ((places >= pairs[:, 2:3]) & (places < pairs[:, 3:4])).float()


def _features(states: Tensor, subjects: Tensor, subject_words: Tensor, words: Tensor) -> Tensor:
    """Return (n_pairs, 4 d): subject, possible object, their product, and what is between them."""
    objects = span_means(states, words)
    between = span_means(states, _between(subject_words, words))
    return torch.cat([subjects, objects, subjects * objects, between], dim=1)


def _between(one: Tensor, other: Tensor) -> Tensor:
    """Return (n_pairs, n_words) float32, 1 on words after one of two spans, before the other."""
    reached = [span.cumsum(dim=1) > 0 for span in (one, other)]
    return (reached[0] != reached[1]).float() * (1 - one) * (1 - other)


plugin = Pairwise

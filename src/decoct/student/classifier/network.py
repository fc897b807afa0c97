"""The network: an encoder over windows, what stands for a text, and a softmax over classes."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from decoct.student.classifier.settings import ClassifierCard
from decoct.student.classifier.windows import WindowBatch, n_features

_LEAST_WEIGHT = 1e-6


class ClassifierNetwork(nn.Module):
    """Tells the probability of each class.

    The embeddings of markers are the network's own, so that they are learnt also where the
    encoder's word embeddings are frozen; the encoder's table has them too (see `sync_markers`).

    Inputs -> targets: windows of documents -> a distribution over classes for each document;
    cross-entropy.

    Args:
        encoder: its table has a row for each marker.
        card: labels and settings.
        marker_ids: token ids of the card's markers.
    """

    head_names = ("out", "attention")

    def __init__(
        self,
        encoder: Any,  # noqa: ANN401 (any transformers model)
        card: ClassifierCard,
        marker_ids: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = card.settings.pooling
        self.window_pooling = card.settings.window_pooling
        self.width = width = int(encoder.config.hidden_size)
        self.dropout = nn.Dropout(card.settings.dropout)
        self.out = nn.Linear(width + n_features(card), len(card.labels))
        self.attention = nn.Linear(width, 1) if self.window_pooling == "attention" else None
        n_types = int(getattr(encoder.config, "type_vocab_size", 0) or 0)
        accepts = "token_type_ids" in inspect.signature(encoder.forward).parameters
        self._has_types = accepts and n_types > 1 and card.second is not None
        table = encoder.get_input_embeddings()
        self.marker_ids = marker_ids
        self.markers = (
            nn.Parameter(table.weight.detach()[list(marker_ids)].clone()) if marker_ids else None
        )
        if marker_ids:
            table.register_forward_hook(self._put_markers)

    def forward(self, batch: WindowBatch, owners: Tensor, features: Tensor) -> Tensor:
        """Return logits, (n_documents, n_labels) float32; for the arguments see the two parts."""
        return self.classify(self.states(batch), owners, features)

    def states(self, batch: WindowBatch) -> Tensor:
        """Return one state for each window, (n_windows, width) float32."""
        arrays = (batch.input_ids, batch.attention_mask, batch.token_type_ids)
        device = self.out.weight.device
        return self.read(*(torch.from_numpy(array).to(device) for array in arrays))

    def read(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Return one state for each window, (n_windows, width) float32; see `WindowBatch`."""
        more = {"token_type_ids": types} if self._has_types else {}
        hidden = self.encoder(input_ids=ids, attention_mask=mask, **more).last_hidden_state.float()
        if self.pooling == "first":
            first: Tensor = hidden[:, 0]
            return first
        shares = mask.unsqueeze(-1).to(hidden.dtype)
        mean: Tensor = (hidden * shares).sum(dim=1) / shares.sum(dim=1).clamp(min=1.0)
        return mean

    def classify(self, states: Tensor, owners: Tensor, features: Tensor) -> Tensor:
        """Return logits, (n_documents, n_labels) float32.

        Args:
            states: (n_windows, width) float32, of all documents.
            owners: (n_windows,) int64, the document of each, from 0; none is without.
            features: (n_documents, n_features) float32.
        """
        if self.window_pooling == "max":
            logits = self.window_logits(states, features[owners])
            index = owners.unsqueeze(-1).expand_as(logits)
            lowest = logits.new_full((len(features), logits.shape[1]), -torch.inf)
            return lowest.scatter_reduce(0, index, logits, "amax")
        return self.window_logits(self._pooled(states, owners, len(features)), features)

    def window_logits(self, states: Tensor, features: Tensor) -> Tensor:
        """Return logits of states and the features that go with each, (n_states, n_labels)."""
        logits: Tensor = self.out(torch.cat([self.dropout(states), features], dim=-1)).float()
        return logits

    def _pooled(self, states: Tensor, owners: Tensor, n_documents: int) -> Tensor:
        """Return the mean of each document's windows, (n_documents, width), weighed if learnt."""
        if self.attention is None:
            weights = torch.ones_like(owners, dtype=states.dtype)
        else:
            scores = self.window_scores(states)
            lowest = scores.new_full((n_documents,), -torch.inf)
            highest = lowest.scatter_reduce(0, owners, scores.detach(), "amax")
            weights = torch.exp(scores - highest[owners])
        total = states.new_zeros(n_documents).index_add(0, owners, weights)
        shares = (weights / total[owners]).unsqueeze(-1)
        return states.new_zeros(n_documents, states.shape[1]).index_add(0, owners, states * shares)

    def window_scores(self, states: Tensor) -> Tensor:
        """Return how much attention windows get before the softmax, (n_windows,); 0 for none."""
        if self.attention is None:
            return states.new_zeros(states.shape[:1])
        scores: Tensor = self.attention(states).squeeze(-1).float()
        return scores

    def _put_markers(self, _: nn.Module, inputs: tuple[Any, ...], embedded: Tensor) -> Tensor:
        """Take the network's own embeddings in place of the table's."""
        assert self.markers is not None
        for row, id_ in enumerate(self.marker_ids):
            here = (inputs[0] == id_).unsqueeze(-1)
            embedded = torch.where(here, self.markers[row].to(embedded.dtype), embedded)
        return embedded

    def sync_markers(self) -> None:
        """Write the learnt embeddings into the encoder's table, for whoever loads it alone."""
        if self.markers is not None:
            with torch.no_grad():
                self.encoder.get_input_embeddings().weight[list(self.marker_ids)] = self.markers


def label_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean cross-entropy, a scalar; 0 where all weights are.

    Args:
        logits: (n_documents, n_labels).
        targets: (n_documents, n_labels) float32, a distribution each.
        weights: (n_documents,) float32, not negative.
    """
    losses = nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    return (losses * weights).sum() / weights.sum().clamp(min=_LEAST_WEIGHT)

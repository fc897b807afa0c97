"""From a cross-encoder to the file that ONNX Runtime runs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from decoct.encoder.onnx import OPSET, Graph, need_onnx, on_cpu, write_graphs
from decoct.inference.onnx_graph import ENCODE, FOLDER, Precision, write_onnx_card
from decoct.reranker.cross_encoder_card import CrossEncoderCard
from decoct.reranker.kinds.cross_encoder import CrossEncoder
from decoct.reranker.pair_scorer import PairScorer
from decoct.reranker.pairs import Pair, pad_pairs

_TRACED = "severe pain in the left arm; arm pain, and what it means"


def write_onnx(
    reranker: CrossEncoder, folder: Path, precision: Precision, source: CrossEncoderCard
) -> None:
    """Write a cross-encoder as ONNX Runtime reads it, into `onnx/` of a folder.

    At int8 the encoder is rounded; what it reads is weighed with whole weights.

    Args:
        reranker: what to export.
        folder: has no `onnx/` yet.
        precision: of the weights.
        source: the card in the re-ranker's folder.

    Raises:
        ConfigError: its encoder can't be exported.
        MissingExtraError: onnx or onnxruntime is not installed.
        StoreError: the folder can't be written.
    """
    need_onnx()
    at = folder / FOLDER
    heads = tuple(f"/model/{name}/" for name in PairScorer.head_names)
    with on_cpu(reranker.model, reranker.model.encoder) as model:
        write_graphs(at, [_graph(model, _example(reranker))], precision, whole=heads)
    write_onnx_card(at, precision, source, OPSET)


def _graph(model: PairScorer, inputs: tuple[Tensor, ...]) -> Graph:
    tokens, options = {0: "options", 1: "tokens"}, {0: "options"}
    takes = {
        **dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), tokens),
        **dict.fromkeys(("retriever", "whole", "is_nil"), options),
    }
    return Graph(ENCODE, _Score(model), inputs, takes, {"logits": options})


def _example(reranker: CrossEncoder) -> tuple[Tensor, ...]:
    """Return options to trace the network with."""
    ids = tuple(reranker.tokenizer.encode(_TRACED).ids)
    batch = pad_pairs([Pair(ids, len(ids) // 2), Pair(ids[:5], 5)], reranker.pad_id)
    arrays = (batch.input_ids, batch.attention_mask, batch.token_type_ids)
    return (
        *map(torch.from_numpy, arrays),
        torch.zeros(2, reranker.retriever.n_columns),
        torch.zeros(2, reranker.retriever.n_list_columns),
        torch.tensor([False, True]),
    )


class _Score(nn.Module):
    def __init__(self, model: PairScorer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        types: Tensor,
        retriever: Tensor,
        whole: Tensor,
        is_nil: Tensor,
    ) -> Tensor:
        states = self.model.states(input_ids, attention_mask, types)
        return self.model.score(states, retriever, whole, is_nil)

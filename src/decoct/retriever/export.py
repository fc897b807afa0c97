"""From a bi-encoder to the file that ONNX Runtime runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from decoct.encoder.onnx import OPSET, Graph, need_onnx, on_cpu, write_graphs
from decoct.inference.onnx_graph import CARD, ENCODE, FOLDER, Precision
from decoct.retriever.encoder import TextEncoder
from decoct.retriever.onnx_encoder import EncoderCard
from decoct.store import versions, write_json, write_text

_TRACED = ("severe pain in the left arm", "nausea")


def write_onnx(encoder: TextEncoder, folder: Path, precision: Precision) -> None:
    """Write a bi-encoder as ONNX Runtime reads it, with its tokenizer, into `onnx/` of a folder.

    Args:
        encoder: what to export, as it comes or fine-tuned.
        folder: has no `onnx/` yet.
        precision: of the weights.

    Raises:
        ConfigError: it can't be exported.
        MissingExtraError: onnx or onnxruntime is not installed.
        StoreError: the folder can't be written.
    """
    need_onnx()
    at = folder / FOLDER
    arrays = encoder.arrays(encoder.tokens(_TRACED))
    texts, tokens = {0: "texts"}, {0: "texts", 1: "tokens"}
    inputs = tuple(map(torch.from_numpy, arrays.values()))
    with on_cpu(encoder.model, encoder.model):
        graph = Graph(
            ENCODE, _Encode(encoder), inputs, dict.fromkeys(arrays, tokens), {"vectors": texts}
        )
        write_graphs(at, [graph], precision, whole=())
    write_text(at / "tokenizer.json", encoder.plain_tokenizer())
    card = EncoderCard(
        precision=precision,
        source_sha256=encoder.fingerprint,
        opset=OPSET,
        versions=versions("onnx", "onnxruntime"),
        weights_sha256=encoder.weights_sha256,
        n_dimensions=encoder.n_dimensions,
        max_tokens=encoder.max_tokens,
        pooling=cast(Literal["mean", "cls"], encoder.settings.pooling),
        pad_id=encoder.pad_id,
    )
    write_json(at / CARD, card.model_dump(mode="json"))


class _Encode(nn.Module):
    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.model = encoder.model
        self._encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        batch = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self._encoder.has_types:
            batch["token_type_ids"] = token_type_ids
        return self._encoder.pool(batch)

"""From a trained classifier to the file that ONNX Runtime runs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from decoct.encoder.onnx import OPSET, Graph, need_onnx, on_cpu, write_graphs
from decoct.inference.onnx_graph import ENCODE, FOLDER, Precision, write_onnx_card
from decoct.student.classifier.network import ClassifierNetwork
from decoct.student.classifier.torch_classifier import TorchClassifier
from decoct.student.classifier.windows import Window, n_features, pad_windows

_TRACED = "The patient improved under treatment and was seen on the ward."


def write_onnx(classifier: TorchClassifier, folder: Path, precision: Precision) -> None:
    """Write a classifier's network as ONNX Runtime reads it, into `onnx/` of a folder.

    At int8 the encoder is rounded; the head, which is small, stays as it is.

    Args:
        classifier: what to export.
        folder: has no `onnx/` yet.
        precision: of the weights.

    Raises:
        ConfigError: its encoder can't be exported.
        MissingExtraError: onnx or onnxruntime is not installed.
        StoreError: the folder can't be written.
    """
    need_onnx()
    at = folder / FOLDER
    with on_cpu(classifier.model, classifier.model.encoder) as model:
        graph = _graph(model, _example(classifier))
        write_graphs(at, [graph], precision, whole=("/model/out/", "/model/attention/"))
    write_onnx_card(at, precision, classifier.card, OPSET)


def _graph(model: ClassifierNetwork, inputs: tuple[Tensor, ...]) -> Graph:
    tokens, windows = {0: "windows", 1: "tokens"}, {0: "windows"}
    takes = dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), tokens)
    gives = {"logits": windows, "scores": windows}
    return Graph(ENCODE, _Encode(model), inputs, {**takes, "features": windows}, gives)


def _example(classifier: TorchClassifier) -> tuple[Tensor, ...]:
    """Return windows to trace the network with."""
    ids = tuple(classifier.tokenizer.encode(_TRACED).ids)
    batch = pad_windows([Window(ids, len(ids) // 2), Window(ids[:5], 2)], 0)
    arrays = (batch.input_ids, batch.attention_mask, batch.token_type_ids)
    return (*map(torch.from_numpy, arrays), torch.zeros(2, n_features(classifier.card)))


class _Encode(nn.Module):
    def __init__(self, model: ClassifierNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, types: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        states = self.model.read(input_ids, attention_mask, types)
        return self.model.window_logits(states, features), self.model.window_scores(states)

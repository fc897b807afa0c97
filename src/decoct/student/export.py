"""From a trained student to the files that ONNX Runtime runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from decoct.encoder.onnx import OPSET, Graph, need_onnx, on_cpu, write_graphs
from decoct.errors import ConfigError
from decoct.inference.batch import pad
from decoct.inference.onnx_graph import ENCODE, FOLDER, Precision, write_onnx_card
from decoct.inference.onnx_network import OBJECTS, pooling
from decoct.student.heads.base import HeadModel, Inputs
from decoct.student.student import make_tokenizer
from decoct.student.torch_student import TorchStudent

_TRACED = "Aspirin caused a rash. Nausea after methotrexate and aspirin was mild."


def write_onnx(student: TorchStudent, folder: Path, precision: Precision) -> None:
    """Write a student's network as ONNX Runtime reads it, into `onnx/` of a folder.

    One graph has the encoder and the tagger, the other the head's layers for objects, which take a
    tenth of the time unless they are rounded at int8 too.

    Args:
        student: what to export.
        folder: has no `onnx/` yet.
        precision: of the weights.

    Raises:
        ConfigError: its head or encoder is none that can be exported.
        MissingExtraError: onnx or onnxruntime is not installed.
        StoreError: the folder can't be written.
    """
    need_onnx()
    if not student.model.exportable:
        raise ConfigError(
            f"head {student.card.settings.head!r} can't be exported: it does more than a graph can "
            "say; distil with --head subject_centric, or run this student in torch"
        )
    at = folder / FOLDER
    with on_cpu(student.model, student.model.encoder) as model:
        write_graphs(at, _graphs(model, _example(student)), precision)
    write_onnx_card(at, precision, student.card, OPSET)


def _graphs(model: HeadModel[Any], inputs: tuple[Tensor, ...]) -> Iterator[Graph]:
    tokens, words = {0: "pieces", 1: "tokens"}, {0: "pieces", 1: "words"}
    encode = _Encode(model).eval()
    with torch.inference_mode():
        outputs = encode(*inputs)
    takes = {"input_ids": tokens, "attention_mask": tokens, "pooling": {**words, 2: "tokens"}}
    gives = {"states": words, "tags": words} if len(outputs) > 1 else {"tags": words}
    yield Graph(ENCODE, encode, inputs, takes, gives)
    if len(outputs) == 1:
        return
    states = outputs[0].clone()
    subjects = torch.zeros(2, states.shape[1])
    subjects[:, 0] = 1.0
    takes = {
        "states": words,
        "subject_piece": {0: "subjects"},
        "subject_words": {0: "subjects", 1: "words"},
    }
    which = torch.tensor([0, states.shape[0] - 1])
    gives = {"objects": {0: "subjects", 1: "words"}}
    yield Graph(OBJECTS, _Objects(model), (states, which, subjects), takes, gives)


def _example(student: TorchStudent) -> tuple[Tensor, Tensor, Tensor]:
    """Return a batch to trace the network with."""
    words = make_tokenizer(student.tokenizer, student.card)
    pieces = [piece for text in (_TRACED, _TRACED[:23]) for piece in words.pieces(text)]
    batch = pad(pieces, 0)
    return (
        torch.from_numpy(batch.input_ids),
        torch.from_numpy(batch.attention_mask),
        torch.from_numpy(pooling(batch)),
    )


@dataclass(frozen=True, slots=True)
class _Pooled(Inputs):
    """Inputs whose words are weights of tokens, as a graph takes them.

    Attributes:
        weights: (n_pieces, n_words, n_tokens) float32.
    """

    weights: Tensor

    def pool(self, hidden: Tensor) -> Tensor:
        return torch.bmm(self.weights, hidden)


class _Encode(nn.Module):
    def __init__(self, model: HeadModel[Any]) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, weights: Tensor) -> Any:  # noqa: ANN401
        inputs = _Pooled(input_ids, attention_mask, input_ids, 0, weights)
        states, probs = self.model.encode(inputs)
        return (probs,) if states is None else (states, probs)


class _Objects(nn.Module):
    def __init__(self, model: HeadModel[Any]) -> None:
        super().__init__()
        self.model = model

    def forward(self, states: Tensor, subject_piece: Tensor, subject_words: Tensor) -> Tensor:
        return self.model.objects(states, subject_piece, subject_words)

"""From a trained student to the files that ONNX Runtime runs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from decoct.errors import ConfigError, MissingExtraError, StoreError
from decoct.inference.batch import pad
from decoct.inference.onnx_network import (
    CARD,
    ENCODE,
    FOLDER,
    OBJECTS,
    OnnxCard,
    Precision,
    pooling,
)
from decoct.store import sha256_json, versions, write_json
from decoct.student.heads.base import HeadModel, Inputs
from decoct.student.student import make_tokenizer
from decoct.student.torch_student import TorchStudent

OPSET = 17
_TRACED = "Aspirin caused a rash. Nausea after methotrexate and aspirin was mild."


def write_onnx(student: TorchStudent, folder: Path, precision: Precision) -> None:
    """Write a student's network as ONNX Runtime reads it, into `onnx/` of a folder.

    One graph has the encoder and the tagger, the other the head's layers for objects. At int8 the
    encoder's weights are rounded to 8 bits row by row, and its activations as they come (dynamic
    quantisation); the heads, which are small, stay as they are.

    Args:
        student: what to export.
        folder: has no `onnx/` yet.
        precision: of the weights.

    Raises:
        ConfigError: its head is none that can be exported.
        MissingExtraError: onnx or onnxruntime is not installed.
        StoreError: the folder can't be written.
    """
    _need_onnx()
    if not student.model.exportable:
        raise ConfigError(
            f"head {student.card.settings.head!r} can't be exported: it does more than a graph can "
            "say; distil with --head subject_centric, or run this student in torch"
        )
    at = folder / FOLDER
    try:
        at.mkdir(parents=True)
        with _on_cpu(student.model) as model:
            _write(model, _example(student), at)
        if precision == "fp16":
            for path in sorted(at.glob("*.onnx")):
                _halve(path)
        elif precision == "int8":
            _quantise(at / ENCODE)
        card = OnnxCard(
            precision=precision,
            student_sha256=sha256_json(student.card.model_dump(mode="json")),
            opset=OPSET,
            versions=versions("onnx", "onnxruntime"),
        )
        write_json(at / CARD, card.model_dump(mode="json"))
    except OSError as error:
        raise StoreError(f"{at}: can't be written: {error.strerror or error}") from None


def _need_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        raise MissingExtraError("onnx and onnxruntime", "export", "export") from None


@contextmanager
def _on_cpu(model: HeadModel[Any]) -> Iterator[HeadModel[Any]]:
    """Put a model where it is traced, and then back again.

    Attention as it is written out makes the fastest graph, at int8 too.
    """
    device = next(model.parameters()).device
    attention = getattr(model.encoder.config, "_attn_implementation", None)
    try:
        if attention is not None:
            model.encoder.set_attn_implementation("eager")
        yield model.cpu().eval()
    finally:
        if attention is not None:
            model.encoder.set_attn_implementation(attention)
        model.to(device).eval()


def _write(model: HeadModel[Any], inputs: tuple[Tensor, ...], folder: Path) -> None:
    tokens, words = {0: "pieces", 1: "tokens"}, {0: "pieces", 1: "words"}
    encode = _Encode(model).eval()
    with torch.inference_mode():
        outputs = encode(*inputs)
    takes = {"input_ids": tokens, "attention_mask": tokens, "pooling": {**words, 2: "tokens"}}
    gives = {"states": words, "tags": words} if len(outputs) > 1 else {"tags": words}
    _export(encode, inputs, folder / ENCODE, takes, gives)
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
    _export(_Objects(model).eval(), (states, which, subjects), folder / OBJECTS, takes, gives)


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


def _export(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    takes: dict[str, dict[int, str]],
    gives: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what tracing can't follow is checked by what comes out
        torch.onnx.export(
            module,
            inputs,
            str(path),
            input_names=list(takes),
            output_names=list(gives),
            dynamic_axes={**takes, **gives},
            opset_version=OPSET,
            dynamo=False,
        )


def _halve(path: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)


def _quantise(path: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = path.rename(path.with_suffix(".whole"))
    heads = [node.name for node in onnx.load(whole).graph.node if "_head/" in node.name]
    logging.disable(logging.WARNING)  # it recommends a step that changes nothing here
    try:
        quantize_dynamic(
            whole,
            path,
            op_types_to_quantize=["MatMul", "Gemm", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=heads,
        )
    finally:
        logging.disable(logging.NOTSET)
    whole.unlink()


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

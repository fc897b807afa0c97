"""From torch to the files that ONNX Runtime runs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from decoct.encoder.load import one_line
from decoct.errors import ConfigError, MissingExtraError, StoreError

OPSET = 17
Axes = Mapping[str, Mapping[int, str]]
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Graph:
    """A network to be written.

    Attributes:
        name: of the file.
        module: takes tensors and gives tensors.
        inputs: an example to trace it with, of several texts of unlike length.
        takes: name of each input -> its axes whose length varies, and what they count.
        gives: the same of each output.
    """

    name: str
    module: nn.Module
    inputs: tuple[Tensor, ...]
    takes: Axes
    gives: Axes


def need_onnx() -> None:
    """See that what is needed for exporting is there.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        raise MissingExtraError("onnx and onnxruntime", "export", "export") from None


@contextmanager
def on_cpu(model: M, encoder: Any) -> Iterator[M]:  # noqa: ANN401 (any transformers model)
    """Put a model where it is traced, and then back again.

    Attention as it is written out makes the fastest graph, at int8 too.

    Args:
        model: the whole.
        encoder: its part that is the library's.
    """
    device = next(model.parameters()).device
    attention = getattr(encoder.config, "_attn_implementation", None)
    try:
        if attention is not None:
            encoder.set_attn_implementation("eager")
        yield model.cpu().eval()
    finally:
        if attention is not None:
            encoder.set_attn_implementation(attention)
        model.to(device).eval()


def write_graphs(
    folder: Path,
    graphs: Iterable[Graph],
    precision: Literal["fp32", "fp16", "int8"],
    whole: tuple[str, ...] = (),
) -> None:
    """Trace networks and write them.

    At int8 the weights of matrices and embeddings are rounded to 8 bits row by row, and what they
    are multiplied with as it comes (dynamic quantisation). The weights lie in a file beside each
    graph, so that ONNX Runtime maps them into memory: an embedding is read when it is first looked
    up, and several processes share the one copy.

    Args:
        folder: made; it is not there yet.
        graphs: each becomes a file; they are traced one after the other.
        precision: of the weights.
        whole: nodes with one of these in their names are not rounded, such as `/text/`.

    Raises:
        ConfigError: one of them does more than a graph can say.
        StoreError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True)
        for graph in graphs:
            path = folder / graph.name
            _trace(graph, path)
            if precision == "fp16":
                _halve(path)
            elif precision == "int8":
                _quantise(path, whole)
            _set_weights_apart(path)
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None


def _trace(graph: Graph, path: Path) -> None:
    axes = {name: dict(varying) for name, varying in {**graph.takes, **graph.gives}.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what tracing can't follow is checked by what comes out
        try:
            torch.onnx.export(
                graph.module.eval(),
                graph.inputs,
                str(path),
                input_names=list(graph.takes),
                output_names=list(graph.gives),
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        except OSError:
            raise
        except Exception as error:  # as many kinds as there are architectures
            raise ConfigError(
                f"this encoder can't be exported: {one_line(error)}; run it in torch"
            ) from None


def _halve(path: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)


def _quantise(path: Path, whole: tuple[str, ...]) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    before = path.rename(path.with_suffix(".whole"))
    names = [node.name for node in onnx.load(before).graph.node]
    kept = [name for name in names if any(part in name for part in whole)]
    kept += [f"{name}_MatMul" for name in kept]  # what a Gemm is called when it was split
    logging.disable(logging.WARNING)  # it recommends a step that changes nothing here
    try:
        quantize_dynamic(
            before,
            path,
            op_types_to_quantize=["MatMul", "Gemm", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )
    finally:
        logging.disable(logging.NOTSET)
    before.unlink()


def _set_weights_apart(path: Path) -> None:
    import onnx

    weights = path.with_suffix(".weights")
    onnx.save(
        onnx.load(path),
        path,
        save_as_external_data=True,
        location=weights.name,
        size_threshold=1024,  # bytes; smaller tensors stay in the graph
    )
    if weights.exists():
        weights.chmod(path.stat().st_mode)  # onnx lets nobody but the owner read it

"""What every exported network has in common: its folder, its card, and running it without torch.

::

    onnx/*.onnx       the graphs
    onnx/*.weights    what they multiply with, mapped into memory; not of the smallest
    onnx/onnx.json    precision, what they were made of, how they were checked
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError, model_validator

from decoct.config import Settings
from decoct.errors import ArtifactError, ConfigError, MissingExtraError
from decoct.records import describe
from decoct.store import read_json, sha256_file, sha256_json, versions, write_json

FOLDER, CARD, ENCODE = "onnx", "onnx.json", "encode.onnx"
AGAIN = "export it again with decoct export"
MAX_BATCH_TOKENS = 1024  # of a batch on one thread: what it works on stays in the cache
Precision = Literal["fp32", "fp16", "int8"]
Engine = Literal["auto", "torch", "onnx"]
Floats = NDArray[np.float32]
T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C", bound="OnnxCard")


class OnnxCard(Settings):
    """What the folder says of itself.

    Attributes:
        precision: of the weights; at fp16 and int8 predictions differ a little.
        source_sha256: of the card of what it was made of.
        opset: of ONNX.
        versions: of decoct and its libraries.
        checked: how it compares with what it was made of, where that was looked at.
    """

    precision: Precision
    source_sha256: str
    opset: int
    versions: dict[str, str] = Field(default_factory=dict)
    checked: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, data: Any) -> Any:  # noqa: ANN401
        """Take the name that the hash had while only students could be exported."""
        if isinstance(data, dict) and "student_sha256" in data:
            data = {**data, "source_sha256": data["student_sha256"]}
            del data["student_sha256"]
        return data


def has_onnx(folder: Path) -> bool:
    """Whether a folder holds an exported network."""
    return (folder / FOLDER / CARD).is_file()


def remove_onnx(folder: Path) -> None:
    """Remove an exported network from a folder, if there is one."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def read_onnx_card(folder: Path, kind: type[C]) -> C:
    """Read what a folder says of its exported network.

    Raises:
        ArtifactError: there is none, or it can't be read.
    """
    path = folder / FOLDER / CARD
    if not path.is_file():
        raise ArtifactError(f"{folder}: is not exported; run decoct export")
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        raise ArtifactError(f"{path}: {describe(error)}; {AGAIN}") from None


def write_onnx_card(folder: Path, precision: Precision, source: BaseModel, opset: int) -> None:
    """Write the card of a network that was exported from what has a card itself.

    Args:
        folder: `onnx/`, where the graphs are.
        precision: of the weights.
        source: the card of what was exported.
        opset: of ONNX.

    Raises:
        StoreError: it can't be written.
    """
    card = OnnxCard(
        precision=precision,
        source_sha256=hash_card(source),
        opset=opset,
        versions=versions("onnx", "onnxruntime"),
    )
    write_json(folder / CARD, card.model_dump(mode="json"))


def hash_card(card: BaseModel) -> str:
    """Return what an exported network remembers of the card of what it was made of."""
    return sha256_json(card.model_dump(mode="json"))


def hash_network(folder: Path) -> list[str]:
    """Return the hashes of the files of a folder's exported network, but not of its card."""
    files = sorted((folder / FOLDER).iterdir())
    return [sha256_file(path) for path in files if path.name != CARD]


def check_source(folder: Path, card: OnnxCard, sha256: str, noun: str) -> None:
    """See that a network was exported from what the folder holds.

    Args:
        folder: that holds both.
        card: the exported network's.
        sha256: of the card of what is there now.
        noun: what to call that.

    Raises:
        ArtifactError: it was not.
    """
    if card.source_sha256 != sha256:
        raise ArtifactError(
            f"{folder / FOLDER / CARD}: was exported from another {noun} than is in the "
            f"folder now; {AGAIN}"
        )


def chosen_engine(folder: Path, device: str, engine: Engine) -> Literal["torch", "onnx"]:
    """Return which engine runs a folder's network.

    Raises:
        ConfigError: the engine runs on no such device.
    """
    on_cpu = device in ("auto", "cpu")
    if engine == "onnx" and not on_cpu:
        raise ConfigError(f"engine onnx runs on cpu, not on {device}; take engine torch")
    if engine == "auto":
        return "onnx" if on_cpu and has_onnx(folder) else "torch"
    return engine


class OnnxGraph:
    """Runs one graph on the cpu, each call on the thread that it is made from.

    Several threads may call it at the same time, which is faster than several threads a call.

    Args:
        path: the file.

    Raises:
        ArtifactError: it is missing or broken.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError("onnxruntime", "onnx", "what is exported") from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # it raises many kinds, none of them public
            reason = " ".join(str(error).split())[:200]
            raise ArtifactError(f"{path}: can't be loaded: {reason}; {AGAIN}") from None
        self._asked = [one.name for one in self._session.get_inputs()]

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[Floats]:
        """Return the outputs in order; inputs that the graph does not look at are left out."""
        found: list[Floats] = self._session.run(None, {name: inputs[name] for name in self._asked})
        return found


def run_all(work: Callable[[T], R], batches: Sequence[T], threads: int) -> list[R]:
    """Return what a function makes of each batch, in order, so many at a time."""
    if threads == 1 or len(batches) == 1:
        return [work(batch) for batch in batches]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, batches))

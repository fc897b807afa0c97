"""A student's network in ONNX Runtime, without torch; `decoct export` writes it.

::

    onnx/encode.onnx    tokens -> word states, tag probabilities
    onnx/objects.onnx   word states, subjects -> the objects' tag probabilities; not of every head
    onnx/onnx.json      precision, what it was made of, how it was checked
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from decoct.config import Settings
from decoct.errors import ArtifactError, MissingExtraError
from decoct.inference.batch import Batch
from decoct.records import describe
from decoct.store import read_json

FOLDER, CARD, ENCODE, OBJECTS = "onnx", "onnx.json", "encode.onnx", "objects.onnx"
AGAIN = "export it again with decoct export"
Precision = Literal["fp32", "fp16", "int8"]
Floats = NDArray[np.float32]


class OnnxCard(Settings):
    """What the folder says of itself.

    Attributes:
        precision: of the weights; at fp16 and int8 predictions differ a little.
        student_sha256: of the card of the student that it was made of.
        opset: of ONNX.
        versions: of decoct and its libraries.
        checked: how its predictions compare with the student's own, where that was looked at.
    """

    precision: Precision
    student_sha256: str
    opset: int
    versions: dict[str, str] = Field(default_factory=dict)
    checked: dict[str, Any] = Field(default_factory=dict)


def has_onnx(folder: Path) -> bool:
    """Whether a student's folder holds an exported network."""
    return (folder / FOLDER / CARD).is_file()


def remove_onnx(folder: Path) -> None:
    """Remove an exported network from a student's folder, if there is one."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def read_onnx_card(folder: Path) -> OnnxCard:
    """Read what a student's folder says of its exported network.

    Raises:
        ArtifactError: there is none, or it can't be read.
    """
    path = folder / FOLDER / CARD
    if not path.is_file():
        raise ArtifactError(f"{folder}: is not exported; run decoct export --student {folder}")
    try:
        return OnnxCard.model_validate(read_json(path))
    except ValidationError as error:
        raise ArtifactError(f"{path}: {describe(error)}; {AGAIN}") from None


class OnnxNetwork:
    """Runs an exported network on the cpu, each call on the thread that it is made from.

    Several threads may call it at the same time, which is faster than several threads a call.

    Args:
        folder: the student's.

    Raises:
        ArtifactError: a file is missing or broken.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._encode = _session(folder / FOLDER / ENCODE)
        objects = folder / FOLDER / OBJECTS
        self._objects = _session(objects) if objects.is_file() else None
        inputs = self._objects.get_inputs() if self._objects else ()
        self._asked = [one.name for one in inputs]  # a head may not look at all of them

    def encode(self, batch: Batch) -> tuple[object, Floats]:
        """Return word states, and tag probabilities (n_pieces, n_words, n_tagged, 5)."""
        outputs = self._encode.run(
            None,
            {
                "input_ids": batch.input_ids,
                "attention_mask": batch.attention_mask,
                "pooling": pooling(batch),
            },
        )
        return (outputs[0] if len(outputs) > 1 else None), outputs[-1]

    def objects(self, states: object, subjects: Sequence[tuple[int, int, int]]) -> Floats:
        """Return the objects' tag probabilities (n_subjects, n_words, n_relations, 5)."""
        assert isinstance(states, np.ndarray)
        assert self._objects is not None
        words = np.zeros((len(subjects), states.shape[1]), dtype=np.float32)
        for row, (_, first, last) in enumerate(subjects):
            words[row, first:last] = 1.0
        pieces = np.array([piece for piece, _, _ in subjects], dtype=np.int64)
        inputs = {"states": states, "subject_piece": pieces, "subject_words": words}
        found: Floats = self._objects.run(None, {name: inputs[name] for name in self._asked})[0]
        return found


def pooling(batch: Batch) -> Floats:
    """Return the weights of each token's state in each word's: (n_pieces, n_words, n_tokens)."""
    places = np.arange(batch.n_words)[None, :, None]
    weights = (batch.word_of_token[:, None, :] == places).astype(np.float32)
    means: Floats = weights / np.maximum(weights.sum(axis=2, keepdims=True), 1.0)
    return means


def _session(path: Path) -> Any:  # noqa: ANN401 (onnxruntime has no types)
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("onnxruntime", "onnx", "an exported student") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises many kinds, none of them public
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(f"{path}: can't be loaded: {reason}; {AGAIN}") from None

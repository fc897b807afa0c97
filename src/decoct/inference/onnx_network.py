"""A student's network in ONNX Runtime, without torch; `decoct export` writes it.

::

    onnx/encode.onnx    tokens -> word states, tag probabilities
    onnx/objects.onnx   word states, subjects -> the objects' tag probabilities; not of every head
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from decoct.inference.batch import Batch
from decoct.inference.onnx_graph import ENCODE, FOLDER, Floats, OnnxGraph

OBJECTS = "objects.onnx"


class OnnxNetwork:
    """Runs an exported network on the cpu, see `OnnxGraph`.

    Args:
        folder: the student's.

    Raises:
        ArtifactError: a file is missing or broken.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._encode = OnnxGraph(folder / FOLDER / ENCODE)
        objects = folder / FOLDER / OBJECTS
        self._objects = OnnxGraph(objects) if objects.is_file() else None

    def encode(self, batch: Batch) -> tuple[object, Floats]:
        """Return word states, and tag probabilities (n_pieces, n_words, n_tagged, 5)."""
        outputs = self._encode.run(
            {
                "input_ids": batch.input_ids,
                "attention_mask": batch.attention_mask,
                "pooling": pooling(batch),
            }
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
        return self._objects.run(inputs)[0]


def pooling(batch: Batch) -> Floats:
    """Return the weights of each token's state in each word's: (n_pieces, n_words, n_tokens)."""
    places = np.arange(batch.n_words)[None, :, None]
    weights = (batch.word_of_token[:, None, :] == places).astype(np.float32)
    means: Floats = weights / np.maximum(weights.sum(axis=2, keepdims=True), 1.0)
    return means

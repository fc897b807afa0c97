"""Vectors of a bi-encoder, compared by cosine: knows meaning, as far as its encoder does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ConfigError, MissingExtraError
from decoct.kb.base import Query
from decoct.progress import Progress
from decoct.retriever.arrays import ArrayFile, damaged, open_array
from decoct.retriever.bi_encoder import BiEncoder
from decoct.retriever.indexes.base import Segment
from decoct.retriever.names import NameTable
from decoct.retriever.onnx_encoder import OnnxTextEncoder, is_exported
from decoct.retriever.settings import DenseSettings
from decoct.retriever.vectors import (
    FAISS,
    VECTORS,
    Approximate,
    Exact,
    VectorSearch,
    build_faiss,
    load_faiss,
)

_CHUNK_NAMES = 2048


class Dense:
    """The retriever `dense`."""

    name = "dense"
    settings = DenseSettings

    def __init__(self, settings: DenseSettings) -> None:
        load_faiss()
        self._settings = settings

    @cached_property
    def encoder(self) -> BiEncoder:
        """The bi-encoder, loaded when it is first needed."""
        if is_exported(self._settings.encoder):
            return OnnxTextEncoder.load(self._settings)
        try:
            from decoct.retriever.encoder import TextEncoder
        except ImportError:
            raise MissingExtraError(
                "torch and transformers", "train", "retriever 'dense'"
            ) from None
        return TextEncoder.load(self._settings)

    def identity(self) -> Mapping[str, str]:
        """Return the encoder's hash."""
        return {"encoder": self.encoder.fingerprint}

    def build(self, names: NameTable, folder: Path, progress: Progress) -> None:
        """Write the vectors of names, and faiss's index of them.

        Raises:
            ConfigError: the encoder is an exported one of a lower precision.
        """
        if not self.encoder.exact:
            raise ConfigError(
                f"{self._settings.encoder}: its weights are rounded, and names are read with whole "
                "ones; name the encoder that it was exported from, or open the index with "
                "engine='torch'"
            )
        folder.mkdir(parents=True, exist_ok=True)
        n_chunks = -(-len(names) // _CHUNK_NAMES)
        title = f"index dense, {_CHUNK_NAMES} names"
        with self._vectors(folder) as vectors:
            for _, texts in progress.track(names.chunks(_CHUNK_NAMES), n_chunks, title):
                vectors.append(self.encoder.encode(texts))
        self._finish(folder, progress)

    def merge(
        self, sources: Sequence[Segment], names: NameTable, folder: Path, progress: Progress
    ) -> None:
        """Write the vectors of several segments' living names; no name is read anew."""
        del names
        folder.mkdir(parents=True, exist_ok=True)
        with self._vectors(folder) as vectors:
            for source in sources:
                held = open_array(source.folder / VECTORS, np.float16, len(source.names))
                for first in range(0, len(held), _CHUNK_NAMES):
                    piece = slice(first, first + _CHUNK_NAMES)
                    vectors.append(held[piece][source.alive[piece]])
        self._finish(folder, progress)

    def weigh(self, segments: Sequence[Segment], generation: int) -> None:
        """Write nothing: a name's vector is its own."""

    def open(self, segments: Sequence[Segment], generation: int) -> DenseSearch:
        """Map the vectors and read faiss's indexes."""
        return DenseSearch(self.encoder, segments, self._settings)

    def _vectors(self, folder: Path) -> ArrayFile:
        return ArrayFile(folder / VECTORS, np.float16, self.encoder.n_dimensions)

    def _finish(self, folder: Path, progress: Progress) -> None:
        vectors = open_array(folder / VECTORS, np.float16)
        if self._settings.kind != "exact" and len(vectors) >= self._settings.exact_below:
            progress.note(f"index dense: {self._settings.kind} of {len(vectors)} vectors ...")
            build_faiss(vectors, folder / FAISS, self._settings)


class DenseSearch:
    """Looks mentions up among the vectors of all segments.

    Args:
        encoder: that made the vectors.
        segments: in order.
        settings: how it looks.
    """

    def __init__(
        self, encoder: BiEncoder, segments: Sequence[Segment], settings: DenseSettings
    ) -> None:
        self._encoder = encoder
        self._kind = settings.kind
        self._vectors = [
            open_array(segment.folder / VECTORS, np.float16, len(segment.names))
            for segment in segments
        ]
        for segment, vectors in zip(segments, self._vectors, strict=True):
            if vectors.ndim != 2 or vectors.shape[1] != encoder.n_dimensions:
                raise damaged(segment.folder / VECTORS, f"is of shape {vectors.shape}")
        self._parts: list[VectorSearch] = [
            Exact(vectors)
            if settings.kind == "exact" or len(vectors) < settings.exact_below
            else Approximate(segment.folder / FAISS, vectors, settings)
            for segment, vectors in zip(segments, self._vectors, strict=True)
        ]
        sizes = [len(vectors) for vectors in self._vectors]
        self._firsts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def prepare(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return the mentions' vectors: (n_mentions, n_dimensions)."""
        return self._encoder.encode(queries)

    def take(
        self, prepared: NDArray[np.float32], mentions: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the vectors of some mentions."""
        return prepared[mentions]

    def search(
        self, prepared: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the names whose vectors are nearest, by cosine."""
        found = [part.search(prepared, k) for part in self._parts]
        rows = np.concatenate(
            [
                np.where(rows >= 0, rows + first, -1)
                for (rows, _), first in zip(found, self._firsts, strict=False)
            ],
            axis=1,
        )
        scores = np.concatenate([scores for _, scores in found], axis=1)
        order = np.lexsort((rows, -scores), axis=-1)[:, :k]
        rows = np.take_along_axis(rows, order, axis=1).astype(np.int32)
        scores = np.take_along_axis(scores, order, axis=1)
        return rows, np.where(rows >= 0, scores, np.float32(0))

    def similarities(
        self,
        prepared: NDArray[np.float32],
        mentions: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Return the cosines of pairs: (n_pairs,)."""
        scores = np.zeros(len(rows), dtype=np.float32)
        for number, vectors in enumerate(self._vectors):
            first, last = self._firsts[number], self._firsts[number + 1]
            here = np.flatnonzero((rows >= first) & (rows < last))
            names = vectors[rows[here] - first].astype(np.float32)
            scores[here] = np.einsum("nd,nd->n", prepared[mentions[here]], names)
        return scores

    def facts(self) -> Mapping[str, Any]:
        """Return kind, dimensions, and what is mapped and what is held."""
        mapped = sum(vectors.nbytes for vectors in self._vectors)
        held = sum(part.n_bytes() for part in self._parts)
        return {
            "n_bytes": mapped + held,
            "n_bytes_held": held,
            "kind": self._kind,
            "n_dimensions": self._encoder.n_dimensions,
        }


plugin = Dense

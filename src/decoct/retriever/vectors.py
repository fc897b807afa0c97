"""Vectors of names on disk, and the faiss indexes over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from decoct.errors import MissingExtraError
from decoct.retriever.arrays import Array, damaged
from decoct.retriever.settings import DenseSettings

VECTORS = "vectors.npy"
FAISS = "index.faiss"
_BLOCK = 1 << 16  # vectors brought into memory at a time
_TRAINING_A_CELL = 64
_LEAST_A_CELL = 39  # faiss warns of fewer
_MIN_TRAINING = 20_000
Found = tuple[NDArray[np.int64], NDArray[np.float32]]


class VectorSearch(Protocol):
    """Finds the vectors that are nearest to others."""

    def search(self, vectors: NDArray[np.float32], k: int) -> Found:
        """Return rows (n, k) int64, -1 for none, and inner products (n, k), best first."""
        ...

    def n_bytes(self) -> int:
        """Return how much memory it takes, beside the vectors' file, which is mapped."""
        ...


class Exact:
    """Compares with every vector of a mapped file, a block at a time.

    Args:
        vectors: (n_names, n_dimensions) float16.
    """

    def __init__(self, vectors: Array) -> None:
        self._faiss = load_faiss()
        self._vectors = vectors

    def search(self, vectors: NDArray[np.float32], k: int) -> Found:
        """Return the nearest vectors."""
        faiss = self._faiss
        rows = np.full((len(vectors), k), -1, dtype=np.int64)
        scores = np.full((len(vectors), k), -np.inf, dtype=np.float32)
        for first, block in blocks(self._vectors):
            near, places = faiss.knn(
                vectors, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT
            )
            every = np.concatenate([rows, places + first], axis=1)
            values = np.concatenate([scores, near], axis=1)
            order = np.argsort(-values, axis=1, kind="stable")[:, :k]
            rows = np.take_along_axis(every, order, axis=1)
            scores = np.take_along_axis(values, order, axis=1)
        return rows, scores

    def n_bytes(self) -> int:
        """Return none: all is mapped."""
        return 0


class Approximate:
    """Finds by a faiss index, and compares what it finds anew with the vectors as they are.

    Args:
        path: of faiss's file.
        vectors: (n_names, n_dimensions) float16.
        settings: how widely it looks.

    Raises:
        ArtifactError: the file is missing, damaged, or of other vectors.
    """

    def __init__(self, path: Path, vectors: Array, settings: DenseSettings) -> None:
        faiss = load_faiss()
        try:
            self._index = faiss.read_index(str(path))
        except RuntimeError as error:
            reason = str(error).splitlines()[0][:200]
            raise damaged(path, f"can't be read ({reason})") from None
        if (self._index.ntotal, self._index.d) != vectors.shape:
            raise damaged(path, f"holds {self._index.ntotal} vectors of {self._index.d}")
        self._size = path.stat().st_size
        self._vectors = vectors
        self._refine = settings.refine
        self._parameters = _parameters(faiss, settings)

    def search(self, vectors: NDArray[np.float32], k: int) -> Found:
        """Return nearly always the nearest vectors."""
        reach = min(k * self._refine, self._index.ntotal)
        _, rows = self._index.search(vectors, reach, params=self._parameters)
        scores = self.compare(vectors, rows)
        order = np.lexsort((rows, -scores), axis=-1)[:, :k]
        rows = np.take_along_axis(rows, order, axis=1)
        scores = np.take_along_axis(scores, order, axis=1)
        lacking = ((0, 0), (0, k - rows.shape[1]))
        return (
            np.pad(rows, lacking, constant_values=-1),
            np.pad(scores, lacking, constant_values=-np.inf),
        )

    def compare(self, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the inner products of each vector with some names': (n, k)."""
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        for line, (vector, places) in enumerate(zip(vectors, rows, strict=True)):
            there = places >= 0
            scores[line, there] = self._vectors[places[there]].astype(np.float32) @ vector
        return scores

    def n_bytes(self) -> int:
        """Return what faiss holds, which is what its file does."""
        return self._size


def build_faiss(vectors: Array, path: Path, settings: DenseSettings) -> None:
    """Write a faiss index of vectors.

    Raises:
        MissingExtraError: faiss is not installed.
    """
    faiss = load_faiss()
    index = _empty(faiss, vectors.shape, settings)
    if not index.is_trained:
        rng = np.random.default_rng(settings.seed)
        n_cells = getattr(index, "nlist", 1)
        n = min(len(vectors), max(_MIN_TRAINING, _TRAINING_A_CELL * n_cells))
        sample = np.sort(rng.choice(len(vectors), n, replace=False))
        index.train(vectors[sample].astype(np.float32))
    for _, block in blocks(vectors):
        index.add(block)
    faiss.write_index(index, str(path))


def blocks(vectors: Array) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (first row, vectors) for all, some at a time."""
    for first in range(0, len(vectors), _BLOCK):
        yield first, vectors[first : first + _BLOCK].astype(np.float32)


def load_faiss() -> Any:  # noqa: ANN401 (it has no types)
    """Import faiss.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise MissingExtraError("faiss-cpu", "link", "retriever 'dense'") from None
    return faiss


def _empty(faiss: Any, shape: tuple[int, ...], settings: DenseSettings) -> Any:  # noqa: ANN401
    n, d = shape
    metric = faiss.METRIC_INNER_PRODUCT
    if settings.kind == "int8":
        return faiss.IndexScalarQuantizer(d, faiss.ScalarQuantizer.QT_8bit, metric)
    if settings.kind == "hnsw":
        index = faiss.IndexHNSWSQ(d, faiss.ScalarQuantizer.QT_8bit, settings.n_links, metric)
        index.hnsw.efConstruction = settings.n_explored_building
        return index
    n_cells = min(settings.n_cells or int(n**0.5), max(1, n // _LEAST_A_CELL))
    code = _code_bytes(d, settings.pq_bytes)
    index = faiss.index_factory(d, f"IVF{n_cells},PQ{code}", metric)
    index.cp.seed = settings.seed
    index.do_polysemous_training = False  # orders codes for a filter that is not used here; slow
    return index


def _code_bytes(n_dimensions: int, wanted: int) -> int:
    """Return the largest number of bytes up to `wanted` that divides the dimensions."""
    return next(n for n in range(min(wanted, n_dimensions), 0, -1) if n_dimensions % n == 0)


def _parameters(faiss: Any, settings: DenseSettings) -> Any:  # noqa: ANN401
    if settings.kind == "hnsw":
        return faiss.SearchParametersHNSW(efSearch=settings.n_explored)
    if settings.kind == "pq":
        return faiss.SearchParametersIVF(nprobe=settings.n_probed)
    return None

"""Arrays on disk: written piece by piece, mapped when read, so that memory holds what is used."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from decoct.errors import ArtifactError, StoreError

Array = NDArray[Any]


class ArrayFile:
    """A `.npy` file that grows at its end; its length is known when it is closed.

    Args:
        path: the file, made anew.
        dtype: of its numbers.
        width: columns of a row; 0 for an array of one axis.

    Raises:
        StoreError: it can't be written.
    """

    def __init__(self, path: Path, dtype: DTypeLike, width: int = 0) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.shape = (0, width) if width else (0,)
        try:
            self._handle = path.open("wb")
            self._head()
        except OSError as error:
            raise _cannot(path, error) from None
        self._start = self._handle.tell()

    def append(self, piece: Array) -> None:
        """Write more rows."""
        try:
            self._handle.write(np.ascontiguousarray(piece, dtype=self.dtype).data)
        except OSError as error:
            raise _cannot(self.path, error) from None
        self.shape = (self.shape[0] + len(piece), *self.shape[1:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._handle.seek(0)
            self._head()
            assert self._handle.tell() == self._start, (
                "numpy leaves room for the first axis to grow"
            )
            self._handle.close()
        except OSError as failed:
            raise _cannot(self.path, failed) from None

    def _head(self) -> None:
        described = np.lib.format.dtype_to_descr(self.dtype)
        head = {"descr": described, "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self._handle, head)


def save_array(path: Path, array: Array) -> None:
    """Write a whole array.

    Raises:
        StoreError: it can't be written.
    """
    try:
        np.save(path, array, allow_pickle=False)
    except OSError as error:
        raise _cannot(path, error) from None


def open_array(path: Path, dtype: DTypeLike, n_rows: int | None = None) -> Array:
    """Map an array, its file not to be changed.

    Args:
        path: a `.npy` file.
        dtype: that it must be of.
        n_rows: that it must have; None for any number.

    Raises:
        ArtifactError: it is missing, cut off, or another array.
    """
    try:
        # as a plain array, whose places are read several times as fast as a memmap's
        array: Array = np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, "; ".join(str(error).splitlines())) from None
    if array.dtype != np.dtype(dtype) or (n_rows is not None and len(array) != n_rows):
        raise damaged(path, f"holds {len(array)} numbers of type {array.dtype}")
    return array


def damaged(path: Path, what: str) -> ArtifactError:
    """Return the error of an index with a file that is not as it was written."""
    return ArtifactError(
        f"{path}: {what}: the index is damaged; build it again with decoct index --kb"
    )


def _cannot(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: can't be written: {error.strerror or error}")

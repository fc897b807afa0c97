"""Files and folders that take their name only when they are whole, zipped where they end in .gz."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from decoct.errors import StoreError
from decoct.store import atomic_write

_BOM = "\ufeff"


@contextmanager
def atomic_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes its name only when the block ends well.

    Raises:
        StoreError: no such folder, read-only, or the disk is full.
    """
    with ExitStack() as stack:
        raw = cast(Any, stack.enter_context(atomic_write(path))).buffer
        if path.suffix == ".gz":
            raw = stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
        yield raw


@contextmanager
def atomic_text(path: Path) -> Iterator[IO[str]]:
    """Open a UTF-8 file that takes its name only when the block ends well; line ends stay.

    Raises:
        StoreError: no such folder, read-only, or the disk is full.
    """
    with atomic_bytes(path) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        try:
            yield text
            text.flush()
        finally:
            text.detach()  # the file is not ours to close


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines atomically, line ends included in them.

    Raises:
        StoreError: the file can't be written.
    """
    first = True
    with atomic_text(path) as handle:
        for line in lines:
            if first and line.startswith(_BOM):
                handle.write(_BOM)  # readers take one off, so that the text's own stays
            first = False
            handle.write(line)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill that takes its name only when the block ends well.

    Raises:
        StoreError: there is a file or a folder with something in it already, or no room.
    """
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise StoreError(f"{path}: can't be written: it is there and not empty; name another")
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise StoreError(f"{path}: can't be written: {error.strerror or error}") from None
    try:
        yield folder
        os.chmod(folder, 0o755)
        os.replace(folder, path)
    except OSError as error:
        raise StoreError(f"{path}: can't be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)

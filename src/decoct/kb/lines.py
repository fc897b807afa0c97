"""Lines of a UTF-8 file, gzipped or not, whatever they hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from decoct.errors import Faults, FormatError, StoreError
from decoct.store import open_unzipped

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_HEAD_BYTES = 1 << 16


def text_lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    r"""Yield (line number from 1, text without its line end), blank lines too.

    Only `\n` and `\r\n` end a line; a byte order mark is passed over. A line that is not UTF-8 is a
    fault.

    Raises:
        StoreError: the file can't be opened or is broken off.
        FormatError: it is UTF-16, or its first line is not UTF-8.
    """
    try:
        with open_unzipped(path) as handle:
            for number, raw in enumerate(handle, start=1):
                line = raw.removesuffix(b"\n").removesuffix(b"\r")
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    if number == 1:
                        raise _not_utf_8(path, raw) from None
                    where = f"{path}:{number}"
                    faults.add(where, f"not UTF-8 at byte {error.start}", "not_utf_8")
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from None


def read_head(path: Path) -> bytes:
    """Return what a file begins with, unzipped.

    Raises:
        StoreError: it can't be read.
    """
    try:
        with open_unzipped(path) as handle:
            return handle.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> StoreError:
    """Return the error of a file that can't be opened, or not be unzipped."""
    return StoreError(f"{path}: can't be read: {getattr(error, 'strerror', None) or error}")


def _not_utf_8(path: Path, raw: bytes) -> FormatError:
    was = "UTF-16" if raw.startswith(_UTF_16) else "GB18030"
    seems = "is UTF-16" if raw.startswith(_UTF_16) else "is not UTF-8"
    return FormatError(
        f"{path}:1: {seems}; convert it, such as by `iconv -f {was} -t UTF-8`, and read the result"
    )

"""What touches disk: atomic writes, hashes, and the run folder whose manifest means done."""

from __future__ import annotations

import contextlib
import glob
import gzip
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, cast

from decoct.errors import StoreError

_STALE_S = 10.0  # between its making and its lock a copy is younger


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes its name only when the block ends well.

    A reader never sees half a file, and an interrupted or failed write leaves what was there. What
    killed writers of the same file left behind is swept away.

    Raises:
        StoreError: no such folder, read-only, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle = tempfile.NamedTemporaryFile(  # noqa: SIM115 (closed below, before the rename)
            "w",
            encoding="utf-8",
            newline="\n",
            dir=path.parent,
            prefix=f".{path.name}.",
            delete=False,
        )
        with contextlib.suppress(OSError):  # not every file system has locks
            _lock(handle)
    except OSError as error:
        raise _cannot(path, error) from None
    try:
        with handle:
            yield handle
        os.chmod(handle.name, 0o666 & ~_umask())
        os.replace(handle.name, path)
    except OSError as error:
        raise _cannot(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(handle.name)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file atomically."""
    with atomic_write(path) as handle:
        handle.write(text)


def write_json(path: Path, data: object) -> None:
    """Write an indented JSON file atomically."""
    write_text(path, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401 (JSON is what it is)
    """Read a JSON file.

    Raises:
        StoreError: it is missing, unreadable or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _cannot(path, error, "read") from None
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not valid JSON: {error}") from None


def check_writable(path: Path) -> None:
    """Fail now rather than after hours of work when `path` could not be written.

    Raises:
        StoreError: the folder can't be made or written to, or the path is a folder itself.
    """
    if path.is_dir():
        raise StoreError(f"{path}: can't be written: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise _cannot(path, error) from None


def open_unzipped(path: Path) -> IO[bytes]:
    """Open a file, unzipping one whose name ends in `.gz`."""
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def sha256_file(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in pieces.

    Raises:
        StoreError: it can't be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise _cannot(path, error, "read") from None


def sha256_json(data: object) -> str:
    """Return the hex SHA-256 of a value's canonical JSON."""
    canonical = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def versions(*more: str) -> dict[str, str]:
    """Return the versions that a result depends on: Python, machine, decoct and its libraries.

    Args:
        more: libraries to name beside the usual ones.
    """
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("decoct", "torch", "transformers", "tokenizers", "numpy", "pydantic", *more):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _sweep(path: Path) -> None:
    """Delete the unfinished copies of a file whose writers are gone: nobody holds their lock."""
    if sys.platform == "win32":
        return
    for left in path.parent.glob(f".{glob.escape(path.name)}.????????"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                with left.open("rb") as handle:
                    _lock(handle)
                    left.unlink()


def _lock(handle: IO[Any]) -> None:
    """Mark a file as being written, as long as it is open.

    Raises:
        OSError: another has marked it, or the file system has no locks.
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _cannot(path: Path, error: OSError, verb: str = "written") -> StoreError:
    return StoreError(f"{path}: can't be {verb}: {error.strerror or error}")


@contextlib.contextmanager
def resumable_lines(
    path: Path, fingerprint: str | None
) -> Iterator[tuple[int, Callable[[str], None]]]:
    """Write a file line by line so that an interrupted run can go on.

    Lines go to `PATH.part`; the name is taken when the block ends well. A part left by a run of the
    same fingerprint is gone on with, a last line that was broken off is dropped.

    Args:
        path: the file.
        fingerprint: what the lines depend on; None never resumes.

    Yields:
        How many lines are there already, and a function that writes one more, line end included.

    Raises:
        StoreError: it can't be written; what was written stays in the part.
    """
    part, mark = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")
    check_writable(path)
    try:
        n_lines = _whole_lines(part) if fingerprint and _read_mark(mark) == fingerprint else 0
        if not n_lines:  # the mark goes first and comes last: it never names another run's lines
            mark.unlink(missing_ok=True)
            part.write_bytes(b"")
            if fingerprint:
                write_json(mark, {"fingerprint": fingerprint})
        handle = part.open("a", encoding="utf-8", newline="\n")
    except OSError as error:
        raise _cannot(path, error) from None

    def write(line: str) -> None:
        try:
            handle.write(line)
        except OSError as error:
            raise _cannot(path, error) from None

    try:
        yield n_lines, write
        handle.close()
        part.replace(path)
        mark.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            handle.close()


def _read_mark(mark: Path) -> str | None:
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(found)


def _whole_lines(part: Path) -> int:
    """Count the whole lines of a part and cut off a broken last one."""
    if not part.is_file():
        return 0
    n_lines = end = 0
    with part.open("rb+") as handle:
        for line in handle:
            if line.endswith(b"\n"):
                n_lines += 1
                end += len(line)
        handle.truncate(end)
    return n_lines

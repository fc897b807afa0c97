"""Batch files: requests out, split at the endpoint's limits; answers in, in whatever order.

A request file is JSONL as OpenAI's Batch endpoint and `vllm run-batch` take it: `custom_id` (the
log's key), `method`, `url`, `body`. An answer file has `custom_id`, `response` and `error`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from decoct.errors import Faults, StoreError
from decoct.formats.base import read_lines

_PART = ".part"


class Outbox:
    """Request files of one folder, `requests-0001.jsonl` and on.

    A file that is being written ends in `.part`; it takes its name when it is full or closed.

    Args:
        folder: where they go; made if missing.
        max_requests: lines of a file, at most.
        max_bytes: size of a file, at most.

    Raises:
        StoreError: the folder can't be made.
    """

    def __init__(self, folder: Path, max_requests: int, max_bytes: int) -> None:
        self.folder = folder
        self._max_requests, self._max_bytes = max_requests, max_bytes
        self._handle: IO[bytes] | None = None
        self._path = folder
        self._n_requests = self._n_bytes = 0
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def files(self) -> list[Path]:
        """Return the whole request files, in order."""
        found = self.folder.glob("requests-*.jsonl")
        return sorted(path for path in found if "." not in path.stem)  # answers have two endings

    def drop_broken(self) -> list[str]:
        """Delete what a killed run was writing, and return the names the files would have had."""
        parts = list(self.folder.glob(f"requests-*.jsonl{_PART}"))
        with _writing(self.folder):
            for part in parts:
                part.unlink()
        return [part.name.removesuffix(_PART) for part in parts]

    def add(self, custom_id: str, url: str, body: bytes) -> str:
        """Write one request, and return the name of the file that it is in.

        Raises:
            StoreError: it can't be written.
        """
        head = json.dumps({"custom_id": custom_id, "method": "POST", "url": url})
        line = head[:-1].encode() + b', "body": ' + body + b"}\n"
        full = self._n_requests >= self._max_requests
        with _writing(self._path):
            if self._handle is not None and (full or self._n_bytes + len(line) > self._max_bytes):
                self.close()
            handle = self._handle or self._open()
            handle.write(line)
        self._n_requests += 1
        self._n_bytes += len(line)
        return self._path.name

    def close(self) -> None:
        """End the file that is being written, if any."""
        if self._handle is None:
            return
        with _writing(self._path):
            self._handle.close()
            self._handle = None
            self._path.with_name(f"{self._path.name}{_PART}").replace(self._path)

    def _open(self) -> IO[bytes]:
        taken = self.files()
        last = int(taken[-1].stem.rpartition("-")[2]) if taken else 0
        self._path = self.folder / f"requests-{last + 1:04d}.jsonl"
        self._handle = self._path.with_name(f"{self._path.name}{_PART}").open("wb")
        self._n_requests = self._n_bytes = 0
        return self._handle


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """One line of an answer file.

    Attributes:
        key: its `custom_id`.
        status: HTTP status of this one answer; 0 where there is none.
        body: the answer's body, as it would have come over HTTP.
        error: the batch's own word for what went wrong, such as `batch_expired`.
    """

    key: str
    status: int
    body: bytes
    error: str = ""


def read_answers(path: Path, faults: Faults) -> Iterator[BatchAnswer]:
    """Yield the answers of an output or error file; lines that are none are faults.

    Raises:
        StoreError: it can't be read.
    """
    for number, line in read_lines(path, faults):
        try:
            data = json.loads(line)
            yield _read_answer(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            faults.add(f"{path}:{number}", "not an answer of a batch", "bad_line")


def _read_answer(data: dict[str, Any]) -> BatchAnswer:
    key, response, error = data["custom_id"], data.get("response"), data.get("error")
    if not isinstance(key, str):
        raise TypeError
    code = "failed"
    if isinstance(error, dict):
        code = str(error.get("code") or error.get("type") or code)
    if not response:
        return BatchAnswer(key, 0, b"", code)
    if "body" not in response:  # older run-batch: the completion itself
        return BatchAnswer(key, 200, json.dumps(response).encode())
    status = int(response.get("status_code") or 200)
    return BatchAnswer(key, status, json.dumps(response["body"]).encode(), code if error else "")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: can't be written: {error.strerror}") from None

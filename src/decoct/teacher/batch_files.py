"""Batch files: requests out, split at the endpoint's limits; answers in, in whatever order.

A request file is JSONL as OpenAI's Batch endpoint and `vllm run-batch` take it: `custom_id` (the
log's key), `method`, `url`, `body`. An answer file has `custom_id`, `response` and `error`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from decoct.errors import Faults, FormatError, StoreError
from decoct.formats.base import read_lines
from decoct.store import sha256_json

_PART = ".part"
_NO_ANSWER = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
_WORD = re.compile(r"[a-z_]{1,48}")  # of an error, safe to show
_OWN = re.compile(r"requests-(\d{4,9})\.(.+)")


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
        found = self._numbered()
        return [path for number, path in sorted(found) if path.name == _name(number)]

    def source(self, answers: Path) -> Path | None:
        """Return the request file that an answer file is named after, if it is after one."""
        own = _OWN.fullmatch(answers.name)
        requests = self.folder / _name(int(own[1])) if own else None
        return requests if requests and requests.is_file() else None

    def where(self, requests: Path) -> str:
        """Return what the log calls a request file."""
        return f"{self.folder.name}/{requests.name}"

    def missing(self, places: Iterable[str]) -> list[str]:
        """Return which of the log's names mean request files of this folder that are not there."""
        found = {self.where(requests) for requests in self.files()}
        return [
            place
            for place in places
            if place.startswith(f"{self.folder.name}/") and place not in found
        ]

    def drop_broken(self) -> None:
        """Delete what a killed run was writing."""
        with _writing(self.folder):
            for part in self.folder.glob(f"requests-*.jsonl{_PART}"):
                part.unlink()

    def add(self, custom_id: str, url: str, body: bytes) -> Path:
        """Write one request, and return the file that it is in.

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
        return self._path

    def close(self) -> None:
        """End the file that is being written, if any."""
        if self._handle is None:
            return
        with _writing(self._path):
            self._handle.close()
            self._handle = None
            self._path.with_name(f"{self._path.name}{_PART}").replace(self._path)

    def abandon(self) -> None:
        """Let go of the file that is being written; the next run deletes it."""
        handle, self._handle = self._handle, None
        if handle is not None:
            with suppress(OSError):
                handle.close()

    def _open(self) -> IO[bytes]:
        last = max((number for number, _ in self._numbered()), default=0)
        self._path = self.folder / _name(last + 1)
        self._handle = self._path.with_name(f"{self._path.name}{_PART}").open("wb")
        self._n_requests = self._n_bytes = 0
        return self._handle

    def _numbered(self) -> list[tuple[int, Path]]:
        """Return all that has a request file's number: answers and notes too."""
        found = ((_OWN.fullmatch(path.name), path) for path in self.folder.iterdir())
        return [(int(own[1]), path) for own, path in found if own]


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """One line of an answer file.

    Attributes:
        key: its `custom_id`.
        status: HTTP status of this one answer; 0 where there is none.
        body: the answer's body, as it would have come over HTTP.
        error: the batch's own word for what went wrong, such as `batch_expired`.
        line: which line of which file it is.
    """

    key: str
    status: int
    body: bytes
    error: str = ""
    line: str = ""


def read_answers(path: Path, faults: Faults) -> Iterator[BatchAnswer]:
    """Yield the answers of an output or error file; lines that are none are faults.

    `vllm run-batch` makes its file before it loads the model, so an empty one holds no answer yet.

    Raises:
        StoreError: it can't be read.
    """
    with suppress(FormatError):  # it is empty
        for number, line in read_lines(path, faults):
            try:
                answer = _read_answer(json.loads(line))
            except _NO_ANSWER:
                faults.add(f"{path}:{number}", "not an answer of a batch", "bad_line")
            else:
                yield replace(answer, line=sha256_json([path.name, line])[:16])


def _read_answer(data: dict[str, Any]) -> BatchAnswer:
    key, response, error = data["custom_id"], data.get("response"), data.get("error")
    if not isinstance(key, str) or not (response or error):  # a request, say
        raise TypeError
    word = ""
    if error:
        told = error.get("code") if isinstance(error, dict) else None
        word = told if isinstance(told, str) and _WORD.fullmatch(told) else "failed"
    if not response:
        return BatchAnswer(key, 0, _body(error), word)
    if "body" not in response:  # older run-batch: the completion itself
        return BatchAnswer(key, 200, _body(response))
    body = response["body"] or error  # run-batch: what was wrong stands in `error`
    return BatchAnswer(key, int(response.get("status_code") or 200), _body(body), word)


def _body(said: object) -> bytes:
    """Return what an endpoint would have sent."""
    return json.dumps(said if isinstance(said, dict) else {"error": said}).encode()


def read_requests(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a request file.

    Raises:
        StoreError: it can't be read, or is not what decoct wrote.
    """
    try:
        with path.open("rb") as handle:
            for line in handle:
                yield dict(json.loads(line))
    except (OSError, ValueError, TypeError):
        raise StoreError(f"{path}: can't be read, or is not what decoct wrote") from None


def _name(number: int) -> str:
    return f"requests-{number:04d}.jsonl"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: can't be written: {error.strerror}") from None

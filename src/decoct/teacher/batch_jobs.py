"""Batches at an endpoint: upload a request file, start it, watch it, fetch what came of it.

Each step is written down before the next, so that a killed run goes on, and no batch is started
twice: one that was started just before a kill is found again by its input file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from decoct.errors import StoreError, TeacherError, TransientError
from decoct.store import read_json, write_json
from decoct.teacher.backends._chat import Complaint
from decoct.teacher.backends._endpoint import Endpoint

T = TypeVar("T")
_ATTEMPTS = 8
_TRANSFER_S = 1800.0
_ENDED = frozenset({"completed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class Job:
    """A request file and its batch, as far as it has come; kept beside the file.

    Attributes:
        requests: the request file.
        file_id: its id at the endpoint, once uploaded.
        batch_id: the batch's, once started.
        status: the endpoint's word, or `written` before; `done` when all is fetched.
    """

    requests: Path
    file_id: str = ""
    batch_id: str = ""
    status: str = "written"

    @classmethod
    def load(cls, requests: Path) -> Job:
        """Read how far a request file has come.

        Raises:
            StoreError: the note beside it is broken.
        """
        note = _note(requests)
        if not note.is_file():
            return cls(requests)
        found = read_json(note)
        try:
            return cls(requests, found["file_id"], found["batch_id"], found["status"])
        except (KeyError, TypeError):
            raise StoreError(f"{note}: not what decoct wrote; delete it to start over") from None

    def save(self) -> Job:
        """Write down how far it has come."""
        found = {"file_id": self.file_id, "batch_id": self.batch_id, "status": self.status}
        write_json(_note(self.requests), found)
        return self


class BatchJobs:
    """Runs batches at one endpoint.

    Args:
        endpoint: where.
        path: of the answering endpoint, as the requests name it, such as `/v1/chat/completions`.
        poll_s: seconds between looks.
        note: shown what happens.
        sleep: how to wait, for tests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        path: str,
        poll_s: float,
        note: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._endpoint, self._path, self._poll_s = endpoint, path, poll_s
        self._note, self._sleep = note, sleep

    async def start(self, job: Job) -> Job:
        """See that a job's batch is started; one that is stays as it is.

        Raises:
            TeacherError: the endpoint has no batches.
            StoreError: how far it has come can't be written down.
        """
        if not job.file_id:
            job = Job(job.requests, await self._again(lambda: self._upload(job.requests))).save()
        if not job.batch_id:
            batch = await self._again(lambda: self._start(job.file_id))
            job = Job(job.requests, job.file_id, batch["id"], str(batch.get("status"))).save()
        return job

    async def finish(self, job: Job) -> str | None:
        """Wait for a started job's end, and fetch its answers beside the request file.

        Returns:
            What is to be said where the endpoint rejects it; None where it does not.

        Raises:
            TeacherError: the endpoint can't be reached.
            StoreError: files can't be written.
        """
        batch = await self._watch(job)
        status = str(batch.get("status"))
        if status == "failed":
            Job(job.requests).save()
            return (
                f"{job.requests}: the endpoint rejects this batch{_codes(batch)}; "
                "the same command sends it again"
            )
        await self._fetch(job, batch)
        return None

    async def _upload(self, requests: Path) -> str:
        with requests.open("rb") as handle:
            response = await self._endpoint.send(
                "POST",
                self._endpoint.url("files"),
                timeout_s=_TRANSFER_S,
                data={"purpose": "batch"},
                files={"file": (requests.name, handle, "application/jsonl")},
            )
        if response.status_code == 404:
            raise TeacherError(
                f"{self._endpoint.where}: HTTP 404: has no files and batches; leave --submit out, "
                "and have the request files answered another way"
            )
        return str(self._read(response)["id"])

    async def _start(self, file_id: str) -> Mapping[str, Any]:
        """Start the batch of a file, unless there is one."""
        listed = await self._get("batches", limit="100")
        for batch in listed.get("data") or ():
            if batch.get("input_file_id") == file_id and batch.get("status") != "failed":
                return dict(batch)
        body = {
            "input_file_id": file_id,
            "endpoint": self._path,
            "completion_window": "24h",
            "metadata": {"made_by": "decoct"},
        }
        url = self._endpoint.url("batches")
        return self._read(await self._endpoint.send("POST", url, json=body))

    async def _watch(self, job: Job) -> Mapping[str, Any]:
        said = ""
        while True:
            batch = await self._again(lambda: self._get(f"batches/{job.batch_id}"))
            status, counts = str(batch.get("status")), batch.get("request_counts") or {}
            done = sum(int(counts.get(name) or 0) for name in ("completed", "failed"))
            news = f"{job.requests.name}: {status}, {done} of {counts.get('total', '?')}"
            if news != said:
                said = news
                self._note(news)
            if status in _ENDED or status == "failed":
                return batch
            await self._sleep(self._poll_s)

    async def _fetch(self, job: Job, batch: Mapping[str, Any]) -> None:
        for kind, ending in (("output_file_id", "output"), ("error_file_id", "errors")):
            file_id = batch.get(kind)
            if file_id:
                path = job.requests.with_name(f"{job.requests.stem}.{ending}.jsonl")
                url = self._endpoint.url(f"files/{file_id}/content")
                await self._again(partial(self._endpoint.download, url, path, _TRANSFER_S))

    async def _get(self, path: str, **query: str) -> Mapping[str, Any]:
        return self._read(await self._endpoint.send("GET", self._endpoint.url(path, **query)))

    def _read(self, response: httpx.Response) -> Mapping[str, Any]:
        if not response.is_success:
            raise self._endpoint.error(response, Complaint.from_body(response.content))
        try:
            found = response.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise TransientError("the answer is not JSON")
        return dict(found)

    async def _again(self, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step, several times where the network is bad.

        Raises:
            TeacherError: it stays bad.
        """

        async def once() -> T:
            return await step()

        attempts = AsyncRetrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential_jitter(initial=1, max=60),
            retry=retry_if_exception_type(TransientError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await attempts(once)
        except TransientError as error:
            raise TeacherError(
                f"{self._endpoint.where}: {error}, {_ATTEMPTS} times on end; "
                "the same command goes on from there"
            ) from None


def _note(requests: Path) -> Path:
    return requests.with_name(f"{requests.stem}.job.json")


def _codes(batch: Mapping[str, Any]) -> str:
    """Return the short words for what is wrong; the long ones may quote a document."""
    errors = batch.get("errors")
    faults = errors.get("data") or () if isinstance(errors, dict) else ()
    codes = {str(fault.get("code")) for fault in faults if isinstance(fault, dict)}
    return f" ({', '.join(sorted(codes))})" if codes else ""

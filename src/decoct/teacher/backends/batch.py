"""Batches: requests are written to files, answered in hours at a lower price, and read back.

For OpenAI's Batch endpoint and those like it, and for `vllm run-batch`, which takes the same files.
Its answers are the endpoint's own, so the log knows them as those of `openai:MODEL`: what was
answered one way is not asked the other way again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from decoct.config import check
from decoct.errors import Faults, TeacherError, WaitingError
from decoct.progress import Progress
from decoct.store import sha256_json
from decoct.teacher.backends._chat import Shape
from decoct.teacher.backends._endpoint import Endpoint
from decoct.teacher.backends._options import OpenAISettings, answer_parameters
from decoct.teacher.backends._shapes import Shapes
from decoct.teacher.base import Completion, Request, Tally
from decoct.teacher.batch_files import Outbox, read_requests
from decoct.teacher.batch_imports import Importer
from decoct.teacher.batch_jobs import BatchJobs, Job
from decoct.teacher.cache import CallLog, StoredRequest


class BatchSettings(OpenAISettings):
    """What `batch:MODEL` may be told, beside what `openai:MODEL` may.

    Attributes:
        submit: send the request files to the endpoint, wait, and fetch the answers; without it
            they are only written, for you to send.
        folder: where the files are; default: beside the log, with the ending `.batch`.
        max_requests: lines of a request file, at most.
        max_bytes: size of a request file, at most.
        poll_s: seconds between looks at a batch.
        url: the path that each request names.
        write_again: give up waiting for files that were not sent by decoct, and write what they
            asked again.
    """

    submit: bool = False
    folder: Path | None = None
    max_requests: Annotated[int, Field(ge=1)] = 50_000
    max_bytes: Annotated[int, Field(ge=1)] = 200_000_000
    poll_s: Annotated[float, Field(gt=0)] = 30.0
    url: Annotated[str, Field(pattern=r"^/")] = "/v1/chat/completions"
    write_again: bool = False


class BatchBackend:
    """A teacher that answers later.

    Args:
        model: the endpoint's name for the model.
        settings: see `BatchSettings`.

    Raises:
        ConfigError: no key though batches are to be sent, or a `base_url` that is none.
    """

    name = "openai"
    live = True

    def __init__(self, model: str, settings: BatchSettings | None = None) -> None:
        self.model = model
        self.settings = settings or BatchSettings()
        self._endpoint = Endpoint(self.settings, model, anonymous=not self.settings.submit)
        # a file that is only written goes nowhere, but a later run may submit it
        self.private, self.free = self._endpoint.private, self._endpoint.local
        self.parameters: Mapping[str, Any] = answer_parameters(self.settings, self._endpoint.where)
        self.tally = Tally()
        self.faults = Faults()
        self._write_again = self.settings.write_again
        self._n_written = 0
        self._open = ExitStack()

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Make a backend of a model's name and of options, see `BatchSettings`."""
        return cls(argument, check(BatchSettings, dict(options), "--teacher batch"))

    def begin(self, log: CallLog) -> None:
        """Get ready for a pass: read what answer files there are.

        Raises:
            StoreError: files can't be read or written.
        """
        settings, self._log = self.settings, log
        folder = settings.folder or log.path.with_suffix(".batch")
        self._outbox = Outbox(folder, settings.max_requests, settings.max_bytes)
        self._open.callback(self._outbox.abandon)
        self._outbox.drop_broken()
        whom = f"{self.model} at {self._endpoint.where}"
        self._shapes = Shapes(folder, whom, Shape.first(self._endpoint.openai))
        self._importer = Importer(self, log, self._outbox, self._shapes, self.tally, self.faults)
        self._importer.read_new()
        for where in self._outbox.missing(log.waiting()):
            log.clear_waiting(where)
        for job in self._due():
            if job.status == "written" and (self._write_again or self._is_stale(job)):
                self._release(job)
        self._n_written, self._write_again = 0, False

    async def complete(self, request: Request) -> Completion:
        """Write the request down.

        Raises:
            WaitingError: always.
        """
        body = self._shapes.now.body(request, self.model, self.settings)
        requests = self._outbox.add(request.key, self.settings.url, body)
        self._n_written += 1
        raise WaitingError(self._outbox.where(requests))

    async def settle(self, progress: Progress) -> bool:
        """End a pass: close the files, and run them where they are to be sent.

        Another pass is worth while where answers have come in, where the endpoint's complaints
        have taught how to ask, and where a batch of an earlier run has left something open.

        Raises:
            TeacherError: the endpoint has no batches, or rejects one.
            StoreError: files can't be read or written.
        """
        self._outbox.close()
        if self._n_written:
            progress.note(f"{self._outbox.folder}: {self._n_written} requests written")
        if not self.settings.submit:
            self._say_what_waits(progress)
            return False
        jobs = BatchJobs(self._endpoint, self.settings.url, self.settings.poll_s, progress.note)
        n_answers, shape = self.tally.n_sent, self._shapes.now
        due = self._due()
        old = {job.requests for job in due if job.batch_id}
        left_open, complaints = False, []
        for job in [await jobs.start(job) for job in due]:
            complaint = await jobs.finish(job)
            if complaint:
                complaints.append(complaint)
                continue
            n_failures = self.tally.failures.total()
            self._importer.read_new()
            if self._release(job) or self.tally.failures.total() > n_failures:
                progress.note(f"{job.requests.name}: not all of it was answered")
                left_open = left_open or job.requests in old
        if complaints:
            raise TeacherError(complaints[0])
        return left_open or self.tally.n_sent > n_answers or self._shapes.now != shape

    async def aclose(self) -> None:
        """Let go of connections, and of a file that is not whole."""
        self._open.close()
        await self._endpoint.aclose()

    def _say_what_waits(self, progress: Progress) -> None:
        for job in self._due():
            requests = job.requests
            progress.note(
                f"{requests} waits to be answered: give --submit, or run "
                f"`vllm run-batch -i {requests} -o {requests.with_suffix('.output.jsonl')} "
                f"--model {self.model}`, then the same command again"
            )

    def _due(self) -> list[Job]:
        """Return the jobs in which something waits that this backend has asked.

        A folder may hold others': another model's, or those that were written for `vllm run-batch`
        and must not go to an endpoint.
        """
        jobs = (Job.load(requests) for requests in self._outbox.files())
        return [job for job in jobs if job.status != "done" and self._is_ours(job)]

    def _is_ours(self, job: Job) -> bool:
        key = next(self._log.keys_waiting(self._outbox.where(job.requests)), None)
        stored = self._log.open_request(key) if key else None
        return stored is not None and self._has_asked(stored)

    def _has_asked(self, stored: StoredRequest) -> bool:
        asked = (stored.backend, stored.model, sha256_json(dict(stored.parameters)))
        return asked == (self.name, self.model, sha256_json(dict(self.parameters)))

    def _is_stale(self, job: Job) -> bool:
        """Return whether what a file asks has in part been answered another way meanwhile.

        Sent as it is, that would be paid for twice.
        """
        if not self.settings.submit or job.file_id:
            return False
        where = self._outbox.where(job.requests)
        keys = (str(request.get("custom_id")) for request in read_requests(job.requests))
        return any(
            self._log.waiting_in(key) != where
            or any(self._log.get(part.request.key) for part in self._log.parts(key))
            for key in keys
        )

    def _release(self, job: Job) -> int:
        """Have nothing wait for a job any more, and return how much did."""
        n_open = self._log.clear_waiting(self._outbox.where(job.requests))
        replace(job, status="done").save()
        return n_open


plugin = BatchBackend

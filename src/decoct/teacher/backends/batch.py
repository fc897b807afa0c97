"""Batches: requests are written to files, answered in hours at a lower price, and read back.

For OpenAI's Batch endpoint and those like it, and for `vllm run-batch`, which takes the same files.
Its answers are the endpoint's own, so the log knows them as those of `openai:MODEL`: what was
answered one way is not asked the other way again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from decoct.config import check
from decoct.errors import (
    Faults,
    RefusedError,
    StoreError,
    TransientError,
    WaitingError,
)
from decoct.progress import Progress
from decoct.store import read_json, sha256_file, write_json
from decoct.teacher.backends._chat import Complaint, Shape, read_completion
from decoct.teacher.backends._endpoint import Endpoint
from decoct.teacher.backends._options import OpenAISettings, answer_parameters
from decoct.teacher.base import NO_USAGE, Completion, Request, Tally, Usage
from decoct.teacher.batch_files import BatchAnswer, Outbox, read_answers
from decoct.teacher.batch_jobs import BatchJobs, Job
from decoct.teacher.cache import Attempt, CallLog
from decoct.teacher.call import Call, Item, record

_SHAPE = "shape.json"


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
        self.private = self._endpoint.private or not self.settings.submit  # a file goes nowhere
        self.free = self._endpoint.local
        self.parameters: Mapping[str, Any] = answer_parameters(self.settings, self._endpoint.where)
        self.tally = Tally()
        self.faults = Faults()
        self._write_again = self.settings.write_again
        self._n_written = 0

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Make a backend of a model's name and of options, see `BatchSettings`."""
        return cls(argument, check(BatchSettings, dict(options), "--teacher batch"))

    def begin(self, log: CallLog) -> None:
        """Get ready for a pass: read what answer files there are.

        Raises:
            StoreError: files can't be read or written.
        """
        self._log = log
        folder = self.settings.folder or log.path.with_suffix(".batch")
        self._outbox = Outbox(folder, self.settings.max_requests, self.settings.max_bytes)
        for name in self._outbox.drop_broken():
            log.clear_waiting(self._where(name))
        self._shape = self._load_shape()
        self._n_written = 0
        self._import_new()
        if self._write_again:
            self._write_again = False
            for requests in self._outbox.files():
                if Job.load(requests).status == "written":
                    log.clear_waiting(self._where(requests.name))
                    replace(Job.load(requests), status="done").save()

    async def complete(self, request: Request) -> Completion:
        """Write the request down.

        Raises:
            WaitingError: always.
        """
        body = self._shape.body(request, self.model, self.settings)
        name = self._outbox.add(request.key, self.settings.url, body)
        self._n_written += 1
        raise WaitingError(self._where(name))

    async def settle(self, progress: Progress) -> bool:
        """End a pass: close the files, and run them where they are to be sent.

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
        loaded = [Job.load(requests) for requests in self._outbox.files()]
        started = [await jobs.start(job) for job in loaded if job.status != "done"]
        before = self.tally.n_sent
        for job in started:
            await jobs.finish(job)
            self._import_new()
            self._log.clear_waiting(self._where(job.requests.name))  # what is left has no answer
            replace(job, status="done").save()
        return self.tally.n_sent > before

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._endpoint.aclose()

    def _where(self, name: str) -> str:
        """Return what the log calls a request file."""
        return f"{self._outbox.folder.name}/{name}"

    def _say_what_waits(self, progress: Progress) -> None:
        waiting = self._log.waiting()
        for requests in self._outbox.files():
            n = waiting.get(self._where(requests.name), 0)
            if n:
                progress.note(
                    f"{requests}: {n} requests wait for an answer; send them with --submit or "
                    f"`vllm run-batch -i {requests} -o {requests.with_suffix('.output.jsonl')} "
                    f"--model {self.model}`, then give the same command again"
                )

    def _import_new(self) -> None:
        """Read every answer file that has not been read, or has changed since."""
        known = self._outbox.folder / "imported.json"
        imported = read_json(known) if known.is_file() else {}
        asked = {path.name for path in self._outbox.files()}
        for path in sorted(self._outbox.folder.glob("*.jsonl")):
            if path.name in asked or imported.get(path.name) == (now := sha256_file(path)):
                continue
            with self._log.transaction():  # all of a file, or none of it
                for answer in read_answers(path, self.faults):
                    self._import(answer, path)
            imported[path.name] = now
            write_json(known, imported)

    def _import(self, answer: BatchAnswer, path: Path) -> None:
        """Log one answer; what has its answer already keeps it, what failed is open again."""
        stored = self._log.open_request(answer.key)
        if stored is None:
            if self._log.get(answer.key) is None:
                self.faults.add(str(path), f"{answer.key[:64]!r} was never asked", "unknown_id")
            return
        items = tuple(Item(part.request.key, part.request) for part in self._log.parts(answer.key))
        call = Call(replace(stored.request, key=answer.key), items)
        outcome, error = self._read(answer)
        usage = _usage(outcome)
        record(self._log, self, call, outcome, Attempt(0.0, usage, error))
        if outcome is None:
            self._log.mark_waiting(call.keys, None)
            self.tally.failures[error or ""] += 1
        else:
            self.tally.n_sent += 1
            self.tally.usage += usage

    def _read(self, answer: BatchAnswer) -> tuple[Completion | RefusedError | None, str | None]:
        """Return how a request ended, or None and why it is to be asked again."""
        if answer.status == 200 and not answer.error:
            try:
                return read_completion(answer.body, self.model, 0.0), None
            except RefusedError as refused:
                return refused, None
            except TransientError as error:
                return None, str(error)
        complaint = Complaint.from_body(answer.body)
        if complaint.refusal:
            return RefusedError(complaint.refusal), None
        learnt = self._shape.learn(complaint) if answer.status in (400, 404, 422) else None
        if learnt is not None:
            self._shape = learnt
            write_json(self._outbox.folder / _SHAPE, asdict(learnt))
        return None, answer.error or f"HTTP {answer.status}{complaint.words}"

    def _load_shape(self) -> Shape:
        """Return how the endpoint likes to be asked, as earlier batches have shown."""
        path = self._outbox.folder / _SHAPE
        try:
            return Shape(**read_json(path)) if path.is_file() else Shape()
        except TypeError:
            raise StoreError(f"{path}: not what decoct wrote; delete it") from None


def _usage(outcome: Completion | RefusedError | None) -> Usage:
    if isinstance(outcome, RefusedError):
        return Usage(outcome.prompt_tokens, outcome.completion_tokens)
    return outcome.usage if outcome else NO_USAGE


plugin = BatchBackend

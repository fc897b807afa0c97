"""Batches at an endpoint: each step is taken once, whatever happens between two of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from decoct.errors import StoreError, TeacherError
from decoct.teacher.backends._endpoint import Endpoint
from decoct.teacher.backends._options import OpenAISettings
from decoct.teacher.batch_jobs import BatchJobs, Job
from decoct.testing import BatchBehavior, FakeOpenAI, Fault
from decoct.testing import faults as fake
from fakes.endpoints import SECRET, check_says_nothing

PATH = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(lambda messages: "{}", batch=BatchBehavior(n_polls=2)) as running:
        yield running


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return write(tmp_path / "requests-0001.jsonl")


def write(path: Path, n: int = 3) -> Job:
    messages = [{"role": "user", "content": "Mrs. Quillfeather."}]
    line = {"method": "POST", "url": PATH, "body": {"model": "m", "messages": messages}}
    path.write_text("".join(json.dumps({"custom_id": f"k{i}", **line}) + "\n" for i in range(n)))
    return Job(path)


class Running:
    """Jobs at a server, a clock that does not wait, and what was said."""

    def __init__(self, server: FakeOpenAI) -> None:
        self.endpoint = Endpoint(OpenAISettings(base_url=server.base_url), "m")
        self.notes: list[str] = []
        self.waits_s: list[float] = []
        self.jobs = BatchJobs(self.endpoint, PATH, 7.0, self.notes.append, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)

    def run(self, step: Callable[[], Awaitable[Any]]) -> Any:
        async def go() -> Any:
            try:
                return await step()
            finally:
                await self.endpoint.aclose()

        return asyncio.run(go())


def asked(server: FakeOpenAI) -> list[str]:
    """What came, without ids."""
    found = []
    for request in server.requests:
        parts = request.path.partition("?")[0].removeprefix("/v1/").split("/")
        found.append(" ".join([request.method, parts[0], *parts[2:]]))
    return found


def test_a_job_from_file_to_answers(server: FakeOpenAI, job: Job) -> None:
    running = Running(server)
    started = running.run(lambda: running.jobs.start(job))
    assert started.file_id
    assert started.batch_id
    assert Job.load(job.requests) == started
    assert asked(server) == ["POST files", "GET batches", "POST batches"]
    create = server.requests[-1].body
    assert create["endpoint"] == PATH
    assert create["completion_window"] == "24h"
    assert create["input_file_id"] == started.file_id

    running.run(lambda: running.jobs.finish(started))
    answers = job.requests.with_name("requests-0001.output.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["custom_id"] for line in answers) == ["k0", "k1", "k2"]
    assert not job.requests.with_name("requests-0001.errors.jsonl").exists()
    assert running.waits_s == [7.0]
    assert running.notes == [
        "requests-0001.jsonl: in_progress, 1 of 3",
        "requests-0001.jsonl: completed, 3 of 3",
    ]
    assert all(
        request.headers["Authorization"] == f"Bearer {SECRET}" for request in server.requests
    )


def test_what_is_started_is_not_started_again(server: FakeOpenAI, job: Job) -> None:
    running = Running(server)
    started = running.run(lambda: running.jobs.start(job))
    n_asked = len(server.requests)
    assert running.run(lambda: running.jobs.start(Job.load(job.requests))) == started
    assert len(server.requests) == n_asked
    # killed after the batch was made, and before its id was written down
    again = running.run(lambda: running.jobs.start(replace(started, batch_id="", status="written")))
    assert again.batch_id == started.batch_id
    assert asked(server)[n_asked:] == ["GET batches"]


@pytest.mark.parametrize(
    "fault", [fake.status(500), fake.throttled("0"), fake.reset(), fake.garbage(), Fault(body=[])]
)
def test_every_step_is_tried_again(server: FakeOpenAI, job: Job, fault: Fault) -> None:
    running = Running(server)
    n_steps = 3 + 2 + 1
    for _ in range(n_steps):
        server.faults += [fault, Fault()]
    started = running.run(lambda: running.jobs.start(job))
    running.run(lambda: running.jobs.finish(started))
    assert server.answered == 3
    found = running.run(lambda: running.jobs._get("batches"))["data"]
    assert len(found) == 1, "started twice"


def test_a_batch_is_not_started_twice_where_its_start_got_no_answer(
    server: FakeOpenAI, job: Job
) -> None:
    """The endpoint has made the batch, and only the word of it was lost."""
    server.faults += [Fault(), Fault(), fake.cut_stream()]
    running = Running(server)
    running.run(lambda: running.jobs.start(job))
    assert asked(server) == ["POST files", *["GET batches", "POST batches"], "GET batches"]
    assert len(running.run(lambda: running.jobs._get("batches"))["data"]) == 1


def test_an_endpoint_that_stays_away_is_named(server: FakeOpenAI, job: Job) -> None:
    server.faults += [fake.status(503)] * 8
    running = Running(server)
    with pytest.raises(TeacherError, match="8 times on end; the same command goes on") as caught:
        running.run(lambda: running.jobs.start(job))
    assert running.endpoint.where in str(caught.value)
    check_says_nothing(caught.value)
    assert Job.load(job.requests) == job


def test_an_endpoint_without_batches_is_told_apart(server: FakeOpenAI, job: Job) -> None:
    server.faults.append(fake.status(404))
    running = Running(server)
    with pytest.raises(TeacherError, match="leave --submit out"):
        running.run(lambda: running.jobs.start(job))


@pytest.mark.parametrize("code", ["token_limit_exceeded", "empty_file"])
def test_a_batch_that_is_rejected_can_be_sent_again(
    server: FakeOpenAI, job: Job, code: str
) -> None:
    server.batch = BatchBehavior(n_polls=1, refused=code)
    running = Running(server)
    started = running.run(lambda: running.jobs.start(job))
    said = running.run(lambda: running.jobs.finish(started))
    assert f"rejects this batch ({code}); the same command" in said
    check_says_nothing(TeacherError(said))
    assert Job.load(job.requests) == job
    server.batch = BatchBehavior(n_polls=1)
    started = running.run(lambda: running.jobs.start(Job.load(job.requests)))
    running.run(lambda: running.jobs.finish(started))
    assert server.answered == 3


def test_what_is_wrong_with_lines_is_told_by_its_codes(server: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / "requests-0001.jsonl").write_text('nonsense\n{"custom_id": "Quillfeather"}\n')
    running = Running(server)
    started = running.run(lambda: running.jobs.start(Job(tmp_path / "requests-0001.jsonl")))
    said = running.run(lambda: running.jobs.finish(started))
    assert "(invalid_json_line, missing_required_parameter)" in said
    check_says_nothing(TeacherError(said))


@pytest.mark.parametrize(
    "how", [BatchBehavior(n_polls=1, expiring=1), BatchBehavior(n_polls=1, failing=1)]
)
def test_errors_are_fetched_too(server: FakeOpenAI, job: Job, how: BatchBehavior) -> None:
    server.batch = how
    running = Running(server)
    started = running.run(lambda: running.jobs.start(job))
    running.run(lambda: running.jobs.finish(started))
    assert not job.requests.with_name("requests-0001.output.jsonl").exists()
    errors = job.requests.with_name("requests-0001.errors.jsonl").read_text()
    assert len(errors.splitlines()) == 3


def test_a_cancelled_batch_has_ended(server: FakeOpenAI, job: Job) -> None:
    server.batch = BatchBehavior(n_polls=3)
    running = Running(server)
    started = running.run(lambda: running.jobs.start(job))
    cancel = running.endpoint.url(f"batches/{started.batch_id}/cancel")
    running.run(lambda: running.endpoint.send("POST", cancel))
    running.run(lambda: running.jobs.finish(started))
    assert running.notes[-1].startswith("requests-0001.jsonl: cancelled")


@pytest.mark.parametrize("content", ["[]", "{}", '{"file_id": "f"}', "nonsense", ""])
def test_a_broken_note_is_named(job: Job, content: str) -> None:
    note = job.requests.with_name("requests-0001.job.json")
    note.write_text(content)
    with pytest.raises(StoreError, match=r"requests-0001\.job\.json"):
        Job.load(job.requests)


def test_a_note_is_read_back(job: Job) -> None:
    assert Job.load(job.requests) == job
    for changed in (replace(job, file_id="f"), replace(job, batch_id="b", status="done")):
        assert changed.save() == changed == Job.load(job.requests)

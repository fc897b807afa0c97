"""Batches, from documents to silver: nothing is started twice, nothing is paid for twice."""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from decoct.errors import Faults, StoreError, TeacherError
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.recipes.label import label, label_file
from decoct.records import Document
from decoct.teacher.backends.batch import BatchBackend
from decoct.teacher.base import BACKENDS, Deferred, load_teacher
from decoct.teacher.cache import CallLog
from decoct.teacher.summary import LabelSummary
from decoct.testing import BatchBehavior, FakeOpenAI, Fault, ade
from decoct.testing import faults as fake
from fakes.endpoints import SECRET

EFFECTS = ("rash", "fever", "vertigo", "nausea", "coma")


def text_of(number: int) -> str:
    letters = "".join("abcdefghij"[int(digit)] for digit in f"{number:03d}")
    return f"Zorafen{letters} was followed by {EFFECTS[number % len(EFFECTS)]}"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(ade, batch=BatchBehavior(n_polls=1)) as running:
        yield running


class Told:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def track(self, items: Iterable[Any], total: int | None, title: str) -> Iterator[Any]:
        yield from items

    def note(self, message: str) -> None:
        self.notes.append(message)


class Bench:
    """A folder with documents, and the commands that are given in it."""

    def __init__(self, folder: Path, server: FakeOpenAI, n: int = 6) -> None:
        self.server, self.home, self.n = server, folder, n
        self.folder, self.out = folder / "teacher.batch", folder / "silver.jsonl"
        self.source = folder / "in.jsonl"
        write_jsonl(self.source, [Document(id=f"d{i}", text=text_of(i)) for i in range(n)])
        self.told, self.faults = Told(), Faults()

    def label(self, teacher: str = "batch:m", **options: Any) -> LabelSummary:
        self.told, self.faults = Told(), Faults()
        if teacher.startswith("batch:") and options.get("submit"):
            options = {"poll_s": 0.001} | options
        options = {"base_url": self.server.base_url} | options
        return label_file(
            self.source,
            self.out,
            "ade",
            teacher,
            **{"faults": self.faults, "progress": self.told, **options},
        )

    def submit(self, **options: Any) -> LabelSummary:
        return self.label(submit=True, **options)

    def live(self, **options: Any) -> LabelSummary:
        return self.label("openai:m", **options)

    def requests(self) -> dict[str, list[dict[str, Any]]]:
        """Every request file's lines."""
        return {
            path.name: [json.loads(line) for line in path.read_bytes().splitlines()]
            for path in sorted(self.folder.glob("requests-????.jsonl"))
        }

    def silver(self) -> bytes:
        return self.out.read_bytes()

    @property
    def n_batches(self) -> int:
        return sum(r.path == "/v1/batches" and r.method == "POST" for r in self.server.requests)


@pytest.fixture
def bench(tmp_path: Path, server: FakeOpenAI) -> Bench:
    return Bench(tmp_path, server)


@pytest.fixture
def calm(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The silver of the same documents, answered live."""
    with FakeOpenAI(ade) as server:
        live = Bench(tmp_path_factory.mktemp("calm"), server)
        live.live()
        return live.silver()


def answered(request: dict[str, Any], content: str | None = None, **changes: Any) -> dict[str, Any]:
    """What an endpoint would write to one request."""
    content = ade(request["body"]["messages"]) if content is None else content  # type: ignore[assignment]
    body = {
        "model": "m-2025",
        "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {
        "id": "b",
        "custom_id": request["custom_id"],
        "response": response,
        "error": None,
    } | changes


def failed(request: dict[str, Any], status: int = 500, **error: Any) -> dict[str, Any]:
    response = {"status_code": status, "request_id": "r", "body": {"error": error}}
    return answered(request, "", id=f"f{random.random()}", response=response)


def write(path: Path, lines: Iterable[dict[str, Any] | str]) -> None:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts))


# Submitted


def test_documents_go_out_as_a_batch_and_come_back_as_silver(bench: Bench, calm: bytes) -> None:
    made = bench.submit()
    assert made.n_silver == bench.n
    assert made.cost.n_calls == bench.n
    assert made.cost.usage.prompt_tokens > 0
    assert not bench.faults
    assert bench.silver() == calm, "the log knows a batch's answers as the endpoint's own"
    assert bench.server.answered == bench.n
    (lines,) = bench.requests().values()
    assert len({line["custom_id"] for line in lines}) == bench.n
    for line in lines:
        assert len(line["custom_id"]) <= 64
        assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
        assert line["body"]["model"] == "m"
        assert line["body"]["response_format"]["type"] == "json_schema"
    assert bench.told.notes[0] == f"{bench.folder}: 6 requests written"
    assert "Zorafen" not in str(bench.told.notes)

    n_asked = len(bench.server.requests)
    again = bench.submit()
    assert (again.n_cached, again.cost.n_calls) == (bench.n, 0)
    assert len(bench.server.requests) == n_asked
    assert bench.silver() == calm


def test_live_and_batch_share_their_answers(bench: Bench, calm: bytes) -> None:
    bench.submit()
    n_asked = len(bench.server.requests)
    assert bench.live().n_cached == bench.n
    assert len(bench.server.requests) == n_asked
    (bench.home / "teacher.sqlite").unlink()
    bench.live()
    n_asked = len(bench.server.requests)
    assert bench.submit().n_cached == bench.n
    assert len(bench.server.requests) == n_asked
    assert bench.silver() == calm


def test_request_files_are_split(bench: Bench, calm: bytes) -> None:
    bench.submit(max_requests=4)
    assert [len(lines) for lines in bench.requests().values()] == [4, 2]
    assert bench.n_batches == 2
    assert bench.silver() == calm


@pytest.mark.parametrize(
    "how",
    [
        BatchBehavior(n_polls=1, shuffled=True, n_duplicated=6),
        BatchBehavior(n_polls=4, shuffled=True, n_not_json=3, n_duplicated=2),
        BatchBehavior(n_polls=1, failing=0.5, statuses=(400, 429, 500)),
        BatchBehavior(n_polls=1, expiring=0.5),
        BatchBehavior(n_polls=1, missing=0.5),
        BatchBehavior(n_polls=2, missing=0.2, expiring=0.2, failing=0.2, shuffled=True),
    ],
    ids=["shuffled", "bad-lines", "failing", "expiring", "missing", "all"],
)
def test_whatever_a_batch_leaves_open_is_asked_again(
    bench: Bench, calm: bytes, how: BatchBehavior
) -> None:
    bench.server.batch, bench.server.seed = how, 5
    for _ in range(4):
        made = bench.submit(max_requests=5)
        if made.n_silver == bench.n:
            break
    assert bench.silver() == calm
    assert made.cost.failures.total() == 0 or how.failing or how.expiring
    assert max(count.answered for count in bench.server.counts.prompts.values()) == 1
    keys = Counter(line["custom_id"] for lines in bench.requests().values() for line in lines)
    open_at_first = how.failing or how.expiring or how.missing
    assert (max(keys.values()) > 1) == bool(open_at_first), (
        "nothing was open, or nothing asked again"
    )
    if how.n_not_json:
        assert bench.faults.counts["bad_line"] == 2 * how.n_not_json
        assert "requests-0001.output.jsonl:" in bench.faults.kept[0].where
    n_asked = len(bench.server.requests)
    assert bench.submit(max_requests=5).n_cached == bench.n
    assert len(bench.server.requests) == n_asked


def test_a_batch_without_any_answer_is_not_started_again_by_itself(bench: Bench) -> None:
    bench.server.batch = BatchBehavior(n_polls=1, expiring=1)
    made = bench.submit()
    assert made.refusals == {"waiting": bench.n}
    assert bench.n_batches == 1
    assert bench.told.notes[-1] == "requests-0001.jsonl: not all of it was answered"
    bench.server.batch = BatchBehavior(n_polls=1)
    assert bench.submit().n_silver == bench.n
    assert bench.n_batches == 2


def test_a_rejected_batch_is_sent_again_by_the_same_command(bench: Bench, calm: bytes) -> None:
    bench.server.batch = BatchBehavior(n_polls=1, refused="token_limit_exceeded")
    for _ in range(2):
        with pytest.raises(TeacherError, match=r"rejects this batch \(token_limit_exceeded\)"):
            bench.submit()
    assert bench.silver() == b""
    bench.server.batch = BatchBehavior(n_polls=1)
    assert bench.submit().n_silver == bench.n
    assert bench.silver() == calm
    assert list(bench.requests()) == ["requests-0001.jsonl"], "the same file"
    assert bench.server.answered == bench.n


def test_a_rejected_batch_does_not_hold_up_the_others(bench: Bench) -> None:
    bench.server.batch = BatchBehavior(n_polls=1, max_requests=3)
    with pytest.raises(TeacherError, match=r"requests-0001\.jsonl: .*too_many_tasks"):
        bench.submit(max_requests=4)
    assert bench.server.answered == 2
    with CallLog(bench.home / "teacher.sqlite") as log:
        assert log.counts().n_completions == 2
    bench.server.batch = BatchBehavior(n_polls=1)
    assert bench.submit(max_requests=4).n_silver == bench.n
    assert bench.server.answered == bench.n


def test_refusals_are_final_and_what_they_cost_is_counted(bench: Bench) -> None:
    for fault, reason in (
        (fake.content_filter(), "content_filter"),
        (fake.finish("length"), "truncated"),
        (fake.status(400, code="context_length_exceeded"), "too_long"),
    ):
        (bench.home / reason).mkdir()
        one = Bench(bench.home / reason, bench.server)
        bench.server.standing[:] = [fault]
        made = one.submit()
        assert made.refusals == {reason: bench.n}
        assert (made.cost.usage.prompt_tokens > 0) == (reason != "too_long")
        bench.server.standing.clear()
        n_asked = len(bench.server.requests)
        assert one.submit().refusals == {reason: bench.n}
        assert len(bench.server.requests) == n_asked


# How the endpoint likes to be asked


def test_complaints_teach_the_shape_of_the_next_round_and_of_the_next_run(
    bench: Bench, calm: bytes
) -> None:
    bench.server.standing += [
        fake.rejects("temperature"),
        fake.takes_formats("json_object"),
        fake.rejects("max_tokens"),
        fake.no_system_role(),
    ]
    made = bench.submit(max_requests=2)
    assert made.n_silver == bench.n
    assert bench.silver() == calm
    rounds = list(bench.requests().values())
    assert len(rounds) == 3 * 5, "one round for each complaint, whatever number of files repeats it"
    last = rounds[-1][0]["body"]
    assert last["response_format"] == {"type": "json_object"}, "not as far down as text"
    assert "temperature" not in last
    assert "max_completion_tokens" in last
    assert last["messages"][0]["role"] == "user"
    assert bench.server.answered == bench.n

    (bench.home / "more").mkdir()
    write_jsonl(bench.source, [Document(id="new", text=text_of(99))])
    n_before = bench.n_batches
    assert bench.submit().n_silver == 1
    assert bench.n_batches == n_before + 1, "the next run knows"
    bench.server.standing.clear()
    assert bench.submit(teacher="batch:another").n_silver == 1
    assert bench.requests()[max(bench.requests())][0]["body"]["temperature"] == 0, "another model"


def test_no_system_role_is_learnt_of_a_500_too(bench: Bench) -> None:
    bench.server.standing.append(fake.no_system_role(500))
    assert bench.submit().n_silver == bench.n
    assert bench.n_batches == 2


def test_openai_is_asked_the_newer_way(bench: Bench) -> None:
    bench.label(base_url="https://api.openai.com/v1")
    (lines,) = bench.requests().values()
    assert "max_completion_tokens" in lines[0]["body"]
    assert "max_tokens" not in lines[0]["body"]


# Without submitting


def test_files_are_written_for_somebody_else_to_answer(bench: Bench, calm: bytes) -> None:
    made = bench.label()
    assert made.refusals == {"waiting": bench.n}
    assert bench.faults.kept[0].reason == (
        "waiting: its answer is due in teacher.batch/requests-0001.jsonl"
    )
    requests = bench.folder / "requests-0001.jsonl"
    output = bench.folder / "requests-0001.output.jsonl"
    assert f"vllm run-batch -i {requests} -o {output} --model m" in bench.told.notes[-1]
    assert bench.server.requests == []
    assert not bench.silver()
    before = requests.read_bytes()
    assert bench.label().refusals == {"waiting": bench.n}
    assert requests.read_bytes() == before
    assert list(bench.requests()) == ["requests-0001.jsonl"], "not written again"

    (lines,) = bench.requests().values()
    output.write_text("")  # it has been begun, and holds nothing yet
    assert bench.label().refusals == {"waiting": bench.n}
    # a part of it, not in order, its last line still being written
    part = [json.dumps(answered(line)) for line in reversed(lines[3:])]
    output.write_text("\n".join([*part, part[0][:50]]))
    made = bench.label()
    assert (made.n_silver, made.refusals) == (3, {"waiting": 3})
    assert bench.faults.counts == {"waiting": 3, "bad_line": 1}
    # the whole of it, and some twice
    write(output, [*part, *(answered(line) for line in lines[:4])])
    made = bench.label()
    assert (made.n_silver, made.cost.n_calls) == (6, 3)
    assert not bench.faults
    assert bench.silver().replace(b"m-2025", b"") == calm.replace(b"m-2025", b"")
    # the same again under another name, and the same file touched
    write(bench.folder / "copy.jsonl", map(answered, lines))
    write(output, map(answered, reversed(lines)))
    made = bench.label()
    assert (made.n_cached, made.cost.n_calls) == (6, 0)
    assert bench.server.requests == []


def test_unknown_and_bad_lines_are_named_and_the_rest_is_taken(bench: Bench) -> None:
    bench.label()
    (lines,) = bench.requests().values()
    stranger = {**lines[0], "custom_id": "somebody-elses"}
    write(
        bench.folder / "results.jsonl",
        [answered(stranger), "nonsense", *map(answered, lines), '{"custom_id": 5}'],
    )
    made = bench.label()
    assert made.n_silver == bench.n
    assert bench.faults.counts == {"unknown_id": 1, "bad_line": 2}
    assert "'somebody-elses' was never asked" in str(bench.faults.kept[0])
    assert f"{bench.folder / 'results.jsonl'}:2" in str(bench.faults.kept[1])


def test_what_run_batch_says_of_a_failure_is_understood(bench: Bench) -> None:
    bench.label()
    (lines,) = bench.requests().values()

    def vllm(request: dict[str, Any], message: str, kind: str) -> dict[str, Any]:
        error = {"error": {"message": message, "type": kind, "param": None, "code": 400}}
        response = {"status_code": 400, "request_id": "r", "body": None}
        return answered(request, "", response=response, error=error)

    too_long = "This model's maximum context length is 4096 tokens. However, you requested 5000"
    write(
        bench.folder / "requests-0001.output.jsonl",
        [
            vllm(lines[0], too_long, "BadRequestError"),
            vllm(lines[1], "System role not supported", "BadRequestError"),
            answered(
                lines[2], "", response={"status_code": 400, "body": None}, error="out of memory"
            ),
            *map(answered, lines[3:]),
        ],
    )
    made = bench.label()
    assert made.refusals == {"too_long": 1, "waiting": 2}
    assert made.cost.failures == {"HTTP 400 (BadRequestError)": 1, "HTTP 400": 1}
    again = bench.requests()["requests-0002.jsonl"]
    assert [line["custom_id"] for line in again] == [lines[1]["custom_id"], lines[2]["custom_id"]]
    assert again[0]["body"]["messages"][0]["role"] == "user", "it has learnt"


def test_a_failure_counts_once_however_often_its_line_is_read(bench: Bench) -> None:
    """By the second time the request waits in another file, and is not to be written again."""
    for name in ("requests-0001.errors.jsonl", "anything.jsonl"):
        (bench.home / name).mkdir()
        one = Bench(bench.home / name, bench.server)
        one.label()
        (lines,) = one.requests().values()
        errors = [failed(lines[0]), failed(lines[0], 429), *map(answered, lines[2:])]
        write(one.folder / name, errors)
        made = one.label()
        assert made.refusals == {"waiting": 2}
        assert made.cost.failures == {"HTTP 500": 1, "HTTP 429": 1}
        write(one.folder / name, [*errors, answered(lines[1])])  # there is more of it now
        made = one.label()
        assert made.refusals == {"waiting": 1}
        assert made.cost.failures == {}
        assert sorted(one.requests()) == ["requests-0001.jsonl", "requests-0002.jsonl"], name
        write(one.folder / "requests-0002.output.jsonl", [answered(lines[0])])
        assert one.label().n_silver == one.n


def test_write_again_gives_up_waiting(bench: Bench) -> None:
    bench.label()
    (lines,) = bench.requests().values()
    write(bench.folder / "requests-0001.output.jsonl", map(answered, lines[:2]))
    assert bench.label(write_again=True).n_silver == 2
    again = bench.requests()["requests-0002.jsonl"]
    assert [line["custom_id"] for line in again] == [line["custom_id"] for line in lines[2:]]
    # what was given up comes all the same, one of it as a failure: the later file is waited for
    write(bench.folder / "requests-0001.rest.jsonl", [failed(lines[2]), answered(lines[3])])
    made = bench.label()
    assert (made.n_silver, made.refusals) == (3, {"waiting": 3})
    assert len(bench.requests()) == 2
    write(bench.folder / "requests-0002.output.jsonl", map(answered, again))
    assert bench.label().n_silver == bench.n


def test_written_files_are_sent_later(bench: Bench, calm: bytes) -> None:
    bench.label()
    assert bench.submit().n_silver == bench.n
    assert list(bench.requests()) == ["requests-0001.jsonl"]
    assert bench.silver() == calm


def test_a_file_is_not_sent_where_all_was_answered_live_meanwhile(bench: Bench) -> None:
    bench.label()
    bench.live()
    n_asked = len(bench.server.requests)
    assert bench.submit().n_cached == bench.n
    assert len(bench.server.requests) == n_asked
    assert bench.server.answered == bench.n


@pytest.mark.parametrize("pack", [1, 2])
def test_what_was_answered_live_meanwhile_is_taken_out_of_a_file(bench: Bench, pack: int) -> None:
    bench.label(pack=pack)
    whole = bench.source.read_text()
    bench.source.write_text("".join(whole.splitlines(keepends=True)[:3]))
    bench.live(pack=pack)
    bench.source.write_text(whole)
    assert bench.submit(pack=pack).n_silver == bench.n
    sent = bench.requests()["requests-0002.jsonl"]
    assert len(sent) == {1: 3, 2: 2}[pack]
    told = str([line["body"]["messages"] for line in sent])
    assert [number for number in range(bench.n) if text_of(number) in told] == [3, 4, 5]


# Whose files


def test_files_for_another_model_endpoint_or_setting_are_left_alone(bench: Bench) -> None:
    others = (
        {"teacher": "batch:other"},
        {"temperature": 0.5},
        {"base_url": "http://localhost:1/v1"},
    )
    for options in others:
        bench.label(**options)
    bench.submit()
    assert bench.n_batches == 1
    sent = bench.requests()["requests-0004.jsonl"]
    assert [line["body"]["temperature"] for line in sent] == [0.0] * bench.n
    for options in others:
        assert bench.label(**options).refusals == {"waiting": bench.n}
    assert len(bench.requests()) == 4


def test_a_file_for_a_host_that_may_not_see_it_is_not_written_either(bench: Bench) -> None:
    """It would be sent by the next run that submits."""
    assert not load_teacher("batch:m").private
    assert load_teacher("batch:m", base_url="http://localhost:8000/v1").private
    assert load_teacher("batch:m", allow_hosts=("api.openai.com",)).private


def test_is_on_the_shelf_and_takes_what_the_endpoint_takes(tmp_path: Path) -> None:
    assert BACKENDS.get("batch") is BatchBackend
    backend = load_teacher("batch:m")
    assert isinstance(backend, Deferred)
    assert not isinstance(load_teacher("rules"), Deferred)
    assert (backend.name, backend.live, backend.free) == ("openai", True, False)
    live = load_teacher("openai:m", api_key_env="OPENAI_API_KEY")
    assert backend.parameters == live.parameters


# What is asked


def test_answers_that_do_not_fit_are_asked_again_in_the_next_round(
    bench: Bench, calm: bytes
) -> None:
    first = lambda body: len(body["messages"]) > 2  # noqa: E731
    bench.server.standing.append(
        Fault(rewrite=lambda content: '{"summary": 1}', unless=first, name="wrong")
    )
    assert bench.submit().n_silver == bench.n
    assert bench.n_batches == 2
    again = bench.requests()["requests-0002.jsonl"][0]["body"]["messages"]
    assert [message["role"] for message in again] == ["system", "user", "assistant", "user"]
    assert again[2]["content"] == '{"summary": 1}'
    assert bench.silver() == calm
    assert bench.server.answered == 2 * bench.n


def test_answers_that_never_fit_are_refused_in_the_end(bench: Bench) -> None:
    bench.server.standing.append(fake.wrong_schema())
    assert bench.submit(max_reasks=1).refusals == {"invalid_answer": bench.n}
    assert bench.n_batches == 2
    n_asked = len(bench.server.requests)
    assert bench.submit(max_reasks=1).refusals == {"invalid_answer": bench.n}
    assert len(bench.server.requests) == n_asked


def test_packs_go_through_a_batch(bench: Bench, calm: bytes) -> None:
    made = bench.submit(pack=4)
    assert made.n_silver == bench.n
    assert made.cost.n_calls == 2
    (lines,) = bench.requests().values()
    assert len(lines) == 2
    assert bench.server.answered == 2
    with_hash = [json.loads(line) for line in bench.silver().splitlines()]
    live = [json.loads(line) for line in calm.splitlines()]
    assert [one["relations"] for one in with_hash] == [one["relations"] for one in live]
    n_asked = len(bench.server.requests)
    assert bench.submit(pack=4).n_cached == bench.n
    assert bench.live(pack=4).n_cached == bench.n
    assert len(bench.server.requests) == n_asked


def test_an_item_that_a_pack_lacks_is_asked_alone_in_the_next_round(bench: Bench) -> None:
    def without_second(content: str) -> str:
        found = json.loads(content)
        if "items" in found:
            found["items"] = [item for item in found["items"] if item["item"] != 2]
        return json.dumps(found)

    bench.server.standing.append(Fault(rewrite=without_second, name="lacks"))
    assert bench.submit(pack=3).n_silver == bench.n
    assert [len(lines) for lines in bench.requests().values()] == [2, 2]
    told = str([line["body"]["messages"] for line in bench.requests()["requests-0002.jsonl"]])
    assert [number for number in range(bench.n) if text_of(number) in told] == [1, 4]


def test_a_pack_that_failed_is_written_again(bench: Bench) -> None:
    bench.server.batch, bench.server.seed = BatchBehavior(n_polls=1, failing=0.5), 1
    for _ in range(4):
        made = bench.submit(pack=2)
    assert made.n_silver == bench.n
    assert bench.server.answered == 3


def test_samples_go_through_a_batch(bench: Bench) -> None:
    made = bench.submit(samples=3, temperature=0.7)
    assert (made.n_silver, made.cost.n_calls) == (bench.n, 3 * bench.n)
    (lines,) = bench.requests().values()
    assert len({line["custom_id"] for line in lines}) == 3 * bench.n
    assert bench.server.answered == 3 * bench.n
    assert all(one.meta["confidence"] == 1 for one in read(bench.out))


def test_azure_has_other_paths_and_another_header(bench: Bench) -> None:
    made = bench.submit(
        base_url=f"{bench.server.azure_url}/openai",
        api_version="2024-10-21",
        auth="api-key",
        url="/chat/completions",
    )
    assert made.n_silver == bench.n
    (lines,) = bench.requests().values()
    assert {line["url"] for line in lines} == {"/chat/completions"}
    for request in bench.server.requests:
        assert request.path.startswith("/openai/")
        assert "api-version=2024-10-21" in request.path
        assert request.headers["api-key"] == SECRET
        assert "Authorization" not in request.headers


def test_a_list_of_texts_goes_through_a_batch(bench: Bench, tmp_path: Path) -> None:
    silver = label(
        [text_of(0), text_of(1)],
        teacher="batch:m",
        log=tmp_path / "calls.db",
        **{"base_url": bench.server.base_url, "submit": True, "poll_s": 0.001},
    )
    assert [len(document.relations) for document in silver] == [1, 1]
    assert (tmp_path / "calls.batch" / "requests-0001.output.jsonl").exists()


def test_the_same_text_twice_is_asked_once(bench: Bench) -> None:
    texts = [text_of(0), text_of(1), text_of(0)]
    write_jsonl(bench.source, [Document(id=f"d{i}", text=text) for i, text in enumerate(texts)])
    assert bench.submit().n_silver == 3
    assert bench.server.answered == 2


def test_a_budget_holds_for_what_is_written(bench: Bench) -> None:
    prices = bench.home / "prices.toml"
    prices.write_text(
        "[models.m]\ninput_usd = 1000\noutput_usd = 1000\nbatch_factor = 0.5\nas_of = 2026-01-01\n"
        'source = "test"\n'
    )
    money: dict[str, Any] = {"prices": prices, "max_tokens": 100}
    made = bench.submit(budget_usd=1.0, **money)
    assert made.refusals == {"over_budget": bench.n - made.n_silver}
    assert 0 < made.n_silver < bench.n
    assert made.cost.usd is not None
    assert 0 < made.cost.usd <= 1.0
    usage = made.cost.usage
    assert made.cost.usd == pytest.approx((usage.prompt_tokens + usage.completion_tokens) / 2000)
    (lines,) = bench.requests().values()
    assert len(lines) == made.n_silver
    assert len(read(bench.out)) == made.n_silver
    more = bench.submit(budget_usd=100.0, **money)
    assert more.n_silver == bench.n
    assert bench.server.answered == bench.n


# What is broken


@pytest.mark.parametrize("name", ["imported.json", "shapes.json", "requests-0001.job.json"])
@pytest.mark.parametrize("content", ["nonsense", "[1]", '{"files": 5}', '{"m at HERE": {"x": 1}}'])
def test_a_broken_note_is_named(bench: Bench, name: str, content: str) -> None:
    bench.label()
    here = bench.server.base_url.removeprefix("http://")
    (bench.folder / name).write_text(content.replace("HERE", here))
    if name == "shapes.json" and "files" in content:
        bench.label()  # of another model, for all that is known
        return
    with pytest.raises(StoreError, match=name) as caught:
        bench.label()
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_gone_is_written_again(bench: Bench, calm: bytes) -> None:
    bench.label()
    for path in bench.folder.iterdir():
        path.unlink()
    assert bench.submit().n_silver == bench.n
    assert bench.silver() == calm


def test_answers_without_their_request_file_are_taken(bench: Bench) -> None:
    bench.label()
    (lines,) = bench.requests().values()
    (bench.folder / "requests-0001.jsonl").unlink()
    write(bench.folder / "requests-0001.output.jsonl", map(answered, lines[:4]))
    assert bench.label().n_silver == 4
    assert [len(lines) for lines in bench.requests().values()] == [2]


class Interrupted(Told):
    """A progress that is interrupted: at a document, or at the first note that has a word in it."""

    def __init__(self, n: int = 1000, word: str = "interrupted") -> None:
        super().__init__()
        self.n, self.word = n, word

    def track(self, items: Iterable[Any], total: int | None, title: str) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == self.n:
                raise KeyboardInterrupt
            yield item

    def note(self, message: str) -> None:
        if self.word in message:
            raise KeyboardInterrupt


def test_a_run_that_is_interrupted_while_it_writes_leaves_nothing_open(bench: Bench) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(KeyboardInterrupt):
            bench.label(progress=Interrupted(n=5), max_requests=4, concurrency=1)
        gc.collect()
    assert [one for one in told if one.category is ResourceWarning] == []
    assert (bench.folder / "requests-0002.jsonl.part").exists()
    assert bench.submit(max_requests=4).n_silver == bench.n
    assert bench.server.answered == bench.n
    with CallLog(bench.home / "teacher.sqlite") as log:
        assert log.waiting() == {}


def test_what_a_batch_of_an_earlier_run_leaves_open_is_asked_in_the_same_go(bench: Bench) -> None:
    bench.server.batch = BatchBehavior(n_polls=1, missing=1)
    with pytest.raises(KeyboardInterrupt):
        bench.submit(progress=Interrupted(word="completed"))
    bench.server.batch = BatchBehavior(n_polls=1)
    assert bench.submit().n_silver == bench.n
    assert bench.n_batches == 2
    assert bench.server.answered == bench.n


# Killed


def in_a_child(work: Callable[[], None]) -> int:
    """Run something in a process of its own that ends without any cleaning up; its exit code."""
    child = os.fork()
    if not child:
        code = 99
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


STEPS = (
    ("decoct.teacher.batch_files", "Outbox.add"),
    ("decoct.teacher.batch_files", "Outbox.close"),
    ("decoct.teacher.batch_jobs", "Job.save"),
    ("decoct.teacher.batch_jobs", "BatchJobs._upload"),
    ("decoct.teacher.batch_jobs", "BatchJobs._start"),
    ("decoct.teacher.batch_jobs", "BatchJobs._watch"),
    ("decoct.teacher.backends._endpoint", "Endpoint.download"),
    ("decoct.teacher.batch_imports", "Importer._take"),
    ("decoct.teacher.batch_imports", "Imported.save"),
    ("decoct.teacher.cache", "CallLog.clear_waiting"),
)
KILLED = 9


def die_before(patch: pytest.MonkeyPatch, n: int) -> None:
    """End this process before the n-th of all those steps; that is behind the one before, too."""
    left = iter(range(n - 1))

    def step(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **more: Any) -> Any:
            if next(left, None) is None:
                os._exit(KILLED)
            return function(*args, **more)

        return stepped

    for module, name in STEPS:
        owner, _, method = name.partition(".")
        cls = getattr(importlib.import_module(module), owner)
        patch.setattr(cls, method, step(getattr(cls, method)))


@pytest.mark.slow
def test_killed_at_any_step_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two request files, a line that fails: each step of it, and what the next run makes of it."""
    how = BatchBehavior(n_polls=1, failing=0.35)
    for n in range(1, 1000):
        folder = tmp_path / str(n)
        folder.mkdir()
        with FakeOpenAI(ade, batch=how, seed=1) as server:
            bench = Bench(folder, server, n=2)

            def killed(bench: Bench = bench, n: int = n) -> None:
                die_before(monkeypatch, n)
                bench.submit(max_requests=1)

            code = in_a_child(killed)
            assert code in (0, KILLED)
            for _ in range(3):  # a line may fail again
                if bench.submit(max_requests=1).n_silver == bench.n:
                    break
            assert len(read(bench.out)) == bench.n
            prompts = server.counts.prompts.values()
            assert max(count.answered for count in prompts) == 1, f"step {n}: paid for twice"
            inputs = Counter(
                str(request.body["input_file_id"])
                for request in server.requests
                if request.path == "/v1/batches" and request.method == "POST"
            )
            assert max(inputs.values()) == 1, f"step {n}: started twice"
            with CallLog(folder / "teacher.sqlite") as log:
                assert log.waiting() == {}
        if code == 0:
            break
    assert n > 25

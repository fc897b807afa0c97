"""Batch files: split exactly, whole or not there; answers read from whoever wrote them."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from decoct.errors import Faults, StoreError
from decoct.teacher.batch_files import BatchAnswer, Outbox, read_answers, read_requests

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "阿奇霉素"}]}).encode()


def fill(outbox: Outbox, n: int, body: bytes = BODY) -> list[Path]:
    found = [outbox.add(f"{number:064x}", "/v1/chat/completions", body) for number in range(n)]
    outbox.close()
    return found


def sizes(folder: Path) -> list[int]:
    return [len(path.read_bytes().splitlines()) for path in sorted(folder.glob("requests-*.jsonl"))]


def test_a_line_is_what_endpoints_take(tmp_path: Path) -> None:
    (path,) = fill(Outbox(tmp_path / "deep" / "b", 10, 10_000), 1)
    assert path == tmp_path / "deep" / "b" / "requests-0001.jsonl"
    content = path.read_bytes()
    assert content.endswith(b"}\n")
    assert content.isascii()
    (line,) = content.splitlines()
    assert json.loads(line) == {
        "custom_id": "0" * 64,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": json.loads(BODY),
    }
    assert list(read_requests(path)) == [json.loads(line)]


@pytest.mark.parametrize(
    ("n", "most", "expected"), [(10, 5, [5, 5]), (11, 5, [5, 5, 1]), (3, 1, [1, 1, 1]), (4, 5, [4])]
)
def test_files_are_split_at_so_many_requests(
    tmp_path: Path, n: int, most: int, expected: list[int]
) -> None:
    fill(Outbox(tmp_path, most, 10**9), n)
    assert sizes(tmp_path) == expected


def test_files_are_split_at_so_many_bytes(tmp_path: Path) -> None:
    (path,) = fill(Outbox(tmp_path / "one", 10, 10**9), 1)
    n_bytes = path.stat().st_size
    for most, expected in (
        (3 * n_bytes, [3, 3, 1]),
        (3 * n_bytes - 1, [2, 2, 2, 1]),
        (3 * n_bytes + 1, [3, 3, 1]),
        (1, [1] * 7),  # one that is too large by itself has a file of its own
    ):
        folder = tmp_path / str(most)
        fill(Outbox(folder, 50_000, most), 7)
        assert sizes(folder) == expected, most
        assert most == 1 or all(path.stat().st_size <= most for path in folder.iterdir())


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 2, 10**9)
    for number in range(3):
        where = outbox.add(str(number), "/v1", BODY)
    assert [path.name for path in outbox.files()] == ["requests-0001.jsonl"]
    assert where.name == "requests-0002.jsonl"
    assert not where.exists()
    outbox.abandon()
    outbox.abandon()
    assert (tmp_path / "requests-0002.jsonl.part").exists()
    again = Outbox(tmp_path, 2, 10**9)
    again.drop_broken()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["requests-0001.jsonl"]
    assert again.add("x", "/v1", BODY).name == "requests-0002.jsonl"
    again.close()
    again.close()
    assert sizes(tmp_path) == [2, 1]


def test_numbers_go_on_past_all_that_is_there(tmp_path: Path) -> None:
    for name in (
        *("requests-0002.output.jsonl", "requests-0001.jsonl", "requests-0003.job.json"),
        *("requests-0001_old.jsonl", "requests-x.jsonl", "results.jsonl", "requests-1.jsonl"),
    ):
        (tmp_path / name).write_text("{}\n")
    outbox = Outbox(tmp_path, 1, 10**9)
    assert [path.name for path in outbox.files()] == ["requests-0001.jsonl"]
    assert [path.name for path in fill(outbox, 2)] == ["requests-0004.jsonl", "requests-0005.jsonl"]
    assert (
        outbox.source(tmp_path / "requests-0001.output.jsonl") == tmp_path / "requests-0001.jsonl"
    )
    assert outbox.source(tmp_path / "requests-0002.output.jsonl") is None
    assert outbox.source(tmp_path / "results.jsonl") is None


def test_more_than_9999_files_stay_in_order(tmp_path: Path) -> None:
    for number in (9998, 9999, 10000):
        (tmp_path / f"requests-{number:04d}.jsonl").write_text("{}\n")
    outbox = Outbox(tmp_path, 1, 10**9)
    assert [path.stem[-5:] for path in outbox.files()] == ["-9998", "-9999", "10000"]
    assert fill(outbox, 1)[0].name == "requests-10001.jsonl"


def test_what_the_log_calls_a_file_that_is_gone(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "t.batch", 1, 10**9)
    (path,) = fill(outbox, 1)
    assert outbox.where(path) == "t.batch/requests-0001.jsonl"
    places = ["t.batch/requests-0001.jsonl", "t.batch/requests-0002.jsonl", "batch_7", "u/r.jsonl"]
    assert outbox.missing(places) == ["t.batch/requests-0002.jsonl"]


def test_a_folder_or_file_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="can't be written"):
        Outbox(tmp_path / "file" / "b", 1, 1)
    outbox = Outbox(tmp_path / "b", 9, 10**9)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # a full disk
    try:
        with pytest.raises(StoreError, match=r"requests-0001\.jsonl: can't be written"):
            fill(outbox, 9, json.dumps({"text": "x" * 5000}).encode())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    outbox.abandon()
    assert outbox.files() == []


def test_a_request_file_that_is_none(tmp_path: Path) -> None:
    for content in (b"[1]\n", b"nonsense\n"):
        (tmp_path / "r").write_bytes(content)
        with pytest.raises(StoreError, match="not what decoct wrote"):
            list(read_requests(tmp_path / "r"))


# Answers


def read(tmp_path: Path, *lines: Any) -> tuple[list[BatchAnswer], Faults]:
    path, faults = tmp_path / "answers.jsonl", Faults()
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines))
    return list(read_answers(path, faults)), faults


COMPLETION = {"choices": [{"message": {"content": "{}"}}]}


@pytest.mark.parametrize(
    ("line", "status", "body", "error"),
    [
        pytest.param(
            {"response": {"status_code": 200, "body": COMPLETION}, "error": None},
            *(200, COMPLETION, ""),
            id="openai",
        ),
        pytest.param(
            {"response": {"status_code": 400, "body": {"error": {"code": "c"}}}, "error": None},
            *(400, {"error": {"code": "c"}}, ""),
            id="openai-error",
        ),
        pytest.param(
            {"response": None, "error": {"code": "batch_expired", "message": "m"}},
            *(0, {"code": "batch_expired", "message": "m"}, "batch_expired"),
            id="openai-expired",
        ),
        pytest.param(
            {"response": {"request_id": "r", "body": COMPLETION}, "error": None},
            *(200, COMPLETION, ""),
            id="vllm",
        ),
        pytest.param(
            {
                "response": {"status_code": 400, "request_id": "r", "body": None},
                "error": {"error": {"message": "m", "type": "BadRequestError", "code": 400}},
            },
            *(400, {"error": {"message": "m", "type": "BadRequestError", "code": 400}}, "failed"),
            id="vllm-error",
        ),
        pytest.param(
            {"response": {"status_code": 400, "body": None}, "error": "in words"},
            *(400, {"error": "in words"}, "failed"),
            id="vllm-error-in-words",
        ),
        pytest.param({"response": COMPLETION}, *(200, COMPLETION, ""), id="older-vllm"),
        pytest.param(
            {"response": None, "error": {"code": "Mr. Quillfeather's words"}},
            *(0, {"code": "Mr. Quillfeather's words"}, "failed"),
            id="words-in-place-of-a-code",
        ),
    ],
)
def test_reads_what_endpoints_and_run_batch_write(
    tmp_path: Path, line: dict[str, Any], status: int, body: Any, error: str
) -> None:
    (answer,), faults = read(tmp_path, {"id": "batch_req_1", "custom_id": "k", **line})
    assert not faults
    assert (answer.key, answer.status, answer.error) == ("k", status, error)
    assert json.loads(answer.body) == body


def test_bad_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    good = {"custom_id": "k", "response": {"status_code": 200, "body": COMPLETION}}
    bad = [
        "nonsense",
        '{"custom_id": "k", "response": {',
        "[]",
        "5",
        {"response": good["response"]},
        {"custom_id": 5, "response": good["response"]},
        {"custom_id": "k"},
        {"custom_id": "k", "response": None, "error": None},
        {"custom_id": "k", "method": "POST", "url": "/v1", "body": {}},  # a request
        {"custom_id": "k", "response": 5},
        {"custom_id": "k", "response": {"status_code": "many", "body": {}}},
        '{"custom_id": "k", "response": {"status_code": Infinity, "body": {}}}',
        "[" * 100_000,
    ]
    answers, faults = read(tmp_path, good, *bad, "", good)
    assert len(answers) == 2
    assert faults.counts == {"bad_line": len(bad)}
    path = tmp_path / "answers.jsonl"
    assert [fault.where for fault in faults.kept] == [f"{path}:{n}" for n in range(2, len(bad) + 2)]


def test_an_empty_file_holds_no_answer_yet(tmp_path: Path) -> None:
    """`vllm run-batch` opens its output before it loads the model."""
    for content in ("", "\n\n"):
        (tmp_path / "answers.jsonl").write_text(content)
        faults = Faults()
        assert list(read_answers(tmp_path / "answers.jsonl", faults)) == []
        assert not faults


def test_lines_are_told_apart_by_what_they_say_and_where(tmp_path: Path) -> None:
    one = {"id": "a", "custom_id": "k", "response": None, "error": {"code": "batch_expired"}}
    answers, _ = read(tmp_path, one, one, {**one, "id": "b"})
    assert answers[0].line == answers[1].line != answers[2].line

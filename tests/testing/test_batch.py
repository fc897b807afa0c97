"""Files and batches, from the upload to what is in the output, well and badly."""

import json
from collections import Counter

import pytest

from decoct.testing import BatchBehavior, faults, prompt_hash

from .conftest import body

URL = "/v1/chat/completions"


def lines(n: int, **changes) -> list[dict]:
    return [
        {"custom_id": f"c{i}", "method": "POST", "url": URL, "body": body(f"text {i}")} | changes
        for i in range(n)
    ]


def upload(client, requests: list[dict] | bytes) -> str:
    content = requests
    if not isinstance(requests, bytes):
        content = "".join(json.dumps(line) + "\n" for line in requests).encode()
    made = client.http.post(
        f"{client.server.base_url}/files",
        data={"purpose": "batch"},
        files={"file": ("in.jsonl", content, "application/jsonl")},
    )
    assert made.status_code == 200, made.text
    return made.json()["id"]


def create(client, file_id: str, **changes) -> dict:
    asked = {"input_file_id": file_id, "endpoint": URL, "completion_window": "24h"} | changes
    return client.post("batches", asked).json()


def poll(client, batch: dict) -> tuple[list[str], dict]:
    """Look until the batch has ended; return the states seen, and the batch."""
    seen = []
    for _ in range(20):
        found = client.get(f"batches/{batch['id']}").json()
        seen.append(found["status"])
        if seen[-1] in ("completed", "failed", "expired", "cancelled"):
            break
    return seen, found


def content(client, file_id: str | None) -> list[dict]:
    if file_id is None:
        return []
    return [json.loads(line) for line in client.get(f"files/{file_id}/content").text.splitlines()]


def run(client, requests: list[dict]) -> tuple[dict, list[dict], list[dict]]:
    _, batch = poll(client, create(client, upload(client, requests)))
    output = content(client, batch["output_file_id"])
    return batch, output, content(client, batch["error_file_id"])


def test_a_file_comes_back_as_it_went(client) -> None:
    data = b'{"a": "\r\n--x"}\n\xff\x00'
    made = client.http.post(
        f"{client.server.base_url}/files",
        data={"purpose": "batch"},
        files={"file": ("a b.jsonl", data)},
    ).json()
    assert (made["object"], made["purpose"], made["filename"]) == ("file", "batch", "a b.jsonl")
    assert made["bytes"] == len(data)
    assert client.get(f"files/{made['id']}").json() == made
    assert client.get(f"files/{made['id']}/content").content == data
    assert client.http.delete(f"{client.server.base_url}/files/{made['id']}").json()["deleted"]
    assert client.get(f"files/{made['id']}").status_code == 404
    assert client.get(f"files/{made['id']}/content").status_code == 404
    assert client.post("files", {"purpose": "batch"}).status_code == 400


def test_a_batch_as_openai_has_it(serve) -> None:
    with serve(lambda messages: messages[-1]["content"].upper()) as client:
        made = create(client, upload(client, lines(3)), metadata={"by": "decoct"})
        assert made["status"] == "validating"
        assert made["metadata"] == {"by": "decoct"}
        assert made["output_file_id"] is made["error_file_id"] is made["errors"] is None
        seen, batch = poll(client, made)
        assert seen == ["in_progress", "finalizing", "completed"]
        assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
        assert batch["error_file_id"] is None
        assert batch["created_at"] <= batch["in_progress_at"] <= batch["completed_at"]
        assert batch["failed_at"] is batch["cancelled_at"] is None
        output = content(client, batch["output_file_id"])
        assert [line["custom_id"] for line in output] == ["c0", "c1", "c2"]
        assert output[1]["id"] == "batch_req_2"
        assert output[1]["error"] is None
        assert output[1]["response"]["status_code"] == 200
        assert output[1]["response"]["request_id"] == "req_2"
        answer = output[1]["response"]["body"]
        assert answer["object"] == "chat.completion"
        assert answer["choices"][0]["message"]["content"] == "TEXT 1"
        assert answer["usage"]["total_tokens"] == 6
        assert client.get(f"batches/{batch['id']}").json() == batch, "looking again changes nothing"
        assert client.server.counts.prompts.keys() == {
            prompt_hash(line["body"]["messages"]) for line in lines(3)
        }
        assert client.server.answered == 3


@pytest.mark.parametrize(
    ("n_polls", "states"),
    [
        (1, ["completed"]),
        (2, ["in_progress", "completed"]),
        (4, ["validating", "in_progress", "finalizing", "completed"]),
        (6, ["validating", *["in_progress"] * 3, "finalizing", "completed"]),
    ],
)
def test_it_takes_as_many_looks_as_it_is_told(serve, n_polls, states) -> None:
    with serve(batch=BatchBehavior(n_polls=n_polls)) as client:
        seen, _ = poll(client, create(client, upload(client, lines(2))))
        assert seen == states


def test_shuffled_doubled_and_broken_lines(serve) -> None:
    behavior = BatchBehavior(shuffled=True, n_duplicated=4, n_not_json=3)
    with serve(batch=behavior, seed=1) as client:
        _, batch = poll(client, create(client, upload(client, lines(50))))
        raw = client.get(f"files/{batch['output_file_id']}/content").text.splitlines()
        assert raw.count('{"id": "batch_req_') == 3
        ids = [json.loads(line)["custom_id"] for line in raw if line != '{"id": "batch_req_']
        assert sorted(Counter(ids).values()) == [1] * 46 + [2] * 4
        assert ids != sorted(ids, key=lambda custom_id: int(custom_id[1:]))
        assert batch["request_counts"]["completed"] == 50


def test_failing_expiring_and_missing_requests(serve) -> None:
    behavior = BatchBehavior(failing=0.2, expiring=0.2, missing=0.1)
    with serve(batch=behavior, seed=1) as client:
        batch, output, errors = run(client, lines(200))
        assert batch["status"] == "expired"
        assert batch["expired_at"] is not None
        responses = [line["response"] for line in errors]
        codes = Counter(response["status_code"] for response in responses if response)
        assert set(codes) == {400, 429, 500}
        assert 20 < codes.total() < 60
        failed = next(line for line in errors if line["response"])
        assert failed["error"] is None
        assert failed["response"]["body"]["error"]["message"]
        expired = [line["error"]["code"] for line in errors if line["response"] is None]
        assert set(expired) == {"batch_expired"}
        assert 20 < len(expired) < 60
        n_missing = 200 - len(output) - len(errors)
        assert 5 < n_missing < 40
        assert batch["request_counts"]["failed"] == len(errors)
        assert client.server.answered == len(output), "only these are billed"

        _, again, _ = run(client, lines(200))
        ids = {line["custom_id"] for line in output}
        assert ids != {line["custom_id"] for line in again}, "another batch, other losses"


def test_standing_faults_hold_in_a_batch_too(client) -> None:
    client.server.standing.append(faults.rejects("temperature"))
    requests = lines(2)
    requests[0]["body"]["temperature"] = 0
    batch, output, errors = run(client, requests)
    assert batch["status"] == "completed"
    assert [line["custom_id"] for line in output] == ["c1"]
    assert errors[0]["response"]["status_code"] == 400
    assert errors[0]["response"]["body"]["error"]["param"] == "temperature"


def test_a_line_that_is_no_chat_request_fails_alone(client) -> None:
    requests = lines(2)
    requests[0]["body"] = {"model": "m"}
    _, output, errors = run(client, requests)
    assert [line["custom_id"] for line in output] == ["c1"]
    assert errors[0]["response"]["status_code"] == 400


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"not json\n", "invalid_json_line", 1),
        (b"[1]\n", "invalid_json_line", 1),
        (b'{"custom_id": "a"}\n', "missing_required_parameter", 1),
        (lines(1) * 2, "duplicate_custom_id", 2),
        (lines(2, url="/v1/embeddings"), "mismatched_url", 1),
        (lines(1) + lines(3), "too_many_tasks", None),
    ],
)
def test_an_input_that_is_none_fails_validation(serve, content, code, line) -> None:
    with serve(batch=BatchBehavior(max_requests=3)) as client:
        made = create(client, upload(client, content))
        assert made["status"] == "validating", "it comes out later"
        seen, batch = poll(client, made)
        assert seen == ["failed"]
        assert batch["output_file_id"] is None
        error = batch["errors"]["data"][0]
        assert (error["code"], error["line"]) == (code, line)


def test_validation_fails_on_demand(client) -> None:
    client.server.batch = BatchBehavior(refused="token_limit_exceeded")
    _, batch = poll(client, create(client, upload(client, lines(1))))
    assert batch["errors"]["data"][0]["code"] == "token_limit_exceeded"
    client.server.batch = BatchBehavior()
    assert run(client, lines(1))[0]["status"] == "completed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"input_file_id": "file-none"}, 404),
        ({"endpoint": "/v1/embeddings"}, 400),
        ({"completion_window": "1h"}, 400),
    ],
)
def test_what_can_be_no_batch_is_refused_at_once(client, changes, code) -> None:
    asked = {"input_file_id": upload(client, lines(1)), "endpoint": URL, "completion_window": "24h"}
    assert client.post("batches", asked | changes).status_code == code
    assert client.get("batches").json()["data"] == []


def test_the_list_is_newest_first_and_in_pages(client) -> None:
    file_id = upload(client, lines(1))
    ids = [create(client, file_id)["id"] for _ in range(5)][::-1]
    page = client.get("batches", limit="2").json()
    assert [batch["id"] for batch in page["data"]] == ids[:2]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[0], ids[1], True)
    last = client.get("batches", after=ids[1], limit="10").json()
    assert [batch["id"] for batch in last["data"]] == ids[2:]
    assert last["has_more"] is False
    assert {batch["status"] for batch in last["data"]} == {"validating"}, "listing is no look"
    assert client.get("batches", after="batch_none").status_code == 404


def test_cancelling_keeps_what_is_done(serve) -> None:
    with serve(batch=BatchBehavior(n_polls=10)) as client:
        made = create(client, upload(client, lines(10)))
        for _ in range(4):
            client.get(f"batches/{made['id']}")
        cancelling = client.post(f"batches/{made['id']}/cancel").json()
        assert cancelling["status"] == "cancelling"
        assert client.post(f"batches/{made['id']}/cancel").status_code == 200
        seen, batch = poll(client, made)
        assert seen == ["cancelled"]
        assert len(content(client, batch["output_file_id"])) == 4
        errors = content(client, batch["error_file_id"])
        assert {line["error"]["code"] for line in errors} == {"batch_cancelled"}
        assert len(errors) == 6
        assert client.post(f"batches/{made['id']}/cancel").status_code == 409


def test_there_is_no_such_batch(client) -> None:
    assert client.get("batches/none").status_code == 404
    assert client.post("batches/none/cancel").status_code == 404


def test_the_queue_of_faults_is_for_these_paths_too(client) -> None:
    client.server.faults += [faults.status(503), faults.cut_stream()]
    assert client.get("batches").status_code == 503
    file_id = upload_again(client)
    assert file_id == "file-000002", "the first upload was kept, and its answer lost"


def upload_again(client) -> str:
    from httpx import RemoteProtocolError

    with pytest.raises(RemoteProtocolError):
        upload(client, lines(1))
    return upload(client, lines(1))


def test_azures_paths(client) -> None:
    base = f"{client.server.azure_url}/openai"
    version = {"api-version": "2024-10-21"}
    form = {"data": {"purpose": "batch"}, "files": {"file": ("i.jsonl", b"")}}
    file_id = client.http.post(f"{base}/files", params=version, **form).json()["id"]
    asked = {
        "input_file_id": file_id,
        "endpoint": "/chat/completions",
        "completion_window": "24h",
    }
    made = client.http.post(f"{base}/batches", params=version, json=asked).json()
    assert client.http.get(f"{base}/batches/{made['id']}", params=version).status_code == 200

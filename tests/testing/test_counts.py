"""What the server counts, and the journal that another process can count."""

import asyncio
import json
import time
from collections import Counter

import httpx

from decoct.testing import Count, faults, prompt_hash

from .conftest import body


def test_each_prompt_is_counted(client) -> None:
    client.server.faults += [faults.status(500), faults.wrong_schema()]
    for text in ("a", "a", "a", "b"):
        client.chat(text)
    assert client.server.count(body("a")["messages"]) == Count(received=3, answered=2, failed=1)
    assert client.server.count(body("b")["messages"]) == Count(received=1, answered=1, failed=0)
    assert client.server.count(body("c")["messages"]) == Count()
    assert client.server.counts.total == Count(received=4, answered=3, failed=1)
    assert (client.server.received, client.server.answered, client.server.failed) == (4, 3, 1)


def test_what_is_no_chat_request_counts_nothing(client) -> None:
    assert client.get("files/file-1").status_code == 404
    assert client.http.post(f"{client.server.base_url}/chat/completions").status_code == 400
    assert client.chat(messages=[]).status_code == 400
    assert client.chat(stream=True).status_code == 400
    assert client.post("nothing").status_code == 404
    assert client.server.received == 0
    assert len(client.server.requests) == 5


def test_a_hash_is_of_the_messages_alone() -> None:
    assert prompt_hash([{"role": "user", "content": "a"}]) == prompt_hash(
        [{"content": "a", "role": "user"}]
    )
    assert prompt_hash(body("a")["messages"]) != prompt_hash(body("b")["messages"])
    assert len(prompt_hash([{"role": "user", "content": "\ud83d"}])) == 16


def test_the_journal_has_a_line_for_each_whole_answer(serve, tmp_path) -> None:
    journal = tmp_path / "journal.jsonl"
    with serve(journal=journal) as client:
        client.server.faults += [faults.status(500), faults.cut_stream(), faults.extra_prose()]
        for text in "aaab":
            try:
                client.chat(text)
            except httpx.RemoteProtocolError:
                continue
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    prompts = [prompt_hash(body(text)["messages"]) for text in "aab"]
    assert [line["prompt"] for line in lines] == [prompts[0], prompts[2]]
    assert [line["fault"] for line in lines] == ["extra_prose", ""]
    assert [line["n"] for line in lines] == [1, 1]
    assert all(time.time() - 60 < line["at"] < time.time() + 1 for line in lines)
    with serve(journal=journal) as client:
        client.chat("a")
    assert len(journal.read_text().splitlines()) == 3, "an existing journal is gone on with"


def test_how_many_at_once(serve) -> None:
    with serve(latency_s=0.3) as client:

        async def run() -> None:
            async with httpx.AsyncClient(trust_env=False) as http, asyncio.TaskGroup() as group:
                url = f"{client.server.base_url}/chat/completions"
                for number in range(5):
                    group.create_task(http.post(url, json=body(f"t{number}")))

        asyncio.run(run())
        assert client.server.counts.most_at_once == 5
        client.chat()
        assert client.server.counts.most_at_once == 5


def test_counts_are_right_as_soon_as_the_answer_is_there(client) -> None:
    for number in range(1, 200):
        client.chat()
        assert client.server.answered == number


def test_a_big_answer_is_counted_when_all_of_it_is_sent(serve) -> None:
    with serve(lambda messages: "x" * 20_000_000) as client:
        with client.http.stream(
            "POST", f"{client.server.base_url}/chat/completions", json=body()
        ) as response:
            time.sleep(0.2)
            assert client.server.answered == 0, "most of it is still in the server's hands"
            assert len(response.read()) > 20_000_000
        assert client.server.answered == 1


def test_memory_stays_flat_without_a_record(serve) -> None:
    with serve(record=False) as client:
        for _ in range(3):
            client.chat()
        assert client.server.requests == []
        assert client.server.answered == 3


def test_names_of_the_faults_that_were_dealt(serve) -> None:
    with serve(mix={"503": 1.0}) as client:
        codes = Counter(client.chat(str(n)).status_code for n in range(5))
        assert codes == {503: 5}
        assert client.server.counts.faults == {"503": 5}

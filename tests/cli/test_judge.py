"""`decoct judge` against a server that misbehaves: nothing is paid twice, nothing is mixed up."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from decoct.records import Document, Link
from decoct.testing import BatchBehavior, FakeOpenAI
from decoct.testing import faults as fake
from fakes.commands import invoke, ok, read_documents, start, write_documents
from fakes.judged import ENTITIES, RIGHT, FakeIndex, judge_by, mention, read_questions

PRICE = """
[models.m]
input_usd = 1000.0
output_usd = 1000.0
batch_factor = 0.5
as_of = 2026-01-01
source = "test"
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def found(text: str, document_id: str, k: int = 6) -> Document:
    """A mention with its candidates, as `decoct link --keep 6` leaves it."""
    document = mention(text, document_id)
    index = FakeIndex()
    span = document.spans[0].model_copy(update={"link": Link(candidates=index._search(text, k))})
    return document.model_copy(update={"spans": (span,)})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with mentions that have candidates, and prices."""
    write_documents(tmp_path / "in.jsonl", [found(t, f"d{n}") for n, t in enumerate(RIGHT)])
    (tmp_path / "prices.toml").write_text(PRICE)
    (tmp_path / "quick.toml").write_text("backoff_s = 0.01\n")
    return tmp_path


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(judge_by(), batch=BatchBehavior(n_polls=1)) as running:
        yield running


def command(
    home: Path, server: FakeOpenAI, *more: object, teacher: str = "openai:m"
) -> list[object]:
    return [
        *("judge", "--mentions", home / "in.jsonl", "--out", home / "silver.jsonl"),
        *("--teacher", teacher, "--base-url", server.base_url, *more),
    ]


def chosen(path: Path) -> dict[str, str | None]:
    documents = read_documents(path)
    links = {d.text: d.spans[0].link for d in documents}
    return {text: link.name if link else "?" for text, link in links.items()}


def asked_mentions(server: FakeOpenAI) -> Counter[str]:
    prompts = (request.body["messages"][1]["content"] for request in server.requests)
    return Counter(text for prompt in prompts for text, _ in read_questions(prompt))


def test_what_a_run_came_to(home: Path, server: FakeOpenAI) -> None:
    flags = ("--prices", home / "prices.toml", "--quiet")
    made = ok(*command(home, server, *flags))
    first, second, third, fourth = made.stdout.splitlines()
    assert first == f"{home / 'silver.jsonl'}: 7 of 7 mentions judged, in 7 of 7 documents"
    assert second.startswith("chosen: ")
    assert second.endswith("% the first candidate, 14.3% none of them (NIL)")
    assert third.startswith("this run: 7 calls, ")
    assert "$" in third
    assert fourth == "from the log: 0 mentions"
    assert chosen(home / "silver.jsonl") == RIGHT
    again = ok(*command(home, server, *flags, "--json")).json
    assert (again["n_cached"], again["n_judged"], again["cost"]["n_calls"]) == (7, 7, 0)
    assert len(server.requests) == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        ("--pack", 3),
        ("--shuffle", "--samples", 3),
        ("--shuffle", "--samples", 3, "--pack", 4, "--reasoning"),
        ("--certainty", "--samples", 2, "--temperature", 1),
    ],
)
def test_through_faults_the_choices_are_the_same_and_nothing_is_paid_twice(
    home: Path, more: tuple[object, ...]
) -> None:
    mix = {"500": 0.15, "reset": 0.1, "truncated_json": 0.1, "empty_choices": 0.1}
    with FakeOpenAI(judge_by(certainty="m"), mix=mix, seed=2) as server:
        server.faults += [fake.throttled("0"), fake.broken_answer(), fake.wrong_schema()]
        asked = command(home, server, "--config", home / "quick.toml", "--quiet", *more)
        ok(*asked)
        assert chosen(home / "silver.jsonl") == RIGHT
        confidences = {
            d.spans[0].link.confidence
            for d in read_documents(home / "silver.jsonl")
            if d.spans[0].link
        }
        assert confidences == {0.7}, "said by the teacher, and its samples agree"
        paid = server.answered
        assert server.failed > 0
        ok(*asked)
        assert server.answered == paid


def test_a_refused_mention_is_named_and_the_rest_written(home: Path, server: FakeOpenAI) -> None:
    server.faults += [fake.content_filter(), fake.finish("length")]
    made = invoke(*command(home, server, "--concurrency", 1))
    assert made.code == 3
    assert "5 of 7 mentions judged, in 5 of 7 documents" in made.stdout
    assert "skipped: d0#T1: content_filter" in made.stderr
    assert "skipped: d1#T1: truncated: the answer reached max_tokens" in made.stderr
    assert "eyes" not in made.stderr
    assert len(read_documents(home / "silver.jsonl")) == 5


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--pack", 4), ("--shuffle", "--samples", 3)])
def test_killed_it_goes_on_and_asks_nothing_twice(tmp_path: Path, more: tuple[object, ...]) -> None:
    right = {f"bushed {n}": f"Tired{n % 2 or ''}" for n in range(36)}
    documents = [found(text, f"d{n}") for n, text in enumerate(right)]
    write_documents(tmp_path / "in.jsonl", documents)
    with FakeOpenAI(judge_by({text: "Tired" for text in right}), latency_s=0.03) as server:
        asked = [*command(tmp_path, server, "--concurrency", 2, "--quiet"), *more]
        process = start(*asked)
        while server.answered < (2 if "--pack" in more else 8):  # of 9 packs, or 36 calls
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert not (tmp_path / "silver.jsonl").exists()
        told = ok(*asked, "--json").json
        times = asked_mentions(server)
        n_samples = 3 if "--samples" in more else 1
        assert told["n_judged"] == 36
        assert set(times) == set(right)
        n_twice = sum(count - n_samples for count in times.values())
        assert 0 <= n_twice <= 2 * (4 if "--pack" in more else 1), "what was under way"
        n_asked = len(server.requests)
        assert ok(*asked, "--json").json["cost"]["n_calls"] == 0
        assert len(server.requests) == n_asked
    assert set(chosen(tmp_path / "silver.jsonl").values()) == {"Tired"}


def test_a_dry_run_sends_nothing(home: Path, server: FakeOpenAI) -> None:
    before = sorted(path.name for path in home.iterdir())
    prices = ("--prices", home / "prices.toml")
    alone = ok(*command(home, server, "--dry-run", "--json", *prices)).json
    packed = ok(*command(home, server, "--dry-run", "--json", *prices, "--pack", 7)).json
    assert (alone["n_documents"], alone["n_calls"], packed["n_calls"]) == (7, 7, 1)
    assert packed["usd"] < alone["usd"]
    assert server.requests == []
    assert sorted(path.name for path in home.iterdir()) == before
    told = ok(*command(home, server, "--dry-run", *prices)).stdout
    assert told.startswith("mentions   7, 0 of them answered in the log\nrequests   7\n")


def test_a_budget_stops_and_more_of_it_goes_on(home: Path, server: FakeOpenAI) -> None:
    flags = ["--prices", home / "prices.toml", "--max-tokens", 50, "--json", "--concurrency", 1]
    made = invoke(*command(home, server, *flags, "--budget-usd", 2))
    assert made.code == 3
    n_judged = made.json["n_judged"]
    assert 0 < n_judged < 7
    assert made.json["refusals"] == {"over_budget": 7 - n_judged}
    assert ok(*command(home, server, *flags, "--budget-usd", 100)).json["n_judged"] == 7
    assert server.answered == 7


def test_a_batch_is_sent_watched_and_fetched(home: Path, server: FakeOpenAI) -> None:
    config = home / "batch.toml"
    config.write_text("[options]\npoll_s = 0.01\n")
    asked = command(
        home,
        server,
        "--config",
        config,
        "--submit",
        "--json",
        "--quiet",
        "--pack",
        2,
        teacher="batch:m",
    )
    assert ok(*asked).json["n_judged"] == 7
    assert chosen(home / "silver.jsonl") == RIGHT


def test_examples_are_shown(home: Path, server: FakeOpenAI) -> None:
    gold = home / "gold.jsonl"
    document = found("too bushed to walk", "g")
    link = Link(id="S4", name="Tired")
    span = document.spans[0].model_copy(update={"link": link})
    write_documents(gold, [document.model_copy(update={"spans": (span,)})])
    ok(*command(home, server, "--examples", gold, "--pick", "nearest", "--n-examples", 2))
    sent = [request.body["messages"][1]["content"] for request in server.requests]
    assert all('"too bushed to walk" -> Tired' in prompt for prompt in sent)


def test_a_recording_says_whose_candidates_they_are(home: Path) -> None:
    line = {
        **{"id": "r", "mention": "bushed", "choice": "S4", "confidence": "l"},
        "candidates": [{"id": "S4", "name": "Tired"}],
    }
    (home / "r.jsonl").write_text(json.dumps(line) + "\n")
    made = invoke(
        *("judge", "--mentions", home / "in.jsonl", "--out", home / "silver.jsonl"),
        *("--teacher", f"replay:{home / 'r.jsonl'}", "--quiet"),
    )
    assert made.code == 3
    assert "candidates: the recording's own, of 1 mentions" in made.stdout
    assert "6 no_recorded_answer" in made.stderr
    (document,) = read_documents(home / "silver.jsonl")
    assert document.spans[0].link == Link.model_validate(
        {"id": "S4", "name": "Tired", "confidence": 0.5, "candidates": line["candidates"]}
    )


def test_candidates_out_of_an_index(home: Path, server: FakeOpenAI) -> None:
    from decoct.retriever.index import Index

    Index.build(ENTITIES, home / "index")
    rows = ["mention\tcontext", "couldn't keep my eyes open\t", "sore back\tI have a sore back."]
    (home / "m.tsv").write_text("".join(f"{row}\n" for row in rows))
    asked = [
        *("judge", "--mentions", home / "m.tsv", "--out", home / "silver.jsonl", "-k", 4),
        *("--teacher", "openai:m", "--base-url", server.base_url, "--index", home / "index"),
    ]
    server.handler = judge_by({"sore back": "Back pain", "couldn't keep my eyes open": "Drowsy"})
    ok(*asked)
    first, second = (document.spans[0].link for document in read_documents(home / "silver.jsonl"))
    assert first is not None
    assert second is not None
    assert second.id == "S5" == second.candidates[0].id
    assert {"ngram", "bm25"} <= second.candidates[0].scores.keys()
    prompts = [request.body["messages"][1]["content"] for request in server.requests]
    (prompt,) = (prompt for prompt in prompts if "sore back" in prompt)
    assert "1. Back pain | also: Sore back; Backache" in prompt
    assert 'Context: "I have a [[sore back]]."' in prompt


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--out", "x.tsv"), "JSONL is written"),
        (("--out", "in.jsonl"), "would be written over"),
        (("--mentions", "none.jsonl"), "can't be read"),
        (("--index", "no-such-index"), "no-such-index"),
        (("--config", "bad.toml"), "bad.toml: unknown key 'kk'"),
        (("--samples", "2"), "temperature 0"),
        (("--examples", "in.jsonl"), "no mention in it is linked"),
        (("--pick", "random"), "pick"),
        (("--teacher", "rules", "--base-url", "x"), "rules"),
        (("--contains-phi", "--base-url", "http://llm.invalid/v1"), "contains_phi"),
    ],
)
def test_a_mistake_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-key-1234567890")
    (home / "bad.toml").write_text("kk = 3\n")
    asked = ["judge", "--mentions", "in.jsonl", "--out", "s.jsonl", "--teacher", "openai:m"]
    assert re.search(said, invoke(*asked, *more).error)
    assert not (home / "s.jsonl").exists()

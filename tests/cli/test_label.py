"""`decoct label`: what it would cost, what it costs, its configs, and whom it tells nothing."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from decoct.recipes.label import read_label_settings
from decoct.testing import BatchBehavior, FakeOpenAI, Fault, ade
from decoct.testing import faults as fake
from fakes.commands import Result, invoke, ok, read_documents, write_lines

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = sorted((REPOSITORY / "examples" / "teachers").glob("*.toml"))
KEY = "sk-planted-key-1234567890"
N = 8
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


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(ade, batch=BatchBehavior(n_polls=1)) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with documents and prices."""
    texts = [f"Zorafen{'abcdefgh'[n]} caused {'xyz'[n % 3]}-fever" for n in range(N)]
    lines = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(texts)]
    write_lines(tmp_path / "in.jsonl", lines)
    (tmp_path / "prices.toml").write_text(PRICE)
    (tmp_path / "quick.toml").write_text("backoff_s = 0.01\n")
    return tmp_path


def command(
    home: Path, server: FakeOpenAI | None, *more: object, teacher: str | None = "openai:m"
) -> list[object]:
    return [
        *("label", "--in", home / "in.jsonl", "--out", home / "out.jsonl"),
        *(("--teacher", teacher) if teacher else ()),
        *(("--base-url", server.base_url) if server else ()),
        *more,
    ]


def named(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir())


# The dry run


@pytest.mark.parametrize("teacher", ["openai:m", "batch:m"])
@pytest.mark.parametrize(
    "more", [(), ("--submit",), ("--pack", 3), ("--samples", 2, "--temperature", 1)]
)
def test_a_dry_run_sends_nothing_and_leaves_nothing(
    home: Path, server: FakeOpenAI, teacher: str, more: tuple[object, ...]
) -> None:
    if teacher == "openai:m" and "--submit" in more:
        return
    before = named(home)
    asked = command(
        home, server, "--dry-run", "--prices", home / "prices.toml", *more, teacher=teacher
    )
    made = ok(*asked)
    n_calls = {(): 8, ("--submit",): 8, ("--pack", 3): 3}.get(more, 16)
    assert re.search(r"^documents  8, 0 of them answered in the log$", made.stdout, re.MULTILINE)
    assert f"requests   {n_calls}\n" in made.stdout
    assert re.search(r"^cost       \$\d", made.stdout, re.MULTILINE)
    assert "assumed    " in made.stdout
    assert ("within 24 h, as a batch" in made.stdout) == (teacher == "batch:m")
    told = ok(*asked, "--json").json
    assert (told["n_documents"], told["n_calls"], told["n_cached"]) == (8, n_calls, 0)
    assert told["usd"] > 0
    assert told["batch"] == (teacher == "batch:m")
    assert server.requests == []
    assert named(home) == before


def test_a_dry_run_knows_what_is_in_the_log(home: Path, server: FakeOpenAI) -> None:
    ok(*command(home, server, "--quiet"))
    n_asked = len(server.requests)
    files = {path.name: path.read_bytes() for path in home.iterdir()}
    more = json.dumps({"id": "new", "text": "Belimab caused coma"})
    with (home / "in.jsonl").open("a") as handle:
        handle.write(f"{more}\nnot json\n")
    made = invoke(*command(home, server, "--dry-run", "--json"))
    assert made.code == 3
    assert "1 bad_line" in made.stderr
    assert (made.json["n_cached"], made.json["n_calls"]) == (8, 1)
    assert made.json["usd"] == 0
    assert "as 8 in the log" in made.json["assumptions"][0]
    assert len(server.requests) == n_asked
    del files["in.jsonl"], files["teacher.sqlite"]
    assert {name: (home / name).read_bytes() for name in files} == files


# What it says


def test_what_a_run_came_to_and_cost(home: Path, server: FakeOpenAI) -> None:
    server.faults += [fake.throttled("0"), fake.status(500)]
    flags = ("--config", home / "quick.toml", "--prices", home / "prices.toml", "--quiet")
    made = ok(*command(home, server, *flags))
    first, second, third = made.stdout.splitlines()
    assert first == (
        f"{home / 'out.jsonl'}: 8 of 8 documents labelled, 8 relations, "
        "0 stated ones not in the text"
    )
    shape = r"this run: 8 calls, (\d+) \+ (\d+) tokens, \$(\d+\.\d{4}), 2 failed attempts"
    found = re.fullmatch(shape, second)
    assert found, second
    assert float(found[3]) == pytest.approx((int(found[1]) + int(found[2])) / 1000, abs=1e-4)
    assert third == "from the log: 0 documents"
    again = ok(*command(home, server, *flags)).stdout.splitlines()
    assert again[1] == "this run: 0 calls, 0 + 0 tokens, free, 0 failed attempts"
    assert again[2] == f"from the log: 8 documents, once worth ${found[3]}"

    told = ok(*command(home, server, *flags, "--json")).json
    assert told["n_silver"] == told["n_cached"] == 8
    assert told["cost"] == {
        "n_calls": 0,
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "cached_prompt_tokens": 0},
        "usd": 0.0,
        "failures": {},
    }


def test_failures_are_told_by_what_was_said(home: Path, server: FakeOpenAI) -> None:
    server.faults += [fake.throttled("0"), fake.status(500), fake.status(500), fake.reset()]
    flags = ("--config", home / "quick.toml", "--json", "--quiet", "--concurrency", 1)
    told = ok(*command(home, server, *flags)).json
    assert told["cost"]["failures"] == {
        "HTTP 429 (rate_limit_exceeded)": 1,
        "HTTP 500 (error)": 2,
        "the connection broke (ReadError)": 1,
    }
    assert told["n_silver"] == N


def test_answers_that_a_server_did_not_check_are_checked_here(
    home: Path, server: FakeOpenAI
) -> None:
    """It takes a schema and does not keep to it: one answer in another schema, one with prose."""
    server.faults += [fake.wrong_schema(), fake.broken_answer(), fake.extra_prose()]
    made = ok(*command(home, server, "--json", "--concurrency", 1))
    assert made.json["n_silver"] == N
    assert server.answered == N + 2, "the answer in prose was mended, two were asked again"
    again = [r.body["messages"] for r in server.requests if len(r.body["messages"]) > 2]
    assert [messages[2]["content"] for messages in again] == [
        *('{"summary": "The text was read."}', '{"drugs": ["'),
    ]
    server.standing.append(fake.wrong_schema())
    made = invoke(
        *command(home, server, "--json", "--log", home / "other.sqlite", "--max-reasks", 1)
    )
    assert made.code == 3
    assert made.json["refusals"] == {"invalid_answer": N}
    assert server.answered == N + 2 + 2 * N


def test_refusals_are_named_and_the_rest_is_written(home: Path, server: FakeOpenAI) -> None:
    server.faults += [
        *(fake.content_filter(), fake.finish("length"), fake.refusal(), fake.status(413)),
        Fault(message_patch={"content": ""}),
    ]
    made = invoke(*command(home, server, "--concurrency", 1))
    assert made.code == 3
    assert "3 of 8 documents labelled" in made.stdout
    for document, reason in enumerate(
        (
            "content_filter",
            "truncated: the answer reached max_tokens",
            "refusal",
            "too_long",
            "empty",
        )
    ):
        assert f"skipped: d{document}: {reason}" in made.stderr
    assert [d.id for d in read_documents(home / "out.jsonl")] == ["d5", "d6", "d7"]


# Money


@pytest.mark.parametrize("teacher", ["openai:m", "batch:m"])
def test_a_budget_stops_cleanly_and_more_of_it_goes_on(
    home: Path, server: FakeOpenAI, teacher: str
) -> None:
    config = home / "t.toml"
    config.write_text("[options]\npoll_s = 0.01\n" if teacher == "batch:m" else "")
    flags = ["--config", config, "--prices", home / "prices.toml", "--max-tokens", 100, "--json"]
    flags += ["--submit"] if teacher == "batch:m" else ["--concurrency", 2]
    made = invoke(*command(home, server, *flags, "--budget-usd", 2, teacher=teacher))
    assert made.code == 3
    n_silver = made.json["n_silver"]
    assert 0 < n_silver < N
    assert made.json["refusals"] == {"over_budget": N - n_silver}
    assert 0 < made.json["cost"]["usd"] <= 2
    assert server.answered == n_silver
    assert len(read_documents(home / "out.jsonl")) == n_silver
    assert "over_budget: $" in made.stderr
    assert "a higher --budget-usd goes on from here" in made.stderr

    made = ok(*command(home, server, *flags, "--budget-usd", 100, teacher=teacher))
    assert made.json["n_silver"] == N
    assert server.answered == N, "paid for twice"
    assert made.json["cost"]["n_calls"] == N - n_silver
    assert [d.id for d in read_documents(home / "out.jsonl")] == [f"d{n}" for n in range(N)]


def test_a_budget_for_an_unknown_price_is_said_before_anything_is_sent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    before = named(home)
    for teacher in ("openai:nonsuch", "batch:nonsuch"):
        asked = command(home, None, "--base-url", "http://llm.invalid/v1", teacher=teacher)
        error = invoke(*asked, "--budget-usd", 5).error
        assert "--prices FILE.toml" in error
        assert named(home) == before
        told = ok(*asked, "--dry-run").stdout
        assert "cost       unknown: no price for this model" in told


@pytest.mark.parametrize("budget", [0, -1, "nan", "inf"])
def test_a_budget_that_is_no_amount(home: Path, server: FakeOpenAI, budget: object) -> None:
    assert "budget_usd" in invoke(*command(home, server, "--budget-usd", budget)).error
    assert server.requests == []


# Configs


def test_a_config_is_read_flags_go_before_it_and_paths_are_beside_it(
    home: Path, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = {"text": "Aspirin caused rash", "answer": {"drugs": ["Aspirin"], "events": []}}
    folder = home / "config"
    write_lines(folder / "shots.jsonl", [json.dumps(shot)])
    shutil.copy(home / "prices.toml", folder / "prices.toml")
    (folder / "llm.key").write_text(KEY)
    (folder / "llm.key").chmod(0o600)
    (folder / "t.toml").write_text(
        f"""
        teacher = "openai:m"
        concurrency = 2
        samples = 2
        examples = "shots.jsonl"
        prices = "prices.toml"
        [options]
        base_url = "{server.base_url}"
        temperature = 0.5
        max_tokens = 77
        api_key_file = "llm.key"
        """
    )
    monkeypatch.chdir("/")
    asked = command(home, None, "--config", folder / "t.toml", "--json", teacher=None)
    made = ok(*asked, "--max-tokens", 99, "--samples", 3)
    assert made.json["n_silver"] == N
    assert made.json["cost"]["n_calls"] == 3 * N
    assert made.json["cost"]["usd"] > 0, "the config's prices"
    sent = server.requests[0]
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.body["model"] == "m"
    assert (sent.body["max_tokens"], sent.body["temperature"]) == (99, 0.5)
    assert "Aspirin caused rash" in sent.body["messages"][0]["content"]
    ok(*asked, "--teacher", "openai:another", "--temperature", "none")
    assert server.requests[-1].body["model"] == "another"
    assert "temperature" not in server.requests[-1].body


def test_a_path_of_a_flag_is_ones_own(
    home: Path, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "deep").mkdir()
    (home / "deep" / "t.toml").write_text('teacher = "openai:m"\nprices = "none.toml"\n')
    monkeypatch.chdir(home)
    asked = ("--config", "deep/t.toml", "--prices", "prices.toml", "--dry-run", "--json")
    assert ok(*command(home, server, *asked, teacher=None)).json["usd"] > 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('teacher = "openai:m', "t.toml: not valid TOML"),
        ("tacher = 'openai:m'", "t.toml: unknown key 'tacher' (did you mean 'teacher'?)"),
        ("concurency = 3", "t.toml: unknown key 'concurency' (did you mean 'concurrency'?)"),
        ("concurrency = 0", "t.toml: concurrency"),
        ("pick = 'random'", "t.toml: pick"),
        ("options = 3", "t.toml: options"),
        ("[options]\nbse_url = 'x'", "t.toml [options]: --teacher openai: unknown key 'bse_url'"),
        ("[options]\nbse_url = 'x'", "(did you mean 'base_url'?)"),
        ("[options]\ntemperature = 'hot'", "t.toml [options]: --teacher openai: temperature"),
        ("[options]\napi_key = 'x'", "unknown key 'api_key'"),
        ("[options]\nbase_url = 'x'", "t.toml [options]: base_url"),
        ("[options]\nextra = { since = 2026-01-01 }", "extra.since"),
        ("[options]\nextra = 'x'", "extra"),
        ("[options]\npoll_s = 3", "unknown key 'poll_s'"),
        ("[label]\nteacher = 'openai:m'", "t.toml: unknown key 'label'"),
    ],
)
def test_a_wrong_config_is_one_line_with_the_file_and_the_key(
    home: Path, server: FakeOpenAI, content: str, said: str
) -> None:
    (home / "t.toml").write_text(content)
    before = named(home)
    asked = command(home, None, "--config", home / "t.toml")
    assert said in invoke(*asked).error
    assert server.requests == []
    assert named(home) == before


def test_a_config_that_names_no_teacher_or_is_not_there(home: Path, server: FakeOpenAI) -> None:
    (home / "t.toml").write_text("concurrency = 3\n")
    error = invoke(*command(home, server, "--config", home / "t.toml", teacher=None)).error
    assert error == "no teacher: give --teacher, or a --config that names one"
    assert server.requests == []
    assert "no teacher" in invoke(*command(home, server, teacher=None)).error
    error = invoke(*command(home, server, "--config", home / "none.toml")).error
    assert "none.toml: can't be read" in error


def test_a_key_in_a_config_is_not_repeated(home: Path) -> None:
    (home / "t.toml").write_text(f'[options]\napi_key_env = "{KEY}"\n')
    made = invoke(*command(home, None, "--config", home / "t.toml"))
    assert "api_key_env" in made.error
    assert KEY not in made.stderr


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--temperature", "hot", "temperature"),
        ("--temperature", "-1", "temperature"),
        ("--pick", "random", "pick"),
        ("--requests-per-minute", "0", "requests_per_minute"),
        ("--timeout-s", "0", "timeout_s"),
        ("--base-url", "nonsense", "base_url"),
        ("--prices", "none.toml", "none.toml"),
        ("--examples", "none.jsonl", "none.jsonl"),
        ("--api-key-file", "none.key", "none.key"),
        ("--samples", "2", "temperature 0"),
    ],
)
def test_a_wrong_flag_is_one_line(
    home: Path, server: FakeOpenAI, flag: str, value: str, said: str
) -> None:
    before = named(home)
    assert said in invoke(*command(home, server), flag, value).error
    assert server.requests == []
    assert named(home) == before


def test_flags_reach_the_endpoint(
    home: Path, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_KEY", KEY)
    ok(
        *command(home, server, "--temperature", "none", "--max-tokens", 50, "--quiet"),
        *("--api-key-env", "LLM_KEY", "--requests-per-minute", 6000, "--tokens-per-minute", 1e9),
        *("--timeout-s", 5, "--max-attempts", 2),
    )
    sent = server.requests[0]
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.body["max_tokens"] == 50
    assert "temperature" not in sent.body


def test_batch_flags_are_refused_to_another_teacher(home: Path, server: FakeOpenAI) -> None:
    assert "unknown key 'submit'" in invoke(*command(home, server, "--submit")).error
    assert "unknown key 'write_again'" in invoke(*command(home, server, "--write-again")).error


def test_a_batch_does_not_read_standard_input(home: Path, server: FakeOpenAI) -> None:
    asked = ("label", "--in", "-", "--out", home / "o.jsonl", "--base-url", server.base_url)
    before = named(home)
    error = invoke(*asked, "--teacher", "batch:m", stdin="Rash after gold.\n").error
    assert error.startswith("--in -: a batch reads its documents more than once")
    assert named(home) == before
    made = ok(*asked, "--teacher", "openai:m", "--json", stdin="Rash after gold.\n")
    assert made.json["n_silver"] == 1


# The shipped configs


def swapped(config: Path, server: FakeOpenAI, folder: Path) -> tuple[Path, str]:
    """Copy a config with the server in the place of its host; return it, and the path behind."""
    settings = read_label_settings(config, {})
    given = str(settings.options.get("base_url", "https://api.openai.com/v1"))
    path = re.sub(r"^https?://[^/]+", "", given)
    copied = folder / config.name
    here = f'base_url = "http://127.0.0.1:{server.port}{path}"'
    text = config.read_text()
    if "base_url = " in text:
        text = re.sub(r'^base_url = "[^"]*"', here, text, flags=re.MULTILINE)
    else:
        text = text.replace("[options]", f"[options]\n{here}")
    copied.write_text(
        text.replace("[options]", "[options]\npoll_s = 0.01") if "batch:" in text else text
    )
    key = folder / "llm.key"
    key.write_text(KEY)
    key.chmod(0o600)
    return copied, path


EXPECTED: dict[str, dict[str, Any]] = {
    "openai": {
        "path": "/v1/chat/completions",
        "model": "gpt-5-mini",
        "body": {"max_completion_tokens": 8192, "reasoning_effort": "low"},
        "without": {"temperature", "max_tokens"},
        "headers": {"Authorization": f"Bearer {KEY}"},
    },
    "azure": {
        "path": "/openai/deployments/my-gpt-4o/chat/completions?api-version=2024-10-21",
        "model": "my-gpt-4o",
        "body": {"max_tokens": 4096, "temperature": 0.0},
        "headers": {"api-key": KEY, "Authorization": None},
    },
    "vllm": {
        "path": "/v1/chat/completions",
        "model": "Qwen/Qwen3-8B",
        "body": {"chat_template_kwargs": {"enable_thinking": False}, "max_tokens": 4096},
        "headers": {"Authorization": None},
    },
    "ollama": {
        "path": "/v1/chat/completions",
        "model": "qwen3:8b",
        "body": {"reasoning_effort": "none", "max_tokens": 4096, "temperature": 0.0},
        "headers": {"Authorization": None},
    },
    "llama_cpp": {
        "path": "/v1/chat/completions",
        "model": "local",
        "body": {"max_tokens": 4096, "temperature": 0.0},
        "headers": {"Authorization": None},
    },
    "other": {
        "path": "/v1/chat/completions",
        "model": "model-name",
        "body": {"max_tokens": 4096},
        "headers": {"Authorization": f"Bearer {KEY}"},
    },
}


@pytest.mark.parametrize("config", EXAMPLES, ids=lambda path: path.stem)
def test_each_shipped_config_asks_as_its_vendor_wants(
    config: Path, tmp_path: Path, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """See the vendors' own pages: Azure's REST reference, Ollama's OpenAI compatibility, ..."""
    keyed = {"openai": "OPENAI_API_KEY", "openai_batch": "OPENAI_API_KEY"}
    keyed["azure"] = "AZURE_OPENAI_API_KEY"
    if config.stem in keyed:
        monkeypatch.setenv(keyed[config.stem], KEY)
    if config.stem.startswith("openai"):
        server.standing += [fake.rejects("max_tokens"), fake.rejects("temperature")]
    copied, path = swapped(config, server, tmp_path)
    write_lines(tmp_path / "in.txt", ["Zorafen caused rash"])
    asked = (
        "label",
        "--config",
        copied,
        "--in",
        tmp_path / "in.txt",
        "--out",
        tmp_path / "o.jsonl",
    )
    if config.stem.endswith("_batch"):
        check_batch_config(config.stem, asked, server, tmp_path)
        return
    expected = EXPECTED[config.stem]
    ok(*asked, "--quiet")
    sent = server.requests[-1]
    assert sent.path == expected["path"]
    assert sent.path.startswith(path)
    assert sent.body["model"] == expected["model"]
    assert sent.body["response_format"]["type"] == "json_schema"
    assert [message["role"] for message in sent.body["messages"]] == ["system", "user"]
    for name, value in expected["body"].items():
        assert sent.body[name] == value, name
    assert expected.get("without", set()).isdisjoint(sent.body)
    for name, value in expected["headers"].items():
        assert sent.headers.get(name) == value, name
    known = {"model", "messages", "response_format", "temperature"}
    assert set(sent.body) <= known | expected["body"].keys()


def check_batch_config(
    name: str, asked: tuple[object, ...], server: FakeOpenAI, folder: Path
) -> None:
    if name == "openai_batch":
        assert ok(*asked, "--submit", "--json", "--quiet").json["n_silver"] == 1
        paths = [
            f"{request.method} {request.path.partition('?')[0]}" for request in server.requests
        ]
        assert paths[:3] == ["POST /v1/files", "GET /v1/batches", "POST /v1/batches"]
        assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"
        files = sorted((folder / "teacher.batch").glob("requests-????.jsonl"))
        body = json.loads(files[-1].read_text())["body"]
        assert body["max_completion_tokens"] == 8192
        assert "temperature" not in body
        return
    made = invoke(*asked)
    assert made.code == 3, "its answer is due"
    requests = folder / "teacher.batch" / "requests-0001.jsonl"
    assert f"vllm run-batch -i {requests} " in made.stderr.replace("\n", " ")
    line = json.loads(requests.read_text())
    assert line["url"] == "/v1/chat/completions"
    assert line["body"]["model"] == "Qwen/Qwen3-8B"
    assert line["body"]["chat_template_kwargs"] == {"enable_thinking": False}
    assert server.requests == []


def test_every_shipped_config_is_in_the_docs_and_tested() -> None:
    page = (REPOSITORY / "docs" / "teacher.md").read_text()
    for config in EXAMPLES:
        assert f"`{config.name}`" in page
        assert config.stem in EXPECTED or config.stem.endswith("_batch")
    for named_there in re.findall(r"`(\w+\.toml)`", page):
        assert (REPOSITORY / "examples" / "teachers" / named_there).exists(), named_there


# Protected health information


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every name that is looked up, and every connection that is tried; none of them succeeds."""
    tried: list[object] = []

    def refuse(*arguments: object, **more: object) -> None:
        tried.append(arguments[:2])
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return tried


@pytest.mark.parametrize("how", ["flag", "config", "document"])
@pytest.mark.parametrize("teacher", ["openai:m", "batch:m"])
def test_protected_health_information_stays_home(
    home: Path, no_network: list[object], how: str, teacher: str
) -> None:
    elsewhere = (
        "--base-url",
        "https://llm.invalid/v1",
        *(["--submit"] if teacher == "batch:m" else []),
    )
    more: tuple[object, ...] = ()
    if how == "flag":
        more = ("--contains-phi",)
    elif how == "config":
        (home / "t.toml").write_text("contains_phi = true\n")
        more = ("--config", home / "t.toml")
    else:
        marked = {"id": "d0", "text": "Mrs. Quillfeather.", "meta": {"contains_phi": True}}
        write_lines(home / "in.jsonl", [json.dumps(marked)])
    made = invoke(*command(home, None, *elsewhere, *more, teacher=teacher))
    assert "marked contains_phi, and the teacher's host is neither loopback nor" in made.error
    assert "Quillfeather" not in made.stderr
    assert no_network == []
    folder = home / "teacher.batch"
    assert not list(folder.glob("requests-*.jsonl")) if folder.exists() else True
    assert (
        "loopback"
        in invoke(*command(home, None, *elsewhere, *more, "--dry-run", teacher=teacher)).error
    )
    # without the mark it is tried: were it not, this test could not fail
    write_lines(home / "in.jsonl", [json.dumps({"id": "d0", "text": "Nobody."})])
    if how == "document" and teacher == "openai:m":
        invoke(*command(home, None, *elsewhere, "--max-attempts", 1, teacher=teacher))
        assert no_network


def test_an_allowed_host_and_this_machine_may_see_it(home: Path, server: FakeOpenAI) -> None:
    marked = {"id": "d0", "text": "Zorafen caused rash", "meta": {"contains_phi": True}}
    write_lines(home / "in.jsonl", [json.dumps(marked)])
    assert ok(*command(home, server, "--contains-phi", "--json")).json["n_silver"] == 1
    by_another_name = f"http://127.1:{server.port}/v1"  # which is not loopback by its looks
    asked = command(home, None, "--base-url", by_another_name, "--json", "--contains-phi")
    n_asked = len(server.requests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        assert "loopback" in invoke(*asked).error
        assert len(server.requests) == n_asked
        assert (
            ok(*asked, "--allow-host", "other.org", "--allow-host", "127.1").json["n_silver"] == 1
        )
        assert len(server.requests) == n_asked + 1


def test_a_redirect_to_another_host_sends_nothing_there(home: Path, server: FakeOpenAI) -> None:
    with FakeOpenAI(ade) as other:
        server.faults.append(fake.redirect(f"http://localhost:{other.port}/v1/chat/completions"))
        error = invoke(*command(home, server, "--contains-phi")).error
        assert "redirects to localhost, not followed" in error
        assert other.requests == []


def test_neither_key_nor_text_is_shown(
    home: Path, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    words = f"Zorafena caused x-fever, says {KEY}"
    faults = [
        Fault(500, {"error": {"message": words, "code": words}}),
        fake.refusal(words),
        fake.broken_answer(words),
        Fault(body=words.encode()),
    ]
    server.faults += faults
    flags = ("--config", home / "quick.toml", "--json", "--max-reasks", 0, "--max-attempts", 2)
    made: Result = invoke(*command(home, server, *flags))
    server.faults += [Fault(400, {"error": {"message": words, "code": words, "param": words}})]
    failed = invoke(*command(home, server, "--log", home / "l.sqlite"))
    assert failed.code == 1
    for shown in (made.stdout, made.stderr, failed.stderr):
        assert "Zorafena" not in shown
        assert KEY not in shown
    assert KEY.encode() not in (home / "out.jsonl").read_bytes()


# The page about it


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (REPOSITORY / "docs" / "teacher.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        names: dict[str, Any] = {}
        exec(compile(block, "docs/teacher.md", "exec"), names)
        (document,) = names["silver"]
        assert [(a.text, b.text) for _, a, b in document.pairs()] == [("gold", "Rash")]
        assert names["silver"].summary.cost.failures.total() == 3
    assert (tmp_path / "calls.sqlite").is_file()


def test_the_prices_of_the_page_are_read(home: Path, server: FakeOpenAI) -> None:
    page = (REPOSITORY / "docs" / "teacher.md").read_text()
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (home / "mine.toml").write_text(block)
    asked = command(
        home, server, "--prices", home / "mine.toml", "--dry-run", teacher="openai:my-model"
    )
    assert "our contract, 2026-11-01" in ok(*asked).stdout

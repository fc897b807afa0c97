"""The server among bad clients, under more than it takes, and at its end."""

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from decoct.recipes.serve import load_models
from decoct.records import Document
from decoct.serving.models import Models
from decoct.student.student import Student
from fakes.commands import invoke, start
from fakes.drugs import DRUGS, EFFECTS, corpus
from fakes.servers import eventually, served

TEXT = f"{DRUGS[0]} caused {EFFECTS[0]}."
NDJSON = {"content-type": "application/x-ndjson"}


def post_head(path="/v1/extract", kind="application/json", **headers):
    lines = [f"POST {path} HTTP/1.1", "host: localhost", f"content-type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_all(connection):
    """Everything until the server closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def n_waiting(server):
    return server.state.batcher.n_documents


# streams


def test_lines_in_lines_out_in_order(server, student):
    documents = [document.bare() for document in corpus(150, seed=4)]
    lines = [document.to_json() for document in documents]
    lines.insert(3, "no JSON")
    lines.insert(7, "")
    lines.insert(9, json.dumps({"id": "long", "text": "a" * 5001}))
    lines.insert(11, json.dumps("a text alone"))
    lines.insert(13, "x" * 250_000)
    with server.client() as client:
        body = "\n".join(lines).encode()
        answer = client.post("/v1/extract?link=false", content=body, headers=NDJSON)
    assert answer.headers["content-type"] == "application/x-ndjson"
    found = answer.text.splitlines()
    assert json.loads(found.pop(12)) == {
        "line": 14,
        "error": "more than 200000 bytes in a line",
        "code": "body_too_large",
    }
    assert Document.from_json(found.pop(10)).id == "12"
    long = json.loads(found.pop(8))
    assert (long["line"], long["code"], long["document"]) == (10, "text_too_long", "long")
    assert json.loads(found.pop(3))["line"] == 4
    made = [Document.from_json(line) for line in found]
    expected = list(student.extract(documents))
    assert [one.id for one in made] == [one.id for one in expected]
    assert [[span.text for span in one.spans] for one in made] == [
        [span.text for span in one.spans] for one in expected
    ]


def test_options_of_lines_are_in_the_query(server):
    line = json.dumps({"text": "Call 617-555-0123."}).encode()
    with server.client() as client:
        answer = client.post("/v1/deidentify?how=tag", content=line, headers=NDJSON)
        assert json.loads(answer.text)["text"] == "Call [PHONE_NUMBER]."
        for query, field in (("how=hide", "query.how"), ("hw=tag", "query.hw")):
            answer = client.post(f"/v1/deidentify?{query}", content=line, headers=NDJSON)
            assert answer.status_code == 422
            assert answer.json()["error"]["field"] == field
        answer = client.post("/v1/extract?given_subjects=true", content=line, headers=NDJSON)
        assert json.loads(answer.text)["spans"] == []


def test_a_line_is_answered_before_the_next_is_sent(server):
    line = json.dumps({"text": TEXT}).encode() + b"\n"
    with server.connect() as connection:
        kind = "application/x-ndjson"
        connection.sendall(post_head(kind=kind, transfer_encoding="chunked", connection="close"))
        for _ in range(3):
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            got = b""
            while b"predicted" not in got:
                got += connection.recv(65536)
        connection.sendall(b"0\r\n\r\n")
        assert read_all(connection).endswith(b"0\r\n\r\n")


def test_a_stream_that_is_not_read_is_held_back_and_holds_up_nobody(student):
    """However much is sent, a window of documents is under way, and what sockets hold."""
    line = json.dumps({"text": TEXT, "meta": {"pad": "p" * 20_000}}).encode() + b"\n"
    with (
        served(Models(student), stream_window=4, send_timeout_s=60) as server,
        server.connect() as connection,
    ):
        kind, n_lines = "application/x-ndjson", 2000
        connection.sendall(post_head(kind=kind, content_length=len(line) * n_lines))
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.sendall(line * n_lines)
        assert n_waiting(server) <= 4
        assert server.post("/v1/extract", {"text": TEXT}).status_code == 200
        connection.close()
        eventually(lambda: server.state.n_working == 0)


# clients


@pytest.mark.slow
def test_a_slow_body_is_given_up_and_disturbs_nobody(server):
    with server.connect() as connection:
        connection.sendall(post_head(content_length=100) + b'{"te')
        assert server.post("/v1/extract", {"text": TEXT}).status_code == 200
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in answer


def test_a_slow_line_ends_its_stream(server):
    with server.connect() as connection:
        head = post_head(kind="application/x-ndjson", content_length=10_000)
        connection.sendall(head + json.dumps({"text": TEXT}).encode() + b"\n" + b'{"te')
        answer = b""
        while b"too_slow" not in answer:
            part = connection.recv(65536)
            assert part
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"predicted") == 1


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"POST /v1/ext", post_head()[:-2]])
def test_half_a_head_is_given_up(server, sent):
    with server.connect() as connection:
        connection.sendall(sent)
        with suppress(ConnectionResetError):
            assert read_all(connection) == b""


def test_what_is_no_http_gets_an_error_of_our_shape(server):
    with server.connect() as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00 what is this?\r\n\r\n")
        answer = read_all(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "bad_request"


def test_a_refused_body_is_read_away_so_that_the_answer_arrives(server):
    """A connection that is closed on a client that writes is reset, and the answer is lost."""
    with server.connect() as connection:
        connection.sendall(post_head(content_length=5_000_000))
        for _ in range(50):
            connection.sendall(b"a" * 100_000)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_who_hangs_up_in_a_body_or_before_the_answer_leaves_nothing(held):
    with served(Models(held, n_runners=1)) as server:
        with server.connect() as connection:
            connection.sendall(post_head(content_length=100) + b'{"te')
            eventually(lambda: server.state.n_working == 1)
        eventually(lambda: server.state.n_working == 0)
        body = json.dumps({"documents": [TEXT] * 500}).encode()
        with server.connect() as connection:
            connection.sendall(post_head(content_length=len(body)) + body)
            eventually(lambda: held.batches)
        eventually(lambda: server.state.n_working == 0)
        assert n_waiting(server) <= 3 * server.settings.batch_documents
        held.go.set()
        assert server.post("/v1/extract", {"text": TEXT}).status_code == 200
        assert sum(map(len, held.batches)) <= server.settings.batch_documents + 1
        eventually(lambda: n_waiting(server) == 0)
        assert [json.loads(line)["status"] for line in server.log][:2] == [499, 499]
        eventually(lambda: server.state.held_bytes == 0)


def test_who_hangs_up_in_a_stream_leaves_nothing(held):
    line = json.dumps({"text": TEXT}).encode() + b"\n"
    with served(Models(held, n_runners=1), stream_window=50) as server:
        with server.connect() as connection:
            head = post_head(kind="application/x-ndjson", content_length=10_000)
            connection.sendall(head + line * 20)
            eventually(lambda: n_waiting(server) == 20)
        eventually(lambda: server.state.n_working == 0)
        held.go.set()
        eventually(lambda: n_waiting(server) == 0)
        assert sum(map(len, held.batches)) <= server.settings.batch_documents


# more than it takes


def test_what_does_not_fit_gets_a_503_and_what_was_accepted_its_answer(held):
    limits = {"max_waiting": 10, "max_documents": 10}
    with served(Models(held, n_runners=1), **limits) as server, ThreadPoolExecutor(5) as pool:
        asks = [
            pool.submit(server.post, "/v1/extract", {"documents": [TEXT] * 2}) for _ in range(5)
        ]
        eventually(lambda: n_waiting(server) == 10)
        refused = server.post("/v1/extract", {"text": TEXT})
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "busy"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert n_waiting(server) == 10
        assert server.get("/health").status_code == 200
        held.go.set()
        assert [ask.result().status_code for ask in asks] == [200] * 5
        assert server.post("/v1/extract", {"text": TEXT}).status_code == 200
        assert 'refused_total{code="busy"} 1' in server.get("/metrics").text


def test_open_requests_and_held_bytes_are_bounded(held):
    limits = {"max_requests": 2, "max_held_bytes": 1000, "max_body_bytes": 600}
    with served(Models(held, n_runners=1), **limits) as server, ThreadPoolExecutor(2) as pool:
        body = {"documents": [TEXT], "given_subjects": False}
        ask = pool.submit(server.post, "/v1/extract", body)
        eventually(lambda: n_waiting(server) == 1)
        before = server.state.held_bytes
        assert before > 0
        filler = {"documents": ["a" * 500]}
        other = pool.submit(server.post, "/v1/extract", filler)
        eventually(lambda: n_waiting(server) == 2)
        assert server.post("/v1/extract", body).status_code == 503, "two are open"
        held.go.set()
        assert ask.result().status_code == other.result().status_code == 200
        eventually(lambda: server.state.held_bytes == 0)
    with served(Models(held), max_held_bytes=600, max_body_bytes=600) as server:
        held.go.clear()
        with ThreadPoolExecutor(1) as pool:
            ask = pool.submit(server.post, "/v1/extract", {"text": "a" * 500})
            eventually(lambda: n_waiting(server) == 1)
            assert server.post("/v1/extract", {"text": "a" * 500}).status_code == 503
            held.go.set()
            assert ask.result().status_code == 200


def test_a_small_request_is_answered_before_a_large_one_that_came_first(held):
    with served(Models(held, n_runners=1)) as server, ThreadPoolExecutor(2) as pool:
        large = pool.submit(server.post, "/v1/extract", {"documents": [TEXT] * 900})
        eventually(lambda: held.batches)
        documents = [{"id": "small", "text": TEXT}]
        small = pool.submit(server.post, "/v1/extract", {"documents": documents})
        eventually(lambda: n_waiting(server) == 901)
        held.go.set()
        assert small.result().status_code == large.result().status_code == 200
        place = next(at for at, batch in enumerate(held.batches) if "small" in batch)
        assert place <= 5 < len(held.batches) // 2


# the end


@pytest.fixture(scope="module")
def text_of_many():
    texts = [" ".join(one.text for one in corpus(20, seed=seed)) for seed in range(20)]
    return json.dumps({"documents": texts * 3, "link": False}).encode()


def begin(folder, *flags):
    """Start the command; return the process and its address."""
    arguments = ("serve", "--student", folder, "--port", 0, *flags)
    process = start(*arguments)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "listening at http://127.0.0.1:" in line, line
    return process, line.split()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_when_all_that_was_accepted_is_answered(exported, text_of_many, number):
    process, url = begin(exported, "--threads", "1")
    headers = {"content-type": "application/json"}

    def ask(_):
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            return client.post("/v1/extract", content=text_of_many, headers=headers)

    with (
        ThreadPoolExecutor(6) as pool,
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        assert client.get("/ready").status_code == 200
        asks = [pool.submit(ask, n) for n in range(6)]
        eventually(lambda: _metric(client, "decoct_held_bytes") == 6 * len(text_of_many))
        process.send_signal(number)
        eventually(lambda: client.get("/ready").status_code == 503)
        late = client.post("/v1/extract", json={"text": TEXT})
        assert late.status_code == 503
        assert late.json()["error"]["code"] == "stopping"
        assert "retry-after" in late.headers
        answers = [ask.result() for ask in asks]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert all(len(answer.json()["documents"]) == 60 for answer in answers)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in log
    assert DRUGS[0] not in log
    assert sum('"status": 200' in line and "extract" in line for line in log.splitlines()) == 6


def _metric(client, name):
    for line in client.get("/metrics").text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise AssertionError(name)


@pytest.mark.slow
def test_a_stream_is_ended_between_two_lines(held):
    line = json.dumps({"text": TEXT}).encode() + b"\n"
    held.go.set()
    with served(Models(held)) as server, server.connect() as connection:
        head = post_head(kind="application/x-ndjson", content_length=100_000)
        connection.sendall(head + line * 3 + b'{"te')
        got = b""
        while got.count(b"predicted") < 3:
            got += connection.recv(65536)
        server.server.stop()
        while part := connection.recv(65536):
            got += part
    assert b'{"line": 4, "error": "the server is shutting down' in got
    assert server.is_clean


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(exported):
    process, url = begin(exported, "--threads", "1", "-q")
    address = url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall(post_head(content_length=1000) + b"{")
        with httpx.Client(base_url=url, trust_env=False) as client:
            eventually(lambda: _metric(client, "decoct_open_requests") == 2)
            process.send_signal(signal.SIGTERM)
            eventually(lambda: client.get("/ready").status_code == 503)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert log == "decoct: ended before all that was accepted was answered\n"


def test_grace_is_not_endless(held):
    with served(Models(held), grace_s=0.3) as server, ThreadPoolExecutor(1) as pool:
        ask = pool.submit(server.post, "/v1/extract", {"text": TEXT})
        eventually(lambda: n_waiting(server) == 1)
        server.server.stop()
        eventually(lambda: server.is_clean is not None)
        assert not server.is_clean
        held.go.set()
        answer = ask.result()
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "stopping"


@pytest.mark.slow
def test_work_is_taken_for_a_while_after_ready_says_no(student):
    with served(Models(student), drain_s=2) as server, server.client() as client:
        server.server.stop()
        eventually(lambda: client.get("/ready").status_code == 503)
        assert client.post("/v1/extract", json={"text": TEXT}).status_code == 200


# the command


def test_what_the_command_refuses(student_folder, tmp_path, monkeypatch):
    assert "--student" in invoke("serve").error
    assert "no such student folder" in invoke("serve", "--student", tmp_path / "none").error
    exposed = ("serve", "--student", student_folder, "--host", "0.0.0.0")
    found = invoke(*exposed).error
    assert "DECOCT_SERVE_KEY" in found
    assert "--without-key" in found
    monkeypatch.setenv("DECOCT_SERVE_KEY", "short")
    assert "16 are the least" in invoke(*exposed).error
    monkeypatch.delenv("DECOCT_SERVE_KEY")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = invoke("serve", "--student", student_folder, "--port", port).error
    assert f"127.0.0.1:{port}" in found
    assert "--port" in found
    flags = ("--max-documents", 100, "--max-waiting", 10)
    assert "max_waiting" in invoke("serve", "--student", student_folder, *flags).error


def test_an_exported_student_is_run_by_several_runners(exported):
    """What batches of several requests give is what the student gives."""
    models = load_models(exported, threads=3)
    assert models.n_runners == 3
    assert "student" not in models.alone
    documents = [document.text for document in corpus(80, seed=12)]
    parts = [documents[at : at + 5] for at in range(0, 80, 5)]
    expected = list(Student.from_pretrained(exported, threads=1).extract(documents))
    with served(models) as server, ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda part: server.post("/v1/extract", {"documents": part}), parts)
        )
    found = [Document.from_dict(one) for made in answers for one in made.json()["documents"]]
    for one, other in zip(found, expected, strict=True):
        assert [(span.start, span.end, span.label) for span in one.spans] == [
            (span.start, span.end, span.label) for span in other.spans
        ]
        assert [span.confidence for span in one.spans] == pytest.approx(
            [span.confidence for span in other.spans], abs=0.02
        )
        assert [(one.subject, one.object) for one in one.relations] == [
            (one.subject, one.object) for one in other.relations
        ]

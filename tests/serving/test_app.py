"""What is asked and answered: shapes, limits, keys, and that nothing is a fault of the server."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import decoct
from decoct.privacy.key import Key
from decoct.records import Document, Link
from decoct.serving.models import Models
from decoct.serving.operations import DEIDENTIFIED
from fakes.drugs import DRUGS, EFFECTS, corpus
from fakes.servers import served

ASKED = [document.bare() for document in corpus(60, seed=21, prefix="asked")]
NOTE = "Seen on 2021-03-04 by a nurse, phone 617-555-0123."
KEY = "a key of some length"


def told(document):
    """A document's record, confidences to two digits: batches differ in the last ones."""
    record = json.loads(document.to_json())
    for one in (*record["spans"], *record["relations"]):
        one["confidence"] = pytest.approx(one["confidence"], abs=0.02)
    return record


def error(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()["error"]
    assert found["code"] == code
    assert found["request_id"] == answer.headers["x-request-id"]
    assert found["message"]
    return found


# extract


def test_one_text_is_one_document(server, student):
    text = f"{DRUGS[0]} caused {EFFECTS[0]}."
    answer = server.post("/v1/extract", {"text": text, "link": False})
    assert answer.status_code == 200
    assert answer.json() == told(student.extract(text))
    assert answer.json()["relations"], "or there is nothing to compare"
    assert Document.from_json(answer.content).text == text


def test_documents_are_those_of_the_student_in_order(server, student):
    asked = [json.loads(document.to_json()) for document in ASKED]
    answer = server.post("/v1/extract", {"documents": [*asked, "No drug."], "link": False})
    found = answer.json()["documents"]
    assert [one["id"] for one in found] == [*(one.id for one in ASKED), "61"]
    assert found[:-1] == [told(one) for one in student.extract(ASKED)]
    assert server.post("/v1/extract", {"documents": []}).json() == {"documents": []}


def test_many_clients_at_once_get_their_own(server, student):
    def ask(document):
        body = {"documents": [{"id": document.id, "text": document.text}], "link": False}
        return server.post("/v1/extract", body).json()["documents"][0]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, ASKED))
    assert found == [told(one) for one in student.extract(ASKED)]


def test_given_subjects(server, student):
    drug = DRUGS[3]
    start = len("Some say that ")
    span = {"id": "T1", "start": start, "end": start + len(drug), "label": "Drug", "text": drug}
    given = {"id": "d", "text": f"Some say that {drug} caused {EFFECTS[1]}.", "spans": [span]}
    body = {"documents": [given], "given_subjects": True, "link": False}
    expected = student.extract(Document.from_dict(given), given_subjects=True)
    assert server.post("/v1/extract", body).json()["documents"] == [told(expected)]


def test_spans_are_linked_where_there_is_a_linker(server, student, linker):
    text = f"{DRUGS[2]} caused {EFFECTS[2]}."
    expected = next(linker.link_documents([student.extract(text)]))
    answer = server.post("/v1/extract", {"text": text}).json()
    assert answer == told(expected)
    assert answer["spans"][0]["link"]["id"] == "C2"


# link


def test_mentions(server, linker):
    context = f"It was {EFFECTS[1]}."
    mention = {"text": EFFECTS[1], "context": context, "start": 7, "end": len(context) - 1}
    answer = server.post("/v1/link", {"mentions": [DRUGS[5], mention, "qqq"]}).json()
    links = [Link.model_validate(link) for link in answer["links"]]
    assert links[0] == linker.link(DRUGS[5])
    assert links[1].id == f"C{len(DRUGS) + 1}"
    assert answer["links"][2]["id"] == linker.link("qqq").id


def test_documents_with_spans_are_linked(server, linker):
    documents = corpus(5, seed=3)
    body = {"documents": [json.loads(one.to_json()) for one in documents]}
    answer = server.post("/v1/link", body).json()
    expected = [json.loads(one.to_json()) for one in linker.link_documents(documents)]
    assert answer == {"documents": expected}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"mentions": ["a"], "documents": []}, None),
        ({"mentions": [""]}, "mentions.0.text"),
        ({"mentions": [{"text": "a", "context": "bab", "start": 0, "end": 1}]}, "mentions.0"),
        ({"mentions": [{"text": "a", "contxt": "bab"}]}, "mentions.0.contxt"),
    ],
)
def test_mentions_that_are_wrong(server, body, field):
    assert error(server.post("/v1/link", body), 422, "bad_field").get("field") == field


# deidentify


def test_patterns_and_marks_go(server):
    span = {"id": "T1", "start": 21, "end": 28, "label": "NAME", "text": "a nurse"}
    span["start"], span["end"] = NOTE.index("a nurse"), NOTE.index("a nurse") + 7
    answer = server.post("/v1/deidentify", {"text": NOTE, "how": "tag"}).json()
    assert answer["text"] == "Seen on [DATE] by a nurse, phone [PHONE_NUMBER]."
    assert answer["meta"][DEIDENTIFIED] == {"counts": {"DATE": 1, "PHONE_NUMBER": 1}, "left": []}
    body = {"documents": [{"id": "n", "text": NOTE, "spans": [span]}], "how": "mask"}
    masked = server.post("/v1/deidentify", body).json()["documents"][0]["text"]
    assert "nurse" not in masked
    assert len(masked) == len(NOTE)


def test_stand_ins_are_those_of_the_key():
    models = Models(key=Key.of(b"sixteen bytes and more"))
    with served(models) as server:
        answer = server.post("/v1/deidentify", {"documents": [{"id": "n", "text": NOTE}]}).json()
        assert server.get("/v1/models").json()["deidentify"]["key"] == "from the environment"
    made = decoct.deidentify(
        Document(id="n", text=NOTE), key=b"sixteen bytes and more", patterns=True
    )
    assert answer["documents"][0]["text"] == made.document.text != NOTE


def test_a_student_of_phi_marks_too(student):
    text = f"{DRUGS[0]} caused {EFFECTS[0]}."
    with served(Models(phi_student=student)) as server:
        answer = server.post("/v1/deidentify", {"text": text, "how": "tag"}).json()
        assert server.get("/v1/models").json()["deidentify"]["key"] == "of this process"
    found = student.extract(text)
    unknown = decoct.deidentify(found, "tag")  # its labels are of no PHI, so nothing goes
    assert answer["text"] == unknown.document.text


# what is said of the server


def test_what_is_loaded(server):
    about = server.get("/v1/models").json()
    assert about["student"]["kind"] == "spans"
    assert about["student"]["labels"] == ["AdverseEffect", "Drug"]
    assert about["student"]["relations"][0]["label"] == "ADE"
    assert about["linker"]["entities"] == len(DRUGS) + len(EFFECTS)
    assert about["limits"]["max_documents"] == 300
    assert server.get("/health").json() == {"status": "ok"}
    assert server.get("/ready").json() == {"status": "ready"}


def test_what_is_counted(server):
    server.post("/v1/extract", {"documents": ["a", "b"]})
    server.get(f"/{DRUGS[0]}")
    text = server.get("/metrics").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}
    assert values['decoct_documents_total{operation="extract"}'] >= 2
    assert values['decoct_requests_total{path="?",method="GET",status="404"}'] >= 1
    assert values["decoct_waiting_documents"] == 0
    assert values["decoct_resident_memory_bytes"] > 1e6
    assert DRUGS[0] not in text
    seen = values['decoct_request_seconds_count{path="/v1/extract"}']
    assert values['decoct_request_seconds_bucket{path="/v1/extract",le="+Inf"}'] == seen


def test_openapi_describes_bodies_and_its_examples_work(server):
    made = server.get("/openapi.json").json()
    names = set(made["components"]["schemas"])
    assert {"ExtractIn", "DocumentIn", "Document", "Link", "Refusal"} <= names
    for reference in _references(made):
        assert reference.removeprefix("#/components/schemas/") in names, reference
    for path in ("/v1/extract", "/v1/link", "/v1/deidentify"):
        body = made["paths"][path]["post"]["requestBody"]["content"]
        for example in body["application/json"]["examples"].values():
            assert server.post(path, example["value"]).status_code == 200, example


def _references(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_request_ids(server):
    assert (
        server.get("/health", headers={"X-Request-ID": "a-b.1"}).headers["x-request-id"] == "a-b.1"
    )
    made = [server.get("/health").headers["x-request-id"] for _ in range(2)]
    assert len(set(made)) == 2
    for odd in ("white space", "x" * 200, ""):
        shown = server.get("/health", headers={"X-Request-ID": odd}).headers["x-request-id"]
        assert shown != odd
    assert shown.isalnum()


# what is refused


@pytest.mark.parametrize(
    ("body", "status", "code", "field", "document"),
    [
        (b"{", 400, "bad_json", None, None),
        (b'{"text": "\xff"}', 400, "bad_json", None, None),
        (b'{"text": "\\ud800"}', 400, "bad_json", None, None),
        (b"[" * 100_000, 400, "bad_json", None, None),
        (b"[]", 422, "bad_field", None, None),
        (b"{}", 422, "bad_field", None, None),
        (b'{"text": 3}', 422, "bad_field", "text", None),
        (b'{"text": "a", "documents": []}', 422, "bad_field", None, None),
        (b'{"text": "a", "given_subjects": 1}', 422, "bad_field", "given_subjects", None),
        (b'{"txt": "a"}', 422, "bad_field", "txt", None),
        (b'{"documents": ["a", {"id": "d", "txt": 1}]}', 422, "bad_field", "documents.1.text", "d"),
        (b'{"documents": [{"id": "", "text": "a"}]}', 422, "bad_field", "documents.0.id", ""),
        (
            b'{"documents": [{"id": "d", "text": "a", "spans": [{"id": "s", "start": 0, "end": 9,'
            b'"label": "Drug", "text": "a"}]}]}',
            422,
            "bad_document",
            "documents.0",
            "d",
        ),
        (b'{"text": "%s"}' % (b"a" * 5001), 413, "text_too_long", "text", "1"),
        (
            b'{"documents": ["a", "%s"]}' % (b"a" * 5001),
            413,
            "text_too_long",
            "documents.1.text",
            "2",
        ),
        (b'{"documents": [%s]}' % b",".join([b'""'] * 301), 413, "too_many", "documents", None),
        (b'{"text": "%s"}' % (b"a" * 300_000), 413, "body_too_large", None, None),
    ],
)
def test_bodies_that_are_wrong(server, body, status, code, field, document):
    with server.client() as client:
        answer = client.post(
            "/v1/extract", content=body, headers={"content-type": "application/json"}
        )
    found = error(answer, status, code)
    assert (found.get("field"), found.get("document")) == (field, document)


def test_a_body_of_no_declared_length_is_limited_too(server):
    def parts():
        yield b'{"text": "'
        for _ in range(40):
            yield b"a" * 10_000
        yield b'"}'

    with server.client() as client:
        answer = client.post(
            "/v1/extract", content=parts(), headers={"content-type": "application/json"}
        )
    error(answer, 413, "body_too_large")


def test_other_kinds_of_bodies_and_paths(server):
    with server.client() as client:
        for headers in (
            {"content-type": "text/plain"},
            {},
            {"content-type": "application/json", "content-encoding": "gzip"},
        ):
            answer = client.post("/v1/extract", content=b'{"text": "a"}', headers=headers)
            error(answer, 415, "bad_content_type")
        error(client.get("/v1/extract"), 405, "bad_method")
        error(client.get("/nonsuch"), 404, "not_found")
        error(client.post("/v1/extract/", json={"text": "a"}), 404, "not_found")


def test_what_is_not_loaded_says_how_to_load_it(linker):
    with served(Models(linker=linker)) as server:
        found = error(server.post("/v1/extract", {"text": "a"}), 404, "not_loaded")
        assert "--student" in found["message"]
    with served(Models()) as server:
        found = error(server.post("/v1/link", {"mentions": ["a"]}), 404, "not_loaded")
        assert "--linker" in found["message"]


def test_the_host_must_be_an_address_where_no_key_is_asked_for(server):
    """A page of somebody else's, whose name points at this machine, names that name."""
    error(server.get("/health", headers={"host": "evil.example"}), 421, "bad_host")
    for host in ("localhost", "127.0.0.1:80", "[::1]:80", "10.1.2.3"):
        assert server.get("/health", headers={"host": host}).status_code == 200


def test_a_key_is_asked_for(linker):
    with served(Models(linker=linker), KEY) as server:
        for shown in (None, "", KEY, f"Basic {KEY}", "Bearer", f"Bearer {KEY}x", "Bearer \xe9"):
            headers = {} if shown is None else {"authorization": shown.encode("latin-1")}
            for path in ("/v1/models", "/metrics", "/openapi.json", "/nonsuch"):
                answer = server.get(path, headers=headers)
                error(answer, 401, "bad_key")
                assert answer.headers["www-authenticate"] == "Bearer"
            error(server.post("/v1/link", {"mentions": ["a"]}, headers=headers), 401, "bad_key")
        good = {"authorization": f"Bearer {KEY}"}
        assert server.post("/v1/link", {"mentions": ["a"]}, headers=good).status_code == 200
        for path in ("/health", "/ready"):
            assert server.get(path).status_code == 200
        assert KEY not in "".join(server.log)


# the log


def test_the_log_tells_of_each_request_and_holds_no_text(server):
    secret = "Zebedee"
    marked = {"id": "d", "text": secret, "spans": [secret]}
    answers = [
        server.post("/v1/extract", {"documents": [f"{secret} took it.", f"{secret}."]}),
        server.post("/v1/extract", {"documents": [marked]}),
        server.post("/v1/deidentify", {"text": f"{secret} 617-555-0123"}),
        server.post(f"/v1/extract?link={secret}", secret),
        server.get(f"/{secret}?{secret}"),
    ]
    lines = server.told(answers)
    assert [line["status"] for line in lines] == [200, 422, 200, 422, 404]
    assert lines[0] | {"time": 0, "ms": 0, "id": 0} == {
        "time": 0,
        "event": "request",
        "method": "POST",
        "path": "/v1/extract",
        "status": 200,
        "ms": 0,
        "id": 0,
        "documents": 2,
    }
    assert lines[-1]["path"] == "?"
    assert secret not in "".join(server.log)


class _BrokenError(Exception):
    pass


def test_a_fault_is_answered_and_logged_without_its_message(held, student):
    def broken(documents, *, given_subjects=False):
        for document in documents:
            if "poison" in document.text:
                raise _BrokenError(document.text)
        return student.extract(documents)

    held.extract = broken
    with served(Models(held, n_runners=1)) as server, server.client() as client:
        answer = client.post("/v1/extract", json={"text": "poison of Zebedee"})
        assert error(answer, 500, "fault")["message"].startswith("a fault in the server")
        documents = [*(f"{DRUGS[0]}." for _ in range(5)), "poison"]
        error(client.post("/v1/extract", json={"documents": documents}), 500, "fault")
        assert client.post("/v1/extract", json={"text": "fine"}).status_code == 200
        log = "".join(server.log)
        assert "_BrokenError" in log
        assert "test_app.py:" in log
        assert "Zebedee" not in log


# anything


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["text", "documents", "mentions", "spans", "relations", "meta", "how", "link", "id", "start"]
)
BODIES = st.dictionaries(
    FIELDS, JSON | st.lists(st.dictionaries(FIELDS, JSON, max_size=4), max_size=2), max_size=4
)


@pytest.fixture(scope="module")
def asking(server):
    with server.client() as client:
        yield client


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(path=st.sampled_from(["extract", "link", "deidentify"]), body=BODIES | JSON)
def test_whatever_comes_it_is_no_fault_of_the_server(asking, path, body):
    kind = {"content-type": "application/json"}
    answer = asking.post(f"/v1/{path}", content=json.dumps(body).encode(), headers=kind)
    assert answer.status_code in (200, 400, 413, 422), answer.text
    if answer.status_code != 200:
        assert answer.json()["error"]["message"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(lines=st.lists(st.binary(max_size=40) | JSON.map(lambda one: json.dumps(one).encode())))
def test_whatever_lines_come_each_has_its_answer(asking, lines):
    body = b"\n".join(lines)
    kind = {"content-type": "application/x-ndjson"}
    answer = asking.post("/v1/extract", content=body, headers=kind)
    assert answer.status_code == 200
    found = [json.loads(line) for line in answer.content.splitlines()]
    n_asked = sum(1 for line in body.split(b"\n") if line.strip())
    assert len(found) == n_asked
    assert all("text" in one or "error" in one for one in found)


def test_no_fault_was_met(server):
    assert not [line for line in server.log if '"fault"' in line]

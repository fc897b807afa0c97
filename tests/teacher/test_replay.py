"""Recordings: each shape that is met in the field, asked again for nothing."""

import asyncio
import gzip
import json

import pytest

from decoct.errors import ConfigError, FormatError, RefusedError, StoreError
from decoct.formats.base import read_documents
from decoct.recipes.label import label
from decoct.records import Document
from decoct.tasks.base import Prompt
from decoct.teacher.backends.replay import ReplayBackend
from decoct.teacher.base import Completion, Request, Usage, WithCandidates, load_teacher

ANSWER = '{"drugs": ["gold"], "events": [{"drug": "gold", "effect": "rash"}]}'
EVENTS = json.loads(ANSWER)["events"]


@pytest.fixture
def record(tmp_path):
    def write(*lines) -> ReplayBackend:
        path = tmp_path / "answers.jsonl"
        made = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(made), encoding="utf-8")
        return load_teacher(f"replay:{path}")

    return write


def replay(backend, text="Gold: rash.", document_id="d1") -> Completion:
    request = Request(document_id, text, "ade", Prompt("s", text), {})
    return asyncio.run(backend.complete(request))


def test_the_documented_shape(record):
    usage = {"prompt_tokens": 330, "completion_tokens": 17, "total_tokens": 347}
    backend = record(
        {
            "text": " Gold: rash.\n",
            "content": ANSWER,
            "model": "gpt-4",
            "usage": usage,
            "finish_reason": "stop",
            "created": 1,
        }
    )
    found = replay(backend)
    assert (found.content, found.model, found.usage) == (ANSWER, "gpt-4", Usage(330, 17))
    assert found.finish_reason == "stop"
    assert found.prompt_hash.startswith("recording:")
    assert backend.model == "gpt-4"
    assert replay(backend, "Gold: rash. ") == found
    asyncio.run(backend.aclose())


@pytest.mark.parametrize(
    "line",
    [
        {"content": ANSWER},
        {"content": ANSWER, "model": None, "usage": None, "finish_reason": None},
        {"content": ANSWER, "usage": {"prompt_tokens": None}},
        {"content": None, "function_arguments": ANSWER},
        {"content": "", "function_arguments": ANSWER, "finish_reason": "tool_calls"},
        {"drugs": ["gold"], "ades": [["gold", "rash"]], "source": "pool"},
    ],
)
@pytest.mark.parametrize("key", [{"text": "Gold: rash."}, {"id": "d1"}, {"id": "d1", "text": None}])
def test_other_shapes(record, line, key):
    backend = record({**key, **line})
    found = replay(backend)
    assert json.loads(found.content) == {"drugs": ["gold"], "events": EVENTS}
    assert found.model == backend.model == "answers"
    assert found.usage == Usage()


CHOICE = {
    "id": "ask-1",
    "mention": "bushed",
    "candidates": [{"id": "S4", "name": "Tired"}, {"id": "7", "name": "Back pain"}],
    "choice": "7",
    "confidence": "m",
    "examples": [{"mention": "worn out", "name": "Tired"}],
}


def test_a_choice_among_candidates(record):
    nil = {**CHOICE, "mention": "green", "choice": None, "confidence": "l"}
    backend = record(CHOICE, nil, {"text": "Gold: rash.", "content": ANSWER})
    assert isinstance(backend, WithCandidates)
    found = replay(backend, "bushed")
    assert json.loads(found.content) == {"id": "7", "certainty": "m"}
    assert json.loads(replay(backend, "green").content) == {"id": None, "certainty": "l"}
    assert [(one.id, one.name) for one in backend.candidates(" bushed")] == [
        *(("S4", "Tired"), ("7", "Back pain")),
    ]
    assert backend.candidates("Gold: rash.") is None
    assert backend.candidates("unknown") is None


def test_the_first_answer_to_a_text_stays(record):
    backend = record(
        {"text": "t", "content": "1"}, {"text": "t", "content": "2"}, {"id": "t", "content": "3"}
    )
    assert replay(backend, "t", "t").content == "1"
    assert replay(backend, "u", "t").content == "3"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"content": ANSWER, "finish_reason": "length"}, "truncated"),
        ({"function_arguments": ANSWER, "finish_reason": "length"}, "truncated"),
        ({"content": None, "finish_reason": "content_filter"}, "content_filter"),
        ({"content": None}, "empty_answer"),
        ({"content": "", "function_arguments": None}, "empty_answer"),
        ({}, "empty_answer"),
    ],
)
def test_no_answer_has_its_reason(record, line, reason):
    backend = record({"text": "t", **line}, {"text": "other", "content": ANSWER})
    with pytest.raises(RefusedError) as caught:
        replay(backend, "t")
    assert caught.value.reason == reason
    with pytest.raises(RefusedError) as caught:
        replay(backend, "u")
    assert caught.value.reason == "no_recorded_answer"


def test_a_missing_answer_is_named_and_the_rest_read(record, tmp_path):
    backend = record(
        {"text": "Gold: rash.", "content": ANSWER}, {"text": "cut", "finish_reason": "length"}
    )
    silver = label(["Gold: rash.", "cut", "unknown"], teacher=backend, log=tmp_path / "log")
    assert [document.id for document in silver] == ["1"]
    assert silver.summary.refusals == {"truncated": 1, "no_recorded_answer": 1}
    assert silver[0].meta["prompt_hash"].startswith("recording:")


WRONG = {
    "nonsense": "nonsense",
    "cut": '{"text": "secret',
    "a list": '["secret"]',
    "no key": '{"content": "secret"}',
    "empty id": '{"id": "", "content": "secret"}',
    "numeric id": '{"id": 5, "content": "secret"}',
    "text no string": '{"text": ["secret"], "content": "c"}',
    "content no string": '{"text": "t", "content": {"secret": 1}}',
    "usage no object": '{"text": "t", "content": "c", "usage": "secret"}',
    "tokens no number": '{"text": "t", "content": "c", "usage": {"prompt_tokens": "secret"}}',
    "ades no list": '{"text": "t", "drugs": [], "ades": null}',
    "ades no pairs": '{"text": "t", "drugs": [], "ades": [["secret"]]}',
    "ades of strings": '{"text": "t", "drugs": [], "ades": [5]}',
    "deep": "[" * 100_000,
    "candidates no list": json.dumps({**CHOICE, "candidates": "secret"}),
    "candidates no objects": json.dumps({**CHOICE, "candidates": ["secret"]}),
    "a candidate without a name": json.dumps({**CHOICE, "candidates": [{"id": "secret"}]}),
    "mention no string": json.dumps({**CHOICE, "mention": ["secret"]}),
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_line_is_named_and_not_quoted(record, line):
    with pytest.raises(FormatError, match=r"answers\.jsonl:2: ") as caught:
        record({"text": "known", "content": "c"}, line)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_any_answer_is_no_recording(record):
    document = {"id": "1", "text": "secret", "source": "silver", "spans": []}
    with pytest.raises(FormatError, match="no line of it holds a 'content'") as caught:
        record(document, {**document, "id": "2", "text": "other"})
    assert "secret" not in str(caught.value)


def test_a_line_that_is_not_utf_8_is_not_passed_over(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"text": "a", "content": "c"}\n{"text": "\xff", "content": "c"}\n')
    with pytest.raises(FormatError, match=r"answers\.jsonl:2: not UTF-8"):
        load_teacher(f"replay:{path}")


def test_what_its_spec_may_be(tmp_path):
    with pytest.raises(ConfigError, match="replay:FILE"):
        load_teacher("replay")
    with pytest.raises(StoreError, match="No such file"):
        load_teacher(f"replay:{tmp_path}/none")
    path = tmp_path / "answers.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps({"text": "t", "content": "c"}).encode()))
    backend = load_teacher(f"replay:{path}")
    assert replay(backend, "t").content == "c"
    before = dict(backend.parameters)
    path.write_bytes(gzip.compress(json.dumps({"text": "t", "content": "other"}).encode()))
    assert load_teacher(f"replay:{path}").parameters != before


TEACHERS = ["claude", "gpt-4-1106-function", "gpt-4-1106-json", "o1-2024-12-17"]


@pytest.mark.shared
@pytest.mark.parametrize("teacher", TEACHERS)
def test_the_real_answers_are_read(shared, tmp_path, teacher):
    recording = shared / "data" / "ade" / "teacher" / f"{teacher}.jsonl.gz"
    with gzip.open(recording, "rt", encoding="utf-8") as handle:
        texts = list(dict.fromkeys(json.loads(line)["text"] for line in handle))
    documents = [Document(id=str(n), text=text) for n, text in enumerate(texts)]
    silver = label(documents, teacher=f"replay:{recording}", log=tmp_path / "log")
    refused = silver.summary.refusals
    assert len(silver) + refused.total() == len(documents)
    assert len(silver) > 3700
    assert refused.total() < 0.02 * len(documents)
    assert silver.summary.ungrounded.total() < 0.15 * silver.summary.n_relations
    assert bool(silver.summary.prompt_tokens) == (teacher != "claude")
    assert all(Document.from_json(document.to_json()) == document for document in silver[::50])


@pytest.mark.shared
def test_nearly_every_positive_sentence_has_an_answer(shared):
    from decoct.errors import Faults

    folder = shared / "data" / "ade"
    gold = list(read_documents(folder / "DRUG-AE.rel", Faults()))
    backend = load_teacher(f"replay:{folder}/teacher/o1-2024-12-17.jsonl.gz")
    positive = {document.text for document in gold if document.relations}
    found = 0
    for text in positive:
        try:
            replay(backend, text)
            found += 1
        except RefusedError:
            pass
    assert found > 0.95 * len(positive)

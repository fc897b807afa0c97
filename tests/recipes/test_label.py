"""`label`: what is paid for is kept, and is not asked for again, whatever happened."""

import asyncio
import json

import pytest

import decoct
from decoct.errors import ConfigError, Faults, FormatError, RefusedError, StoreError, TransientError
from decoct.formats.jsonl import write_jsonl
from decoct.recipes.label import label, label_file
from decoct.records import Document
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Usage
from decoct.teacher.settings import LOG_NAME

NOTHING = '{"drugs": [], "events": []}'
RASH = json.dumps({"drugs": ["gold"], "events": [{"drug": "gold", "effect": "rash"}]})


class Counting:
    """A progress that says how far its bar has come."""

    def __init__(self) -> None:
        self.begun = self.closed = False
        self.n = 0

    def track(self, items, total, title):
        self.begun = True
        try:
            for item in items:
                yield item
                self.n += 1
        finally:
            self.closed = True

    def note(self, message):
        pass


class Closing(ScriptedBackend):
    n_closed = 0

    async def aclose(self):
        self.n_closed += 1


def texts(n: int) -> list[str]:
    return [f"Gold: rash {number}." for number in range(n)]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    write_jsonl(path, [Document(id=f"d{n}", text=text) for n, text in enumerate(texts(10))])
    return path


def test_label(tmp_path):
    backend = Closing(
        {"Gold: rash.": Completion(RASH, "m", Usage(5, 2)), "b": RefusedError("filter")}
    )
    progress = Counting()
    documents = ["Gold: rash.", Document(id="x", text="Gold: rash."), "b"]
    silver = label(documents, teacher=backend, log=tmp_path / "log", progress=progress)
    assert isinstance(silver, decoct.Silver)
    assert [document.id for document in silver] == ["1", "x"]
    assert len(silver) == 2
    assert silver[-1].id == "x"
    assert silver[:1] == (silver[0],)
    assert repr(silver) == "Silver('ade', 2 documents, 2 relations, 1 refused)"
    assert silver.summary.to_dict() == {
        "n_documents": 3,
        "n_silver": 2,
        "n_relations": 2,
        "n_cached": 1,
        "refusals": {"filter": 1},
        "ungrounded": {},
        "n_lost_subjects": 0,
        "n_outvoted": 0,
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "cost": {
            "n_calls": 2,  # the third text was the first one's
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "cached_prompt_tokens": 0},
            "usd": 0.0,
            "failures": {},
        },
        "log_usd": 0.0,
    }
    assert (progress.n, progress.closed, backend.n_closed) == (3, True, 1)


def test_label_within_a_running_loop(tmp_path):
    backend = ScriptedBackend(lambda _: RASH)

    async def notebook():
        return label(texts(3), teacher=backend, log=tmp_path / "log")

    assert len(asyncio.run(notebook())) == 3

    async def failing():
        return label(
            texts(3), teacher=ScriptedBackend(lambda _: StoreError("x")), log=tmp_path / "l"
        )

    with pytest.raises(StoreError):
        asyncio.run(failing())


def test_a_made_teacher_takes_no_options(tmp_path):
    with pytest.raises(ConfigError, match="temperature: the teacher is made already"):
        label(["a"], teacher=ScriptedBackend({}), log=tmp_path / "log", temperature=0)
    assert not (tmp_path / "log").exists()


def test_nothing_is_no_mistake_of_a_list(tmp_path):
    assert len(label([], teacher=ScriptedBackend({}), log=tmp_path / "log")) == 0


def test_a_file_again_asks_nothing(tmp_path, source):
    backend = ScriptedBackend(lambda _: RASH)
    first = label_file(source, tmp_path / "out" / "silver.jsonl", teacher=backend)
    assert (first.n_documents, first.n_silver, first.n_cached, backend.asked) == (10, 10, 0, 10)
    assert (tmp_path / "out" / LOG_NAME).is_file()
    written = (tmp_path / "out" / "silver.jsonl").read_bytes()
    again = label_file(source, tmp_path / "out" / "silver.jsonl", teacher=backend)
    assert (again.n_cached, backend.asked) == (10, 10)
    assert (tmp_path / "out" / "silver.jsonl").read_bytes() == written
    other = label_file(
        source, tmp_path / "other.jsonl", teacher=backend, log=tmp_path / "out" / LOG_NAME
    )
    assert (other.n_cached, backend.asked) == (10, 10)
    assert (tmp_path / "other.jsonl").read_bytes() == written
    assert [document.id for document in decoct.read(tmp_path / "other.jsonl")] == [
        f"d{n}" for n in range(10)
    ]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_interrupted_run_asks_only_for_the_rest(tmp_path, source, error, concurrency):
    out = tmp_path / "silver.jsonl"
    out.write_text("old")

    class Breaking(ScriptedBackend):
        async def complete(self, request):
            if request.document_id == "d6":
                raise error
            return await super().complete(request)

    first = Breaking(lambda _: RASH)
    with pytest.raises(error):
        label_file(source, out, teacher=first, concurrency=concurrency)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    assert 0 < first.asked < 10
    second = ScriptedBackend(lambda _: RASH)
    summary = label_file(source, out, teacher=second, concurrency=concurrency)
    assert first.asked + second.asked == 10
    assert summary.n_cached == first.asked
    assert len(decoct.read(out)) == 10


def test_what_has_no_answer_is_named(tmp_path, source):
    replies = {text: RASH for text in texts(10)}
    replies[texts(10)[2]] = "no JSON"
    replies[texts(10)[4]] = TransientError("busy")
    replies[texts(10)[5]] = RefusedError("content_filter")
    replies[texts(10)[6]] = '{"events": [{"drug": "\\ud800", "effect": "rash"}]}'
    with source.open("a") as handle:
        handle.write("nonsense\n")
    faults = Faults()
    out = tmp_path / "silver.jsonl"
    quick = {"max_attempts": 2, "backoff_s": 0.001}
    summary = label_file(source, out, teacher=ScriptedBackend(replies), faults=faults, **quick)
    assert summary.cost.failures == {"busy": 2}
    assert summary.refusals == {"invalid_answer": 2, "unavailable": 1, "content_filter": 1}
    assert summary.n_silver == 6
    assert {fault.where for fault in faults.kept} == {"d2", "d4", "d5", "d6", f"{source}:11"}
    assert faults.counts == {**summary.refusals, "bad_line": 1}
    assert all("Gold" not in str(fault) for fault in faults.kept)
    again = ScriptedBackend(replies)
    again_summary = label_file(source, out, teacher=again, **quick)
    assert again.asked == 2  # the one that was unavailable, as often as it may be tried
    assert again_summary.refusals == summary.refusals


def test_what_can_not_be_done_is_said_before_anything_is_paid(tmp_path, source):
    backend = ScriptedBackend(lambda _: NOTHING)
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "silver.jsonl", tmp_path):
        with pytest.raises(StoreError, match="can't be written"):
            label_file(source, out, teacher=backend)
    with pytest.raises(StoreError, match="can't"):
        label_file(source, tmp_path / "o.jsonl", teacher=backend, log=tmp_path / "file" / "log")
    with pytest.raises(StoreError, match="can't be read"):
        label_file(tmp_path / "none.jsonl", tmp_path / "o.jsonl", teacher=backend)
    for content in ("", "nonsense\n"):
        (tmp_path / "bad.jsonl").write_text(content)
        with pytest.raises(FormatError, match=r"bad\.jsonl"):
            label_file(tmp_path / "bad.jsonl", tmp_path / "o.jsonl", teacher=backend)
    assert backend.asked == 0
    assert not (tmp_path / "o.jsonl").exists()

"""What holds for every plug-in the day that it appears on its shelf, and for the face of it all."""

import asyncio
import inspect
import json
import re
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import decoct
from decoct.errors import AnswerError, ConfigError, DecoctError, Faults
from decoct.formats.base import FORMATS
from decoct.kb.readers.base import READERS
from decoct.reranker.base import KINDS
from decoct.retriever.indexes.base import INDEXES
from decoct.student.settings import HEADS
from decoct.tasks.base import TASKS, Answer, Prompt, SpanTask, Task, get_span_task
from decoct.teacher.base import BACKENDS, Deferred, load_teacher

HEAVY = ("torch", "transformers", "pydantic", "numpy")


@pytest.mark.parametrize("name", FORMATS.names())
def test_formats(name, tmp_path):
    plugin = FORMATS.get(name)
    assert plugin.name == name
    assert isinstance(plugin.suffixes, tuple)
    assert all(re.fullmatch(r"(\.[a-z0-9_]+)+", suffix) for suffix in plugin.suffixes)
    assert not any(suffix.endswith(".gz") for suffix in plugin.suffixes)
    with pytest.raises(DecoctError):
        list(plugin.read(tmp_path / "none", Faults(), positives_only=True))
    (tmp_path / "empty").touch()
    with pytest.raises(DecoctError):
        list(plugin.read(tmp_path / "empty", Faults(), positives_only=True))


def test_no_two_formats_have_one_ending():
    endings = [suffix for name in FORMATS.names() for suffix in FORMATS.get(name).suffixes]
    assert len(endings) == len(set(endings))


@pytest.mark.parametrize("name", TASKS.names())
def test_tasks(name):
    task = TASKS.get(name)
    assert task.name == name
    assert isinstance(task, Task)
    assert json.loads(json.dumps(dict(task.schema)))["type"] == "object"
    prompt = task.prompt("Rash after {{ gold }} %s.")
    assert isinstance(prompt, Prompt)
    assert "Rash after {{ gold }} %s." in prompt.system + prompt.user
    assert task.prompt("a").system == task.prompt("b").system
    with pytest.raises(AnswerError):
        task.parse("no JSON")


@pytest.mark.parametrize("name", TASKS.names())
def test_tasks_whose_answers_are_relations(name):
    task = TASKS.get(name)
    if not isinstance(task, SpanTask):
        with pytest.raises(ConfigError, match=name):
            get_span_task(name)
        return
    assert task.tagged
    assert all(all(kind) and kind.subject in task.tagged for kind in task.relation_types)
    empty = task.parse(json.dumps({key: [] for key in task.schema["required"]}))
    assert empty == Answer()


@pytest.mark.parametrize("name", BACKENDS.names())
def test_backends(name):
    backend = BACKENDS.get(name)
    assert inspect.isclass(backend)
    # a batch's answers are the endpoint's own: the log knows them as those
    assert backend.name == {"batch": "openai"}.get(name, name)
    assert inspect.iscoroutinefunction(backend.complete)
    assert inspect.iscoroutinefunction(backend.aclose)
    assert list(inspect.signature(backend.from_spec).parameters) == ["argument", "options"]
    assert list(inspect.signature(backend.complete).parameters) == ["self", "request"]


@pytest.mark.parametrize("name", BACKENDS.names())
def test_backends_say_who_they_are(name, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-key-1234567890")
    (tmp_path / "answers.jsonl").write_text('{"text": "Rash.", "content": "{}"}\n')
    argument = {"replay": tmp_path / "answers.jsonl", "scripted": tmp_path / "answers.jsonl"}
    argument |= {"openai": "some-model", "batch": "some-model"}
    made = load_teacher(f"{name}:{argument[name]}" if name in argument else name)
    assert made.model
    assert all(isinstance(flag, bool) for flag in (made.live, made.private, made.free))
    assert "sk-planted" not in json.dumps(dict(made.parameters))
    # what reads no prompt asks nobody: nothing leaves the house, nobody bills for it
    assert made.live or (made.private and made.free)
    if made.live:
        assert int(made.parameters["max_tokens"]) > 0, "the budget's worst case"
    assert isinstance(made, Deferred) == (name == "batch")
    asyncio.run(made.aclose())
    asyncio.run(made.aclose())


@pytest.mark.parametrize("name", HEADS.names())
def test_heads(name):
    """What they compute is tested in `tests/student/heads`."""
    base = pytest.importorskip("decoct.student.heads.base")
    head = HEADS.get(name)
    assert issubclass(head, base.HeadModel)
    assert head.name == name
    assert head.head_names
    assert not any(prefix.startswith("encoder") for prefix in head.head_names)
    assert list(inspect.signature(head).parameters) == ["encoder", "card"]
    assert not inspect.isabstract(head)


@pytest.mark.parametrize(
    "shelf",
    [FORMATS, TASKS, BACKENDS, HEADS, READERS, INDEXES, KINDS],
    ids=lambda shelf: shelf.noun,
)
def test_every_file_of_a_shelf_is_a_plug_in_with_a_caption(shelf):
    for needed in {HEADS: ["torch"], KINDS: ["torch", "peft"]}.get(shelf, []):
        pytest.importorskip(needed)
    package = import_module(shelf.package)
    assert package.__doc__
    for path in Path(package.__path__[0]).glob("*.py"):
        if path.stem != "base" and not path.stem.startswith("_"):
            assert path.stem in shelf.names()
            shelf.get(path.stem)
            assert sys.modules[f"{shelf.package}.{path.stem}"].__doc__


def test_the_face_is_what_it_says():
    assert sorted(decoct.__all__) == dir(decoct)
    with pytest.raises(AttributeError, match="no attribute 'lable'"):
        decoct.lable  # noqa: B018


@pytest.mark.parametrize("name", decoct.__all__)
def test_each_public_name_is_there(name):
    if name == "Student":
        pytest.importorskip("torch")
        pytest.importorskip("transformers")
    found = getattr(decoct, name)
    assert callable(found)
    assert found.__name__ == name
    assert found.__doc__


def loaded_by(statement: str) -> tuple[list[str], float]:
    """Run a statement in a fresh interpreter; return the heavy modules it imports, and seconds."""
    code = (
        f"import sys, time; t = time.perf_counter(); {statement}; t = time.perf_counter() - t\n"
        f"print(t, *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *heavy = made.stdout.split()
    return heavy, float(seconds)


def test_importing_it_is_quick_and_light():
    started = time.perf_counter()
    runs = [loaded_by("import decoct; dir(decoct)") for _ in range(3)]
    assert [heavy for heavy, _ in runs] == [[], [], []]
    assert min(seconds for _, seconds in runs) < 0.3, time.perf_counter() - started


@pytest.mark.skipif(not find_spec("decoct.cli.main"), reason="there is no command line yet")
def test_the_command_line_loads_no_torch():
    heavy, _ = loaded_by("import decoct.cli.main")
    assert not {"torch", "transformers"} & set(heavy)


@pytest.mark.parametrize("name", ["label", "evaluate", "read", "Document", "Silver"])
def test_the_light_base_loads_no_torch(name):
    heavy, _ = loaded_by(f"import decoct; decoct.{name}")
    assert not {"torch", "transformers"} & set(heavy)

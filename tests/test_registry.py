"""Shelves: listed without an import, strangers by the same road, a near name in the error."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from decoct import registry
from decoct.errors import RegistryError
from decoct.registry import Shelf, nearest

LIST = """
import json, sys
from decoct.registry import Shelf
shelves = ("decoct.formats", "decoct.tasks", "decoct.teacher.backends")
print(json.dumps([Shelf(package, "x").names() for package in shelves]))
print(json.dumps(sorted(name for name in sys.modules if name.startswith("decoct"))))
"""


def test_listing_imports_no_plug_in():
    done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    (formats, tasks, backends), modules = map(json.loads, done.stdout.splitlines())
    assert {"ade_corpus", "jsonl", "text"} <= set(formats)
    assert "ade" in tasks
    assert {"openai", "replay", "rules", "scripted"} <= set(backends)
    assert formats == sorted(formats)
    packages = {"decoct.formats", "decoct.tasks", "decoct.teacher.backends"}
    plug_ins = [module for module in modules if module.rpartition(".")[0] in packages]
    assert plug_ins == []


@pytest.mark.parametrize("name", ["base", "_chat", "", "jsonl.plugin", "../jsonl", "prompts"])
def test_what_is_no_plug_in_is_not_one(name):
    for package in ("decoct.formats", "decoct.tasks", "decoct.teacher.backends"):
        shelf = Shelf(package, "thing")
        assert name not in shelf.names()
        with pytest.raises(RegistryError, match="no thing named"):
            shelf.get(name)


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(RegistryError) as caught:
        Shelf("decoct.formats", "format").get("jsonnl")
    assert str(caught.value).startswith(
        "no format named 'jsonnl' (did you mean 'jsonl'?); there are: ade_corpus, "
    )
    assert nearest("qqq", ["jsonl"]) == ""


def test_strangers_come_by_entry_points(monkeypatch):
    points = [
        EntryPoint("mine", "json:dumps", "decoct.formats"),
        EntryPoint("jsonl", "json:loads", "decoct.formats"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    shelf = Shelf("decoct.formats", "format")
    assert shelf.get("mine") is json.dumps
    assert shelf.names().count("jsonl") == 1
    assert shelf.get("jsonl").name == "jsonl"

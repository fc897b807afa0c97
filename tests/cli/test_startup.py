"""What a command costs before it does anything, and that flags and settings are one thing."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import typer

from decoct.cli.distill import distill
from decoct.cli.main import app
from decoct.config import Settings
from decoct.student.pseudo_labels import SelfTrainingSettings
from decoct.student.settings import StudentSettings
from decoct.student.silver import SilverSettings
from fakes.commands import environment, invoke, script

HEAVY = ("torch", "transformers", "safetensors", "matplotlib")
README = Path(__file__).parents[2] / "README.md"


def run_in_one(tmp_path: Path, before: str, *commands: list[str]) -> list[tuple[int, str]]:
    """Run commands one after the other in one fresh interpreter.

    Returns the exit code of each, and the last line that it left on standard error, or the heavy
    modules that are imported by then.
    """
    code = f"""
import contextlib, io, json, sys
{before}
from decoct.cli.main import run
for arguments in {commands!r}:
    sys.argv = ["decoct", *arguments]
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        try: run()
        except SystemExit as end: exit_code = end.code
    heavy = [name for name in {HEAVY!r} if sys.modules.get(name)]
    print(json.dumps([exit_code, errors.getvalue() or " ".join(heavy)]))
"""
    made = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    return [tuple(json.loads(line)) for line in made.stdout.splitlines()]


@pytest.fixture
def gold(tmp_path: Path) -> str:
    (tmp_path / "DRUG-AE.rel").write_text("1|Zorafen caused rash.|rash|15|19|Zorafen|0|7\n")
    return str(tmp_path / "gold.jsonl")


def test_light_commands_import_nothing_heavy(tmp_path: Path, gold: str) -> None:
    commands = [
        ["--help"],
        ["distill", "--help"],
        ["mix", "--help"],
        [
            "convert",
            "--from",
            "ade_corpus",
            "--in",
            str(tmp_path),
            "--out",
            gold,
            "--positives-only",
        ],
        ["label", "--in", gold, "--out", str(tmp_path / "s.jsonl"), "--teacher", "rules"],
        ["evaluate", "--gold", gold, "--pred", gold],
    ]
    assert run_in_one(tmp_path, "", *commands) == [(0, "")] * len(commands)


def test_without_torch_the_rest_says_what_to_install(tmp_path: Path, gold: str) -> None:
    Path(gold).write_text(
        '{"id":"1","text":"Zorafen: rash.","spans":'
        '[{"id":"a","start":0,"end":7,"label":"Drug","text":"Zorafen"}]}\n'
    )
    run = tmp_path / "run.toml"
    run.write_text('name = "r"\n[label]\ndocuments = "gold.jsonl"\n')
    commands = [
        ["distill", "--silver", gold, "--out", str(tmp_path / "student")],
        ["extract", "--student", str(tmp_path), "--in", gold],
        ["evaluate", "--gold", gold, "--student", str(tmp_path)],
        ["run", str(run), "-q"],
    ]
    no_torch = "for name in ('torch', 'transformers', 'safetensors'): sys.modules[name] = None"
    for exit_code, error in run_in_one(tmp_path, no_torch, *commands):
        assert exit_code == 1, error
        assert error.startswith("decoct: error: "), error
        assert error.endswith("pip install 'decoct[train]'\n"), error
        assert error.count("\n") == 1, error
    assert not (tmp_path / "runs" / "r" / "teacher.sqlite").exists(), "answers paid for in vain"


def test_every_flag_of_distill_mirrors_a_setting() -> None:
    """One that is not given is None, so that a config's value stands; the help names defaults."""
    own = {"silver", "out", "task", "config", "json", "quiet"}
    tables: dict[str, tuple[type[Settings], str]] = {
        "complete_subjects": (SilverSettings, "complete_subjects"),
        "rounds": (SelfTrainingSettings, "rounds"),
        "min_confidence": (SelfTrainingSettings, "min_confidence"),
        "max_unlabeled": (SelfTrainingSettings, "max_documents"),
    }
    command = typer.main.get_command(app).commands["distill"]  # type: ignore[attr-defined]
    shown = {parameter.name: parameter.show_default for parameter in command.params}
    hints = typing.get_type_hints(distill)
    words = {False: ("no", "train"), True: ("yes", "freeze")}
    mirrored = 0
    for name, parameter in inspect.signature(distill).parameters.items():
        if name in {*own, "unlabeled"}:
            continue
        settings, field_name = tables.get(name, (StudentSettings, name))
        default = settings.model_fields[field_name].default
        assert parameter.default is None, name
        assert type(default) in typing.get_args(hints[name]), name
        if isinstance(default, bool):
            assert shown[name] in words[default], name
        else:
            assert shown[name] == str(default), name
        mirrored += 1
    assert mirrored >= 15


@pytest.mark.slow
def test_every_command_mirrors_a_recipe() -> None:
    import importlib

    for command in app.registered_commands:
        assert command.callback is not None
        name = command.callback.__name__
        recipe = importlib.import_module(f"decoct.recipes.{name}")
        assert hasattr(recipe, name) or hasattr(recipe, f"{name}_file")
        assert invoke(name, "--help").code == 0


def test_usage_errors_are_exit_2() -> None:
    assert invoke("label").code == 2
    assert invoke("nonsuch").code == 2
    assert (
        invoke("label", "--in", "x", "--out", "y", "--teacher", "rules", "--concurrency", "0").code
        == 2
    )


def test_version() -> None:
    from importlib.metadata import version

    assert script("--version").stdout == f"decoct {version('decoct')}\n"


# README


def blocks(language: str) -> list[str]:
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def readme_commands() -> list[str]:
    """Every command line in README that calls decoct, its continuation lines joined."""
    lines = "".join(blocks("(?:bash|sh|console|shell)")).replace("\\\n", " ").splitlines()
    parts = [part.strip() for line in lines for part in re.split(r"\s[|&]+\s", line)]
    return [part.removeprefix("$ ") for part in parts if re.match(r"(\$ )?decoct ", part)]


@pytest.mark.parametrize("line", readme_commands())
def test_readme_commands_parse(line: str) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    if ">" in arguments:
        arguments = arguments[: arguments.index(">")]
    root = typer.main.get_command(app)
    with root.make_context("decoct", list(arguments), resilient_parsing=False) as outer:
        rest = [*outer._protected_args, *outer.args]
        if not rest:
            return
        name, command, rest = root.resolve_command(outer, rest)  # type: ignore[attr-defined]
        assert command is not None, name
        if not {"--help", "-h"} & set(rest):
            command.make_context(name, list(rest), parent=outer)


def test_readme_python_runs(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """README's Python, with a teacher that needs no key and a tiny encoder."""
    from fakes.drugs import corpus

    code = [block for block in blocks("python") if "decoct.distill" in block]
    if not code:
        pytest.skip("README has no Python that distils")
    source = re.sub(r'teacher="[^"]*"', 'teacher="rules"', code[0])
    source = re.sub(r'encoder="[^"]*"', f"encoder={str(encoder)!r}, epochs=1", source)
    if "encoder=" not in source:
        source = source.replace(
            "decoct.distill(silver", f"decoct.distill(silver, encoder={str(encoder)!r}, epochs=1"
        )
    monkeypatch.chdir(tmp_path)
    text = "Phenytoin-induced hepatitis in case {}."
    names: dict[str, object] = {
        name: [text.format(n) for n in range(8)] for name in ("documents", "docs", "texts")
    }
    for path in re.findall(r'read\("([^"]+)"', source):
        from fakes.commands import write_documents

        target = tmp_path / path
        write_documents(
            target,
            [
                d.model_copy(update={"text": text.format(d.id), "spans": (), "relations": ()})
                for d in corpus(8)
            ],
        )
    exec(compile(source, "README.md", "exec"), names)
    assert os.listdir(tmp_path)

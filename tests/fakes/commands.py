"""The command line as its users have it: in this process, or as a script where that matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from decoct.cli.main import app
from decoct.records import Document
from fakes.drugs import corpus
from fakes.encoders import save_encoder

SCRIPT = str(Path(sys.executable).with_name("decoct"))
# a tiny student learns the synthetic task with these in about a second
LEARN = (
    *("--epochs", "8", "--learning-rate", "3e-3", "--batch-size", "8", "--device", "cpu"),
    "--train-embeddings",  # they are random, and have everything to learn
)


class Result:
    """What a command left: exit code, and the two streams apart."""

    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code, self.stdout, self.stderr = code, stdout, stderr

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"

    @property
    def error(self) -> str:
        """The one line of a command that failed, or a complaint if it is not one line."""
        assert self.code == 1, self
        assert "Traceback" not in self.stderr, self
        lines = [
            line for line in self.stderr.splitlines() if not line.startswith(("epoch ", "label: "))
        ]
        assert len(lines) == 1, self
        assert lines[0].startswith("decoct: error: "), self
        return lines[0].removeprefix("decoct: error: ")

    @property
    def json(self) -> Any:
        """The one JSON object that standard output holds, and nothing else."""
        found = json.loads(self.stdout, parse_constant=_no_constant)
        assert isinstance(found, dict)
        return found


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def invoke(*arguments: object, stdin: str | bytes | None = None) -> Result:
    """Run a command in this process."""
    made = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if made.exception is not None and not isinstance(made.exception, SystemExit):
        raise made.exception
    return Result(made.exit_code, made.stdout, made.stderr)


def ok(*arguments: object, stdin: str | bytes | None = None) -> Result:
    """Run a command in this process that must not fail."""
    made = invoke(*arguments, stdin=stdin)
    assert made.code == 0, made
    return made


_started: list[subprocess.Popen[str]] = []


def stop_started() -> None:
    """End what `start` began and a failed test left, and close its pipes."""
    while _started:
        process = _started.pop()
        with process:
            process.kill()


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start the script as a process of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    command = [SCRIPT, *(str(argument) for argument in arguments)]
    _started.append(subprocess.Popen(command, env=environment(), **options))
    return _started[-1]


def script(*arguments: object, stdin: str | None = None, **options: Any) -> Result:
    """Run the script as a process of its own."""
    if stdin is not None:
        options["stdin"] = subprocess.PIPE
    process = start(*arguments, **options)
    stdout, stderr = process.communicate(stdin, timeout=60)
    return Result(process.returncode, stdout, stderr)


def environment(**more: str) -> Mapping[str, str]:
    """An environment without hubs or keys, in which torch takes no more than one core."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return kept | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | more


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))
    return path


def write_documents(path: Path, documents: Iterable[Document]) -> Path:
    return write_lines(path, (document.to_json() for document in documents))


def read_documents(path: Path) -> list[Document]:
    return [Document.from_json(line) for line in path.read_bytes().splitlines()]


def answer(document: Document) -> str:
    """What an all-knowing teacher says of a synthetic document."""
    events = [{"drug": drug.text, "effect": effect.text} for _, drug, effect in document.pairs()]
    drugs = [span.text for span in document.spans if span.label == "Drug"]
    return json.dumps({"drugs": drugs, "events": events})


def write_script(path: Path, documents: Sequence[Document]) -> Path:
    """Write what the scripted teacher and the replay teacher both read."""
    answers = {document.text: answer(document) for document in documents}
    return write_lines(
        path, (json.dumps({"text": text, "content": content}) for text, content in answers.items())
    )


def make_encoder(folder: Path) -> Path:
    return save_encoder(folder, "bert", [document.text for document in corpus(60)])

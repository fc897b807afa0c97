"""What the teacher's benchmarks share: documents, a server in its own process, the command."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

DECOCT = str(Path(sys.executable).with_name("decoct"))
DRUGS = ("zorafen", "kutamab", "melidrine", "ostacillin", "pravigrel", "tamoxidine", "ubrelast")
EFFECTS = ("dry cough", "rash", "severe bleeding", "nausea", "acute renal failure", "dizziness")


def text_of(number: int) -> str:
    """Return a sentence that no other number has."""
    drug, effect = DRUGS[number % len(DRUGS)], EFFECTS[number % len(EFFECTS)]
    return f"Patient {number} developed {effect} two days after {drug} had been started."


def answer_to(text: str) -> dict[str, object]:
    """Return what a perfect teacher says of such a sentence."""
    drug = next(drug for drug in DRUGS if drug in text)
    effect = next(effect for effect in EFFECTS if f"developed {effect} two" in text)
    return {"drugs": [drug], "events": [{"drug": drug, "effect": effect}]}


def write_documents(path: Path, n_documents: int) -> Path:
    """Write so many different documents as JSONL."""
    with path.open("w") as handle:
        for number in range(n_documents):
            handle.write(json.dumps({"id": f"d{number}", "text": text_of(number)}) + "\n")
    return path


def write_answers(path: Path, n_documents: int) -> Path:
    """Write what the server is to answer."""
    with path.open("w") as handle:
        for number in range(n_documents):
            text = text_of(number)
            handle.write(json.dumps({"text": text, "content": json.dumps(answer_to(text))}) + "\n")
    return path


@contextmanager
def server(folder: Path, n_documents: int, **flags: object) -> Iterator[str]:
    """Run the misbehaving server in a process of its own; yield its base URL."""
    answers = write_answers(folder / "answers.jsonl", n_documents)
    command = [sys.executable, "-m", "decoct.testing", "--answer", str(answers)]
    for name, value in flags.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            last = process.stdout.read().strip()
            print(f"server: {last}")


def label(source: Path, out: Path, base_url: str, *flags: str) -> list[str]:
    """Return the command that labels."""
    where = ("--in", str(source), "--out", str(out), "--base-url", base_url)
    return [DECOCT, "label", "--teacher", "openai:fake", *where, *flags, "--json", "--quiet"]


def environment() -> dict[str, str]:
    """Return this process's environment without keys."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}


def sha256(path: Path) -> str:
    """Return what tells a file's bytes from another's."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def run(command: Iterable[str]) -> tuple[dict[str, object], float, float]:
    """Run a command that prints one JSON object; return it, its processor seconds and peak MiB."""
    process = subprocess.Popen(
        list(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    with process:
        stdout, stderr = process.communicate()
    if process.returncode not in (0, 3):
        raise SystemExit(f"{process.returncode}: {stderr}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(stdout), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

"""Flags that several commands share, and what is checked of them before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from decoct.errors import ConfigError

In = Annotated[
    Path,
    typer.Option(
        "--in",
        help="Documents in any format that decoct convert --list shows, such as JSONL or plain "
        "text with one document a line; - is standard input.",
    ),
]
Out = Annotated[Path, typer.Option("--out", help="Where to write.")]
TaskName = Annotated[str, typer.Option("--task", help="The task, such as ade, or its TOML file.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Write a JSON object to standard output, for machines.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]
EngineName = Annotated[
    Literal["auto", "torch", "onnx"],
    typer.Option(
        "--engine",
        help="onnx: what decoct export wrote; torch; auto: the first where it is there.",
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads to run it on [all cores].")
]

_LINES = (".jsonl", ".ndjson", ".json")


def check_out(out: Path, *sources: Path) -> None:
    """See that a file of documents goes where it can be read again and takes nothing away.

    Raises:
        ConfigError: its ending says another format, it is a folder, or one of `sources`.
    """
    if out.suffix not in _LINES:
        raise ConfigError(f"--out {out}: JSONL is written; give it the ending .jsonl")
    check_not_source(out, *sources)


def check_not_source(out: Path, *sources: Path) -> None:
    """See that a file to be written is no folder and none of those that are read.

    Raises:
        ConfigError: it is.
    """
    if out.is_dir():
        raise ConfigError(f"{out}: is a folder; name a file to write")
    if out.exists() and any(source.exists() and out.samefile(source) for source in sources):
        raise ConfigError(
            f"{out}: would be written over while it is read; name another file to write"
        )


def one_line(message: object) -> str:
    """Return a message without line breaks, which an id or a file's name may hold."""
    return " ".join(str(message).splitlines())

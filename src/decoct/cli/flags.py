"""Flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

In = Annotated[
    Path,
    typer.Option(
        "--in",
        help="Documents: JSONL, or plain text with one document a line; - is standard input.",
    ),
]
Out = Annotated[Path, typer.Option("--out", help="Where to write.")]
TaskName = Annotated[str, typer.Option("--task", help="The task, such as ade.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Write a JSON object to standard output, for machines.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]

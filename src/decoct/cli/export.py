"""`decoct export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, Quiet


def export(
    student: Annotated[Path, typer.Option(help="The student's folder.")],
    onnx: Annotated[bool, typer.Option("--onnx", help="For ONNX Runtime [always].")] = True,
    int8: Annotated[
        bool, typer.Option("--int8", help="A quarter of the size, and the fastest on a cpu.")
    ] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="Half the size.")] = False,
    gold: Annotated[
        Path | None, typer.Option(help="Gold to compare it on with the student at fp32.")
    ] = None,
    max_loss: Annotated[
        float, typer.Option(min=0, max=100, help="The most points of F1 that it may lose there.")
    ] = 1.0,
    force: Annotated[
        bool, typer.Option("--force", help="Keep what loses more, or was not compared.")
    ] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a student run without torch: its network for ONNX Runtime, beside its weights."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import ConfigError, Faults
    from decoct.recipes.evaluate import read_gold
    from decoct.recipes.export import export as recipe

    del onnx  # there is no other way yet
    if int8 and fp16:
        raise ConfigError("--int8 and --fp16: choose one of them")
    faults = Faults()
    made = recipe(
        student,
        "int8" if int8 else "fp16" if fp16 else "fp32",
        gold=None if gold is None else read_gold(gold, faults),
        max_loss=max_loss / 100,
        force=force,
        progress=Screen(quiet),
    )
    if json:
        show_json(made.to_dict())
    else:
        typer.echo(f"{made.folder}: {made.precision}, {made.n_bytes / 1e6:.1f} MB")
        if made.checked:
            for match in ("strict", "lenient"):
                before, after = made.checked["fp32"][match], made.checked["exported"][match]
                typer.echo(
                    f"{match} F1 of {made.checked['of']} on {made.checked['n_documents']} "
                    f"documents: {100 * before:.1f} in torch at fp32, {100 * after:.1f} exported"
                )
    close(faults, quiet)

"""`decoct export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from decoct.cli.flags import AsJson, Quiet

if TYPE_CHECKING:
    from decoct.recipes.export import Exported


def export(
    student: Annotated[
        Path | None, typer.Option(help="A student's folder, or a classifier's.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="An index's folder: what reads its mentions.")
    ] = None,
    reranker: Annotated[
        Path | None, typer.Option(help="A re-ranker's folder, reranker/ of a linker's.")
    ] = None,
    linker: Annotated[
        Path | None, typer.Option(help="A linker's folder: its index and its re-ranker.")
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="For ONNX Runtime [always].")] = True,
    int8: Annotated[
        bool, typer.Option("--int8", help="A quarter of the size, and the fastest on a cpu.")
    ] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="Half the size.")] = False,
    gold: Annotated[
        Path | None,
        typer.Option(
            help="Gold to compare it on with what torch says at fp32; an index is compared on its "
            "own names, each with a slip, without."
        ),
    ] = None,
    max_loss: Annotated[
        float,
        typer.Option(
            min=0, max=100, help="The most points of F1, accuracy or recall that it may lose there."
        ),
    ] = 1.0,
    force: Annotated[
        bool, typer.Option("--force", help="Keep what loses more, or was not compared.")
    ] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a student or a linker run without torch: its networks for ONNX Runtime."""
    from decoct.cli.screen import Screen, close
    from decoct.errors import ConfigError, Faults
    from decoct.recipes.evaluate import read_gold
    from decoct.recipes.export import export as of_student
    from decoct.recipes.export_linking import export_index, export_linker, export_reranker

    del onnx  # there is no other way yet
    if int8 and fp16:
        raise ConfigError("--int8 and --fp16: choose one of them")
    if sum(one is not None for one in (student, index, reranker, linker)) != 1:
        raise ConfigError("give one of --student, --index, --reranker and --linker")
    if reranker is not None and gold is not None:
        raise ConfigError(
            "--gold: a re-ranker alone has no candidates to be compared on; name its linker, "
            "--linker FOLDER"
        )
    faults = Faults()
    more: dict[str, Any] = {"force": force, "progress": Screen(quiet)}
    more["precision"] = "int8" if int8 else "fp16" if fp16 else "fp32"
    if reranker is not None:
        _show([export_reranker(reranker, **more)], json)
    else:
        more["gold"] = None if gold is None else read_gold(gold, faults)
        more["max_loss"] = max_loss / 100
        if linker is not None:
            _show(export_linker(linker, **more), json)
        elif index is not None:
            _show([export_index(index, **more)], json)
        elif student is not None:
            _show([of_student(student, **more)], json)
    close(faults, quiet)


def _show(made: list[Exported], json: bool) -> None:
    from decoct.cli.screen import show_json
    from decoct.recipes.export import describe_checked

    if json:
        several = {"exported": [one.to_dict() for one in made]}
        show_json(made[0].to_dict() if len(made) == 1 else several)
        return
    for one in made:
        typer.echo(f"{one.folder}: {one.precision}, {one.n_bytes / 1e6:.1f} MB")
    for line in describe_checked(made[0].checked):
        typer.echo(line)

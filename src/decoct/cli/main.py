"""The command `decoct`, and what all of its commands do alike: errors, interrupts, exit codes."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from decoct.cli.convert import convert
from decoct.cli.distill import distill
from decoct.cli.evaluate import evaluate
from decoct.cli.extract import extract
from decoct.cli.label import label
from decoct.cli.run import run as run_command
from decoct.errors import DecoctError


class _Guarded(TyperGroup):
    """Turns decoct's errors into one line, and an interrupt into a word on how to go on."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # noqa: ANN401 (typer's own)
        try:
            return super().invoke(ctx)
        except DecoctError as error:
            typer.echo(f"decoct: error: {error}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo(
                "decoct: interrupted; what was done is kept, the same command goes on from there",
                err=True,
            )
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # whoever read our output has gone; without this Python complains when it exits
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None


app = typer.Typer(
    cls=_Guarded,
    name="decoct",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Distil what a large language model knows about biomedical text into a model of your own.",
)


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", is_eager=True
    ),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"decoct {installed('decoct')}")
        raise typer.Exit


for _command in (convert, label, distill, extract, evaluate, run_command):
    app.command()(_command)


def run() -> None:
    """Run the command line: the entry point of the `decoct` script."""
    app()

"""The command `decoct`, and what all of its commands do alike: errors, interrupts, exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from decoct.cli.adapt import adapt
from decoct.cli.audit import agreement, sample
from decoct.cli.convert import convert
from decoct.cli.deidentify import deidentify
from decoct.cli.distill import distill
from decoct.cli.evaluate import evaluate
from decoct.cli.export import export
from decoct.cli.extract import extract
from decoct.cli.flags import one_line
from decoct.cli.index import index
from decoct.cli.judge import judge
from decoct.cli.label import label
from decoct.cli.link import link
from decoct.cli.mix import mix
from decoct.cli.rerank import rerank
from decoct.cli.run import run as run_command
from decoct.cli.serve import serve
from decoct.cli.teacher_log import log as teacher_log
from decoct.cli.view import view
from decoct.errors import DecoctError


@contextmanager
def _guarded() -> Iterator[None]:
    """Turn decoct's errors into one line, and an interrupt into a word on how to go on."""
    try:
        yield
    except DecoctError as error:
        _complain(f"error: {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _complain("interrupted; what was done is kept, the same command goes on from there")
        raise typer.Exit(130) from None
    except BrokenPipeError:
        _forget_output()  # whoever read it has gone
        raise typer.Exit(0) from None
    except OSError as error:
        # the library names its own files, so this is standard output
        _forget_output()
        _complain(f"error: {error.filename or 'standard output'}: {error.strerror or error}")
        raise typer.Exit(1) from None


class _Guarded(TyperGroup):
    """A group whose commands fail as `_guarded` says, its help pages too."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (typer's own)
        with _guarded():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # noqa: ANN401 (typer's own)
        with _guarded():
            return super().invoke(ctx)


def _complain(message: str) -> None:
    typer.echo(f"decoct: {one_line(message)}", err=True)


def _forget_output() -> None:
    """Send what is still to be written nowhere; without this Python complains when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"decoct {version('decoct')}")
        raise typer.Exit


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
        False,
        "--version",
        help="Show the version and exit.",
        is_eager=True,
        callback=_show_version,
    ),
) -> None:
    """Take the options of `decoct` itself."""


for _command in (
    *(convert, label, mix, adapt, distill, extract, evaluate),
    *(export, index, judge, rerank, link, deidentify, view, serve, run_command),
):
    app.command()(_command)

_teacher = typer.Typer(no_args_is_help=True, help="What teachers were asked, and what it cost.")
_teacher.command("log")(teacher_log)
app.add_typer(_teacher, name="teacher")

_audit = typer.Typer(no_args_is_help=True, help="How noisy silver is.")
_audit.command("sample")(sample)
_audit.command("agreement")(agreement)
app.add_typer(_audit, name="audit")


def run() -> None:
    """Run the command line: the entry point of the `decoct` script."""
    if not sys.stdout.isatty() and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON is, also where the system's default is not
    app()

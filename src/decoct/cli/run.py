"""`decoct run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, Quiet


def run(
    file: Annotated[Path, typer.Argument(help="The run's TOML file.")],
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Do the whole chain of one TOML file; steps that are done are skipped."""
    from decoct.cli.screen import Screen, close, show_json, show_systems, show_table
    from decoct.config import read_toml
    from decoct.recipes.run_linking import is_linking_run

    if is_linking_run(read_toml(file)):
        _run_linking(file, json, quiet)
        return
    from decoct.recipes.run import run as recipe

    result = recipe(file, progress=Screen(quiet))
    if json:
        show_json(
            {
                "folder": str(result.folder),
                "skipped": list(result.skipped),
                "systems": {
                    **{name: metrics.to_dict() for name, metrics in result.systems.items()},
                    **{name: metrics.to_dict() for name, metrics in result.labels.items()},
                },
            }
        )
    elif result.systems:
        n_documents = next(iter(result.systems.values())).n_documents
        show_systems(
            f"{result.folder.name}: relations by offsets on {n_documents} gold documents",
            result.systems,
        )
        typer.echo(f"report: {result.folder / 'report.html'}")
    elif result.labels:
        from decoct.evaluation.label_report import SYSTEMS_HEADER, system_rows

        first = next(iter(result.labels.values()))
        title = f"{result.folder.name}: classes of {first.n_documents} gold documents"
        show_table(title, (*SYSTEMS_HEADER, first.main_name), system_rows(result.labels))
        typer.echo(f"report: {result.folder / 'report.html'}")
    else:
        typer.echo(f"{result.folder}: done")
    close(result.faults, quiet)


def _run_linking(file: Path, json: bool, quiet: bool) -> None:
    from decoct.cli.screen import Screen, close, show_json, show_table
    from decoct.evaluation.linking_report import linking_header, linking_rows
    from decoct.recipes.run_linking import run_linking

    result = run_linking(file, progress=Screen(quiet))
    if json:
        systems = {name: metrics.to_dict() for name, metrics in result.systems.items()}
        show_json(
            {"folder": str(result.folder), "skipped": list(result.skipped), "systems": systems}
        )
    else:
        for name, metrics in result.systems.items():
            show_table(
                f"{result.folder.name}: {name}", linking_header(metrics), linking_rows(metrics)
            )
        report = result.folder / "report.html"
        typer.echo(f"report: {report}" if result.systems else f"{result.folder}: done")
    close(result.faults, quiet)

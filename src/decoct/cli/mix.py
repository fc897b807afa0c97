"""`decoct mix`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, Out, Quiet, TaskName, check_out
from decoct.student.silver.settings import MixSettings

_DEFAULT = MixSettings()


def mix(
    sources: Annotated[
        list[Path],
        typer.Option(
            "--in",
            help="A teacher's silver; once for each. Where votes are equal, an earlier one counts.",
        ),
    ],
    out: Out,
    task: TaskName = "ade",
    min_share: Annotated[
        float, typer.Option(help="Share of the teachers that have to say a thing.")
    ] = _DEFAULT.min_share,
    first: Annotated[
        bool,
        typer.Option(
            "--first",
            help="No votes: each document has the labels of the first teacher that labelled it.",
        ),
    ] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make one silver of several teachers' labels of the same documents, by votes."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.config import check
    from decoct.errors import Faults
    from decoct.recipes.mix import mix_file

    check_out(out, *sources)
    faults = Faults()
    settings = check(
        MixSettings, {"min_share": min_share, "rule": "first" if first else "vote"}, "mix"
    )
    made = mix_file(sources, out, task, settings, faults=faults, progress=Screen(quiet))
    if json:
        show_json({"out": str(out), **made.to_dict(), "n_skipped": faults.n})
    else:
        counts = made.counts
        votes = (
            ""
            if first
            else (
                f": {counts['unanimous']} unanimous, {counts['by_majority']} by majority, "
                f"{counts['outvoted']} outvoted"
            )
        )
        typer.echo(
            f"{out}: {made.n_documents} documents of {len(sources)} teachers, "
            f"{made.n_relations} relations{votes}; "
            f"{counts['labelled_by_one']} documents labelled by one teacher alone"
        )
    close(faults, quiet)

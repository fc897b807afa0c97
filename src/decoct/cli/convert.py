"""`decoct convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, Out, Quiet, check_out


def convert(
    from_: Annotated[str, typer.Option("--from", help="The format, such as ade_corpus.")],
    source: Annotated[Path, typer.Option("--in", help="File or folder of that format.")],
    out: Out,
    positives_only: Annotated[
        bool, typer.Option("--positives-only", help="Leave out what has no annotation.")
    ] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Turn a corpus in the field's own format into decoct's JSONL."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import Faults
    from decoct.recipes.convert import convert as recipe

    check_out(out, source)
    faults = Faults()
    made = recipe(
        source, out, from_, positives_only=positives_only, faults=faults, progress=Screen(quiet)
    )
    if json:
        show_json(made.to_dict())
    else:
        typer.echo(
            f"{out}: {made.n_documents} documents ({made.n_negative} without a relation), "
            f"{made.n_spans} spans, {made.n_relations} relations"
        )
    close(faults, quiet)

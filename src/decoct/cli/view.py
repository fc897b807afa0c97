"""`decoct view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, Quiet, check_not_source
from decoct.errors import ConfigError

_ENDINGS = (".html", ".htm")


def view(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DOCUMENTS", help="In any format that decoct convert --list shows; - is stdin."
        ),
    ],
    gold: Annotated[
        Path | None,
        typer.Option(help="People's annotations of them: what was missed, invented, right."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")] = Path("view.html"),
    limit: Annotated[int | None, typer.Option(min=1, help="Draw no more documents.")] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw annotated documents in one HTML file that needs no other: spans, arrows, links."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import Faults
    from decoct.recipes.view import view_file

    if out.suffix not in _ENDINGS:
        raise ConfigError(f"--out {out}: HTML is written; give it the ending .html")
    check_not_source(out, source, *([] if gold is None else [gold]))
    faults = Faults()
    made = view_file(source, out, gold, limit=limit, faults=faults, progress=Screen(quiet))
    if json:
        show_json({"out": str(out), **made.to_dict(), "n_skipped": faults.n})
    else:
        typer.echo(
            f"{out}: {made.n_documents} documents, {made.n_spans} spans, "
            f"{made.n_relations} relations"
        )
        for name, counts in made.verdicts.items():
            told = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
            typer.echo(f"{name}: {told}")
    close(faults, quiet)

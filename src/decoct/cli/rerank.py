"""`decoct rerank`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, Quiet
from decoct.linker.settings import LinkerSettings
from decoct.reranker.settings import RankerSettings

_RANKING, _LINKING = RankerSettings(), LinkerSettings()


def rerank(
    index: Annotated[Path, typer.Option(help="The folder of decoct index.")],
    out: Annotated[Path, typer.Option("--out", help="The linker's folder.")],
    silver: Annotated[Path | None, typer.Option(help="Documents that decoct judge linked.")] = None,
    gold: Annotated[Path | None, typer.Option(help="Documents that people linked.")] = None,
    kind: Annotated[
        str | None, typer.Option(help=f"features, cross_encoder or causal_lm [{_RANKING.kind}].")
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", help="A setting of that kind, as name=value; can be repeated."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file with any of these settings, [options] for the kind's."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Candidates of a mention.")] = _LINKING.k,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="Only mentions with this label; can be repeated."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Parts that judge each other's labels and set the blend; 0 for neither "
            f"[{_RANKING.folds}].",
        ),
    ] = None,
    doubt: Annotated[
        str | None,
        typer.Option(
            help=f"About silver: keep, weigh or drop what is unlikely [{_RANKING.doubt}]."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help=f"[{_RANKING.seed}]")] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a re-ranker on linked mentions; with its index it makes a linker."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.config import check
    from decoct.errors import Faults
    from decoct.recipes.rerank import read_ranker_settings, rerank_file

    flags = {"kind": kind, "folds": folds, "doubt": doubt, "seed": seed}
    settings = read_ranker_settings(config, flags, options or ())
    linking = check(LinkerSettings, {"k": k, "labels": labels or ()}, "rerank")
    faults = Faults()
    made = rerank_file(
        index,
        out,
        silver=silver,
        gold=gold,
        settings=settings,
        linking=linking,
        faults=faults,
        progress=Screen(quiet),
    )
    if json:
        show_json({"out": str(out), **made.to_dict(), "n_skipped": faults.n})
    else:
        counts = made.counts
        accuracy = made.out_of_fold_accuracy
        typer.echo(
            f"{out}: {settings.kind}, {counts['choices']} choices learnt, {counts['gold']} of them "
            f"gold; {counts['doubted']} doubted, {counts['dropped']} dropped, "
            f"{counts['out_of_reach']} not among {k} candidates"
            + (f"; right on {accuracy:.1%} of those it had not seen" if accuracy else "")
        )
    close(faults, quiet)

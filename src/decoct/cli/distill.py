"""`decoct distill`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, Device, Out, Quiet, TaskName
from decoct.student.settings import StudentSettings

_DEFAULT = StudentSettings()


def distill(
    silver: Annotated[Path, typer.Option(help="Annotated documents, from decoct label.")],
    out: Out,
    task: TaskName = "ade",
    encoder: Annotated[
        str, typer.Option(help="embedded, a local folder or a hub id.")
    ] = _DEFAULT.encoder,
    seed: Annotated[
        int, typer.Option(help="Of initialisation, order and dropout.")
    ] = _DEFAULT.seed,
    epochs: Annotated[int, typer.Option(help="The most passes over the data.")] = _DEFAULT.epochs,
    patience: Annotated[
        int, typer.Option(help="Epochs without a better silver dev score before stopping.")
    ] = _DEFAULT.patience,
    batch_size: Annotated[int, typer.Option(help="Sentences in a step.")] = _DEFAULT.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="Peak, for the encoder.")
    ] = _DEFAULT.learning_rate,
    head_learning_rate: Annotated[
        float, typer.Option(help="Peak, for the heads.")
    ] = _DEFAULT.head_learning_rate,
    max_tokens: Annotated[int, typer.Option(help="The encoder's window.")] = _DEFAULT.max_tokens,
    dev_share: Annotated[
        float, typer.Option(help="Share of the silver kept for early stopping.")
    ] = _DEFAULT.dev_share,
    device: Device = _DEFAULT.device,
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = _DEFAULT.precision,
    freeze_embeddings: Annotated[
        bool,
        typer.Option(
            "--freeze-embeddings/--train-embeddings", help="Leave the word embeddings as they are."
        ),
    ] = _DEFAULT.freeze_embeddings,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a student on silver annotations; an interrupted run goes on at its last epoch."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.config import check
    from decoct.errors import Faults
    from decoct.recipes.distill import distill_file

    given = {
        "encoder": encoder,
        "seed": seed,
        "epochs": epochs,
        "patience": patience,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "head_learning_rate": head_learning_rate,
        "max_tokens": max_tokens,
        "dev_share": dev_share,
        "device": device,
        "precision": precision,
        "freeze_embeddings": freeze_embeddings,
    }
    faults = Faults()
    fitted = distill_file(
        silver,
        out,
        task,
        check(StudentSettings, given, "distill"),
        faults=faults,
        progress=Screen(quiet),
    )
    card = fitted.student.card
    if json:
        show_json(
            {
                "student": str(out),
                "silver": card.silver,
                "training": card.training,
                "unexpressed": dict(fitted.unexpressed),
            }
        )
    else:
        best = fitted.training
        typer.echo(
            f"{out}: {fitted.student!r}, best epoch {best.best_epoch} of {len(best.history)}, "
            f"silver dev F1 {best.best_score:.3f}, "
            f"trained on {best.device}{' in bf16' if best.bf16 else ''}"
        )
        for reason, count in fitted.unexpressed.items():
            typer.echo(f"  not expressible in the heads: {count} {reason}", err=True)
    close(faults, quiet)

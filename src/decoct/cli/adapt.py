"""`decoct adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, Device, In, Quiet
from decoct.student.adapt_settings import AdaptSettings

_DEFAULT = AdaptSettings(max_steps=1)


def adapt(
    source: In,
    out: Annotated[Path, typer.Option("--out", help="Folder for the encoder.")],
    encoder: Annotated[
        str, typer.Option(help="embedded, a local folder or a hub id.")
    ] = _DEFAULT.encoder,
    max_minutes: Annotated[
        float | None, typer.Option(help="How long [60 if --max-steps is not given].")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="How many steps instead; the same each time.")
    ] = None,
    block_tokens: Annotated[
        int, typer.Option(help="Tokens of one training text.")
    ] = _DEFAULT.block_tokens,
    batch_blocks: Annotated[
        int, typer.Option(help="Training texts in a step.")
    ] = _DEFAULT.batch_blocks,
    mask_prob: Annotated[
        float, typer.Option(help="Share of the words that are hidden.")
    ] = _DEFAULT.mask_prob,
    learning_rate: Annotated[
        float, typer.Option(help="Peak, for the encoder.")
    ] = _DEFAULT.learning_rate,
    seed: Annotated[int, typer.Option(help="Of masks and order.")] = _DEFAULT.seed,
    device: Device = _DEFAULT.device,
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = _DEFAULT.precision,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Let an encoder read your own text first (masked words); interrupted, it goes on."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.config import check
    from decoct.errors import Faults
    from decoct.recipes.adapt import adapt_file

    given = {
        "encoder": encoder,
        "max_minutes": 60.0 if max_minutes is None and max_steps is None else max_minutes,
        "max_steps": max_steps,
        "block_tokens": block_tokens,
        "batch_blocks": batch_blocks,
        "mask_prob": mask_prob,
        "learning_rate": learning_rate,
        "seed": seed,
        "device": device,
        "precision": precision,
    }
    faults = Faults()
    settings = check(AdaptSettings, given, "adapt")
    made = adapt_file(source, out, settings, faults=faults, progress=Screen(quiet))
    if json:
        show_json(
            {
                "encoder": str(out),
                "n_steps": made.n_steps,
                "n_tokens": made.n_tokens,
                "n_texts": made.n_texts,
                "seconds": made.seconds,
                "first_loss": made.first_loss,
                "last_loss": made.last_loss,
                "device": made.device,
                "bf16": made.bf16,
            }
        )
    else:
        typer.echo(
            f"{out}: {made.n_steps:,} steps, {made.n_tokens:,} tokens in {made.seconds:,.0f} s, "
            f"loss {made.first_loss:.2f} -> {made.last_loss:.2f}; "
            f"use it with decoct distill --encoder {out}"
        )
    close(faults, quiet)

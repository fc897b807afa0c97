"""`decoct serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import Device, EngineName, Threads

_MIB = 2**20


def serve(
    student: Annotated[
        str | None, typer.Option(help="A student's folder, or a hub id: /v1/extract.")
    ] = None,
    linker: Annotated[
        Path | None, typer.Option(help="The folder of decoct rerank, or of decoct index: /v1/link.")
    ] = None,
    deidentify_student: Annotated[
        str | None, typer.Option(help="A student of the task phi, for /v1/deidentify.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Likewise; 0 for any that is free.")
    ] = 8000,
    without_key: Annotated[
        bool,
        typer.Option(
            "--without-key",
            help="Let others in without a key [env DECOCT_SERVE_KEY] where --host is not loopback.",
        ),
    ] = False,
    max_body_mib: Annotated[
        float, typer.Option(min=0.001, help="The most MiB of a body, or of a line of NDJSON.")
    ] = 4,
    max_documents: Annotated[
        int, typer.Option(min=1, help="The most documents of a request that is not NDJSON.")
    ] = 1000,
    max_chars: Annotated[int, typer.Option(min=1, help="The most characters of a text.")] = 100_000,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Documents that may wait; more get a 503.")
    ] = 2000,
    batch: Annotated[
        int, typer.Option(min=1, help="Documents of a batch; for a GPU, 64 or more.")
    ] = 8,
    drain_s: Annotated[
        float, typer.Option(min=0, help="After SIGTERM, take work for so long; /ready says no.")
    ] = 0,
    grace_s: Annotated[
        float, typer.Option(min=0.1, help="After that, how long accepted work may take.")
    ] = 30,
    device: Device = "auto",
    engine: EngineName = "auto",
    threads: Threads = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No line for each request on standard error.")
    ] = False,
) -> None:
    """Serve a student, a linker and de-identification over HTTP, until it is told to end."""
    from decoct.config import check
    from decoct.recipes.serve import load_models
    from decoct.recipes.serve import serve as recipe
    from decoct.serving.settings import ServeKey, ServeSettings

    settings = check(
        ServeSettings,
        {
            "host": host,
            "port": port,
            "without_key": without_key,
            "max_body_bytes": round(max_body_mib * _MIB),
            "max_documents": max_documents,
            "max_chars": max_chars,
            "max_waiting": max_waiting,
            "batch_documents": batch,
            "drain_s": drain_s,
            "grace_s": grace_s,
            "access_log": not quiet,
        },
        "serve",
    )
    key = ServeKey.from_environment()
    settings.check_exposed(key)  # before anything is loaded
    models = load_models(
        student, linker, deidentify_student, device=device, engine=engine, threads=threads
    )
    clean = recipe(
        models, settings, key, tell=lambda line: typer.echo(f"decoct serve: {line}", err=True)
    )
    if not clean:
        typer.echo("decoct: ended before all that was accepted was answered", err=True)
        raise typer.Exit(1)

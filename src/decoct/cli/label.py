"""`decoct label`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decoct.cli.flags import AsJson, In, Out, Quiet, TaskName, check_out


def label(
    source: In,
    out: Out,
    teacher: Annotated[
        str, typer.Option(help="rules, replay:FILE, openai:MODEL or scripted:FILE.")
    ],
    task: TaskName = "ade",
    log: Annotated[
        Path | None,
        typer.Option(help="SQLite file that keeps every answer [teacher.sqlite beside --out]."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests under way at once.")] = 8,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="Endpoint of openai:, such as http://localhost:8000/v1 [OPENAI_BASE_URL]."
        ),
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the key [OPENAI_API_KEY].")
    ] = None,
    temperature: Annotated[
        str | None, typer.Option(help="A number, or none for models that take none.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="The most tokens of an answer.")
    ] = None,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout-s", help="Seconds to wait for an answer.")
    ] = None,
    contains_phi: Annotated[
        bool,
        typer.Option("--contains-phi", help="Refuse any host that is not loopback or allowed."),
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host that may see PHI; can be repeated.")
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Have a teacher annotate documents; nothing is asked twice, an interrupted run goes on."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import Faults
    from decoct.recipes.label import label_file

    options = {
        "base_url": base_url,
        "api_key_env": api_key_env,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "timeout_s": timeout_s,
        "contains_phi": contains_phi or None,
        "allow_hosts": tuple(allow_host) if allow_host else None,
    }
    check_out(out, source)
    faults = Faults()
    made = label_file(
        source,
        out,
        task,
        teacher,
        log=log,
        concurrency=concurrency,
        faults=faults,
        progress=Screen(quiet),
        **{name: value for name, value in options.items() if value is not None},
    )
    if json:
        show_json(made.to_dict())
    else:
        typer.echo(
            f"{out}: {made.n_silver} of {made.n_documents} documents labelled, "
            f"{made.n_relations} relations, {made.ungrounded.total()} stated ones not in the text; "
            f"{made.n_cached} answers from the log, "
            f"{made.prompt_tokens} + {made.completion_tokens} tokens"
        )
    close(faults, quiet)

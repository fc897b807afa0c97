"""`decoct label`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from decoct.cli.asking import (
    ASKING,
    AllowHost,
    ApiKeyEnv,
    ApiKeyFile,
    BaseUrl,
    BudgetUsd,
    Concurrency,
    Config,
    ContainsPhi,
    DryRun,
    LogFile,
    MaxAttempts,
    MaxReasks,
    MaxTokens,
    Prices,
    RequestsPerMinute,
    Submit,
    Temperature,
    TimeoutS,
    TokensPerMinute,
    WriteAgain,
    bill,
    given,
    terminated_as_interrupted,
)
from decoct.cli.flags import AsJson, In, Out, Quiet, TaskName, check_out

if TYPE_CHECKING:
    from decoct.teacher.summary import LabelSummary


def label(
    source: In,
    out: Out,
    teacher: Annotated[
        str | None,
        typer.Option(help="rules, replay:FILE, openai:MODEL, batch:MODEL or scripted:FILE."),
    ] = None,
    task: TaskName = "ade",
    config: Config = None,
    log: LogFile = None,
    dry_run: DryRun = False,
    budget_usd: BudgetUsd = None,
    prices: Prices = None,
    concurrency: Concurrency = None,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    max_attempts: MaxAttempts = None,
    max_reasks: MaxReasks = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Answers for each document; more than one are put to the vote [1].",
            rich_help_panel=ASKING,
        ),
    ] = None,
    pack: Annotated[
        int | None,
        typer.Option(min=1, help="Documents in one prompt, at most [1].", rich_help_panel=ASKING),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(help="JSONL of examples to show (few-shot).", rich_help_panel=ASKING),
    ] = None,
    n_examples: Annotated[
        int | None, typer.Option(min=1, help="How many of them [5].", rich_help_panel=ASKING)
    ] = None,
    pick: Annotated[
        str | None,
        typer.Option(
            help="static: the first ones; nearest: those most like the document.",
            rich_help_panel=ASKING,
        ),
    ] = None,
    contains_phi: ContainsPhi = False,
    base_url: BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    api_key_file: ApiKeyFile = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    timeout_s: TimeoutS = None,
    allow_host: AllowHost = None,
    submit: Submit = False,
    write_again: WriteAgain = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Have a teacher annotate documents; nothing is asked twice, an interrupted run goes on."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import Faults
    from decoct.recipes.label import label_file, plan_label, read_label_settings

    flags: dict[str, Any] = {
        "teacher": teacher,
        "budget_usd": budget_usd,
        "prices": prices,
        "concurrency": concurrency,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "max_attempts": max_attempts,
        "max_reasks": max_reasks,
        "samples": samples,
        "pack": pack,
        "examples": examples,
        "n_examples": n_examples,
        "pick": pick,
        "contains_phi": contains_phi or None,
        "base_url": base_url,
        "api_key_env": api_key_env,
        "api_key_file": api_key_file,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "timeout_s": timeout_s,
        "allow_hosts": tuple(allow_host) if allow_host else None,
        "submit": submit or None,
        "write_again": write_again or None,
    }
    check_out(out, source)
    settings = read_label_settings(config, given(flags))
    asked = (source, out, task, settings.open(config))
    faults, screen = Faults(), Screen(quiet)
    more: dict[str, Any] = {"log": log, "faults": faults, "progress": screen, **settings.asking()}
    if dry_run:
        plan = plan_label(*asked, **more)
        if json:
            show_json(plan.to_dict())
        else:
            typer.echo("\n".join(plan.lines()))
        close(faults, quiet)
        return
    with terminated_as_interrupted():
        made = label_file(*asked, **more)
    if json:
        show_json(made.to_dict())
    else:
        typer.echo(_report(out, made))
    close(faults, quiet)


def _report(out: Path, made: LabelSummary) -> str:
    """Say in a few lines what a run came to and what it cost."""
    lines = [
        f"{out}: {made.n_silver} of {made.n_documents} documents labelled, "
        f"{made.n_relations} relations, {made.ungrounded.total()} stated ones not in the text",
        *bill(made, "documents"),
    ]
    if made.n_outvoted:
        lines.append(f"outvoted: {made.n_outvoted} annotations")
    return "\n".join(lines)

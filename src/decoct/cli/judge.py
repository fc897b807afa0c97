"""`decoct judge`."""

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
from decoct.cli.flags import AsJson, Out, Quiet, check_out

if TYPE_CHECKING:
    from decoct.teacher.judging.summary import JudgeSummary

_SHOWN, _SHOTS = "What is shown", "Few-shot"


def judge(
    mentions: Annotated[
        Path,
        typer.Option(
            "--mentions",
            help="Documents with spans, or a table with a column mention; - is standard input.",
        ),
    ],
    out: Out,
    index: Annotated[
        Path | None,
        typer.Option(
            help="The folder of decoct index; not needed where the spans' links name candidates, "
            "or the recording does."
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="replay:FILE, openai:MODEL, batch:MODEL or scripted:FILE."),
    ] = None,
    config: Config = None,
    log: LogFile = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="Only mentions with this label; can be repeated."),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("-k", min=1, help="Candidates of a mention [20].", rich_help_panel=_SHOWN),
    ] = None,
    shuffle: Annotated[
        bool | None,
        typer.Option(
            "--shuffle/--no-shuffle",
            help="Candidates in an order of chance, in each sample another.",
            rich_help_panel=_SHOWN,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of that order [0].", rich_help_panel=_SHOWN)
    ] = None,
    aliases: Annotated[
        int | None,
        typer.Option(
            min=0, help="Other names of a candidate, at most [3].", rich_help_panel=_SHOWN
        ),
    ] = None,
    definition_chars: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of its definition, at most; 0 for none [120].", rich_help_panel=_SHOWN
        ),
    ] = None,
    candidate_tokens: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="What a mention's candidates may take; names are always shown [600].",
            rich_help_panel=_SHOWN,
        ),
    ] = None,
    show_ids: Annotated[
        bool | None,
        typer.Option(
            "--show-ids/--no-show-ids",
            help="The candidates' ids too, where they mean something.",
            rich_help_panel=_SHOWN,
        ),
    ] = None,
    context_chars: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Of the text around a mention, at most; 0 for none [300].",
            rich_help_panel=_SHOWN,
        ),
    ] = None,
    reasoning: Annotated[
        bool | None,
        typer.Option(
            "--reasoning/--no-reasoning",
            help="Ask for a sentence of reasoning before the choice.",
            rich_help_panel=ASKING,
        ),
    ] = None,
    certainty: Annotated[
        bool | None,
        typer.Option(
            "--certainty/--no-certainty",
            help="Ask how sure the choice is.",
            rich_help_panel=ASKING,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Choices for each mention; more than one are put to the vote [1].",
            rich_help_panel=ASKING,
        ),
    ] = None,
    pack: Annotated[
        int | None,
        typer.Option(min=1, help="Mentions in one prompt, at most [1].", rich_help_panel=ASKING),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(
            help="Documents whose mentions are linked, to show some of.", rich_help_panel=_SHOTS
        ),
    ] = None,
    n_examples: Annotated[
        int | None, typer.Option(min=1, help="How many of them [5].", rich_help_panel=_SHOTS)
    ] = None,
    pick: Annotated[
        str | None,
        typer.Option(
            help="static: the first ones; nearest: those most like the mention.",
            rich_help_panel=_SHOTS,
        ),
    ] = None,
    n_nearest: Annotated[
        int | None,
        typer.Option(
            min=0, help="So many more that are most like the mention [0].", rich_help_panel=_SHOTS
        ),
    ] = None,
    example_candidates: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Candidates of an example; 0 for mention and entry alone [0].",
            rich_help_panel=_SHOTS,
        ),
    ] = None,
    dry_run: DryRun = False,
    budget_usd: BudgetUsd = None,
    prices: Prices = None,
    concurrency: Concurrency = None,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    max_attempts: MaxAttempts = None,
    max_reasks: MaxReasks = None,
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
    """Have a teacher choose which candidate each mention means, or none; nothing is asked twice."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import Faults
    from decoct.recipes.judge import judge_file, plan_judge, read_judge_settings

    flags: dict[str, Any] = {
        "teacher": teacher,
        "labels": tuple(labels) if labels else None,
        "k": k,
        "shuffle": shuffle,
        "seed": seed,
        "aliases": aliases,
        "definition_chars": definition_chars,
        "candidate_tokens": candidate_tokens,
        "show_ids": show_ids,
        "context_chars": context_chars,
        "reasoning": reasoning,
        "certainty": certainty,
        "samples": samples,
        "pack": pack,
        "examples": examples,
        "n_examples": n_examples,
        "pick": pick,
        "n_nearest": n_nearest,
        "example_candidates": example_candidates,
        "budget_usd": budget_usd,
        "prices": prices,
        "concurrency": concurrency,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "max_attempts": max_attempts,
        "max_reasks": max_reasks,
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
    check_out(out, mentions)
    settings = read_judge_settings(config, given(flags))
    faults, screen = Faults(), Screen(quiet)
    more: dict[str, Any] = {"log": log, "faults": faults, "progress": screen, **settings.asking()}
    opened = settings.open(config)
    if dry_run:
        plan = plan_judge(mentions, out, index, teacher=opened, **more)
        if json:
            show_json(plan.to_dict())
        else:
            typer.echo("\n".join(plan.lines("mentions")))
        close(faults, quiet)
        return
    with terminated_as_interrupted():
        made = judge_file(mentions, out, index, teacher=opened, **more)
    if json:
        show_json(made.to_dict())
    else:
        typer.echo(_report(out, made))
    close(faults, quiet)


def _report(out: Path, made: JudgeSummary) -> str:
    """Say in a few lines what a run came to and what it cost."""
    lines = [
        f"{out}: {made.n_judged} of {made.n_mentions} mentions judged, "
        f"in {made.n_written} of {made.n_documents} documents"
    ]
    if made.n_judged:
        lines.append(
            f"chosen: {made.first_share:.1%} the first candidate, "
            f"{made.nil_share:.1%} none of them (NIL)"
        )
    if made.n_recorded:
        lines.append(f"candidates: the recording's own, of {made.n_recorded} mentions")
    lines += bill(made.asking, "mentions")
    if made.asking.n_outvoted:
        lines.append(f"outvoted: {made.asking.n_outvoted} choices")
    return "\n".join(lines)

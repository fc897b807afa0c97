"""`decoct label`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from decoct.cli.flags import AsJson, In, Out, Quiet, TaskName, check_out

if TYPE_CHECKING:
    from decoct.teacher.summary import LabelSummary

_ASKING, _MONEY, _ENDPOINT = "How to ask", "Money", "Endpoint (openai:, batch:)"


def label(
    source: In,
    out: Out,
    teacher: Annotated[
        str | None,
        typer.Option(help="rules, replay:FILE, openai:MODEL, batch:MODEL or scripted:FILE."),
    ] = None,
    task: TaskName = "ade",
    config: Annotated[
        Path | None,
        typer.Option(help="TOML with the teacher and any of these settings; flags go before it."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="SQLite file that keeps every answer; teacher.sqlite beside --out if not given."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Say what would be sent, what it would cost and take; send nothing.",
            rich_help_panel=_MONEY,
        ),
    ] = False,
    budget_usd: Annotated[
        float | None,
        typer.Option(help="Stop before more than this is spent.", rich_help_panel=_MONEY),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(help="TOML of prices, laid over decoct's own.", rich_help_panel=_MONEY),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Requests under way at once [8].", rich_help_panel=_ASKING),
    ] = None,
    requests_per_minute: Annotated[
        float | None, typer.Option(help="Send no more than this.", rich_help_panel=_ASKING)
    ] = None,
    tokens_per_minute: Annotated[
        float | None, typer.Option(help="Likewise.", rich_help_panel=_ASKING)
    ] = None,
    max_attempts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Sendings of one request before it is given up [8].",
            rich_help_panel=_ASKING,
        ),
    ] = None,
    max_reasks: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How often an answer that does not fit is asked again [2].",
            rich_help_panel=_ASKING,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Answers for each document; more than one are put to the vote [1].",
            rich_help_panel=_ASKING,
        ),
    ] = None,
    pack: Annotated[
        int | None,
        typer.Option(min=1, help="Documents in one prompt, at most [1].", rich_help_panel=_ASKING),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(help="JSONL of examples to show (few-shot).", rich_help_panel=_ASKING),
    ] = None,
    n_examples: Annotated[
        int | None, typer.Option(min=1, help="How many of them [5].", rich_help_panel=_ASKING)
    ] = None,
    pick: Annotated[
        str | None,
        typer.Option(
            help="static: the first ones; nearest: those most like the document.",
            rich_help_panel=_ASKING,
        ),
    ] = None,
    contains_phi: Annotated[
        bool,
        typer.Option(
            "--contains-phi",
            help="Refuse any host that is not loopback or allowed.",
            rich_help_panel=_ASKING,
        ),
    ] = False,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="Up to /v1, such as http://localhost:8000/v1 [OPENAI_BASE_URL].",
            rich_help_panel=_ENDPOINT,
        ),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            help="Environment variable that holds the key [OPENAI_API_KEY].",
            rich_help_panel=_ENDPOINT,
        ),
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="File that holds it, readable by you alone.", rich_help_panel=_ENDPOINT),
    ] = None,
    temperature: Annotated[
        str | None,
        typer.Option(
            help="A number, or none for models that take none [0].", rich_help_panel=_ENDPOINT
        ),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="The most tokens of an answer [4096].", rich_help_panel=_ENDPOINT),
    ] = None,
    timeout_s: Annotated[
        float | None,
        typer.Option(
            "--timeout-s", help="Seconds to wait for an answer [60].", rich_help_panel=_ENDPOINT
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A host that may see PHI; can be repeated.", rich_help_panel=_ENDPOINT),
    ] = None,
    submit: Annotated[
        bool,
        typer.Option(
            "--submit",
            help="batch: send the request files, wait, fetch the answers.",
            rich_help_panel=_ENDPOINT,
        ),
    ] = False,
    write_again: Annotated[
        bool,
        typer.Option(
            "--write-again",
            help="batch: give up waiting for files that decoct did not send.",
            rich_help_panel=_ENDPOINT,
        ),
    ] = False,
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
    given = {name: value for name, value in flags.items() if value is not None}
    settings = read_label_settings(config, given)
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
    with _terminated_as_interrupted():
        made = label_file(*asked, **more)
    if json:
        show_json(made.to_dict())
    else:
        typer.echo(_report(out, made))
    close(faults, quiet)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Have SIGTERM do what Ctrl-C does: keep the answers that are under way.

    Where Ctrl-C is ignored, as behind `nohup`, it ends us at once, as ever.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(out: Path, made: LabelSummary) -> str:
    """Say in a few lines what a run came to and what it cost."""
    cost = made.cost
    price = "price unknown" if cost.usd is None else f"${cost.usd:,.4f}" if cost.usd else "free"
    lines = [
        f"{out}: {made.n_silver} of {made.n_documents} documents labelled, "
        f"{made.n_relations} relations, {made.ungrounded.total()} stated ones not in the text",
        f"this run: {cost.n_calls} calls, {cost.usage.prompt_tokens} + "
        f"{cost.usage.completion_tokens} tokens, {price}, "
        f"{cost.failures.total()} failed attempts",
        f"from the log: {made.n_cached} documents"
        + (f", once worth ${made.log_usd:,.4f}" if made.log_usd else ""),
    ]
    if made.n_outvoted:
        lines.append(f"outvoted: {made.n_outvoted} annotations")
    return "\n".join(lines)

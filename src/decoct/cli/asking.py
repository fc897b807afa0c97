"""What commands that put questions to a teacher have in common: flags, interrupts, the bill."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from decoct.teacher.summary import LabelSummary

ASKING, MONEY, ENDPOINT = "How to ask", "Money", "Endpoint (openai:, batch:)"

Config = Annotated[
    Path | None,
    typer.Option(help="TOML with the teacher and any of these settings; flags go before it."),
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        help="SQLite file that keeps every answer; teacher.sqlite beside --out if not given."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what would be sent, what it would cost and take; send nothing.",
        rich_help_panel=MONEY,
    ),
]
BudgetUsd = Annotated[
    float | None,
    typer.Option(help="Stop before more than this is spent.", rich_help_panel=MONEY),
]
Prices = Annotated[
    Path | None,
    typer.Option(help="TOML of prices, laid over decoct's own.", rich_help_panel=MONEY),
]
Concurrency = Annotated[
    int | None,
    typer.Option(min=1, help="Requests under way at once [8].", rich_help_panel=ASKING),
]
RequestsPerMinute = Annotated[
    float | None, typer.Option(help="Send no more than this.", rich_help_panel=ASKING)
]
TokensPerMinute = Annotated[float | None, typer.Option(help="Likewise.", rich_help_panel=ASKING)]
MaxAttempts = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Sendings of one request before it is given up [8].",
        rich_help_panel=ASKING,
    ),
]
MaxReasks = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="How often an answer that does not fit is asked again [2].",
        rich_help_panel=ASKING,
    ),
]
ContainsPhi = Annotated[
    bool,
    typer.Option(
        "--contains-phi",
        help="Refuse any host that is not loopback or allowed.",
        rich_help_panel=ASKING,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        help="Up to /v1, such as http://localhost:8000/v1 [OPENAI_BASE_URL].",
        rich_help_panel=ENDPOINT,
    ),
]
ApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        help="Environment variable that holds the key [OPENAI_API_KEY].",
        rich_help_panel=ENDPOINT,
    ),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(help="File that holds it, readable by you alone.", rich_help_panel=ENDPOINT),
]
Temperature = Annotated[
    str | None,
    typer.Option(help="A number, or none for models that take none [0].", rich_help_panel=ENDPOINT),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(min=1, help="The most tokens of an answer [4096].", rich_help_panel=ENDPOINT),
]
TimeoutS = Annotated[
    float | None,
    typer.Option(
        "--timeout-s", help="Seconds to wait for an answer [60].", rich_help_panel=ENDPOINT
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(help="A host that may see PHI; can be repeated.", rich_help_panel=ENDPOINT),
]
Submit = Annotated[
    bool,
    typer.Option(
        "--submit",
        help="batch: send the request files, wait, fetch the answers.",
        rich_help_panel=ENDPOINT,
    ),
]
WriteAgain = Annotated[
    bool,
    typer.Option(
        "--write-again",
        help="batch: give up waiting for files that decoct did not send.",
        rich_help_panel=ENDPOINT,
    ),
]


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
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


def bill(asking: LabelSummary, noun: str) -> list[str]:
    """Return lines on what was asked and what it cost.

    Args:
        asking: what it came to.
        noun: what a question was about, in the plural.
    """
    cost = asking.cost
    price = "price unknown" if cost.usd is None else f"${cost.usd:,.4f}" if cost.usd else "free"
    return [
        f"this run: {cost.n_calls} calls, {cost.usage.prompt_tokens} + "
        f"{cost.usage.completion_tokens} tokens, {price}, "
        f"{cost.failures.total()} failed attempts",
        f"from the log: {asking.n_cached} {noun}"
        + (f", once worth ${asking.log_usd:,.4f}" if asking.log_usd else ""),
    ]

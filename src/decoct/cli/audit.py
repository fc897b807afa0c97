"""`decoct audit sample` and `decoct audit agreement`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decoct.cli.flags import AsJson, Out, Quiet, check_out

if TYPE_CHECKING:
    from decoct.evaluation.agreement import Agreement, Kappa
    from decoct.evaluation.scores import Score

_HEADER = ("", "value", "95 % interval", "observed", "in a", "in b", "of")


class By(StrEnum):
    """How a sample is drawn."""

    random = "random"
    doubt = "doubt"


def sample(
    source: Annotated[
        Path, typer.Option("--in", help="Silver, as decoct label writes it; - is standard input.")
    ],
    out: Out,
    n: Annotated[int, typer.Option("--n", min=1, help="How many documents.")] = 100,
    by: Annotated[
        By, typer.Option(help="random, to measure noise; doubt, the teacher's least sure first.")
    ] = By.random,
    seed: Annotated[int, typer.Option(help="Of the lots.")] = 13,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw silver documents for people to correct, in an order drawn by lot."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import Faults
    from decoct.recipes.audit import sample as recipe
    from decoct.store import check_writable

    check_out(out, source)
    check_writable(out)
    faults = Faults()
    drawn = recipe(source, out, n, by=by.value, seed=seed, faults=faults, progress=Screen(quiet))
    if json:
        show_json({"out": str(out), **drawn.to_dict(), "n_skipped": faults.n})
    else:
        typer.echo(f"{out}: {drawn.n_drawn} of {drawn.n_documents} silver documents, by {by.value}")
        if drawn.n_not_silver:
            typer.echo(f"{drawn.n_not_silver} documents are not silver and were passed over")
        if by is By.doubt and drawn.n_at_random:
            typer.echo(
                f"{drawn.n_at_random} of them show no doubt (no confidence, no ungrounded claim) "
                "and were drawn at random"
            )
    close(faults, quiet)


def agreement(
    a: Annotated[
        Path, typer.Argument(help="The reference, where errors are told apart: people's.")
    ],
    b: Annotated[Path, typer.Argument(help="The other annotation: a teacher's.")],
    label: Annotated[
        str | None, typer.Option(help="Look at relations of this label only, such as ADE.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 13,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say how far two annotations of the same documents agree, and in what ways b errs."""
    from decoct.cli.screen import close, show_json, show_table
    from decoct.errors import Faults
    from decoct.recipes.audit import agreement as recipe

    faults = Faults()
    measured = recipe(a, b, label=label, seed=seed, faults=faults)
    if json:
        show_json({"a": str(a), "b": str(b), "label": label, **measured.to_dict()})
    else:
        title = f"a: {a.name}, b: {b.name}, {measured.n_documents} documents"
        show_table(title, _HEADER, _agreement_rows(measured))
        show_table("relations of b, with a as the reference", *_error_table(measured))
        typer.echo(measured.words.signature)
    close(faults, quiet)


def _agreement_rows(measured: Agreement) -> Iterator[tuple[str, ...]]:
    f1 = measured.f1
    yield _kappa_row("words, kappa", measured.words)
    for label, one in measured.word_labels.items():
        yield _kappa_row(f"words, {label}, kappa", one)
    yield _kappa_row("documents with a relation, kappa", measured.documents)
    for name, scores in {"spans": f1.spans, **f1.span_labels, "relations": f1.relations}.items():
        yield _f1_row(f"{name}, strict F1", scores["strict", "offsets"])
        yield _f1_row(f"{name}, lenient F1", scores["lenient", "offsets"])


def _kappa_row(name: str, one: Kappa) -> tuple[str, ...]:
    counts = (f"{100 * one.observed:.1f} %", str(one.n_a), str(one.n_b), str(one.n_items))
    if one.is_vacuous:
        return name, "-", "-", *counts
    value = one.value
    return name, f"{value.value:.3f}", f"{value.low:.3f} to {value.high:.3f}", *counts


def _f1_row(name: str, one: Score) -> tuple[str, ...]:
    counts = ("", str(one.n_gold), str(one.n_predicted), "")
    if one.is_vacuous:
        return name, "-", "-", *counts
    low, high = 100 * one.f1.low, 100 * one.f1.high
    return name, f"{100 * one.f1.value:.1f}", f"{low:.1f} to {high:.1f}", *counts


def _error_table(measured: Agreement) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    errors = measured.errors
    n_b = errors.types["boundary"].n_of
    share = 100 * errors.n_exact / n_b if n_b else 0.0
    rows: list[tuple[str, ...]] = [("exact", str(errors.n_exact), f"{share:.1f} %", f"{n_b} in b")]
    for name, one in errors.types.items():
        side = "a" if name == "missed" else "b"
        rows.append((name, str(one.n), f"{100 * one.share:.1f} %", f"{one.n_of} in {side}"))
    if errors.n_ungrounded:
        rows.append(("claims not in the text", str(errors.n_ungrounded), "", ""))
    return ("", "relations", "share", "of"), rows

"""Which flags of `decoct evaluate` were given, and which go together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from decoct.cli.flags import check_not_source

_WITH_FOLDS = (
    *("out", "silver", "unlabeled", "group_by", "fold_seed", "only_folds"),
    *("task", "encoder", "epochs", "config"),
)
_WITHOUT_FOLDS = ("pred", "student", "compare", "metric", "positive", "labelled", "index")


def given(context: typer.Context, *names: str) -> dict[str, Any]:
    """Return the flags that stand on the command line, by name."""
    found = {name: context.get_parameter_source(name) for name in names}
    return {
        name: context.params[name]
        for name, source in found.items()
        if source and source.name == "COMMANDLINE"
    }


def check_together(context: typer.Context) -> None:
    """See that cross-validation's flags, and those of what is not trained here, stay apart."""
    from decoct.errors import ConfigError

    more = given(context, "more_folds")
    if more and not given(context, "only_folds"):
        # an option takes one value; the second fold and those after it come as arguments
        raise typer.BadParameter(f"{more['more_folds'][0]} belongs to no option")
    with_folds, others = given(context, *_WITH_FOLDS), given(context, *_WITHOUT_FOLDS)
    if not given(context, "folds") and with_folds:
        raise ConfigError(f"{_flags(with_folds)}: goes with --folds N")
    if given(context, "folds") and others:
        raise ConfigError(f"{_flags(others)}: --folds scores students that it trains itself")


def check_scoring(
    gold: Path,
    pred: Path | None,
    student: str | None,
    given_subjects: bool,
    compare: Path | None,
    report: Path | None,
    labelled: list[Path],
) -> None:
    """See that the flags go together and that the report can be written, before any work."""
    from decoct.errors import ConfigError
    from decoct.store import check_writable

    if (pred is None) == (student is None):
        raise ConfigError("evaluate takes either --pred FILE or --student FOLDER, or --folds N")
    if given_subjects and student is None:
        raise ConfigError(
            "--given-subjects goes with --student; predictions are scored as they are"
        )
    if report is not None:
        check_not_source(report, *(path for path in (gold, pred, compare, *labelled) if path))
        check_writable(report)


def _flags(names: Iterable[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)

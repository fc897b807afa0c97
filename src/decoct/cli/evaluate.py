"""`decoct evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decoct.cli.flags import AsJson, Device, Quiet, check_not_source

if TYPE_CHECKING:
    from decoct.evaluation.metrics import Metrics
    from decoct.records import Document


def evaluate(
    gold: Annotated[Path, typer.Option(help="Documents annotated by people.")],
    pred: Annotated[
        Path | None, typer.Option(help="Predictions, or a teacher's silver, for the same ids.")
    ] = None,
    student: Annotated[
        str | None, typer.Option(help="A student to run on the gold texts instead.")
    ] = None,
    given_subjects: Annotated[
        bool, typer.Option("--given-subjects", help="Give the student the gold drugs.")
    ] = False,
    compare: Annotated[
        Path | None, typer.Option(help="A second system's predictions, for a paired test.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report here.")] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 13,
    device: Device = "auto",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score predictions or a student against gold, with intervals and signatures."""
    from decoct.cli.screen import close, show_json, show_systems, show_table
    from decoct.errors import Faults
    from decoct.evaluation.report import TABLE_HEADER, table_rows
    from decoct.recipes.evaluate import compare as compare_systems
    from decoct.recipes.evaluate import evaluate as score
    from decoct.recipes.evaluate import evaluate_student, read_gold, read_predictions
    from decoct.recipes.extract import load_student

    _check(gold, pred, student, given_subjects, compare, report)
    faults = Faults()
    golden = read_gold(gold, faults)
    other = None if compare is None else read_predictions(compare, golden, faults)
    if student is not None:
        metrics, predicted = evaluate_student(
            load_student(student, device=device), golden, given_subjects=given_subjects, seed=seed
        )
    else:
        predicted = read_predictions(pred or Path(), golden, faults)
        metrics = score(golden, predicted, seed=seed)
    name, other_name = _names(Path(student or pred or ""), compare)
    systems = {name: metrics}
    result = metrics.to_dict()
    comparison = None
    if other is not None:
        comparison = compare_systems(golden, predicted, other, seed=seed)
        systems[other_name] = score(golden, other, seed=seed)
        result["comparison"] = comparison.to_dict()
    if report is not None:
        _write_report(report, systems, golden, predicted)
    if json:
        show_json(result)
    else:
        show_systems(f"{gold.name}: {metrics.n_documents} documents", systems)
        if comparison is None:
            show_table("", TABLE_HEADER, table_rows(metrics))
        for name, scored in systems.items():
            typer.echo(f"{name}: {scored.strict.signature}")
        if comparison is not None:
            typer.echo(repr(comparison))
    for document_id in metrics.missing:
        faults.add(document_id, "in gold, no prediction; scored as empty", "no_prediction")
    for document_id in metrics.unknown:
        faults.add(document_id, "predicted, not in gold; not scored", "not_in_gold")
    close(faults, quiet)


def _check(
    gold: Path,
    pred: Path | None,
    student: str | None,
    given_subjects: bool,
    compare: Path | None,
    report: Path | None,
) -> None:
    """See that the flags go together and that the report can be written, before any work."""
    from decoct.errors import ConfigError
    from decoct.store import check_writable

    if (pred is None) == (student is None):
        raise ConfigError("evaluate takes either --pred FILE or --student FOLDER")
    if given_subjects and student is None:
        raise ConfigError(
            "--given-subjects goes with --student; predictions are scored as they are"
        )
    if report is not None:
        check_not_source(report, *(path for path in (gold, pred, compare) if path))
        check_writable(report)


def _names(first: Path, second: Path | None) -> tuple[str, str]:
    """Name two systems by their files, with as much of the path as tells them apart."""
    if second is None:
        return first.name or str(first), ""
    for n_parts in (1, 2):
        names = ["/".join(path.parts[-n_parts:]) for path in (first, second)]
        if names[0] != names[1]:
            return names[0], names[1]
    return str(first), f"{second} (compared)"


def _write_report(
    path: Path, systems: dict[str, Metrics], gold: list[Document], predicted: list[Document]
) -> None:
    from decoct.evaluation.report import pair_by_id, write_report

    write_report(path, "decoct evaluate", systems, {}, pair_by_id(gold, predicted))

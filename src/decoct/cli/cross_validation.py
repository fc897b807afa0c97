"""`decoct evaluate --folds`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from decoct.cli.flags import check_not_source

if TYPE_CHECKING:
    from decoct.evaluation.cross_validation import CrossValidation
    from decoct.evaluation.folds import Folding
    from decoct.records import Document


def cross_validate(
    gold: Path,
    out: Path | None,
    *,
    config: Path | None,
    flags: Mapping[str, Any],
    silver: Path | None,
    unlabeled: Path | None,
    task: str,
    folding: Folding,
    only_folds: Sequence[int],
    given_subjects: bool,
    report: Path | None,
    json: bool,
    quiet: bool,
) -> None:
    """Train and score a student for each fold, and show what came of all that are done.

    Args:
        gold: documents annotated by people.
        out: folder of the folds.
        config: TOML with a student's settings.
        flags: settings that go before those.
        silver: documents to learn from.
        unlabeled: documents to self-train on.
        task: the students' task.
        folding: how gold is divided.
        only_folds: folds to do now; none of them means all.
        given_subjects: give the students the gold subjects.
        report: where to write an HTML report.
        json: show JSON instead of tables.
        quiet: show no progress.
    """
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import ConfigError, Faults
    from decoct.formats.base import read_documents
    from decoct.recipes.cross_validate import cross_validate as recipe
    from decoct.recipes.distill import read_distill_settings
    from decoct.recipes.evaluate import read_gold
    from decoct.store import check_writable

    if out is None:
        raise ConfigError("--folds goes with --out FOLDER, which keeps each fold that is done")
    if report is not None:
        check_not_source(report, *(path for path in (gold, silver, config) if path))
        check_writable(report)
    settings = read_distill_settings(config, flags)
    faults = Faults()
    golden = read_gold(gold, faults)
    made = recipe(
        golden,
        out,
        settings.student_settings(),
        silver=None if silver is None else list(read_documents(silver, faults)),
        unlabeled=None if unlabeled is None else list(read_documents(unlabeled, faults)),
        self_training=settings.self_training,
        task=task,
        folding=folding,
        only_folds=only_folds or None,
        given_subjects=given_subjects,
        progress=Screen(quiet),
    )
    if report is not None:
        _write_report(report, made, golden, settings.encoder)
    if json:
        show_json(made.to_dict())
    else:
        _show(gold.name, made)
    close(faults, quiet)


def _show(name: str, made: CrossValidation) -> None:
    from decoct.cli.screen import show_systems, show_table
    from decoct.evaluation.cross_validation import TABLE_HEADER

    title = f"{name}: {made.pooled.n_documents} documents"
    show_systems(title, {f"{made.folding.n_folds} folds": made.pooled})
    show_table("", TABLE_HEADER, made.rows())
    typer.echo("\n".join(made.lines()))


def _write_report(path: Path, made: CrossValidation, gold: list[Document], encoder: str) -> None:
    from decoct.evaluation.calibration import relation_calibration
    from decoct.evaluation.report import pair_by_id, write_report

    of = made.pooled.headline_of
    details = {
        "strict F1 over folds": made.spread(("strict", "offsets"), of).percent,
        "lenient F1 over folds": made.spread(("lenient", "offsets"), of).percent,
        "folds not done": ", ".join(map(str, made.missing)) or "none",
        "encoder": encoder,
    }
    systems = {f"{made.folding.n_folds} folds": made.pooled}
    examples = pair_by_id(gold, made.predicted)
    ids = {document.id for document in made.predicted}
    scored = [document for document in gold if document.id in ids]
    found = relation_calibration(scored, made.predicted)
    calibrations = {} if found is None else dict.fromkeys(systems, found)
    write_report(path, "decoct evaluate", systems, details, examples, calibrations=calibrations)

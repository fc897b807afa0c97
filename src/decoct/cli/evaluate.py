"""`decoct evaluate`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decoct.cli.evaluate_flags import check_scoring, check_together, given
from decoct.cli.flags import AsJson, Device, Quiet
from decoct.student.settings import StudentSettings

if TYPE_CHECKING:
    from decoct.cli.extraction_scores import ExtractionScores
    from decoct.cli.label_scores import LabelScores
    from decoct.cli.linking_scores import LinkScores
    from decoct.errors import Faults
    from decoct.evaluation.label_metrics import LabelMetrics
    from decoct.evaluation.label_report import LabelSection
    from decoct.evaluation.linking_metrics import LinkingMetrics
    from decoct.evaluation.linking_report import LinkingSection
    from decoct.evaluation.metrics import Metrics
    from decoct.records import Document

_DEFAULT = StudentSettings()
_FOLDS = "Cross-validation"


class What(StrEnum):
    """What is scored."""

    auto = "auto"
    extraction = "extraction"
    linking = "linking"
    labels = "labels"


def evaluate(
    context: typer.Context,
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
    metric: Annotated[
        What, typer.Option(help="Spans and relations, links, classes, or what there is.")
    ] = What.auto,
    positive: Annotated[
        str | None,
        typer.Option(
            help="Of classes: the one that F1 is of.",
            show_default="the student's, else the mean over all",
        ),
    ] = None,
    labelled: Annotated[
        list[Path] | None,
        typer.Option(
            help="What a linker has learnt from: unseen mentions are scored apart. Repeatable."
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(help="Of links: ids that this index's knowledge base has merged are alike."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report here.")] = None,
    seed: Annotated[
        int, typer.Option(help="Of the bootstrap, and of what --folds trains.")
    ] = _DEFAULT.seed,
    device: Device = _DEFAULT.device,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Divide gold, and score each part by a student trained without it.",
            rich_help_panel=_FOLDS,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the folds; what is done there is kept, and shared by processes.",
            rich_help_panel=_FOLDS,
        ),
    ] = None,
    silver: Annotated[
        Path | None,
        typer.Option(
            help="Learn from this instead of the other parts' gold.", rich_help_panel=_FOLDS
        ),
    ] = None,
    unlabeled: Annotated[
        Path | None,
        typer.Option(
            help="Documents to self-train on, as in decoct distill.", rich_help_panel=_FOLDS
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Field of meta whose documents stay together, such as pmid.",
            rich_help_panel=_FOLDS,
        ),
    ] = None,
    fold_seed: Annotated[int, typer.Option(help="Of the division.", rich_help_panel=_FOLDS)] = 7,
    only_folds: Annotated[
        list[int] | None,
        typer.Option(
            metavar="FOLD...",
            help="Do these, counted from 0; the scores are of all that are done.",
            rich_help_panel=_FOLDS,
        ),
    ] = None,
    more_folds: Annotated[list[int] | None, typer.Argument(metavar="FOLD", hidden=True)] = None,
    task: Annotated[str, typer.Option(help="The students' task.", rich_help_panel=_FOLDS)] = "ade",
    encoder: Annotated[
        str, typer.Option(help="embedded, a local folder or a hub id.", rich_help_panel=_FOLDS)
    ] = _DEFAULT.encoder,
    epochs: Annotated[
        int, typer.Option(help="The most passes over the data.", rich_help_panel=_FOLDS)
    ] = _DEFAULT.epochs,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML as for decoct distill; flags go before it.", rich_help_panel=_FOLDS
        ),
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score predictions or a student against gold, or cross-validate, with intervals."""
    check_together(context)
    if folds is not None:
        from decoct.cli.cross_validation import cross_validate
        from decoct.evaluation.folds import Folding

        cross_validate(
            gold,
            out,
            config=config,
            flags=given(context, "encoder", "epochs", "seed", "device"),
            silver=silver,
            unlabeled=unlabeled,
            task=task,
            folding=Folding(folds, fold_seed, group_by),
            only_folds=(only_folds or []) + (more_folds or []),
            given_subjects=given_subjects,
            report=report,
            json=json,
            quiet=quiet,
        )
        return
    from decoct.cli.extraction_scores import score_extraction
    from decoct.cli.label_scores import score_labels
    from decoct.cli.label_scores import section as label_section
    from decoct.cli.linking_scores import check_of_links, score_links, section
    from decoct.cli.screen import close, show_json
    from decoct.errors import Faults
    from decoct.recipes.evaluate import (
        by_own_ids,
        predict_gold,
        read_gold,
        read_labelled,
        read_predictions,
        what_to_score,
    )
    from decoct.recipes.extract import load_any_student

    check_scoring(gold, pred, student, given_subjects, compare, report, labelled or [])
    faults = Faults()
    golden = read_gold(gold, faults)
    learnt = read_labelled(labelled or [], faults)
    other = None if compare is None else read_predictions(compare, golden, faults)
    if student is not None:
        loaded = load_any_student(student, device=device)
        predicted = predict_gold(loaded, golden, given_subjects)
        positive = positive or getattr(loaded.card, "positive", None)
    else:
        predicted = read_predictions(pred or Path(), golden, faults)
    name, other_name = _names(Path(student or pred or ""), compare)
    systems = {name: predicted} | ({} if other is None else {other_name: other})
    wanted = what_to_score(golden, predicted, metric.value)
    check_of_links({"--labelled": labelled, "--index": index}, wanted)
    if index is not None:
        renamed = by_own_ids(index)
        golden, learnt = renamed(golden), renamed(learnt)
        systems = {name: renamed(found) for name, found in systems.items()}
    scored = systems if wanted.extraction else {}
    extraction = score_extraction(golden, scored, seed)
    links = score_links(golden, systems, learnt, seed) if wanted.linking else None
    labels = score_labels(golden, systems, positive, seed) if wanted.labels else None
    if report is not None:
        sections = section(links, golden, systems), label_section(labels, golden, predicted)
        _write_report(report, extraction, golden, predicted, *sections)
    shown = [one for one in (extraction, links, labels) if one is not None]
    if json:
        parts = [one.to_dict() for one in (extraction, labels) if one is not None]
        linked = [] if links is None else [{"linking": links.to_dict()}]
        show_json({key: value for part in (*parts, *linked) for key, value in part.items()})
    else:
        _show(shown, gold.name)
    _add_unmatched(faults, (labels or links or extraction).first)
    close(faults, quiet)


def _show(scores: Iterable[ExtractionScores | LinkScores | LabelScores], name: str) -> None:
    """Draw all tables, and write all lines below them."""
    shown = list(scores)
    for one in shown:
        one.show(name)
    for line in chain.from_iterable(one.lines() for one in shown):
        typer.echo(line)


def _add_unmatched(faults: Faults, metrics: Metrics | LinkingMetrics | LabelMetrics) -> None:
    for document_id in metrics.missing:
        faults.add(document_id, "in gold, no prediction; scored as empty", "no_prediction")
    for document_id in metrics.unknown:
        faults.add(document_id, "predicted, not in gold; not scored", "not_in_gold")


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
    path: Path,
    extraction: ExtractionScores,
    gold: list[Document],
    predicted: list[Document],
    linking: LinkingSection | None,
    labels: LabelSection | None,
) -> None:
    from decoct.evaluation.report import pair_by_id, write_report

    examples = pair_by_id(gold, predicted) if extraction.systems else []
    write_report(
        path,
        "decoct evaluate",
        extraction.systems,
        {},
        examples,
        calibrations=extraction.calibrations,
        linking=linking,
        labels=labels,
    )

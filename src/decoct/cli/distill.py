"""`decoct distill`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from decoct.cli.flags import AsJson, Out, Quiet, TaskName
from decoct.student.pseudo_labels import SelfTrainingSettings
from decoct.student.settings import StudentSettings

if TYPE_CHECKING:
    from decoct.student.classifier.fit import LabelFit
    from decoct.student.fit import Fit

_STUDENT, _SELF = StudentSettings(), SelfTrainingSettings()


def _training(default: object, help: str, *names: str) -> Any:  # noqa: ANN401 (what typer wants)
    return typer.Option(*names, help=help, show_default=str(default), rich_help_panel="Training")


def _own_labels(help: str, default: object = "") -> Any:  # noqa: ANN401
    shown = str(default) or False
    return typer.Option(help=help, show_default=shown, rich_help_panel="Self-training")


def distill(
    silver: Annotated[Path, typer.Option(help="Annotated documents, from decoct label.")],
    out: Out,
    task: TaskName = "ade",
    config: Annotated[
        Path | None, typer.Option(help="TOML with any of the settings; flags go before it.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="embedded, a local folder or a hub id.", show_default=_STUDENT.encoder),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="What finds drugs and their effects, such as pairwise.",
            show_default=_STUDENT.head,
        ),
    ] = None,
    complete_subjects: Annotated[
        bool | None,
        typer.Option(
            "--complete-subjects/--no-complete-subjects",
            help="Mark a subject that the teacher names in one document in the others too.",
            show_default="yes" if _STUDENT.silver.complete_subjects else "no",
        ),
    ] = None,
    seed: Annotated[
        int | None, _training(_STUDENT.seed, "Of initialisation, order and dropout.")
    ] = None,
    epochs: Annotated[
        int | None, _training(_STUDENT.epochs, "The most passes over the data.")
    ] = None,
    patience: Annotated[
        int | None,
        _training(_STUDENT.patience, "Epochs without a better silver dev score before stopping."),
    ] = None,
    batch_size: Annotated[
        int | None, _training(_STUDENT.batch_size, "Sentences in a step.")
    ] = None,
    learning_rate: Annotated[
        float | None, _training(_STUDENT.learning_rate, "Peak, for the encoder.")
    ] = None,
    head_learning_rate: Annotated[
        float | None, _training(_STUDENT.head_learning_rate, "Peak, for the heads.")
    ] = None,
    max_tokens: Annotated[
        int | None, _training(_STUDENT.max_tokens, "The encoder's window.")
    ] = None,
    dev_share: Annotated[
        float | None,
        _training(_STUDENT.dev_share, "Share of the silver kept for early stopping."),
    ] = None,
    device: Annotated[
        str | None, _training(_STUDENT.device, "auto, cpu, cuda, cuda:1, mps.")
    ] = None,
    precision: Annotated[str | None, _training(_STUDENT.precision, "auto, bf16 or fp32.")] = None,
    freeze_embeddings: Annotated[
        bool | None,
        _training(
            "freeze" if _STUDENT.freeze_embeddings else "train",
            "Leave the word embeddings as they are.",
            "--freeze-embeddings/--train-embeddings",
        ),
    ] = None,
    unlabeled: Annotated[
        Path | None,
        _own_labels("Documents that the student labels itself, to learn from what it is sure of."),
    ] = None,
    rounds: Annotated[
        int | None, _own_labels("How often it labels them and a new one learns.", _SELF.rounds)
    ] = None,
    min_confidence: Annotated[
        float | None,
        _own_labels(
            "A document is learnt from if nothing found in it is less sure.", _SELF.min_confidence
        ),
    ] = None,
    max_unlabeled: Annotated[
        int | None,
        _own_labels("The most of them to learn from, drawn by lot.", _SELF.max_documents),
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a student on silver annotations; an interrupted run goes on at its last epoch."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.errors import ConfigError, Faults
    from decoct.recipes.distill import distill_file, read_distill_settings
    from decoct.recipes.distill_labels import (
        distill_label_file,
        is_label_task,
        read_label_settings,
    )

    flags = {
        "encoder": encoder,
        "head": head,
        "seed": seed,
        "epochs": epochs,
        "patience": patience,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "head_learning_rate": head_learning_rate,
        "max_tokens": max_tokens,
        "dev_share": dev_share,
        "device": device,
        "precision": precision,
        "freeze_embeddings": freeze_embeddings,
        "silver": _given({"complete_subjects": complete_subjects}),
        "self_training": _given(
            {"rounds": rounds, "min_confidence": min_confidence, "max_documents": max_unlabeled}
        ),
    }
    faults, screen = Faults(), Screen(quiet)
    fitted: Fit | LabelFit
    if is_label_task(task):
        if unlabeled is not None:
            raise ConfigError(f"--unlabeled: classifiers, as of task {task}, do not self-train")
        how = read_label_settings(config, _given(flags))
        fitted = distill_label_file(silver, out, task, how, faults=faults, progress=screen)
    else:
        settings = read_distill_settings(config, _given(flags))
        fitted = distill_file(
            silver,
            out,
            task,
            settings.student_settings(),
            unlabeled=unlabeled,
            self_training=settings.self_training,
            faults=faults,
            progress=screen,
        )
    if json:
        card = fitted.student.card
        show_json(
            {
                "student": str(out),
                "silver": card.silver,
                "training": card.training,
                "unexpressed": dict(fitted.unexpressed),
            }
        )
    else:
        typer.echo(_report(out, fitted))
        for reason, count in fitted.unexpressed.items():
            typer.echo(f"  not expressible in the heads: {count} {reason}", err=True)
    close(faults, quiet)


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the flags that were given; a table without any is none."""
    return {name: value for name, value in flags.items() if value not in (None, {})}


def _report(out: Path, fitted: Fit | LabelFit) -> str:
    """Say in a line how a training went, and in one more each what self-training did."""
    best = fitted.training
    watched = getattr(fitted, "watched", "F1")
    lines = [
        f"{out}: {fitted.student!r}, best epoch {best.best_epoch} of {len(best.history)}, "
        f"silver dev {watched} {best.best_score:.3f}, "
        f"trained on {best.device}{' in bf16' if best.bf16 else ''}"
    ]
    rounds: Any = fitted.student.card.training.get("rounds", [])
    lines += [
        f"  round {one['round']}: {one['documents']} documents labelled by the student, "
        f"silver dev F1 {one['best_dev_f1']:.3f}"
        for one in rounds
    ]
    return "\n".join(lines)

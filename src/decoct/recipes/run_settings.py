"""The TOML file of `run`: its tables, and how it is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field

from decoct.config import Settings, check, read_toml
from decoct.recipes.distill_labels import is_label_task
from decoct.recipes.label import LabelSettings
from decoct.student.classifier.settings import ClassifierSettings
from decoct.student.settings import StudentSettings


class LabelTable(LabelSettings):
    """`[label]`: the documents to label, who labels them and how, and that teacher's `options`."""

    documents: Path


class EvaluateTable(Settings):
    """`[evaluate]`: gold to score on, and gold training data for the supervised twin."""

    gold: Path
    gold_train: Path | None = None
    given_subjects: bool = False


class ExtractTable(Settings):
    """`[extract]`: documents to annotate with the student at the end."""

    documents: Path


class _RunTables(Settings):
    """The whole file but for `[distill]`. Paths are relative to the file's folder.

    Attributes:
        name: of the run folder.
        task: the task's name, or its TOML file.
        runs: where run folders are; the run's is `runs/name`.
        label: documents and teacher.
        evaluate: gold; without it nothing is scored.
        extract: documents to annotate at the end.
    """

    name: str = Field(pattern=r"^\w[\w.-]*$")
    task: str = "ade"
    runs: Path = Path("runs")
    label: LabelTable
    evaluate: EvaluateTable | None = None
    extract: ExtractTable | None = None


class RunSettings(_RunTables):
    """The whole file of a task of spans and relations.

    Attributes:
        distill: encoder and training.
    """

    distill: StudentSettings = StudentSettings()


class LabelRunSettings(_RunTables):
    """The whole file of a task of classes.

    Attributes:
        distill: encoder and training of the classifier.
    """

    distill: ClassifierSettings = ClassifierSettings()


AnyRunSettings = RunSettings | LabelRunSettings


def read_run(path: Path) -> AnyRunSettings:
    """Read a run's TOML file; its relative paths are taken from its own folder.

    Raises:
        ConfigError: it is not TOML, or a key or value is wrong.
        RegistryError: there is no such task.
    """
    here, data = path.parent, read_toml(path)
    task = str(data.get("task", "ade"))
    task = str(here / task) if task.endswith(".toml") else task
    settings: AnyRunSettings = (
        check(LabelRunSettings, data, str(path))
        if is_label_task(task)
        else check(RunSettings, data, str(path))
    )
    updates: dict[str, Any] = {
        "task": task,
        "runs": Path(os.path.normpath(here / settings.runs)),
        "label": settings.label.beside(here).model_copy(
            update={"documents": here / settings.label.documents}
        ),
    }
    if settings.evaluate:
        train = settings.evaluate.gold_train
        updates["evaluate"] = settings.evaluate.model_copy(
            update={
                "gold": here / settings.evaluate.gold,
                "gold_train": here / train if train else None,
            }
        )
    if settings.extract:
        updates["extract"] = settings.extract.model_copy(
            update={"documents": here / settings.extract.documents}
        )
    if (here / settings.distill.encoder / "config.json").is_file():
        updates["distill"] = settings.distill.model_copy(
            update={"encoder": str(here / settings.distill.encoder)}
        )
    return settings.model_copy(update=updates)

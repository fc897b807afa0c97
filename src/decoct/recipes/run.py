"""`run`: one TOML file, the whole chain; what is done is skipped."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from decoct.config import Settings, check, read_toml
from decoct.errors import ConfigError, Faults
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.metrics import Metrics
from decoct.evaluation.report import write_report
from decoct.formats.base import read_documents
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Progress, Silent
from decoct.recipes.distill import distill_file
from decoct.recipes.evaluate import evaluate_student, read_gold
from decoct.recipes.extract import extract_file, load_student
from decoct.recipes.label import LOG_NAME, label_file
from decoct.records import Document
from decoct.store import read_json, sha256_file, sha256_json, versions, write_json, write_text
from decoct.student.settings import StudentSettings
from decoct.tasks.base import get_task

if TYPE_CHECKING:
    from decoct.student.student import Student

MANIFEST = "manifest.json"


class LabelTable(Settings):
    """`[label]`: the documents to label, who labels them, and `options` for that teacher."""

    documents: Path
    teacher: str = "rules"
    concurrency: int = 8
    options: dict[str, Any] = Field(default_factory=dict)


class EvaluateTable(Settings):
    """`[evaluate]`: gold to score on, and gold training data for the supervised twin."""

    gold: Path
    gold_train: Path | None = None
    given_subjects: bool = False


class ExtractTable(Settings):
    """`[extract]`: documents to annotate with the student at the end."""

    documents: Path


class RunSettings(Settings):
    """The whole file. Paths are relative to the file's folder.

    Attributes:
        name: of the run folder.
        task: the task's name.
        runs: where run folders are; the run's is `runs/name`.
        label: documents and teacher.
        distill: encoder and training.
        evaluate: gold; without it nothing is scored.
        extract: documents to annotate at the end.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    task: str = "ade"
    runs: Path = Path("runs")
    label: LabelTable
    distill: StudentSettings = StudentSettings()
    evaluate: EvaluateTable | None = None
    extract: ExtractTable | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to.

    Attributes:
        folder: the run folder.
        systems: name -> metrics, for the closing table; empty where no gold is named.
        skipped: steps that an earlier run had done.
        faults: items that were skipped.
    """

    folder: Path
    systems: dict[str, Metrics]
    skipped: tuple[str, ...]
    faults: Faults


def read_run(path: Path) -> RunSettings:
    """Read a run's TOML file; its relative paths are taken from its own folder.

    Raises:
        ConfigError: it is not TOML, or a key or value is wrong.
    """
    settings = check(RunSettings, read_toml(path), str(path))
    here = path.parent
    updates: dict[str, Any] = {
        "runs": here / settings.runs,
        "label": settings.label.model_copy(update={"documents": here / settings.label.documents}),
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


def run(settings: RunSettings | str | Path, *, progress: Progress | None = None) -> RunResult:
    """Label, distil, evaluate and extract into a run folder; steps that are done are skipped.

    A step is done when its marker names the same inputs and settings; a change redoes it and what
    hangs on it. The manifest is written last: where it is, the run is whole.

    Args:
        settings: read by `read_run`, or the path of the TOML file.
        progress: shown each step.

    Raises:
        DecoctError: a step failed; what was done before stays done.
    """
    if not isinstance(settings, RunSettings):
        settings = read_run(Path(settings))
    return _Run(settings, progress or Silent()).go()


@dataclass(slots=True)
class _Run:
    settings: RunSettings
    progress: Progress
    faults: Faults = field(default_factory=Faults)
    skipped: list[str] = field(default_factory=list)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.settings.runs / self.settings.name

    def go(self) -> RunResult:
        settings = self.settings
        (self.folder / MANIFEST).unlink(missing_ok=True)
        write_json(self.folder / "config.json", settings.model_dump(mode="json"))
        task = get_task(settings.task)
        write_text(self.folder / "prompts" / f"{task.name}.md", task.prompt("{text}").system + "\n")

        label_inputs = [self._teacher_inputs(), sha256_file(settings.label.documents)]
        self._step("label", label_inputs, self._label)
        self._step(
            "distill",
            [self.done["label"]["key"], settings.distill.model_dump(mode="json")],
            self._distill,
        )
        systems: dict[str, Metrics] = {}
        if settings.evaluate:
            self._supervised(settings.evaluate)
            systems = self._evaluate(settings.evaluate)
        if settings.extract:
            inputs = [self.done["distill"]["key"], sha256_file(settings.extract.documents)]
            self._step("extract", inputs, self._extract)
        self._write_manifest()
        return RunResult(self.folder, systems, tuple(self.skipped), self.faults)

    def _step(self, name: str, inputs: list[Any], work: Callable[[Path], dict[str, Any]]) -> None:
        """Do a step in its folder, unless its marker says that it was done on these inputs."""
        folder = self.folder / name
        marker = folder / "done.json"
        key = sha256_json([name, self.settings.task, inputs])
        if marker.is_file() and (found := read_json(marker)).get("key") == key:
            self.done[name] = found
            self.skipped.append(name)
            for kind, count in found["faults"].items():
                self.faults.counts[kind] += count
            self.progress.note(f"{name}: done before, skipped")
            return
        marker.unlink(missing_ok=True)
        before = self.faults.counts.copy()
        started = time.perf_counter()
        self.progress.note(f"{name} ...")
        result = work(folder)
        self.done[name] = {
            "key": key,
            "seconds": round(time.perf_counter() - started, 1),
            "faults": dict(self.faults.counts - before),
            **result,
        }
        write_json(marker, self.done[name])

    def _teacher_inputs(self) -> list[Any]:
        spec = self.settings.label.teacher
        name, _, argument = spec.partition(":")
        recording = sha256_file(Path(argument)) if name == "replay" and argument else None
        return [
            spec,
            self.settings.label.options,
            recording,
            sha256_json(dict(get_task(self.settings.task).schema)),
        ]

    def _ask(self, source: Path, out: Path) -> dict[str, Any]:
        summary = label_file(
            source,
            out,
            self.settings.task,
            self.settings.label.teacher,
            log=self.folder / LOG_NAME,
            concurrency=self.settings.label.concurrency,
            faults=self.faults,
            progress=self.progress,
            **self.settings.label.options,
        )
        return summary.to_dict()

    def _label(self, folder: Path) -> dict[str, Any]:
        return {"summary": self._ask(self.settings.label.documents, folder / "silver.jsonl")}

    def _fit(self, silver: Path, out: Path) -> dict[str, Any]:
        if (out / "config.json").exists():
            shutil.rmtree(
                out
            )  # a student of other inputs; checkpoints alone are left to be resumed
        fitted = distill_file(
            silver,
            out,
            self.settings.task,
            self.settings.distill,
            faults=self.faults,
            progress=self.progress,
        )
        card = fitted.student.card
        return {
            "silver": card.silver,
            "training": card.training,
            "unexpressed": dict(fitted.unexpressed),
        }

    def _distill(self, folder: Path) -> dict[str, Any]:
        return self._fit(self.folder / "label" / "silver.jsonl", folder / "student")

    def _supervised(self, table: EvaluateTable) -> None:
        train = table.gold_train
        if train is None:
            return
        inputs = [sha256_file(train), self.settings.distill.model_dump(mode="json")]
        self._step("supervised", inputs, lambda folder: self._fit(train, folder / "student"))

    def _evaluate(self, table: EvaluateTable) -> dict[str, Metrics]:
        """Score every system; predictions are kept by step, the scores are made anew each time."""
        gold = read_gold(table.gold, self.faults)
        hashed = sha256_file(table.gold)
        self._step(
            "evaluate/teacher",
            [self._teacher_inputs(), hashed],
            lambda folder: self._teacher_on(table, folder),
        )
        names = {"teacher": "evaluate/teacher"}
        for system, step in (("student", "distill"), ("supervised", "supervised")):
            if step in self.done:
                names[system] = f"evaluate/{system}"
                student = self.folder / step / "student"
                self._step(
                    names[system],
                    [self.done[step]["key"], hashed, table.given_subjects],
                    lambda folder, student=student: self._predict(
                        load_student(student), gold, table, folder
                    ),  # type: ignore[misc]
                )
        predicted = {
            system: list(read_documents(self.folder / step / "predicted.jsonl", self.faults))
            for system, step in names.items()
        }
        systems = {
            system: evaluate(gold, documents, seed=self.settings.distill.seed)
            for system, documents in predicted.items()
        }
        write_json(
            self.folder / "metrics.json",
            {name: metrics.to_dict() for name, metrics in systems.items()},
        )
        by_id = {document.id: document for document in predicted["student"]}
        write_report(
            self.folder / "report.html",
            f"decoct run: {self.settings.name}",
            systems,
            self._details(),
            [(document, by_id[document.id]) for document in gold if document.id in by_id],
        )
        return systems

    def _teacher_on(self, table: EvaluateTable, folder: Path) -> dict[str, Any]:
        return {"summary": self._ask(table.gold, folder / "predicted.jsonl")}

    def _predict(
        self, student: Student, gold: list[Document], table: EvaluateTable, folder: Path
    ) -> dict[str, Any]:
        metrics, predicted = evaluate_student(student, gold, given_subjects=table.given_subjects)
        write_jsonl(folder / "predicted.jsonl", predicted)
        return {"headline": metrics.headline}

    def _extract(self, folder: Path) -> dict[str, Any]:
        table = self.settings.extract
        if table is None:
            raise ConfigError("no [extract] table")
        student = load_student(self.folder / "distill" / "student")
        written = extract_file(
            student,
            table.documents,
            folder / "predicted.jsonl",
            faults=self.faults,
            progress=self.progress,
        )
        return {"summary": written.to_dict()}

    def _details(self) -> dict[str, str]:
        silver = self.done["label"]["summary"]
        training = self.done["distill"]["training"]
        return {
            "task": self.settings.task,
            "teacher": self.settings.label.teacher,
            "silver documents": str(silver["n_silver"]),
            "silver relations": str(silver["n_relations"]),
            "refused documents": json.dumps(silver["refusals"]),
            "encoder": self.settings.distill.encoder,
            "seed": str(self.settings.distill.seed),
            "best epoch": str(training["best_epoch"]),
            "training seconds": str(training["seconds"]),
        }

    def _write_manifest(self) -> None:
        write_json(
            self.folder / MANIFEST,
            {
                "name": self.settings.name,
                "versions": versions(),
                "seed": self.settings.distill.seed,
                "steps": self.done,
                "faults": dict(self.faults.counts),
            },
        )

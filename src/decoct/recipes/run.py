"""`run`: one TOML file, the whole chain; what is done is skipped."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.errors import ConfigError, Faults, TeacherError
from decoct.evaluation.label_metrics import LabelMetrics
from decoct.evaluation.metrics import Metrics
from decoct.formats.base import read_documents
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Progress, Silent
from decoct.recipes.distill import check_encoder, distill_file
from decoct.recipes.distill_labels import distill_label_file
from decoct.recipes.evaluate import predict_gold, read_gold
from decoct.recipes.extract import extract_file, load_any_student
from decoct.recipes.label import label_file
from decoct.recipes.run_scores import RunScores, score_run
from decoct.recipes.run_settings import AnyRunSettings, EvaluateTable, LabelRunSettings, read_run
from decoct.records import Document
from decoct.run_folder import RunFolder
from decoct.store import sha256_file, write_json, write_text
from decoct.tasks.base import get_task
from decoct.teacher.settings import LOG_NAME, PATH_OPTIONS

if TYPE_CHECKING:
    from decoct.student.classifier.fit import LabelFit
    from decoct.student.fit import Fit

_STUDENT, _PREDICTED = "student", "predicted.jsonl"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to.

    Attributes:
        folder: the run folder.
        systems: name -> metrics, for the closing table; empty where no gold is named, or the
            task is one of classes.
        labels: the same of classes.
        skipped: steps that an earlier run had done.
        faults: items that were skipped.
    """

    folder: Path
    systems: dict[str, Metrics]
    labels: dict[str, LabelMetrics]
    skipped: tuple[str, ...]
    faults: Faults


def run(settings: AnyRunSettings | str | Path, *, progress: Progress | None = None) -> RunResult:
    """Label, distil, evaluate and extract into a run folder; steps that are done are skipped.

    A step is done when its marker names the same inputs and settings; a change redoes it and what
    hangs on it. The manifest is written last: where it is, the run is whole.

    Args:
        settings: read by `read_run`, or the path of the TOML file.
        progress: shown each step.

    Raises:
        DecoctError: a step failed; what was done before stays done.
    """
    if isinstance(settings, str | Path):
        settings = read_run(Path(settings))
    progress = progress or Silent()
    folder = RunFolder(settings.runs / settings.name, progress)
    return _Run(settings, progress, folder).go()


@dataclass(frozen=True, slots=True)
class _Run:
    settings: AnyRunSettings
    progress: Progress
    folder: RunFolder

    @property
    def path(self) -> Path:
        return self.folder.path

    def go(self) -> RunResult:
        settings = self.settings
        inputs = self._check_inputs()
        self.folder.open(settings.model_dump(mode="json"))
        task = get_task(settings.task)
        write_text(self.path / "prompts" / f"{task.name}.md", task.prompt("{text}").system + "\n")

        silver = self.folder.step(
            "label", "silver.jsonl", [self._teacher_inputs(), inputs["label"]], self._label
        )
        self.folder.step(
            "distill", _STUDENT, [sha256_file(silver), self._student_inputs()], self._distill
        )
        scores = RunScores()
        if settings.evaluate:
            self._supervised(settings.evaluate)
            scores = self._evaluate(settings.evaluate)
        if settings.extract:
            self.folder.step(
                "extract",
                _PREDICTED,
                [self.folder.done["distill"]["key"], inputs["extract"]],
                self._extract,
            )
        self.folder.close(name=settings.name, seed=settings.distill.seed)
        return RunResult(
            self.path,
            scores.systems,
            scores.labels,
            tuple(self.folder.skipped),
            self.folder.faults,
        )

    def _check_inputs(self) -> dict[str, str]:
        """Hash every file that a step will need, so that none is missed only after hours."""
        settings = self.settings
        found = {"label": sha256_file(settings.label.documents)}
        if settings.evaluate:
            read_gold(settings.evaluate.gold, Faults())
            if settings.evaluate.gold_train:
                sha256_file(settings.evaluate.gold_train)
        if settings.extract:
            found["extract"] = sha256_file(settings.extract.documents)
        return found

    def _teacher_inputs(self) -> list[Any]:
        """What the answers depend on: a file by its content, wherever it is."""
        table = self.settings.label
        options = table.model_dump(mode="json")["options"]
        name, _, argument = table.teacher.partition(":")
        recording = Path(argument)
        asked = get_task(self.settings.task)
        voted = {"samples": table.samples, "min_agreement": table.min_agreement}
        shown = (
            [sha256_file(table.examples), table.n_examples, table.pick] if table.examples else []
        )
        return [
            name,
            sha256_file(recording) if argument and recording.is_file() else argument,
            {name: value for name, value in options.items() if name not in PATH_OPTIONS},
            asked.prompt("").system,
            dict(asked.schema),
            voted | {"pack": table.pack, "examples": shown},
        ]

    def _student_inputs(self) -> dict[str, Any]:
        """Return the settings, a local encoder by its content, wherever it is."""
        settings = self.settings.distill
        task = get_task(self.settings.task)
        about = {name: getattr(task, name, None) for name in ("tagged", "relation_types", "labels")}
        found = {"task": [task.name, about], **settings.model_dump(mode="json")}
        folder = Path(settings.encoder)
        if (folder / "config.json").is_file():
            found["encoder"] = {
                path.name: sha256_file(path)
                for path in sorted(folder.iterdir())
                if path.suffix in (".json", ".safetensors")
            }
        return found

    def _ask(self, source: Path, out: Path) -> dict[str, Any]:
        table = self.settings.label
        summary = label_file(
            source,
            out,
            self.settings.task,
            table.open(),
            log=self.path / LOG_NAME,
            faults=self.folder.faults,
            progress=self.progress,
            **table.asking(),
        )
        return summary.to_dict()

    def _label(self, folder: Path) -> dict[str, Any]:
        check_encoder(self.settings.distill.encoder)  # before any answer is paid for
        summary = self._ask(self.settings.label.documents, folder / "silver.jsonl")
        if not summary["n_silver"]:
            raise TeacherError(
                f"{self.settings.label.teacher}: no usable answer to any of "
                f"{summary['n_documents']} documents: {json.dumps(summary['refusals'])}"
            )
        return {"summary": summary}

    def _fit(self, silver: Path, out: Path) -> dict[str, Any]:
        if (out / "config.json").exists():
            # a student of other inputs; checkpoints alone are left to be resumed
            shutil.rmtree(out)
        settings, faults, progress = self.settings, self.folder.faults, self.progress
        fitted: Fit | LabelFit
        if isinstance(settings, LabelRunSettings):
            fitted = distill_label_file(
                silver, out, settings.task, settings.distill, faults=faults, progress=progress
            )
        else:
            fitted = distill_file(
                silver, out, settings.task, settings.distill, faults=faults, progress=progress
            )
        card = fitted.student.card
        return {
            "silver": card.silver,
            "training": card.training,
            "unexpressed": dict(fitted.unexpressed),
        }

    def _distill(self, folder: Path) -> dict[str, Any]:
        return self._fit(self.path / "label" / "silver.jsonl", folder / _STUDENT)

    def _supervised(self, table: EvaluateTable) -> None:
        train = table.gold_train
        if train is None:
            return
        inputs = [sha256_file(train), self._student_inputs()]
        self.folder.step(
            "supervised", _STUDENT, inputs, lambda folder: self._fit(train, folder / _STUDENT)
        )

    def _evaluate(self, table: EvaluateTable) -> RunScores:
        """Score every system; predictions are kept by step, the scores are made anew each time."""
        gold = read_gold(table.gold, Faults())  # its bad lines are counted by the teacher's step
        hashed = sha256_file(table.gold)
        files = {
            "teacher": self.folder.step(
                "evaluate/teacher",
                _PREDICTED,
                [self._teacher_inputs(), hashed],
                lambda folder: {"summary": self._ask(table.gold, folder / _PREDICTED)},
            )
        }
        for system, step in (("student", "distill"), ("supervised", "supervised")):
            if step in self.folder.done:
                student = self.path / step / _STUDENT
                files[system] = self.folder.step(
                    f"evaluate/{system}",
                    _PREDICTED,
                    [self.folder.done[step]["key"], hashed, table.given_subjects],
                    partial(self._predict, student, gold, table),
                )
        predicted = {system: self._read_predicted(path) for system, path in files.items()}
        task, seed = get_task(self.settings.task), self.settings.distill.seed
        scores = score_run(task, gold, predicted, seed)
        write_json(self.path / "metrics.json", scores.to_dict())
        title = f"decoct run: {self.settings.name}"
        scores.write_report(self.path / "report.html", title, self._details(), gold, predicted)
        return scores

    def _read_predicted(self, path: Path) -> list[Document]:
        """Read a system's predictions; a teacher that answered nothing has made none."""
        return list(read_documents(path, self.folder.faults)) if path.stat().st_size else []

    def _predict(
        self, student: Path, gold: list[Document], table: EvaluateTable, folder: Path
    ) -> dict[str, Any]:
        loaded = load_any_student(student, device=self.settings.distill.device)
        predicted = predict_gold(loaded, gold, table.given_subjects)
        return {"n_documents": write_jsonl(folder / _PREDICTED, predicted)}

    def _extract(self, folder: Path) -> dict[str, Any]:
        table = self.settings.extract
        if table is None:
            raise ConfigError("no [extract] table")
        student = load_any_student(
            self.path / "distill" / _STUDENT, device=self.settings.distill.device
        )
        written = extract_file(
            student,
            table.documents,
            folder / _PREDICTED,
            faults=self.folder.faults,
            progress=self.progress,
        )
        return {"summary": written.to_dict()}

    def _details(self) -> dict[str, str]:
        silver = self.folder.done["label"]["summary"]
        training = self.folder.done["distill"]["training"]
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

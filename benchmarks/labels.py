"""Classifiers from a teacher's labels, and from people's, on held-out gold.

    python benchmarks/labels_data.py --data ../shared/data --work work/labels
    python benchmarks/labels.py --work work/labels [--only gad] [--seed 13]

Each row is a run of its own, kept in `WORK/runs`; a run that is there with the same settings and
data is not done again, and one that was interrupted goes on at its last epoch, so that the command
can be stopped and started at will. Scored on gold, which no student has seen:

- gad: the student of the LLM's 900 labels, its ways to take them, the supervised twin on as many
  gold labels and on all, and the larger class for all.
- nli: the student of GPT-4's labels, which reads as many of the section's lines as fit, the likest
  first, with and without the numbers and words that the two texts share, and the statement alone;
  the supervised twin, on all and on other trials than dev's; the larger class. The student of
  GPT-4's labels is scored on gold train too, on what speaks of other trials than it has seen.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decoct.cli.screen import Screen
from decoct.evaluation.labels import evaluate_labels, label_calibration
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.records import Document
from decoct.store import read_json, sha256_json, write_json
from decoct.student.classifier.fit import distil_labels
from decoct.student.classifier.settings import ClassifierSettings
from decoct.tasks.base import LabelTask, get_task

LIKEST = {"order": "likest", "max_tokens": 128, "max_windows": 1, "balance": True, "epochs": 5}
HEADER = "| task | learnt from | how | scored on | accuracy | F1 | MCC | ECE | seconds |"


@dataclass(frozen=True)
class Run:
    """One row.

    Attributes:
        task: gad or nli.
        learnt_from: a file of the task's folder.
        how: settings that are not the defaults.
        scored_on: files of the task's folder.
        n: documents to learn from, the first ones; None for all.
        without_second: leave the premise empty.
    """

    task: str
    learnt_from: str
    how: dict[str, Any] = field(default_factory=dict)
    scored_on: tuple[str, ...] = ("dev",)
    n: int | None = None
    without_second: bool = False


GAD = (
    Run("gad", "silver"),
    Run("gad", "silver", {"confidence": "ignore"}),
    Run("gad", "silver", {"confidence": "soft"}),
    Run("gad", "silver", {"markers": []}),
    Run("gad", "silver", {"doubt": "drop"}),
    Run("gad", "train", n=888),
    Run("gad", "train"),
)
_BOTH = ("dev", "train.other")
WORDS = LIKEST | {"overlap_features": True}
NLI = (
    Run("nli", "silver", WORDS, _BOTH),
    Run("nli", "train", WORDS),
    Run("nli", "silver", LIKEST | {"max_tokens": 64}, _BOTH, without_second=True),
    Run("nli", "train.apart", WORDS),
    Run("nli", "silver", LIKEST, _BOTH),
)


def main() -> None:
    """Do the runs that are left, and print a row for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="from labels_data.py")
    parser.add_argument("--only", choices=("gad", "nli"), help="one of the tasks")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--encoder", default="embedded")
    arguments = parser.parse_args()
    rows = [HEADER, "|---" * (HEADER.count("|") - 1) + "|"]
    _print(rows)
    for task, runs in (("gad", GAD), ("nli", NLI)):
        if arguments.only in (None, task):
            _print(_larger_class(arguments.work / task, task))
            for run in runs:
                _print(_do(run, arguments.work, arguments.encoder, arguments.seed))


def _print(rows: Sequence[str]) -> None:
    sys.stdout.write("\n".join(rows) + "\n")
    sys.stdout.flush()


def _do(run: Run, work: Path, encoder: str, seed: int) -> list[str]:
    learnt = list(read(work / run.task / f"{run.learnt_from}.jsonl"))[: run.n]
    if run.without_second:
        learnt = [_alone(one) for one in learnt]
    settings = ClassifierSettings(**{**run.how, "encoder": encoder, "seed": seed})
    texts = [one.to_json() for one in learnt]
    name = sha256_json([run.task, settings.model_dump(mode="json"), sha256_json(texts)])[:12]
    folder = work / "runs" / name
    if not (folder / "run.json").is_file():
        task = get_task(run.task)
        assert isinstance(task, LabelTask)
        fitted = distil_labels(
            learnt, task, settings, progress=Screen(), checkpoints=folder / "checkpoint"
        )
        for part in run.scored_on:
            gold = [one for one in read(work / run.task / f"{part}.jsonl")]
            asked = [_alone(one) if run.without_second else one for one in gold]
            found = fitted.student.extract([one.bare() for one in asked])
            write_jsonl(folder / f"{part}.jsonl", found)
        write_json(folder / "run.json", {"how": run.how, "training": fitted.student.card.training})
    seconds = read_json(folder / "run.json")["training"]["seconds"]
    said = ", ".join(f"{key} {value}" for key, value in run.how.items()) or "the defaults"
    said += ", statement alone" if run.without_second else ""
    learnt_from = f"{run.learnt_from} ({len(learnt)})"
    return [
        _row(run.task, learnt_from, said, part, work, read(folder / f"{part}.jsonl"), seconds)
        for part in run.scored_on
    ]


def _alone(document: Document) -> Document:
    return document.model_copy(update={"meta": {**document.meta, "premise": ""}})


def _larger_class(work: Path, task: str) -> list[str]:
    """Return rows of the class that gold train has more of, given to all."""
    (label, _), *_ = Counter(one.label for one in read(work / "train.jsonl")).most_common(1)
    gold = read(work / "dev.jsonl")
    said = [Document(id=one.id, text=one.text, source="predicted", label=label) for one in gold]
    return [_row(task, "-", f"{label} for all", "dev", work.parent, said, 0.0)]


def _row(
    task: str,
    learnt_from: str,
    how: str,
    part: str,
    work: Path,
    predicted: Sequence[Document],
    seconds: float,
) -> str:
    gold = list(read(work / task / f"{part}.jsonl"))
    known = get_task(task)
    assert isinstance(known, LabelTask)
    made = evaluate_labels(gold, predicted, positive=known.positive)
    sure = label_calibration(gold, predicted)
    cells = [
        *(task, learnt_from, how, f"{part} ({made.n_documents})"),
        *(made.accuracy.percent, made.main.f1.percent, f"{100 * made.mcc.value:.1f}"),
        "-" if sure is None else f"{100 * sure.ece.value:.1f}",
        f"{seconds:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

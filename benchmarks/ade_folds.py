"""Teachers, students and the supervised twin on the ADE corpus, in folds grouped by abstract.

    python benchmarks/ade_folds.py --data ../shared/data/ade --work work/ade_folds

For each fold, a student learns from a recorded teacher's labels on the other folds, and the
supervised twin from the gold of the same sentences; both annotate the fold, once by themselves
(end to end) and once with the gold drugs given. Gold is used for scoring only (and as the twin's
training data). Every system and fold is written as it is done, and a rerun goes on where it was.
The table at the end is Markdown.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from _corpus import read_corpus

from decoct.cli.screen import Screen
from decoct.evaluation.evaluate import compare, evaluate
from decoct.evaluation.folds import assign_folds
from decoct.evaluation.metrics import Metrics
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.recipes.label import label_file
from decoct.records import Document
from decoct.store import write_json, write_text
from decoct.student.fit import fit
from decoct.student.settings import StudentSettings
from decoct.student.silver import SilverSettings
from decoct.student.student import Student
from decoct.tasks.base import get_task

TEACHERS = ("gpt-4-1106-json", "gpt-4-1106-function", "o1-2024-12-17")
GOLD = "gold"
MODES = {"end_to_end": False, "drugs_given": True}


def main() -> None:
    """Run every system and fold that is not done yet, then write the table."""
    arguments = _arguments()
    work: Path = arguments.work
    gold = read_corpus(arguments.data, positives_only=True)
    write_jsonl(work / "gold.jsonl", gold)
    silver = {name: _silver(arguments.data, work, name) for name in TEACHERS}
    fold_of = assign_folds(gold, arguments.folds, arguments.fold_seed, "pmid")
    settings = StudentSettings(
        seed=arguments.seed,
        epochs=arguments.epochs,
        encoder=arguments.encoder,
        silver=SilverSettings(complete_subjects=arguments.complete_subjects),
    )
    torch.set_num_threads(arguments.threads or torch.get_num_threads())
    folds = arguments.only_folds or list(range(arguments.folds))
    for fold in folds:
        for system in arguments.systems:
            learn = silver.get(system, gold)
            _run_fold(work, fold, system, gold, learn, fold_of, settings, arguments.again)
    scored = [document for document in gold if fold_of[document.id] in folds]
    systems = [
        system
        for system in (*TEACHERS, GOLD)
        if all((work / f"{system}.{fold}.json").exists() for fold in folds)
    ]
    ids = {document.id for document in scored}
    silver = {name: [one for one in silver[name] if one.id in ids] for name in silver}
    _write_table(work, scored, silver, arguments, systems, folds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with DRUG-AE.rel and teacher/"
    )
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for predictions and the table"
    )
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only-folds", type=int, nargs="+", help="these, not all")
    parser.add_argument(
        "--complete-subjects", action="store_true", help="a drug named once is a drug everywhere"
    )
    parser.add_argument("--fold-seed", type=int, default=7)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--epochs", type=int, default=StudentSettings().epochs)
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--again", action="store_true", help="predict again with kept students")
    parser.add_argument("--threads", type=int, help="two processes of one thread beat one of two")
    parser.add_argument(
        "--systems", nargs="+", default=[*TEACHERS, GOLD], choices=[*TEACHERS, GOLD]
    )
    return parser.parse_args()


def _silver(data: Path, work: Path, teacher: str) -> list[Document]:
    out = work / f"silver.{teacher}.jsonl"
    spec = f"replay:{data / 'teacher' / teacher}.jsonl.gz"
    summary = label_file(work / "gold.jsonl", out, "ade", spec)
    write_json(work / f"silver.{teacher}.json", summary.to_dict())
    return read(out)


def _run_fold(
    work: Path,
    fold: int,
    system: str,
    gold: list[Document],
    train: list[Document],
    fold_of: dict[str, int],
    settings: StudentSettings,
    again: bool,
) -> None:
    done = work / f"{system}.{fold}.json"
    test = [document for document in gold if fold_of[document.id] == fold]
    if done.exists():
        if again:
            student = Student.from_pretrained(work / f"{system}.{fold}.student")
            _predict(work, fold, system, student, test)
        return
    learn = [document for document in train if fold_of[document.id] != fold]
    screen = Screen()
    screen.note(
        f"{time.strftime('%H:%M:%S')} {system}, fold {fold}: {len(learn)} train, {len(test)} test"
    )
    fitted = fit(
        learn,
        get_task("ade"),
        settings,
        progress=screen,
        checkpoints=work / f"{system}.{fold}.checkpoint",
    )
    fitted.student.save_pretrained(work / f"{system}.{fold}.student")
    _predict(work, fold, system, fitted.student, test)
    record = {
        "training": fitted.student.card.training,
        "unexpressed": dict(fitted.unexpressed),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    write_json(done, record)
    for left in sorted((work / f"{system}.{fold}.checkpoint").glob("*")):
        left.unlink()


def _predict(work: Path, fold: int, system: str, student: Student, test: list[Document]) -> None:
    for mode, given in MODES.items():
        predicted = student.extract(test, given_subjects=given)
        write_jsonl(work / f"{system}.{fold}.{mode}.jsonl", predicted)


def _write_table(
    work: Path,
    gold: list[Document],
    silver: dict[str, list[Document]],
    arguments: argparse.Namespace,
    systems: list[str],
    folds: list[int],
) -> None:
    lines = [
        "| system | given | strict F1 | lenient F1 | strict F1, surface | lenient F1, surface |",
        "|---|---|---|---|---|---|",
    ]
    spans = [
        "| system | Drug strict | Drug lenient | AdverseEffect strict | AdverseEffect lenient |",
        "|---|---|---|---|---|",
    ]
    results: dict[str, object] = {}
    tests: list[str] = []
    for system in systems:
        if system in silver:
            metrics = evaluate(gold, silver[system])
            lines.append(_row(f"teacher {system}", "text", metrics))
            results[f"teacher {system}"] = metrics.to_dict()
        name = f"student of {system}" if system in silver else "supervised twin"
        for mode in MODES:
            predicted = [
                document
                for fold in folds
                for document in read(work / f"{system}.{fold}.{mode}.jsonl")
            ]
            metrics = evaluate(gold, predicted)
            lines.append(_row(name, "text" if mode == "end_to_end" else "text and drugs", metrics))
            results[f"{name}, {mode}"] = metrics.to_dict()
            if mode == "end_to_end":
                spans.append(_span_row(name, metrics))
                if system in silver:
                    for match in ("strict", "lenient"):
                        test = compare(gold, predicted, silver[system], match=match, by="offsets")
                        tests.append(f"- {name} against its teacher, {match} by offsets: {test!r}")
    seconds = [
        json.loads(path.read_text())["training"]["seconds"]
        for system in systems
        for path in work.glob(f"{system}.[0-9].json")
    ]
    signature = evaluate(gold, gold, n_resamples=1000).strict.signature.split("|", 1)[1]
    text = "\n".join(
        [
            *lines,
            "",
            *spans,
            "",
            *tests,
            "",
            f"folds {', '.join(map(str, folds))} of {arguments.folds} by abstract, "
            f"fold seed {arguments.fold_seed}, "
            f"seed {arguments.seed}, {arguments.epochs} epochs, encoder {arguments.encoder}, "
            f"subjects {'completed' if arguments.complete_subjects else 'as named'}, "
            f"{len(gold)} sentences; "
            f"signature {signature}; training took {np.mean(seconds):.0f} s a fold on average.",
        ]
    )
    write_json(work / "results.json", results)
    write_text(work / "table.md", text + "\n")
    sys.stdout.write(text + "\n")


def _row(name: str, given: str, metrics: Metrics) -> str:
    settings = (
        ("strict", "offsets"),
        ("lenient", "offsets"),
        ("strict", "surface"),
        ("lenient", "surface"),
    )
    cells = " | ".join(metrics.relations[setting].f1.percent for setting in settings)
    return f"| {name} | {given} | {cells} |"


def _span_row(name: str, metrics: Metrics) -> str:
    cells = " | ".join(
        metrics.span_labels[label][match, "offsets"].f1.percent
        for label in ("Drug", "AdverseEffect")
        for match in ("strict", "lenient")
    )
    return f"| {name} | {cells} |"


if __name__ == "__main__":
    main()

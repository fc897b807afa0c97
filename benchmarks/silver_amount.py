"""How good a student is by the amount of silver that it learns from.

    python benchmarks/silver_amount.py --gold work/ade/gold.jsonl \
        --silver work/ade/silver.gpt-4-1106-function.jsonl --work work/silver_amount \
        --folds 0 1 --gold-too --plot docs/images/silver_amount.svg

For each fold, the documents that may be learnt from are put into an order drawn by lot, and each
amount takes the first so many of them, so that a larger one holds the smaller ones (the part kept
for early stopping included). `--gold-too` has the supervised twin learn from the gold of the same
sentences. Folds are those of `decoct evaluate --folds 5 --group-by pmid`.

What is done is not done again. To share the work, start several processes with different --folds or
--amounts, then one with all of them, which only makes the table and the plot.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _plot import write_svg

from decoct.cli.screen import Screen
from decoct.evaluation import chart
from decoct.evaluation.counts import By, Match
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.folds import Folding, split_fold
from decoct.evaluation.metrics import Metrics
from decoct.formats.base import read
from decoct.recipes.cross_validate import cross_validate
from decoct.recipes.distill import read_distill_settings
from decoct.records import Document
from decoct.store import write_json, write_text
from decoct.student.settings import StudentSettings

ALL = 0  # the amount that means as many as there are
STUDENT, TWIN = "silver", "gold"
NAMES = {STUDENT: "student", TWIN: "supervised twin"}
PANELS: tuple[tuple[Match, By], ...] = (("lenient", "surface"), ("strict", "offsets"))
_COLUMNS: tuple[tuple[Match, By], ...] = (*PANELS, ("lenient", "offsets"))
_LINES = {STUDENT: (chart._LENIENT, "D", "-"), TWIN: (chart._STRICT, "o", "--")}


@dataclass(frozen=True, slots=True)
class Point:
    """What students of one amount came to, all folds together.

    Attributes:
        learnt_from: silver or gold.
        n: documents learnt from in a fold, on average.
        metrics: on the held-out documents.
    """

    learnt_from: str
    n: float
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Data:
    """What there is to learn from and to score on."""

    gold: Sequence[Document]
    silver: Sequence[Document]
    folding: Folding
    folds: Sequence[int]

    def first(self, learnt_from: str, fold: int, amount: int, seed: int) -> list[Document]:
        """Return so many of the documents that a fold may learn from, in an order drawn by lot."""
        source = self.silver if learnt_from == STUDENT else self.gold
        fold_of = self.folding.assign(self.gold)
        learn = {
            document.id: document
            for document in split_fold(
                self.gold, source, fold_of, fold, self.folding.group_by
            ).learn
        }
        # drawn among all ids, so that the twin's are the same
        ids = sorted({document.id for document in (*self.silver, *self.gold)})
        np.random.default_rng(seed).shuffle(ids)
        drawn = [learn[id_] for id_ in ids if id_ in learn]
        if amount > len(drawn):
            sys.exit(f"fold {fold} has {len(drawn)} documents of {learnt_from}, not {amount}")
        return drawn[: amount or None]

    @property
    def scored(self) -> list[Document]:
        """The gold of the folds."""
        fold_of = self.folding.assign(self.gold)
        return [document for document in self.gold if fold_of[document.id] in self.folds]


def main() -> None:
    """Do what is not done yet, then write table and plot."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    data = Data(
        read(arguments.gold), read(arguments.silver), Folding(5, 7, "pmid"), arguments.folds
    )
    flags = {"epochs": arguments.epochs, "encoder": arguments.encoder, "seed": arguments.seed}
    settings = read_distill_settings(
        arguments.config, {name: value for name, value in flags.items() if value is not None}
    ).student_settings()
    sources = (STUDENT, TWIN) if arguments.gold_too else (STUDENT,)
    points = [
        _point(data, learnt_from, amount, settings, arguments)
        for amount in arguments.amounts
        for learnt_from in sources
    ]
    teacher = evaluate(data.scored, data.silver, seed=settings.seed)
    text = "\n".join([*_table(points, teacher), "", _setting(data, teacher, settings, arguments)])
    write_text(arguments.work / "silver_amount.md", text + "\n")
    results: dict[str, object] = {"teacher": teacher.to_dict()}
    for point in points:
        results[f"{point.learnt_from} {point.n:.0f}"] = point.metrics.to_dict()
    write_json(arguments.work / "silver_amount.json", results)
    for path in filter(None, (arguments.work / "silver_amount.svg", arguments.plot)):
        write_svg(path, lambda figure: _draw(figure, points, teacher), (9, 3.8))
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--silver", type=Path, required=True, help="a teacher's")
    parser.add_argument("--work", type=Path, required=True, help="folder for students' predictions")
    parser.add_argument("--plot", type=Path, help="where the plot goes too")
    parser.add_argument(
        "--amounts", type=_amount, nargs="+", default=[250, 500, 1000, 2000, ALL], metavar="N|all"
    )
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--gold-too", action="store_true", help="the supervised twin as well")
    parser.add_argument("--config", type=Path, help="TOML with a student's settings")
    parser.add_argument("--encoder")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, help="of the students")
    parser.add_argument("--draw-seed", type=int, default=1, help="of the order of the documents")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _amount(text: str) -> int:
    return ALL if text == "all" else int(text)


def _point(
    data: Data,
    learnt_from: str,
    amount: int,
    settings: StudentSettings,
    arguments: argparse.Namespace,
) -> Point:
    """Cross-validate with one amount, each fold in a folder of its own: it has its own subset."""
    predicted: list[Document] = []
    sizes = []
    for fold in data.folds:
        subset = data.first(learnt_from, fold, amount, arguments.draw_seed)
        out = arguments.work / f"{learnt_from}.{amount or 'all'}.fold-{fold}"
        made = cross_validate(
            data.gold,
            out,
            settings,
            silver=subset,
            folding=data.folding,
            only_folds=[fold],
            progress=Screen(),
        )
        predicted += made.predicted
        sizes.append(len(subset))
    metrics = evaluate(data.scored, predicted, seed=settings.seed)
    return Point(learnt_from, float(np.mean(sizes)), metrics)


def _table(points: Sequence[Point], teacher: Metrics) -> Iterator[str]:
    heads = " | ".join(f"{match} F1, {by}" for match, by in _COLUMNS)
    yield f"| learns from | documents | {heads} |"
    yield "|---|---|" + "---|" * len(_COLUMNS)
    for point in sorted(points, key=lambda one: list(NAMES).index(one.learnt_from)):
        yield f"| {point.learnt_from} | {point.n:.0f} | {_cells(point.metrics)} |"
    yield f"| (the teacher itself) | | {_cells(teacher)} |"


def _cells(metrics: Metrics) -> str:
    return " | ".join(metrics.relations[setting].f1.percent for setting in _COLUMNS)


def _setting(
    data: Data, teacher: Metrics, settings: StudentSettings, arguments: argparse.Namespace
) -> str:
    signature = teacher.strict.signature.split("|", 2)[2]
    return (
        f"Silver {arguments.silver.name}, encoder {settings.encoder}, {settings.epochs} epochs, "
        f"seed {settings.seed}, order drawn with seed {arguments.draw_seed}; signature "
        f"`{signature}|{data.folding.signature(data.folds)}`."
    )


def _draw(figure: Any, points: Sequence[Point], teacher: Metrics) -> None:  # noqa: ANN401
    panels = figure.subplots(1, len(PANELS), squeeze=False)[0]
    by_source: Mapping[str, list[Point]] = {
        name: sorted((one for one in points if one.learnt_from == name), key=lambda one: one.n)
        for name in NAMES
    }
    for axes, (match, by) in zip(panels, PANELS, strict=True):
        for name, some in by_source.items():
            if some:
                _draw_line(axes, name, some, (match, by))
        axes.axhline(
            100 * teacher.relations[match, by].f1.value,
            color=chart._INK,
            linewidth=1,
            linestyle=":",
            label="the teacher itself",
        )
        axes.set_xscale("log")
        sizes = [round(point.n) for point in by_source[STUDENT]]
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xticks([], minor=True)
        axes.set_title(f"{match} F1 by {by}", color=chart._INK, fontsize=10)
        axes.set_xlabel("documents learnt from", color=chart._INK)
        chart._plain(axes)
        axes.grid(axis="y", color=chart._LINE, linewidth=0.6)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper right", ncols=3, frameon=False, labelcolor=chart._INK
    )


def _draw_line(axes: Any, name: str, points: Sequence[Point], setting: tuple[Match, By]) -> None:  # noqa: ANN401
    color, marker, style = _LINES[name]
    f1s = [point.metrics.relations[setting].f1 for point in points]
    axes.errorbar(
        [point.n for point in points],
        [100 * f1.value for f1 in f1s],
        yerr=[
            [100 * max(0.0, f1.value - f1.low) for f1 in f1s],
            [100 * max(0.0, f1.high - f1.value) for f1 in f1s],
        ],
        color=color,
        marker=marker,
        linestyle=style,
        markersize=5,
        capsize=3,
        label=NAMES[name],
    )


if __name__ == "__main__":
    main()

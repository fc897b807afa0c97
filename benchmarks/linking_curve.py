"""Acc@1 against the number of labelled mentions, with a teacher's choices and without.

    work="--work work/linking/askapatient"
    silver="--silver silver.claude-fewshot.jsonl"
    for n in 50 100 200 400; do for seed in 1 2 3; do
      python benchmarks/linking.py $work $silver --gold gold.$n.$seed.jsonl --systems learnt
    done; done
    python benchmarks/linking.py $work $silver --gold none --systems dense learnt
    python benchmarks/linking_curve.py $work --plot curve.svg

Read are the predictions that `linking.py` has left in `WORK/systems`: of every draw `gold.N.SEED`
that is there, and of none. Shown are the mean over draws, and the lowest and the highest.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from _plot import write_svg

from decoct.evaluation import chart
from decoct.evaluation.linking import evaluate_linking
from decoct.formats.base import read
from decoct.records import Document

GOLD, BOTH = "gold", "both"
_DRAW = re.compile(r"gold\.(\d+)\.\d+\.(gold|both)\.(\w+)")
_CALLED = {GOLD: "labelled mentions alone", BOTH: "and a teacher's choices"}
_LINES = {GOLD: (chart._STRICT, "o"), BOTH: (chart._LENIENT, "s")}
Points = Mapping[tuple[int, str], list[float]]


def main() -> None:
    """Write the table, and the plot if it is asked for."""
    arguments = _arguments()
    points = find_points(arguments.work, arguments.score, arguments.system)
    if not points:
        sys.exit(f"{arguments.work / 'systems'}: no draw of {arguments.system}; see --help")
    for line in _table(points):
        print(line)
    if arguments.plot:
        write_svg(arguments.plot, lambda figure: _draw(figure, points), (5.6, 3.6))


def find_points(work: Path, score: str, system: str) -> Points:
    """Return (labelled mentions, learnt from) -> Acc@1 of each draw, in percent."""
    scored = list(read(work / score))
    points: dict[tuple[int, str], list[float]] = defaultdict(list)
    for path in sorted((work / "systems").glob("*/predicted.jsonl")):
        name = path.parent.name
        if name == f"none.both.{system}":
            points[0, BOTH].append(_accuracy(scored, path))
        elif name == "none.gold.dense":  # the encoder as it comes
            points[0, GOLD].append(_accuracy(scored, path))
        elif (found := _DRAW.fullmatch(name)) and found[3] == system:
            points[int(found[1]), found[2]].append(_accuracy(scored, path))
    return points


def _accuracy(scored: list[Document], path: Path) -> float:
    metrics = evaluate_linking(scored, list(read(path)), n_resamples=1)
    return 100 * metrics.all.accuracy[1].value


def _table(points: Points) -> Iterator[str]:
    yield "| labelled mentions | draws | from these alone | and a teacher's choices | gain |"
    yield "|---|---|---|---|---|"
    for n in sorted({n for n, _ in points}):
        alone, both = (points.get((n, source), []) for source in (GOLD, BOTH))
        gain = f"{mean(both) - mean(alone):+.1f}" if alone and both else ""
        yield f"| {n} | {max(len(alone), len(both))} | {_cell(alone)} | {_cell(both)} | {gain} |"


def _cell(values: list[float]) -> str:
    if len(values) < 2:
        return "".join(f"{value:.1f}" for value in values)
    return f"{mean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def _draw(figure: Any, points: Points) -> None:  # noqa: ANN401 (matplotlib's)
    axes = figure.subplots()
    for source, called in _CALLED.items():
        ns = sorted(n for n, of in points if of == source)
        values = [points[n, source] for n in ns]
        means = [mean(some) for some in values]
        spread = [
            [m - min(some) for m, some in zip(means, values, strict=True)],
            [max(some) - m for m, some in zip(means, values, strict=True)],
        ]
        color, marker = _LINES[source]
        axes.errorbar(ns, means, yerr=spread, color=color, marker=marker, capsize=3, label=called)
    axes.set_xlabel("labelled mentions", color=chart._INK)
    axes.set_ylabel("Acc@1, %", color=chart._INK)
    chart._plain(axes)
    axes.grid(axis="y", color=chart._LINE, linewidth=0.6)
    axes.legend(loc="lower right", frameon=False, labelcolor=chart._INK)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a corpus of linking_data.py")
    parser.add_argument("--score", default="validation.jsonl")
    parser.add_argument("--system", default="learnt", help="see linking.py")
    parser.add_argument("--plot", type=Path, help="an SVG file")
    return parser.parse_args()


if __name__ == "__main__":
    main()

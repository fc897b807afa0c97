"""Charts as SVG to be set into a page: F1 with error bars, reliability, and linking's ceiling."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from decoct.errors import MissingExtraError
from decoct.evaluation.calibration import Calibration
from decoct.evaluation.counts import By, Match
from decoct.evaluation.linking_metrics import ALL, UNSEEN, LinkingMetrics
from decoct.evaluation.metrics import Metrics
from decoct.evaluation.scores import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stand-ins that matplotlib can draw with and that become the page's own colors, light or dark.
_COLORS = {
    "#010203": "currentColor",
    "#010204": "var(--strict)",
    "#010205": "var(--lenient)",
    "#010206": "var(--line)",
}
_INK, _STRICT, _LENIENT, _LINE = _COLORS
_STYLE: tuple[tuple[Match, str, str, float], ...] = (
    ("strict", _STRICT, "o", -0.13),
    ("lenient", _LENIENT, "D", 0.13),
)
_PANELS: tuple[By, ...] = ("offsets", "surface")
_NAME_CHARS = 28  # longer names of systems are cut in the chart, not in the tables
_IN_A_ROW = 3  # reliability panels


def draw_f1(systems: Mapping[str, Metrics]) -> str:
    """Draw strict and lenient F1 of each system, by offsets and by surface, with intervals.

    Args:
        systems: name -> metrics.

    Returns:
        an `<svg>` element without ids of other files or hosts, in the page's own colors.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(_PANELS), sharex=True, sharey=True, squeeze=False)[0]
        for axes, by in zip(panels, _PANELS, strict=True):
            _draw_panel(axes, by, systems)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper right", ncols=2, frameon=False, labelcolor=_INK
        )

    return _to_svg(draw, (9, 1.3 + 0.5 * len(systems)))


def draw_reliability(calibrations: Mapping[str, Calibration]) -> str:
    """Draw for each system what share of its predictions is right, by confidence.

    On the dashed line a confidence is a probability; below it a system is too sure. The number at
    each point is that of the bin's predictions.

    Args:
        calibrations: name -> calibration.

    Returns:
        an `<svg>` element without ids of other files or hosts, in the page's own colors.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    n_columns = max(1, min(_IN_A_ROW, len(calibrations)))
    n_rows = max(1, -(-len(calibrations) // n_columns))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(n_rows, n_columns, squeeze=False)
        for axes in panels.flat[len(calibrations) :]:
            axes.set_visible(False)
        for axes, (name, calibration) in zip(panels.flat, calibrations.items(), strict=False):
            _draw_reliability_panel(axes, name, calibration)

    return _to_svg(draw, (3 * n_columns, 3.2 * n_rows))


def draw_ceiling(systems: Mapping[str, LinkingMetrics]) -> str | None:
    """Draw for each system recall@k over k, and Acc@1 over the same mentions as a dashed line.

    Where labelled data were given, the mentions that are not in them are drawn beside all.

    Args:
        systems: name -> metrics.

    Returns:
        an `<svg>` element as `draw_reliability` does; None where no system has stored candidates.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    drawn = {name: one for name, one in systems.items() if one.all.recall}
    if not drawn:
        return None
    n_columns = min(_IN_A_ROW, len(drawn))
    n_rows = -(-len(drawn) // n_columns)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
        for axes in panels.flat[len(drawn) :]:
            axes.set_visible(False)
        for axes, (name, metrics) in zip(panels.flat, drawn.items(), strict=False):
            _draw_ceiling_panel(axes, name, metrics)

    return _to_svg(draw, (3 * n_columns, 3.2 * n_rows))


def headline_score(metrics: Metrics, match: Match, by: By) -> Score:
    """Return the score of relations, or of spans where the corpus has no relation."""
    scores = metrics.relations if metrics.headline_of == "relations" else metrics.spans
    return scores[match, by]


def _draw_panel(axes: Axes, by: By, systems: Mapping[str, Metrics]) -> None:
    for match, color, marker, offset in _STYLE:
        f1s = [headline_score(metrics, match, by).f1 for metrics in systems.values()]
        axes.errorbar(
            [100 * f1.value for f1 in f1s],
            [row + offset for row in range(len(f1s))],
            xerr=[
                [100 * max(0.0, f1.value - f1.low) for f1 in f1s],
                [100 * max(0.0, f1.high - f1.value) for f1 in f1s],
            ],
            fmt=marker,
            color=color,
            markersize=5,
            capsize=3,
            label=match,
        )
    names = [_cut(name) for name in systems]
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title(f"F1 by {by}", color=_INK, fontsize=10)
    _plain(axes)
    axes.grid(axis="x", color=_LINE, linewidth=0.6)


def _draw_reliability_panel(axes: Axes, name: str, calibration: Calibration) -> None:
    axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle="--")
    confidences = [one.mean_confidence for one in calibration.bins]
    shares = [one.share_right for one in calibration.bins]
    axes.plot(confidences, shares, color=_STRICT, marker="o", markersize=5)
    for one, x, y in zip(calibration.bins, confidences, shares, strict=True):
        above = y < 0.9  # where there is room
        axes.annotate(
            str(one.n),
            (x, y),
            xytext=(0, 7 if above else -7),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=7,
            color=_INK,
        )
    axes.set_title(
        f"{_cut(name)}\nECE {calibration.ece.percent}",
        color=_INK,
        fontsize=9,
        parse_math=False,
    )
    axes.set_xlabel("mean confidence", color=_INK, fontsize=9)
    axes.set_ylabel("share right", color=_INK, fontsize=9)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    _plain(axes)
    axes.grid(color=_LINE, linewidth=0.6)


def _draw_ceiling_panel(axes: Axes, name: str, metrics: LinkingMetrics) -> None:
    ks = list(metrics.all.recall)
    for group, color, marker in ((ALL, _STRICT, "o"), (UNSEEN, _LENIENT, "D")):
        scores = metrics.groups.get(group)
        if scores is None or not scores.recall or scores.entity_accuracy is None:
            continue
        recall = [100 * scores.recall[k].value for k in ks]
        axes.fill_between(
            ks,
            [100 * scores.recall[k].low for k in ks],
            [100 * scores.recall[k].high for k in ks],
            color=color,
            alpha=0.15,
            linewidth=0,
        )
        axes.plot(ks, recall, color=color, marker=marker, markersize=4, label=group)
        accuracy = 100 * scores.entity_accuracy.value
        axes.axhline(accuracy, color=color, linewidth=1, linestyle="--")
        axes.plot([1], [accuracy], color=color, marker=marker, markersize=7, fillstyle="none")
    axes.set_xscale("log")
    ticks = [k for k, after in zip(ks, [*ks[1:], math.inf], strict=True) if after >= 1.5 * k]
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.minorticks_off()
    axes.set_title(_cut(name), color=_INK, fontsize=9, parse_math=False)
    axes.set_xlabel("candidates", color=_INK, fontsize=9)
    axes.set_ylabel("recall@k", color=_INK, fontsize=9)
    if UNSEEN in metrics.groups:
        axes.legend(loc="lower right", frameon=False, labelcolor=_INK, fontsize=8)
    _plain(axes)
    axes.grid(color=_LINE, linewidth=0.6)


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_CHARS else f"{name[:_NAME_CHARS]}…"


def _plain(axes: Axes) -> None:
    """Take away what is not data."""
    axes.tick_params(colors=_INK, length=0)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.patch.set_visible(False)


def _to_svg(draw: Callable[[Figure], None], inches: tuple[float, float]) -> str:
    """Draw a figure of that width and height."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "report", "the chart of a report") from None
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "decoct", "font.size": 10}):
        figure = Figure(figsize=inches, layout="constrained")
        figure.patch.set_visible(False)
        draw(figure)
        buffer = io.StringIO()
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with warnings.catch_warnings():
            # The page draws with the reader's fonts, so letters missing from ours are no fault.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata)  # type: ignore[no-untyped-call]
    return _for_page(buffer.getvalue())


def _for_page(svg: str) -> str:
    """Strip what only a file of its own needs, and let the page choose the colors."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'<svg\b[^>]*?(viewBox="[^"]*")[^>]*>', r"<svg \1>", svg, count=1)
    for stand_in, color in _COLORS.items():
        svg = svg.replace(stand_in, color)
    return svg

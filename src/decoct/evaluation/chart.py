"""F1 by system with error bars, as an SVG to be set into a page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from decoct.errors import MissingExtraError
from decoct.evaluation.counts import By, Match
from decoct.evaluation.metrics import Metrics
from decoct.evaluation.scores import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def draw_f1(systems: Mapping[str, Metrics]) -> str:
    """Draw strict and lenient F1 of each system, by offsets and by surface, with intervals.

    Args:
        systems: name -> metrics.

    Returns:
        an `<svg>` element without ids of other files or hosts, in the page's own colors.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "report", "the chart of a report") from None
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "decoct", "font.size": 10}):
        figure = Figure(figsize=(9, 1.3 + 0.5 * len(systems)), layout="constrained")
        figure.patch.set_visible(False)
        panels = figure.subplots(1, len(_PANELS), sharex=True, sharey=True, squeeze=False)[0]
        for axes, by in zip(panels, _PANELS, strict=True):
            _draw_panel(axes, by, systems)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper right", ncols=2, frameon=False, labelcolor=_INK
        )
        buffer = io.StringIO()
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with warnings.catch_warnings():
            # The page draws with the reader's fonts, so letters missing from ours are no fault.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata)  # type: ignore[no-untyped-call]
    return _for_page(buffer.getvalue())


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
    names = [name if len(name) <= _NAME_CHARS else f"{name[:_NAME_CHARS]}…" for name in systems]
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title(f"F1 by {by}", color=_INK, fontsize=10)
    axes.tick_params(colors=_INK, length=0)
    axes.grid(axis="x", color=_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.patch.set_visible(False)


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

"""Plots as files of their own, in the style of decoct's reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from decoct.evaluation import chart
from decoct.store import write_text

# a plot on its own follows no page's colours: these read on light and on dark
_FIXED = {"currentColor": "#78776f", "var(--strict)": "#2f7fb8", "var(--lenient)": "#c8692a"}
_FIXED |= {"var(--line)": "#b5b3aa"}
_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def write_svg(path: Path, draw: Callable[[Any], None], inches: tuple[float, float]) -> None:
    """Write what `draw` puts onto a figure as a file of its own, in the style of the reports."""
    write_chart(path, chart._to_svg(draw, inches))


def write_chart(path: Path, svg: str) -> None:
    """Write a report's chart as a file of its own."""
    for name, color in _FIXED.items():
        svg = svg.replace(name, color)
    write_text(path, svg.replace("<svg ", f"<svg {_NAMESPACES} ", 1))

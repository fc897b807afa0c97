"""Annotated documents in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from decoct.store import write_text
from decoct.view.render import render
from decoct.view.shown import Shown

_LINE_CHARS = 80  # about what a notebook's line holds
_LINE_PX, _FRAME_PX, _MOST_PX = 58, 130, 640


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """Documents with their annotations drawn; the last line of a notebook's cell shows it.

    It stands in a frame of its own, whose script can reach neither the notebook nor the network.

    Attributes:
        shown: the documents.
        title: the heading over several.
        height: of the frame, in pixels; None for what the first text seems to need.
    """

    shown: tuple[Shown, ...]
    title: str
    height: int | None = None

    def save(self, path: str | Path) -> Path:
        """Write it as one HTML file that needs no other, and return where.

        Raises:
            StoreError: it can't be written.
        """
        write_text(Path(path), render(self.shown, self.title))
        return Path(path)

    def _repr_html_(self) -> str:
        page = escape(render(self.shown, self.title))
        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{page}" sandbox="allow-scripts" '
            f'style="width: 100%; height: {self.height or self._guess_height()}px; border: 0">'
            "</iframe>"
        )

    def _guess_height(self) -> int:
        if len(self.shown) != 1:
            return _MOST_PX
        lines = self.shown[0].document.text.split("\n")
        n_lines = sum(1 + len(line) // _LINE_CHARS for line in lines)
        return min(_MOST_PX, _FRAME_PX + n_lines * _LINE_PX)

    def __repr__(self) -> str:
        return f"Picture({len(self.shown)} documents)"

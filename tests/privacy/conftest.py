"""Documents whose PHI is told by its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from decoct.records import Document, Span

KEY = b"a key for tests only"
Build = Callable[..., Document]


def mark(text: str, *marks: tuple[str, str], id: str = "n1", **more: Any) -> Document:
    """Make a document; each (label, string) is marked where it stands next after the one before."""
    spans, at = [], 0
    for number, (label, string) in enumerate(marks, start=1):
        start = text.index(string, at)
        at = start + len(string)
        spans.append(Span(id=f"T{number}", start=start, end=at, label=label, text=string))
    return Document(id=id, text=text, spans=spans, **more)


@pytest.fixture
def build() -> Build:
    return mark

"""Retrievers by shared terms: what character n-grams and words have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from decoct.config import Settings
from decoct.errors import MissingExtraError
from decoct.progress import Progress
from decoct.retriever.indexes.base import Segment
from decoct.retriever.lookup import Effort, LexicalSearch
from decoct.retriever.names import NameTable
from decoct.retriever.postings import build_postings
from decoct.retriever.settings import Bm25Settings, NgramSettings
from decoct.retriever.weighing import Weighing, open_part, weigh


class Lexical:
    """A retriever by shared terms.

    Args:
        weighing: what terms are and count.
        settings: how much of a mention is looked up.
    """

    name: ClassVar[str]
    settings: ClassVar[type[Settings]]

    def __init__(self, weighing: Weighing, settings: NgramSettings | Bm25Settings) -> None:
        self._weighing = weighing
        self._effort = Effort(settings.share, settings.n_postings)
        try:
            import scipy.sparse  # noqa: F401 (so that it fails before work)
        except ImportError:
            raise MissingExtraError("scipy", "link", f"retriever {self.name!r}") from None

    def identity(self) -> Mapping[str, str]:
        """Return nothing: all is in the settings."""
        return {}

    def build(self, names: NameTable, folder: Path, progress: Progress) -> None:
        """Write the inverted index of names."""
        build_postings(names, folder, self._weighing.terms, progress, f"index {self.name}")

    def merge(
        self, sources: Sequence[Segment], names: NameTable, folder: Path, progress: Progress
    ) -> None:
        """Write the inverted index of several segments' living names."""
        del sources
        self.build(names, folder, progress)

    def weigh(self, segments: Sequence[Segment], generation: int) -> None:
        """Write what terms count, among all living names."""
        folders = [segment.folder for segment in segments]
        weigh(folders, [segment.alive for segment in segments], self._weighing, generation)

    def open(self, segments: Sequence[Segment], generation: int) -> LexicalSearch:
        """Map the inverted indexes and their weights."""
        parts = [open_part(segment.folder, generation) for segment in segments]
        n_names = sum(int(np.count_nonzero(segment.alive)) for segment in segments)
        return LexicalSearch(parts, self._weighing, n_names, self._effort)

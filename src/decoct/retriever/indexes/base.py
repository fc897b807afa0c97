"""What a retriever's index is: names in, and for each mention the names most like it.

An index is written in segments, one for the names it was built of and one for those that each
change added. Rows count the names of all segments, one after another, removed ones included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from decoct.config import Settings
from decoct.kb.base import Query
from decoct.progress import Progress
from decoct.registry import Shelf
from decoct.retriever.names import NameTable

INDEXES = Shelf("decoct.retriever.indexes", noun="retriever")


@dataclass(frozen=True, slots=True)
class Segment:
    """Names that were added to an index together.

    Attributes:
        folder: where the retriever has its files of these names.
        names: the names.
        alive: (n_names,) bool, which of them were not removed.
    """

    folder: Path
    names: NameTable
    alive: NDArray[np.bool_]


class NameSearch(Protocol):
    """An open index; several threads may search."""

    def prepare(self, queries: Sequence[Query]) -> Any:  # noqa: ANN401 (its own matter)
        """Return what mentions are looked up by; it has a length."""
        ...

    def take(self, prepared: Any, mentions: NDArray[np.int64]) -> Any:  # noqa: ANN401
        """Return it for some of the mentions."""
        ...

    def search(
        self,
        prepared: Any,  # noqa: ANN401
        k: int,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the `k` names most like each mention, best first.

        Returns:
            rows: (n_mentions, k) int32, -1 where there are fewer. Removed names may be among them.
            scores: (n_mentions, k) float32, higher is better, 0 where there are fewer.
        """
        ...

    def similarities(
        self,
        prepared: Any,  # noqa: ANN401
        mentions: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Return the scores of pairs: (n_pairs,), of mention `mentions[i]` and name `rows[i]`."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Return what is to be known of it, `n_bytes` of memory included, as JSON types."""
        ...


class Retriever(Protocol):
    """Makes and opens indexes of one kind; a class on the shelf, called with its settings.

    Attributes:
        name: on the shelf.
        settings: the class of its settings.
    """

    name: str
    settings: type[Settings]

    def identity(self) -> Mapping[str, str]:
        """Return what an index depends on beside names and settings, such as an encoder's hash."""
        ...

    def build(self, names: NameTable, folder: Path, progress: Progress) -> None:
        """Write the files of a segment of new names.

        Raises:
            StoreError: the folder can't be written.
        """
        ...

    def merge(
        self, sources: Sequence[Segment], names: NameTable, folder: Path, progress: Progress
    ) -> None:
        """Write the files of one segment in the place of several.

        Args:
            sources: the segments.
            names: their living names, in order.
            folder: for the files.
            progress: shown how far it is.
        """
        ...

    def weigh(self, segments: Sequence[Segment], generation: int) -> None:
        """Write whatever depends on all living names; file names bear the generation's number."""
        ...

    def open(self, segments: Sequence[Segment], generation: int) -> NameSearch:
        """Open an index.

        Raises:
            ArtifactError: a file is missing or damaged.
            MissingExtraError: a library is not installed.
        """
        ...

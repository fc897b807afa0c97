"""One retriever alone, built in a folder: what its tests have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from decoct.kb.base import Entity, Query
from decoct.progress import Silent
from decoct.retriever.indexes.base import INDEXES, Segment
from decoct.retriever.names import NameTable


def opened(of: str, folder: Path, *parts: Sequence[str], alive: Any = None, **settings: Any):
    """Build segments of names, each an entity's own, of one retriever, and open them."""
    plugin = INDEXES.get(of)
    retriever = plugin(plugin.settings(**settings))
    segments = []
    for number, names in enumerate(parts):
        at = folder / str(number)
        table = NameTable.of((n, Entity(id=f"E{n}", name=name)) for n, name in enumerate(names))
        table.save(at / "names")
        retriever.build(NameTable.open(at / "names"), at / of, Silent())
        there = np.ones(len(names), dtype=bool) if alive is None else np.array(alive[number])
        segments.append(Segment(at / of, table, there))
    retriever.weigh(segments, 0)
    return retriever.open(segments, 0)


def look_up(search: Any, texts: Sequence[str], k: int) -> list[dict[int, float]]:
    """Return for each text the rows that are found, best first, and their scores."""
    rows, scores = search.search(search.prepare([Query(text) for text in texts]), k)
    assert rows.shape == scores.shape == (len(texts), k)
    assert rows.dtype == np.int32
    assert scores.dtype == np.float32
    assert (scores[rows < 0] == 0).all()
    found = []
    for line, values in zip(rows.tolist(), scores.tolist(), strict=True):
        there = [row for row in line if row >= 0]
        assert line == there + [-1] * (k - len(there)), "what is lacking comes last"
        assert len(set(there)) == len(there)
        assert values[: len(there)] == sorted(values[: len(there)], reverse=True)
        found.append(dict(zip(line, values, strict=True)) if there else {})
        found[-1].pop(-1, None)
    return found

"""The steps that need nothing but silver itself, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from decoct.records import Document
from decoct.student.silver.aliases import expand_aliases
from decoct.student.silver.boundaries import harmonise
from decoct.student.silver.caveats import unknown_subjects
from decoct.student.silver.completion import complete_subjects
from decoct.student.silver.settings import SilverSettings
from decoct.tasks.base import SpanTask


@dataclass(frozen=True, slots=True)
class Prepared:
    """Silver as it is learnt from, and what was done to it.

    Attributes:
        documents: in the order they came.
        counts: what each step did, by name.
    """

    documents: tuple[Document, ...]
    counts: Mapping[str, int]


def prepare(silver: Sequence[Document], task: SpanTask, settings: SilverSettings) -> Prepared:
    """Take the steps that are switched on: boundaries, then aliases, then completion.

    Each looks for the strings that the one before it leaves.
    """
    documents, counts = list(silver), Counter[str]()
    if settings.harmonise_boundaries:
        moved = harmonise(documents, settings.min_observations, settings.clear_majority)
        counts["moved_spans"] = sum(
            len(set(before.spans) - set(after.spans))
            for before, after in zip(documents, moved, strict=True)
        )
        documents = moved
    if settings.expand_aliases:
        n_before = sum(len(document.spans) for document in documents)
        documents = expand_aliases(documents, task.tagged)
        counts["aliases"] = sum(len(document.spans) for document in documents) - n_before
    if settings.complete_subjects:
        n_before = _n_unknown(documents)
        for label in task.tagged:
            documents = complete_subjects(documents, label, settings.min_share)
        counts["completed_subjects"] = _n_unknown(documents) - n_before
    return Prepared(tuple(documents), dict(counts))


def _n_unknown(documents: Sequence[Document]) -> int:
    return sum(len(unknown_subjects(document)) for document in documents)

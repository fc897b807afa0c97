"""Which of its own answers a student is taught again: those it is sure of, by lot."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from decoct.config import Settings
from decoct.records import Document, Span
from decoct.student.silver.caveats import weigh


class SelfTrainingSettings(Settings):
    """How a student learns from documents that it labelled itself.

    Attributes:
        rounds: how often the unlabeled documents are labelled and a new student is trained.
        min_confidence: a document is kept when nothing found in it is less sure than this, and
            nothing more is found by one who marks whatever is surer than 1 less this. What was
            nearly found and is taught as not there makes students that find less and less.
        max_empty_share: the most that documents without a relation may be of those learnt from.
            They are many, and more of them teach a student to find less.
        max_documents: the most documents to learn from, in a round; None for all that are kept.
            They are drawn by lot: the surest are those most like the silver, which teach least.
        soft: keep the confidences on the labels, for what makes soft targets of them.
        weight: how much such a document counts in the loss; a silver one counts 1.
    """

    rounds: Annotated[int, Field(ge=1)] = 1
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.9
    max_empty_share: Annotated[float, Field(ge=0, lt=1)] = 0.3
    max_documents: Annotated[int, Field(ge=1)] | None = 10_000
    soft: bool = True
    weight: Annotated[float, Field(gt=0, le=1)] = 1.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a student is taught of its own answers.

    Attributes:
        documents: in the order of their lots.
        n_sure: documents that were sure enough.
        n_empty: of `documents`, those without a relation.
    """

    documents: tuple[Document, ...]
    n_sure: int
    n_empty: int


def certainty(document: Document) -> float:
    """Return the lowest confidence of a span or relation; 1 where there is none.

    A span or relation without a confidence counts as certain.
    """
    found = [span.confidence for span in document.spans]
    found += [relation.confidence for relation in document.relations]
    return min((confidence for confidence in found if confidence is not None), default=1.0)


def has_more(document: Document, other: Document) -> bool:
    """Whether `other` has a span, or links a pair, that nothing in `document` overlaps."""
    return any(
        not any(_same(span, known) for known in document.spans) for span in other.spans
    ) or any(
        not any(
            relation.label == known.label and _same(subject, a) and _same(target, b)
            for known, a, b in document.pairs()
        )
        for relation, subject, target in other.pairs()
    )


def _same(span: Span, other: Span) -> bool:
    return span.label == other.label and span.overlaps(other)


def choose(sure: Iterable[Document], settings: SelfTrainingSettings, seed: int) -> Chosen:
    """Choose the documents to learn from, and hold no more than twice that many.

    Args:
        sure: a student's answers that are sure enough, each text once.
        settings: how many are taken, and how they are changed.
        seed: of the lots. A lot is a hash of seed and text, so the order changes nothing.
    """
    found, empty = (_Draw(settings.max_documents, seed) for _ in range(2))
    for document in sure:
        (found if document.relations else empty).add(document)
    n_found, n_empty = _shares(found.n_seen, empty.n_seen, settings)
    drawn = [*found.lowest(n_found), *empty.lowest(n_empty)]
    documents = tuple(_taught(document, settings) for document in drawn)
    return Chosen(documents, found.n_seen + empty.n_seen, n_empty)


class _Draw:
    """Keeps the documents with the lowest lots, as many as could be wanted."""

    def __init__(self, most: int | None, seed: int) -> None:
        self.most = most
        self.seed = seed
        self.n_seen = 0
        self._heap: list[tuple[int, int, Document]] = []  # of negatives: the highest lot is first

    def add(self, document: Document) -> None:
        self.n_seen += 1
        drawn = hashlib.sha256(f"{self.seed}\n{document.text}".encode("utf-8", "surrogatepass"))
        entry = (-int.from_bytes(drawn.digest()), -self.n_seen, document)
        if self.most is None or len(self._heap) < self.most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def lowest(self, n: int) -> list[Document]:
        return [document for *_, document in sorted(self._heap, reverse=True)[:n]]


def _shares(n_found: int, n_empty: int, settings: SelfTrainingSettings) -> tuple[int, int]:
    """Return how many documents to take with a relation and without."""
    share = settings.max_empty_share
    n_empty = min(n_empty, int(n_found * share / (1 - share) + 1e-9))
    n_kept = n_found + n_empty
    if settings.max_documents is None or n_kept <= settings.max_documents:
        return n_found, n_empty
    n_empty = settings.max_documents * n_empty // n_kept
    return settings.max_documents - n_empty, n_empty


def _taught(document: Document, settings: SelfTrainingSettings) -> Document:
    """Return a prediction as something to learn from, with nothing else in its meta."""
    changes: dict[str, object] = {"meta": {}}
    if not settings.soft:
        hard = {"confidence": None}
        changes["spans"] = tuple(span.model_copy(update=hard) for span in document.spans)
        changes["relations"] = tuple(
            relation.model_copy(update=hard) for relation in document.relations
        )
    taught = document.model_copy(update=changes)
    return taught if settings.weight == 1 else weigh(taught, settings.weight)

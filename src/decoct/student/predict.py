"""The student at work: documents in, spans and their relations out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from decoct.inference.batch import Batch, by_length, pad
from decoct.inference.decode import N_TAGS, Run, best_runs_by_row, trim
from decoct.inference.tokenize import Piece, WordTokenizer
from decoct.records import Document, Mark, number_annotations
from decoct.student.calibrate import DIGITS, at_temperature
from decoct.student.examples import word_range
from decoct.student.settings import StudentCard
from decoct.tasks.base import RelationType
from decoct.text.align import Place

CHUNK_DOCUMENTS = 512
MAX_OBJECT_CELLS = 65_536
K = TypeVar("K")
Subjects = Sequence[tuple[int, int, int]]
Link = tuple[str, Mark, Mark]  # relation label, subject, object


class Network(Protocol):
    """What runs the network, whatever it is made of."""

    def encode(self, batch: Batch) -> tuple[object, NDArray[np.float32]]:
        """Return what `objects` needs, opaque, and tag probabilities.

        Those are (n_pieces, n_words, n_tagged, 5).
        """
        ...

    def objects(self, states: object, subjects: Subjects) -> NDArray[np.float32]:
        """Return the objects' tag probabilities (n_subjects, n_words, n_relations, 5).

        Args:
            states: from `encode`.
            subjects: (piece, first word, last word) each.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns documents into predicted documents.

    Attributes:
        network: runs the model.
        tokenizer: cuts and tokenizes.
        card: labels, thresholds and calibration.
        pad_id: token id to pad with.
        max_pieces: pieces in a batch.
        max_batch_tokens: tokens in a batch, padding included.
        n_workers: batches that are read at the same time, each in a thread of its own; for a
            network that uses one thread and lets go of the interpreter.
    """

    network: Network
    tokenizer: WordTokenizer
    card: StudentCard
    pad_id: int
    max_pieces: int = 64
    max_batch_tokens: int = 8192
    n_workers: int = 1

    def read(self, documents: Iterable[Document], given: bool = False) -> Iterator[Document]:
        """Yield predicted documents in order, holding `CHUNK_DOCUMENTS` at a time.

        With several workers one chunk more is held: it is cut and tokenized, and the workers begin
        with it, while the one before is on its way.

        Args:
            documents: the texts.
            given: take subjects from each document's own spans instead of finding them.
        """
        stream = iter(documents)
        chunks = iter(lambda: list(islice(stream, CHUNK_DOCUMENTS)), [])
        if self.n_workers == 1:
            for chunk in chunks:
                drafts, batches = self._begin(chunk, given)
                for batch in batches:
                    self._read_batch(*batch, given, Lock())
                yield from _finish(drafts, self.card, given)
            return
        with ThreadPoolExecutor(self.n_workers) as pool:
            before: _Pending | None = None
            for chunk in chunks:
                drafts, batches = self._begin(chunk, given)
                lock = Lock()
                futures = [pool.submit(self._read_batch, *batch, given, lock) for batch in batches]
                if before:
                    yield from before.documents(self.card, given)
                before = _Pending(drafts, futures)
            if before:
                yield from before.documents(self.card, given)

    def _begin(
        self, documents: list[Document], given: bool
    ) -> tuple[list[_Draft], list[tuple[list[Piece], list[_Draft]]]]:
        """Cut documents; return a draft of each, and batches of pieces with their drafts."""
        owners: list[int] = []
        pieces: list[Piece] = []
        for owner, document in enumerate(documents):
            for piece in self.tokenizer.pieces(document.text):
                owners.append(owner)
                pieces.append(piece)
        drafts = [_Draft(document, self.card) for document in documents]
        if given:  # also those that no window holds whole, which get no objects
            for draft in drafts:
                draft.add_given()
        lengths = [len(piece) for piece in pieces]
        return drafts, [
            (
                [pieces[position] for position in positions],
                [drafts[owners[position]] for position in positions],
            )
            for positions in by_length(lengths, self.max_pieces, self.max_batch_tokens)
        ]

    def _read_batch(
        self, pieces: list[Piece], drafts: list[_Draft], given: bool, lock: Lock
    ) -> None:
        """Find what is in a batch, and put it down in the drafts while the lock is held."""
        states, tag_probs = self.network.encode(pad(pieces, self.pad_id))
        n_words = [len(piece.words) for piece in pieces]
        subjects: list[_Subject] = []
        tagged = list(self._tagged(tag_probs, n_words))
        with lock:
            for label, found in tagged:
                for row, (piece, draft) in enumerate(zip(pieces, drafts, strict=True)):
                    is_subject = label in self.card.subject_labels
                    runs = (
                        self._given(piece, draft, label)
                        if given and is_subject
                        else _trimmed(piece, draft, found[row])
                    )
                    for run, place in runs:
                        if piece.owns(place.start):
                            draft.add_tagged(label, place, run.confidence)
                            subjects += [_Subject(row, label, run, place)] if is_subject else []
        # a few at a time, so that a student that sees subjects everywhere stays within memory
        at_once = max(1, MAX_OBJECT_CELLS // tag_probs.shape[1])
        for start in range(0, len(subjects), at_once):
            chosen = subjects[start : start + at_once]
            probs = self.network.objects(
                states, [(one.row, one.run.first, one.run.last) for one in chosen]
            )
            objects = list(self._objects(probs, [n_words[one.row] for one in chosen]))
            with lock:
                for one, by_type in zip(chosen, objects, strict=True):
                    piece, draft = pieces[one.row], drafts[one.row]
                    for kind, targets in zip(self.card.relation_types, by_type, strict=True):
                        if kind.subject == one.label:
                            for target, where in _trimmed(piece, draft, targets):
                                draft.add_relation(kind, one, where, target.confidence)

    def _tagged(
        self, tag_probs: NDArray[np.float32], n_words: Sequence[int]
    ) -> Iterator[tuple[str, list[list[Run]]]]:
        """Yield each tagged label with its spans in each piece."""
        for column, label in enumerate(self.card.tagged):
            # a teacher that takes "topical" into a name here and not there teaches to begin twice
            join = label in self.card.subject_labels
            threshold = self.card.settings.subject_threshold
            yield label, best_runs_by_row(tag_probs[:, :, column], n_words, threshold, join=join)

    def _objects(
        self, probs: NDArray[np.float32], n_words: Sequence[int]
    ) -> Iterator[list[list[Run]]]:
        """Yield for each subject its objects by relation type.

        Args:
            probs: (n_subjects, n_words, n_relations, 5).
            n_words: of each subject's piece.
        """
        n_relations = probs.shape[2]
        rows = probs.swapaxes(1, 2).reshape(-1, probs.shape[1], N_TAGS)
        found = best_runs_by_row(
            rows, np.repeat(n_words, n_relations).tolist(), self.card.settings.object_threshold
        )
        for at in range(0, len(found), n_relations):
            yield found[at : at + n_relations]

    def _given(self, piece: Piece, draft: _Draft, label: str) -> Iterator[tuple[Run, Place]]:
        """The document's own subjects of a label, by their words but placed as they stand."""
        for span in draft.document.spans:
            words = word_range(span, piece) if span.label == label else None
            if words is not None:
                yield Run(*words, 1.0), Place(span.start, span.end)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A chunk that workers are at."""

    drafts: list[_Draft]
    batches: list[Future[None]]

    def documents(self, card: StudentCard, given: bool) -> Iterator[Document]:
        """Yield its documents when all is found; what went wrong in a worker is raised here."""
        for batch in self.batches:
            batch.result()
        yield from _finish(self.drafts, card, given)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A subject in a batch: its piece's row, its label, and where it stands."""

    row: int
    label: str
    run: Run
    place: Place

    @property
    def mark(self) -> Mark:
        return self.place.labelled(self.label)


class _Draft:
    """A predicted document in the making."""

    def __init__(self, document: Document, card: StudentCard) -> None:
        self.document = document
        self.card = card
        self._tagged: dict[Mark, float] = {}
        self._objects: dict[Mark, float] = {}
        self.links: dict[Link, float] = {}  # before calibration

    def add_given(self) -> None:
        for span in self.document.spans:
            if span.label in self.card.subject_labels:
                self.add_tagged(span.label, Place(span.start, span.end), 1.0)

    def add_tagged(self, label: str, place: Place, confidence: float) -> None:
        _surest(self._tagged, place.labelled(label), confidence)

    def add_relation(
        self, kind: RelationType, subject: _Subject, target: Place, confidence: float
    ) -> None:
        """A relation is as sure as its subject and its object together."""
        target_mark = target.labelled(kind.object)
        _surest(self._objects, target_mark, confidence)
        link = (kind.label, subject.mark, target_mark)
        _surest(self.links, link, subject.run.confidence * confidence)

    def finish(self, given: bool, links: Mapping[Link, float]) -> Document:
        """Return the document with what was tagged and some of the links, ids in order of place."""
        marks = dict(self._tagged) if given else self._apart()
        links = {link: sure for link, sure in links.items() if link[1] in marks}
        for _, _, target in links:
            _surest(marks, target, self._objects[target])
        spans, relations = number_annotations(self.document.text, marks, links)
        return Document(
            id=self.document.id,
            text=self.document.text,
            source="predicted",
            spans=spans,
            relations=relations,
            meta=self.document.bare().meta,
        )

    def _apart(self) -> dict[Mark, float]:
        """Return the tagged spans without those that a surer one overlaps.

        Of one label, as two windows may give them, and of several, where the task says so.
        """
        if self.card.exclusive:
            return _surer(self._tagged)
        by_label: dict[str, dict[Mark, float]] = {label: {} for label in self.card.tagged}
        for mark, confidence in self._tagged.items():
            by_label[mark[2]][mark] = confidence
        return {mark: sure for marks in by_label.values() for mark, sure in _surer(marks).items()}


def _finish(drafts: Sequence[_Draft], card: StudentCard, given: bool) -> Iterator[Document]:
    """Yield the documents, their links at the card's temperature and none below its threshold."""
    settings, calibration = card.settings, card.calibration
    confidences = [confidence for draft in drafts for confidence in draft.links.values()]
    threshold = settings.relation_threshold
    if calibration and settings.calibrate:  # all at once: numpy takes as long for one
        confidences = at_temperature(confidences, calibration.temperature).tolist()
    if calibration and settings.tune_threshold:
        threshold = calibration.threshold
    left = iter(confidences)
    for draft in drafts:
        sure = zip(draft.links, islice(left, len(draft.links)), strict=True)
        yield draft.finish(given, {link: one for link, one in sure if one >= threshold})


def _surest(found: dict[K, float], key: K, confidence: float) -> None:
    """Keep the higher confidence, to four digits."""
    found[key] = max(round(confidence, DIGITS), found.get(key, 0.0))


def _surer(marks: Mapping[Mark, float]) -> dict[Mark, float]:
    """Leave out of spans that overlap those that are less sure, of equals the shorter."""
    kept: list[Mark] = []  # in order of place; none overlaps another
    for mark in sorted(marks, key=lambda mark: (-marks[mark], mark[0] - mark[1], mark)):
        at = bisect_left(kept, mark)
        beside = kept[max(0, at - 1) : at + 1]
        if not any(mark[0] < other[1] and other[0] < mark[1] for other in beside):
            kept.insert(at, mark)
    return {mark: marks[mark] for mark in kept}


def _trimmed(piece: Piece, draft: _Draft, runs: Iterable[Run]) -> Iterator[tuple[Run, Place]]:
    """Trim runs, leave out those of which nothing is left, and say where they stand."""
    for run in runs:
        trimmed = trim(run, _surfaces(piece, draft, run))
        if trimmed is not None:
            yield trimmed, _place(piece, trimmed)


def _place(piece: Piece, run: Run) -> Place:
    return Place(piece.words[run.first].start, piece.words[run.last - 1].end)


def _surfaces(piece: Piece, draft: _Draft, run: Run) -> list[str]:
    """Return the surface of each word of a piece's run, at the word's position."""
    text = draft.document.text
    return [""] * run.first + [
        text[word.start : word.end] for word in piece.words[run.first : run.last]
    ]

"""Self-training: a student labels more text, and a new one learns from what it was sure of too.

Source: Yarowsky 1995 (P95-1026), who has a classifier label what it is sure of and learn again from
that; Xie et al. 2020 (arXiv 1911.04252, "noisy student"), whose student starts anew each round and
learns under noise what was labelled without. Ours learns under dropout alone, is no larger than the
one before it, and starts from the pretrained encoder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from decoct.errors import ConfigError, StoreError
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Progress, Silent
from decoct.records import Document
from decoct.store import read_json, sha256_json, write_json
from decoct.student.calibrate import uncalibrated
from decoct.student.fit import Fit
from decoct.student.fit import fit as fit_student
from decoct.student.predict import CHUNK_DOCUMENTS
from decoct.student.pseudo_labels import (
    Chosen,
    SelfTrainingSettings,
    certainty,
    choose,
    has_more,
)
from decoct.student.settings import StudentSettings
from decoct.student.torch_student import TorchStudent
from decoct.tasks.base import SpanTask

_LABELS, _MARKER = "labels.jsonl", "labels.json"


class Fitting(Protocol):
    """What trains a student: `decoct.student.fit.fit`, or something around it."""

    def __call__(
        self,
        silver: Sequence[Document],
        task: SpanTask,
        settings: StudentSettings,
        *,
        extra: Sequence[Document],
        progress: Progress,
        checkpoints: Path | None,
    ) -> Fit:
        """Train a student on silver and on `extra`, which is never in the dev part."""
        ...


def self_train(
    silver: Sequence[Document],
    unlabeled: Callable[[], Iterable[Document]],
    task: SpanTask,
    settings: StudentSettings,
    self_training: SelfTrainingSettings,
    *,
    exclude_texts: Collection[str] = (),
    fit: Fitting = fit_student,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> Fit:
    """Train a student on silver, then in each round a new one also on what the last was sure of.

    Every student stops early on the same part of the silver, which none learns from. Where a round
    finds no document that is sure enough, it ends there.

    Args:
        silver: see `fit`.
        unlabeled: starts the stream of documents; each round reads it anew. Annotations in it are
            not looked at; a text of the silver, or one that was there before, is left out.
        task: gives the labels.
        settings: encoder and training, the same in each round.
        self_training: rounds, and which documents are learnt from.
        exclude_texts: left out of `unlabeled` too, such as those that are to be scored on.
        fit: trains a student.
        progress: shown each round, its epochs and its labelling.
        checkpoints: folder for resuming, a folder in it for each round; None keeps none.

    Returns:
        The last round's student. `training["rounds"]` of its card has an entry for each round,
        beginning with silver alone: `round`, `documents` learnt from beside silver, how many of
        them are `empty`, how many were `sure`, `best_epoch`, `best_dev_f1`.

    Raises:
        ConfigError: there is too little to learn from, or nothing unlabeled.
        ArtifactError: the encoder can't be loaded.
        StoreError: a checkpoint can't be written.
    """
    progress = progress or Silent()
    pool = _Pool(unlabeled, {document.text for document in silver} | set(exclude_texts))
    if not pool.n:
        raise ConfigError("no unlabeled document has a text that the silver has not")
    rounds: list[dict[str, object]] = []
    chosen = Chosen((), 0, 0)
    for number in range(self_training.rounds + 1):
        folder = checkpoints / f"round-{number}" if checkpoints else None
        if number:
            progress.note(f"round {number}: {len(silver)} + {len(chosen.documents)} documents")
        fitted = fit(
            silver, task, settings, extra=chosen.documents, progress=progress, checkpoints=folder
        )
        rounds.append(_describe(number, chosen, fitted))
        if number == self_training.rounds:
            break
        chosen = _label(fitted.student, pool, self_training, number + 1, folder, progress)
        progress.note(
            f"round {number + 1}: sure of {chosen.n_sure} of {pool.n} documents, "
            f"{len(chosen.documents)} drawn, {chosen.n_empty} of them without a relation"
        )
        if not chosen.documents:
            break
    how = {**self_training.model_dump(mode="json"), "unlabeled": pool.n, "sha256": pool.fingerprint}
    return _with_card(fitted, {"self_training": how, "rounds": rounds})


class _Pool:
    """Unlabeled documents, bare, each text once and none that is excluded or blank.

    Attributes:
        n: how many there are.
        fingerprint: hash of their texts.
    """

    def __init__(self, start: Callable[[], Iterable[Document]], excluded: Iterable[str]) -> None:
        self._start = start
        self._excluded = {_hash(text) for text in excluded}
        self.n = 0
        texts = hashlib.sha256()
        for document in self:
            self.n += 1
            texts.update(_hash(document.text))
        self.fingerprint = texts.hexdigest()

    def __iter__(self) -> Iterator[Document]:
        seen = set(self._excluded)
        for document in self._start():
            hashed = _hash(document.text)
            if document.text.strip() and hashed not in seen:
                seen.add(hashed)
                yield document.bare()


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _label(
    student: TorchStudent,
    pool: _Pool,
    settings: SelfTrainingSettings,
    number: int,
    folder: Path | None,
    progress: Progress,
) -> Chosen:
    """Label the pool and choose for round `number`, or read what an interrupted run had chosen."""
    how = settings.model_dump(mode="json", exclude={"rounds"})
    fingerprint = sha256_json([student.fingerprint, pool.fingerprint, how, number])
    kept = _read_chosen(folder, fingerprint) if folder else None
    if kept:
        return kept
    documents = progress.track(pool, pool.n, f"round {number}: label")
    seed = student.card.settings.seed * 1_000_003 + number
    chosen = choose(_sure_answers(student, documents, settings.min_confidence), settings, seed)
    if folder:
        write_jsonl(folder / _LABELS, chosen.documents)
        marker = {
            "fingerprint": fingerprint,
            "n_documents": len(chosen.documents),
            "n_sure": chosen.n_sure,
            "n_empty": chosen.n_empty,
        }
        write_json(folder / _MARKER, marker)
    return chosen


def _sure_answers(
    student: TorchStudent, documents: Iterable[Document], min_confidence: float
) -> Iterator[Document]:
    """Yield a student's answers, but not where one is unsure or something more is nearly found."""
    wary = _with_threshold(student, 1 - min_confidence)
    stream = iter(documents)
    while chunk := list(islice(stream, CHUNK_DOCUMENTS)):
        answers = [one for one in student.extract(chunk) if certainty(one) >= min_confidence]
        seconds = wary.extract([answer.bare() for answer in answers])
        for answer, second in zip(answers, seconds, strict=True):
            if not has_more(answer, second):
                yield answer


def _with_threshold(student: TorchStudent, threshold: float) -> TorchStudent:
    """Return the same student, which finds spans at this threshold and hides nothing."""
    everything = uncalibrated(student.card)
    thresholds = {"subject_threshold": threshold, "object_threshold": threshold}
    settings = everything.settings.model_copy(update=thresholds)
    card = everything.model_copy(update={"settings": settings})
    return TorchStudent(student.model, student.tokenizer, card, settings.device)


def _read_chosen(folder: Path, fingerprint: str) -> Chosen | None:
    """Return what an interrupted run had chosen, if it is whole and of the same student."""
    with contextlib.suppress(StoreError, OSError, ValueError, KeyError, TypeError):
        marker = read_json(folder / _MARKER)
        if marker["fingerprint"] == fingerprint:
            lines = (folder / _LABELS).read_text(encoding="utf-8").split("\n")
            documents = tuple(Document.from_json(line) for line in lines if line)
            if len(documents) == marker["n_documents"]:
                return Chosen(documents, marker["n_sure"], marker["n_empty"])
    return None


def _describe(number: int, learnt: Chosen, fitted: Fit) -> dict[str, object]:
    return {
        "round": number,
        "documents": len(learnt.documents),
        "empty": learnt.n_empty,
        "sure": learnt.n_sure,
        "best_epoch": fitted.training.best_epoch,
        "best_dev_f1": round(fitted.training.best_score, 4),
    }


def _with_card(fitted: Fit, more: Mapping[str, object]) -> Fit:
    """Return the same student with more said of its training on its card."""
    student = fitted.student
    card = student.card.model_copy(update={"training": {**student.card.training, **more}})
    named = TorchStudent(student.model, student.tokenizer, card, card.settings.device)
    return dataclasses.replace(fitted, student=named)

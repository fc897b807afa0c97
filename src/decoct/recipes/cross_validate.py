"""`evaluate --folds`: gold in, a student trained and scored for each fold of it.

Several processes of the same command share the folds between them: a fold is done by the one that
holds its lock, which the system lets go of when a process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.errors import ConfigError, EvaluationError, MissingExtraError, StoreError
from decoct.evaluation.cross_validation import CrossValidation, score_folds
from decoct.evaluation.folds import Folding, Split, split_fold
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Progress, Silent
from decoct.recipes.distill import check_self_training, train
from decoct.recipes.evaluate import check_task
from decoct.records import Document
from decoct.store import (
    check_writable,
    read_json,
    sha256_file,
    sha256_json,
    versions,
    write_json,
    write_text,
)
from decoct.student.pseudo_labels import SelfTrainingSettings
from decoct.student.settings import StudentSettings
from decoct.tasks.base import get_span_task, span_labels

if TYPE_CHECKING:
    from decoct.student.fit import Fit

SUMMARY, TABLE, PREDICTED = "cv.json", "table.md", "predicted.jsonl"
_POLL_S = 0.5
_MODES = (False, True)  # whether the student is given the gold subjects; both are predicted


def cross_validate(
    gold: Sequence[Document],
    out: Path,
    settings: StudentSettings | None = None,
    *,
    silver: Sequence[Document] | None = None,
    unlabeled: Sequence[Document] | None = None,
    self_training: SelfTrainingSettings | None = None,
    task: str = "ade",
    folding: Folding | None = None,
    only_folds: Sequence[int] | None = None,
    given_subjects: bool = False,
    progress: Progress | None = None,
) -> CrossValidation:
    """Train a student for each fold on the others, and score what it finds in its own.

    Folds that were done with the same settings and data, by whatever process, are not done again;
    an interrupted one goes on at its last epoch. Folds that another process is at are waited for.

    Args:
        gold: annotated documents; those of a fold are scored on.
        out: folder for each fold's predictions and scores, and the summary of all.
        settings: of the students; their seed is the bootstrap's too.
        silver: what to learn from in place of the other folds' gold, which then is not looked at,
            not for early stopping either (see `split_fold` for what of it is left out when).
        unlabeled: documents for self-training; a text that is held out is left out.
        self_training: how; None for its defaults.
        task: the task's name.
        folding: how gold is divided.
        only_folds: folds to do now; the summary has all that are done.
        given_subjects: score what the students find when they are given the gold subjects.
        progress: shown each fold and epoch.

    Returns:
        The scores of the folds that are done, which `out` has as `cv.json` and `table.md`, and the
        predictions as `predicted.jsonl` (with `.given` in these names for given subjects).

    Raises:
        ConfigError: there is no such fold, or too little to learn from.
        EvaluationError: gold can't be divided so, or is of another task.
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: torch is not installed.
        StoreError: `out` can't be written.
    """
    folding = folding or Folding()
    check_self_training(self_training, unlabeled is not None)
    fold_of = folding.assign(gold)
    wanted = sorted(set(range(folding.n_folds) if only_folds is None else only_folds))
    if not set(wanted) <= set(range(folding.n_folds)) or not wanted:
        raise ConfigError(
            f"folds {', '.join(map(str, wanted)) or 'none'}: there are 0 to {folding.n_folds - 1}"
        )
    known = get_span_task(task)
    check_task(list(gold), set(span_labels(known)), f"task {task}")
    check_writable(out / SUMMARY)
    work = _Work(
        out=out,
        gold=gold,
        silver=silver,
        unlabeled=unlabeled,
        fold_of=fold_of,
        folding=folding,
        task=task,
        settings=settings or StudentSettings(),
        self_training=self_training,
        progress=progress or Silent(),
    )
    work.do(wanted)
    return work.summarize(given_subjects)


@dataclass(frozen=True)
class _Work:
    """What the processes of one command have in common, and the folder that they share."""

    out: Path
    gold: Sequence[Document]
    silver: Sequence[Document] | None
    unlabeled: Sequence[Document] | None
    fold_of: dict[str, int]
    folding: Folding
    task: str
    settings: StudentSettings
    self_training: SelfTrainingSettings | None
    progress: Progress

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Everything that a student depends on, as JSON types; an encoder's folder by content."""
        settings = self.settings.model_dump(mode="json")
        how = self.self_training and self.self_training.model_dump(mode="json")
        folder = Path(self.settings.encoder)
        if (folder / "config.json").is_file():
            settings["encoder"] = {
                path.name: sha256_file(path)
                for path in sorted(folder.iterdir())
                if path.suffix in (".json", ".safetensors")
            }
        return {
            "task": self.task,
            "learnt_from": "gold" if self.silver is None else "silver",
            "settings_sha256": sha256_json(settings),
            "gold_sha256": _hash(self.gold),
            "silver_sha256": None if self.silver is None else _hash(self.silver),
            "self_training": how,
            "unlabeled_sha256": None if self.unlabeled is None else _hash(self.unlabeled),
        }

    def do(self, wanted: Sequence[int]) -> None:
        """Do the folds that nobody is at, until all of them are done."""
        left, waiting = list(wanted), False
        while left:
            n_left = len(left)
            for fold in tuple(left):
                with _held(self._path(fold, "lock")) as mine:
                    if mine:
                        self._do(fold)
                        left.remove(fold)
            if len(left) == n_left:  # each of them is somebody else's
                if not waiting:
                    which = ", ".join(map(str, left))
                    self.progress.note(f"waiting for other processes to do fold {which}")
                waiting = True
                time.sleep(_POLL_S)

    def summarize(self, given_subjects: bool) -> CrossValidation:
        """Score the folds that are done and write it down; the last process to come has all."""
        with _held(self.out / "cv.lock", wait=True):
            done = {
                fold: record
                for fold in range(self.folding.n_folds)
                if (record := self._record(fold)) is not None
            }
            if not done:
                raise EvaluationError(
                    f"{self.out}: its folds were done anew by a command of other settings or "
                    "data; give that one another --out"
                )
            predicted = {fold: read(self._predicted(fold, given_subjects)) for fold in done}
            made = self._score(predicted, given_subjects, self._facts(done))
            write_jsonl(self.out / _named(PREDICTED, given_subjects), made.predicted)
            write_text(self.out / _named(TABLE, given_subjects), made.to_markdown())
            write_json(self.out / _named(SUMMARY, given_subjects), made.to_dict())
            return made

    def _do(self, fold: int) -> None:
        name = f"fold {fold} (of {self.folding.n_folds})"
        if self._record(fold) is not None:
            self.progress.note(f"{name}: done before, skipped")
            return
        split = split_fold(self.gold, self.silver, self.fold_of, fold, self.folding.group_by)
        n_learnt, n_held_out = len(split.learn), len(split.held_out)
        self.progress.note(f"{name}: {n_learnt} documents to learn from, {n_held_out} held out")
        checkpoints = self._path(fold, "checkpoint")
        fitted = self._fit(split, checkpoints)
        started = time.perf_counter()
        scores = {}
        for given in _MODES:
            found = list(fitted.student.extract(split.held_out, given_subjects=given))
            write_jsonl(self._predicted(fold, given), found)
            scored = self._score({fold: found}, given).pooled
            scores["given_subjects" if given else "end_to_end"] = scored.to_dict()
        record = {
            "key": self._key(fold),
            "fold": fold,
            "folding": self.folding.to_dict(),
            "inputs": self.inputs,
            "n_learnt_from": n_learnt,
            "n_held_out": n_held_out,
            "training": _describe(fitted),
            "predicting_seconds": round(time.perf_counter() - started, 1),
            "versions": versions(),
            "predictions": {
                path.name: sha256_file(path)
                for path in (self._predicted(fold, given) for given in _MODES)
            },
            "scores": scores,
        }
        write_json(self._path(fold, "json"), record)  # the fold is done now
        shutil.rmtree(checkpoints, ignore_errors=True)

    def _fit(self, split: Split, checkpoints: Path) -> Fit:
        unlabeled = self.unlabeled
        return train(
            split.learn,
            self.task,
            needed_by="cross-validation",
            settings=self.settings,
            unlabeled=None if unlabeled is None else lambda: unlabeled,
            self_training=self.self_training,
            exclude_texts={document.text for document in split.held_out},
            progress=self.progress,
            checkpoints=checkpoints,
        )

    def _score(
        self,
        predicted: Mapping[int, Sequence[Document]],
        given_subjects: bool,
        facts: Mapping[str, object] | None = None,
    ) -> CrossValidation:
        note = "given:subjects" if given_subjects else ""
        return score_folds(
            self.gold, predicted, self.folding, seed=self.settings.seed, note=note, facts=facts
        )

    def _record(self, fold: int) -> dict[str, Any] | None:
        """Return what is written of a fold, or None where it is not done, or with other inputs."""
        try:
            record = read_json(self._path(fold, "json"))
            same = record["key"] == self._key(fold) and all(
                sha256_file(self.out / name) == digest
                for name, digest in record["predictions"].items()
            )
        except (StoreError, KeyError, TypeError, AttributeError):
            return None
        return record if same else None

    def _facts(self, done: dict[int, dict[str, Any]]) -> dict[str, object]:
        kept = ("n_learnt_from", "n_held_out", "training", "predicting_seconds", "versions")
        return {
            "inputs": self.inputs,
            "settings": self.settings.model_dump(mode="json"),
            "students": {
                str(fold): {name: record[name] for name in kept} for fold, record in done.items()
            },
        }

    def _key(self, fold: int) -> str:
        return sha256_json([self.inputs, self.folding.to_dict(), fold])

    def _path(self, fold: int, ending: str) -> Path:
        return self.out / f"fold-{fold}.{ending}"

    def _predicted(self, fold: int, given_subjects: bool) -> Path:
        return self.out / _named(f"fold-{fold}.jsonl", given_subjects)


def _describe(fitted: Fit) -> dict[str, object]:
    training = fitted.training
    return {
        "best_epoch": training.best_epoch,
        "best_dev_score": round(training.best_score, 4),
        "epochs": len(training.history),
        "seconds": round(sum(entry["seconds"] for entry in training.history), 1),
        "device": training.device,
        "bf16": training.bf16,
        "resumed_at": training.resumed_at,
    }


def _named(name: str, given_subjects: bool) -> str:
    stem, _, ending = name.rpartition(".")
    return f"{stem}.given.{ending}" if given_subjects else name


def _hash(documents: Sequence[Document]) -> str:
    return sha256_json([document.to_json() for document in documents])


@contextlib.contextmanager
def _held(path: Path, wait: bool = False) -> Iterator[bool]:
    """Hold a lock; yields whether it is held, which without waiting another process may.

    Raises:
        MissingExtraError: filelock is not installed.
        StoreError: the lock's file can't be made.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError:
        raise MissingExtraError("filelock", "train", "cross-validation") from None
    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError) as error:
        raise StoreError(f"{path}: can't be locked: {error}") from None
    try:
        yield True
    finally:
        lock.release()

"""Answers of a batch into the log: in whatever order, in parts, twice; each counts once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from decoct.errors import Faults, RefusedError, StoreError, TransientError
from decoct.store import read_json, sha256_file, write_json
from decoct.teacher.backends._chat import Complaint, Shape, read_completion, refused
from decoct.teacher.backends._shapes import Shapes
from decoct.teacher.base import Backend, Completion, Tally, billed
from decoct.teacher.batch_files import BatchAnswer, Outbox, read_answers, read_requests
from decoct.teacher.cache import Attempt, CallLog
from decoct.teacher.call import Call, Item, record


@dataclass(slots=True)
class Imported:
    """What has been read of a folder's answer files, kept in its `imported.json`.

    A file that has changed since, because there was only a part of it, is read again. An answer
    counts once whatever happens: the log sees to it. That a request failed must count once too: by
    the second time it may be waiting in another file.

    Attributes:
        path: where this is kept.
        files: name -> hash of what was read of it.
        failures: lines that told of a failure, by `BatchAnswer.line`.
    """

    path: Path
    files: dict[str, str] = field(default_factory=dict)
    failures: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what an earlier run has left.

        Raises:
            StoreError: it is broken.
        """
        path = folder / "imported.json"
        if not path.is_file():
            return cls(path)
        try:
            found = read_json(path)
            return cls(path, dict(found["files"]), set(found["failures"]))
        except (KeyError, TypeError, ValueError):
            raise StoreError(f"{path}: not what decoct wrote; delete it") from None

    def save(self) -> None:
        """Write it down."""
        write_json(self.path, {"files": self.files, "failures": sorted(self.failures)})


@dataclass(frozen=True, slots=True)
class Importer:
    """Reads the answer files of one folder.

    Attributes:
        backend: whose answers they are.
        log: where they go.
        outbox: the folder's request files.
        shapes: told what the endpoint complains of.
        tally: told what has come.
        faults: told of lines that are no answers.
    """

    backend: Backend
    log: CallLog
    outbox: Outbox
    shapes: Shapes
    tally: Tally
    faults: Faults

    def read_new(self) -> None:
        """Read every answer file that has not been read, or has changed since.

        Raises:
            StoreError: one can't be read, or the log can't be written.
        """
        imported = Imported.load(self.outbox.folder)
        asked = set(self.outbox.files())
        for path in sorted(self.outbox.folder.glob("*.jsonl")):
            if path in asked or imported.files.get(path.name) == (state := sha256_file(path)):
                continue
            written = self._written_in(path)
            with self.log.transaction():  # all of a file, or none of it
                for answer in read_answers(path, self.faults):
                    self._take(answer, path, imported.failures, written)
            imported.files[path.name] = state
            imported.save()

    def _take(self, answer: BatchAnswer, path: Path, failures: set[str], written: Shape) -> None:
        """Log one answer; what has its answer already keeps it, what failed is open again."""
        stored = self.log.open_request(answer.key)
        if stored is None:
            if self.log.get(answer.key) is None:
                self.faults.add(str(path), f"{answer.key[:64]!r} was never asked", "unknown_id")
            return
        outcome, error = self._read(answer, written)
        if outcome is None and answer.line in failures:
            return
        items = tuple(Item(part.request.key, part.request) for part in self.log.parts(answer.key))
        call = Call(replace(stored.request, key=answer.key), items)
        usage = billed(outcome)
        record(self.log, self.backend, call, outcome, Attempt(0.0, usage, error))
        if outcome is not None:
            self.tally.n_sent += 1
            self.tally.usage += usage
            return
        failures.add(answer.line)
        self.tally.failures[error or ""] += 1
        source, waits_in = self.outbox.source(path), self.log.waiting_in(answer.key)
        # else it is asked again already
        if source is None or waits_in == self.outbox.where(source):
            self.log.mark_waiting(call.keys, None)

    def _read(
        self, answer: BatchAnswer, written: Shape
    ) -> tuple[Completion | RefusedError | None, str | None]:
        """Return how a request ended, or None and why it is to be asked again."""
        if answer.status == 200 and not answer.error:
            try:
                return read_completion(answer.body, self.backend.model, 0.0), None
            except RefusedError as refusal:
                return refusal, None
            except TransientError as error:
                return None, str(error)
        complaint = Complaint.from_body(answer.body)
        if complaint.refusal:
            return refused(complaint.refusal), None
        if answer.status in (400, 404, 422) or complaint.rejects_system:
            self.shapes.learn(written, complaint)
        if answer.status >= 400:
            return None, f"HTTP {answer.status}{complaint.words}"
        return None, answer.error or "failed"

    def _written_in(self, answers: Path) -> Shape:
        """Return the shape of the requests that a file answers, as far as its name tells."""
        source = self.outbox.source(answers)
        first = next(read_requests(source), None) if source else None
        return Shape.of(first["body"]) if first else self.shapes.now

"""`extract`: a student and documents in, predicted annotations out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from decoct.errors import ArtifactError, Faults
from decoct.formats.base import (
    FORMATS,
    STANDARD_INPUT,
    guess_format,
    read_documents,
    read_lines,
)
from decoct.formats.jsonl import checked_line
from decoct.inference.onnx_graph import Engine
from decoct.progress import Progress, Silent
from decoct.recipes.convert import nothing_read
from decoct.records import Document
from decoct.store import resumable_lines, sha256_file, sha256_json
from decoct.student.loading import AnyStudent, load_any
from decoct.student.predict import CHUNK_DOCUMENTS
from decoct.student.student import Student
from decoct.tasks.base import task_name


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an extraction wrote.

    Attributes:
        n_documents: documents in the output.
        n_resumed: of them, written by an earlier run that was interrupted.
        n_relations: relations found by this run.
        n_labels: documents that this run told the class of.
    """

    n_documents: int
    n_resumed: int
    n_relations: int
    n_labels: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return plain JSON types; of classes only where there are any."""
        return {
            "n_documents": self.n_documents,
            "n_resumed": self.n_resumed,
            "n_relations": self.n_relations,
            **({"n_labels": self.n_labels} if self.n_labels else {}),
        }


def load_student(
    source: str | Path,
    task: str | None = None,
    device: str = "auto",
    engine: Engine = "auto",
    threads: int | None = None,
) -> Student:
    """Load a student of spans and relations.

    Args and what it raises are those of `load_any_student`; a classifier is refused too.
    """
    loaded = load_any_student(source, task, device, engine, threads)
    if not isinstance(loaded, Student):
        raise ArtifactError(
            f"{source}: is a classifier of task {loaded.card.task!r}, which finds no spans"
        )
    return loaded


def load_any_student(
    source: str | Path,
    task: str | None = None,
    device: str = "auto",
    engine: Engine = "auto",
    threads: int | None = None,
) -> AnyStudent:
    """Load a student of spans and relations, or of classes.

    Args:
        source: its folder, or a hub id.
        task: the task that it must be of; None takes any.
        device: where to run it.
        engine: what runs it, see `Student.from_pretrained`.
        threads: that it may use; None for as many as there are cores.

    Raises:
        ArtifactError: it is not there, not a student, broken, or of another task.
        ConfigError: the engine runs on no such device.
        MissingExtraError: torch is not installed, or onnxruntime.
    """
    student = load_any(source, device, engine, threads)
    if task is not None and student.card.task != (wanted := task_name(task)):
        raise ArtifactError(f"{source}: is a student of task {student.card.task!r}, not {wanted!r}")
    return student


def extract(
    student: AnyStudent, source: Path, faults: Faults, *, given_subjects: bool = False
) -> Iterator[Document]:
    """Yield a predicted document for each document of a file, in order, as they are read.

    Args:
        student: from `load_any_student`.
        source: documents in any format that is read, or `-` for standard input.
        faults: gets lines that can't be read.
        given_subjects: take subjects from the documents' own spans.
    """
    return student.extract(read_documents(source, faults), given_subjects=given_subjects)


def count(source: Path, progress: Progress) -> int | None:
    """Return how many documents a file holds, to say how long it takes; None of standard input.

    Of a format with a document a line the lines are counted, also those that can't be read.
    """
    if source == STANDARD_INPUT:
        return None
    one_a_line = getattr(FORMATS.get(guess_format(source)), "one_a_line", False)
    units = read_lines(source, Faults()) if one_a_line else read_documents(source, Faults())
    return sum(1 for _ in progress.track(units, None, "count"))


def extract_file(
    student: AnyStudent,
    source: Path,
    out: Path,
    *,
    given_subjects: bool = False,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Extracted:
    """Write predictions to a file; an interrupted run goes on where it was.

    Args:
        student: from `load_any_student`.
        source: documents in any format that is read, or `-`.
        out: the JSONL file; it is there only when it is whole.
        given_subjects: take subjects from the documents' own spans.
        faults: gets lines that can't be read.
        progress: shown how far it is; the documents are counted first, which takes about a
            hundredth of the time.

    Raises:
        StoreError: a file can't be read or written; what was written is kept for the next run.
        FormatError: `source` holds no document.
    """
    faults = faults if faults is not None else Faults()
    fingerprint = None
    if source != STANDARD_INPUT:
        fingerprint = sha256_json([sha256_file(source), student.fingerprint, given_subjects])
    n_written = n_relations = n_labels = 0
    with resumable_lines(out, fingerprint) as (n_resumed, write):
        documents = read_documents(source, faults)
        # begin where a chunk did, so that batches and with them the last digits come out the same
        n_again = n_resumed % CHUNK_DOCUMENTS
        for _ in range(n_resumed - n_again):
            next(documents, None)
        predicted = student.extract(documents, given_subjects=given_subjects)
        fresh = islice(predicted, n_again, None)
        n_all = count(source, progress) if progress else None
        n_left = None if n_all is None else n_all - n_resumed
        for document in (progress or Silent()).track(fresh, n_left, "extract"):
            write(checked_line(document))
            n_written += 1
            n_relations += len(document.relations)
            n_labels += document.label is not None
        if not n_written + n_resumed:
            raise nothing_read(source, faults)
    return Extracted(n_written + n_resumed, n_resumed, n_relations, n_labels)

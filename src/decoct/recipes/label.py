"""`label`: documents in, silver annotations out, by way of a teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decoct.errors import ConfigError, Faults
from decoct.formats.base import STANDARD_INPUT, read_documents
from decoct.formats.jsonl import checked_line
from decoct.progress import Progress, Silent
from decoct.recipes.convert import nothing_read
from decoct.records import Document
from decoct.store import atomic_write, check_writable
from decoct.tasks.base import get_task
from decoct.teacher.base import Backend, Deferred
from decoct.teacher.job import Job
from decoct.teacher.outcome import Outcome
from decoct.teacher.plan import Plan
from decoct.teacher.planning import plan_questions
from decoct.teacher.settings import (
    LOG_NAME,
    AskSettings,
    TeacherSettings,
    open_teacher,
    read_settings,
    split_options,
)
from decoct.teacher.summary import LabelSummary


class LabelSettings(TeacherSettings):
    """Who labels, and how: `[label]` of a run, or a file for `decoct label --config`."""


@dataclass(frozen=True, slots=True)
class Silver(Sequence[Document]):
    """Silver documents, and how the teacher did.

    Attributes:
        task: the task's name.
        documents: those with a usable answer.
        summary: counts, refusals and cost.
    """

    task: str
    documents: tuple[Document, ...]
    summary: LabelSummary

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 (an index or a slice)
        return self.documents[index]

    def __repr__(self) -> str:
        refused = self.summary.refusals.total()
        counts = f"{len(self)} documents, {self.summary.n_relations} relations, {refused} refused"
        return f"Silver({self.task!r}, {counts})"


def label(
    documents: Iterable[str | Document],
    task: str = "ade",
    teacher: str | Backend = "rules",
    *,
    log: str | Path = LOG_NAME,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401 (checked by name)
) -> Silver:
    """Have a teacher annotate documents; what is answered in the log is not asked again.

    Args:
        documents: texts or documents; a bare text gets its number as id.
        task: the task's name.
        teacher: a spec such as `rules`, `replay:FILE` or `openai:MODEL`, or a backend.
        log: the SQLite file that keeps every answer.
        progress: shown how far it is.
        options: any of `AskSettings` (`concurrency`, `samples`, `budget_usd`...), and the
            backend's own, such as `base_url` or `temperature`.

    Raises:
        TeacherError: the teacher can't answer at all.
        ConfigError: the spec or an option is wrong.

    Example:
        silver = decoct.label(["Rash after amoxicillin."], task="ade", teacher="openai:gpt-5-mini")
    """
    numbered = [
        item if isinstance(item, Document) else Document(id=str(number), text=item)
        for number, item in enumerate(documents, start=1)
    ]
    kept: list[Document] = []

    @contextmanager
    def sink() -> Iterator[Callable[[Outcome], None]]:
        kept.clear()
        yield lambda outcome: kept.extend([outcome.silver] if outcome.silver else [])

    settings, left = split_options(AskSettings, options, "label")
    backend = open_teacher(teacher, left)
    job = Job(get_task(task), backend, settings, Path(log), progress or Silent())
    summary = job.run(lambda: numbered, sink)
    return Silver(task, tuple(kept), summary)


def label_file(
    source: Path,
    out: Path,
    task: str = "ade",
    teacher: str | Backend = "rules",
    *,
    log: Path | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401
) -> LabelSummary:
    """Have a teacher annotate a file, streaming; unanswered documents are named in `faults`.

    Args:
        source: documents in any format that is read, or `-`.
        out: the silver JSONL.
        task: the task's name.
        teacher: a spec or a backend.
        log: the SQLite file that keeps every answer; None for `teacher.sqlite` beside `out`.
        faults: gets bad lines and refused documents.
        progress: shown how far it is.
        options: any of `AskSettings`, and the backend's own.

    Raises:
        StoreError: a file can't be read or written.
        FormatError: `source` holds no document.
        TeacherError: the teacher can't answer at all.
    """
    settings, left = split_options(AskSettings, options, "label")
    backend = open_teacher(teacher, left)
    if isinstance(backend, Deferred) and source == STANDARD_INPUT:
        raise ConfigError("--in -: a batch reads its documents more than once; name a file")
    check_writable(out)
    met = Faults()  # of one pass: each meets the same bad lines

    @contextmanager
    def sink() -> Iterator[Callable[[Outcome], None]]:
        n_documents = 0
        with atomic_write(out) as handle:

            def take(outcome: Outcome) -> None:
                nonlocal n_documents
                n_documents += 1
                if outcome.refusal:
                    detail = f": {outcome.detail}" if outcome.detail else ""
                    reason = f"{outcome.refusal}{detail}"
                    met.add(outcome.document_id, reason, outcome.refusal)
                if outcome.silver is not None:
                    handle.write(checked_line(outcome.silver))

            yield take
            if not n_documents:
                raise nothing_read(source, met)

    def documents() -> Iterator[Document]:
        met.clear()
        return read_documents(source, met)

    log = log or out.parent / LOG_NAME
    job = Job(get_task(task), backend, settings, log, progress or Silent())
    try:
        return job.run(documents, sink)
    finally:
        if faults is not None:
            faults.extend(met)
            if isinstance(backend, Deferred):
                faults.extend(backend.faults)


def plan_label(
    source: Path,
    out: Path,
    task: str = "ade",
    teacher: str | Backend = "rules",
    *,
    log: Path | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401
) -> Plan:
    """Say what `label_file` with the same arguments would send and cost; nothing is sent.

    Raises:
        StoreError: `source` can't be read.
        ConfigError: the spec, an option or an example is wrong.
    """
    settings, left = split_options(AskSettings, options, "label")
    backend = open_teacher(teacher, left)
    found = log or out.parent / LOG_NAME
    documents = (progress or Silent()).track(
        read_documents(source, faults if faults is not None else Faults()), None, "dry run"
    )
    return plan_questions(documents, get_task(task), backend, settings, found)


def read_label_settings(config: Path | None, flags: Mapping[str, Any]) -> LabelSettings:
    """Read who labels, and how; see `read_settings`."""
    return read_settings(LabelSettings, config, flags, "label")

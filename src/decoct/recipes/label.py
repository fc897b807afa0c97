"""`label`: documents in, silver annotations out, by way of a teacher."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decoct.errors import ConfigError, Faults
from decoct.formats.base import read_documents
from decoct.formats.jsonl import checked_line
from decoct.progress import Progress, Silent
from decoct.recipes.convert import nothing_read
from decoct.records import Document
from decoct.store import atomic_write, check_writable
from decoct.tasks.base import Task, get_task
from decoct.teacher.ask import Outcome, ask
from decoct.teacher.base import Backend, load_teacher
from decoct.teacher.cache import CallLog

LOG_NAME = "teacher.sqlite"


@dataclass(slots=True)
class LabelSummary:
    """What a labelling run came to.

    Attributes:
        n_documents: documents put to the teacher.
        n_silver: documents with a usable answer.
        n_relations: relations in them.
        n_cached: answers that were in the log already.
        refusals: documents without a usable answer, by reason.
        ungrounded: stated relations that are not in the text, by reason.
        n_lost_subjects: subjects stated without a relation that are not in the text.
        prompt_tokens: of all answers, cached ones too.
        completion_tokens: likewise.
    """

    n_documents: int = 0
    n_silver: int = 0
    n_relations: int = 0
    n_cached: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    ungrounded: Counter[str] = field(default_factory=Counter)
    n_lost_subjects: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one document."""
        self.n_documents += 1
        self.n_cached += outcome.cached
        self.ungrounded.update(outcome.ungrounded)
        self.n_lost_subjects += outcome.lost_subjects
        self.prompt_tokens += outcome.usage.prompt_tokens
        self.completion_tokens += outcome.usage.completion_tokens
        if outcome.refusal:
            self.refusals[outcome.refusal] += 1
        if outcome.silver is not None:
            self.n_silver += 1
            self.n_relations += len(outcome.silver.relations)

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        return {
            "n_documents": self.n_documents,
            "n_silver": self.n_silver,
            "n_relations": self.n_relations,
            "n_cached": self.n_cached,
            "refusals": dict(self.refusals),
            "ungrounded": dict(self.ungrounded),
            "n_lost_subjects": self.n_lost_subjects,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }


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
    concurrency: int = 8,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401 (the backend checks its own)
) -> Silver:
    """Have a teacher annotate documents; what is answered in the log is not asked again.

    Args:
        documents: texts or documents; a bare text gets its number as id.
        task: the task's name.
        teacher: a spec such as `rules`, `replay:FILE` or `openai:MODEL`, or a backend.
        log: the SQLite file that keeps every answer.
        concurrency: requests under way at once.
        progress: shown how far it is.
        options: for the backend, such as `base_url` or `temperature`.

    Raises:
        TeacherError: the teacher can't answer at all.
        ConfigError: the spec or an option is wrong.

    Example:
        silver = decoct.label(["Rash after amoxicillin."], task="ade", teacher="openai:gpt-5-mini")
    """
    kept: list[Document] = []
    summary = LabelSummary()

    def take(outcome: Outcome) -> None:
        summary.add(outcome)
        if outcome.silver is not None:
            kept.append(outcome.silver)

    numbered = (
        item if isinstance(item, Document) else Document(id=str(number), text=item)
        for number, item in enumerate(documents, start=1)
    )
    backend = _open_teacher(teacher, options)
    _ask_all(numbered, get_task(task), backend, Path(log), concurrency, progress or Silent(), take)
    return Silver(task, tuple(kept), summary)


def label_file(
    source: Path,
    out: Path,
    task: str = "ade",
    teacher: str | Backend = "rules",
    *,
    log: Path | None = None,
    concurrency: int = 8,
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
        concurrency: requests under way at once.
        faults: gets bad lines and refused documents.
        progress: shown how far it is.
        options: for the backend.

    Raises:
        StoreError: a file can't be read or written.
        FormatError: `source` holds no document.
        TeacherError: the teacher can't answer at all.
    """
    faults = faults if faults is not None else Faults()
    found = get_task(task)
    backend = _open_teacher(teacher, options)
    check_writable(out)
    summary = LabelSummary()
    with atomic_write(out) as handle:

        def take(outcome: Outcome) -> None:
            summary.add(outcome)
            if outcome.refusal:
                faults.add(
                    outcome.document_id,
                    f"{outcome.refusal} {outcome.detail}".strip(),
                    outcome.refusal,
                )
            if outcome.silver is not None:
                handle.write(checked_line(outcome.silver))

        documents = read_documents(source, faults)
        _ask_all(
            documents,
            found,
            backend,
            log or out.parent / LOG_NAME,
            concurrency,
            progress or Silent(),
            take,
        )
        if not summary.n_documents:
            raise nothing_read(source, faults)
    return summary


def _ask_all(
    documents: Iterable[Document],
    task: Task,
    backend: Backend,
    log: Path,
    concurrency: int,
    progress: Progress,
    take: Callable[[Outcome], None],
) -> None:
    async def go() -> None:
        ticks = _ticks(progress, f"label ({backend.name})")
        try:
            with CallLog(log) as calls, closing(ticks):
                async with aclosing(ask(documents, task, backend, calls, concurrency)) as outcomes:
                    async for outcome in outcomes:
                        take(outcome)
                        next(ticks)
        finally:
            await backend.aclose()

    _run(go)


def _ticks(progress: Progress, title: str) -> Generator[int, None, None]:
    """Show a bar, and move it by one each time the next item is taken."""
    ticks = progress.track(itertools.count(), None, title)
    next(ticks)
    yield from ticks


def _open_teacher(teacher: str | Backend, options: dict[str, Any]) -> Backend:
    if isinstance(teacher, str):
        return load_teacher(teacher, **options)
    if options:
        raise ConfigError(
            f"{', '.join(options)}: the teacher is made already; give options to it, or name a spec"
        )
    return teacher


def _run(go: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, also where an event loop is already running (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(go())
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(lambda: asyncio.run(go())).result()

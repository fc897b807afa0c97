"""`label`: documents in, silver annotations out, by way of a teacher."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, aclosing, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from decoct.config import check, read_toml
from decoct.errors import ConfigError, Faults
from decoct.formats.base import STANDARD_INPUT, read_documents
from decoct.formats.jsonl import checked_line
from decoct.progress import Progress, Silent
from decoct.recipes.convert import nothing_read
from decoct.records import Document
from decoct.store import atomic_write, check_writable
from decoct.tasks.base import Task, get_task
from decoct.teacher.ask import Asking, check_settings, make_questions
from decoct.teacher.base import Backend, Deferred, load_teacher
from decoct.teacher.budget import Budget
from decoct.teacher.cache import CallLog
from decoct.teacher.outcome import Outcome
from decoct.teacher.plan import Plan
from decoct.teacher.planning import plan_questions, price_of
from decoct.teacher.settings import AskSettings
from decoct.teacher.summary import LabelSummary

LOG_NAME = "teacher.sqlite"
L = TypeVar("L", bound="LabelSettings")
PATH_OPTIONS = frozenset({"api_key_file", "folder"})  # of backends
Sink = Callable[[], AbstractContextManager[Callable[[Outcome], None]]]


class LabelSettings(AskSettings):
    """Who labels, and how: `[label]` of a run, or a file for `decoct label --config`.

    Attributes:
        teacher: a spec such as `rules`, `replay:FILE` or `openai:MODEL`.
        options: for that backend, such as `base_url` or `temperature`.
    """

    teacher: str = "rules"
    options: dict[str, Any] = Field(default_factory=dict)

    def open(self, config: Path | None = None) -> Backend:
        """Make the backend.

        Args:
            config: the file that options come from, for messages.

        Raises:
            DecoctError: spec or options do not fit.
        """
        try:
            return load_teacher(self.teacher, **self.options)
        except ConfigError as error:
            raise ConfigError(f"{config} [options]: {error}" if config else str(error)) from None

    def asking(self) -> dict[str, Any]:
        """Return what was set of `AskSettings`, as keyword arguments of `label_file`."""
        return self.model_dump(include=set(AskSettings.model_fields), exclude_unset=True)


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

    settings, left = split_options(options)
    backend = open_teacher(teacher, left)
    job = _Job(get_task(task), backend, settings, Path(log), progress or Silent())
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
    settings, left = split_options(options)
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
    job = _Job(get_task(task), backend, settings, log, progress or Silent())
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
    settings, left = split_options(options)
    backend = open_teacher(teacher, left)
    found = log or out.parent / LOG_NAME
    documents = (progress or Silent()).track(
        read_documents(source, faults if faults is not None else Faults()), None, "dry run"
    )
    return plan_questions(documents, get_task(task), backend, settings, found)


def read_label_settings(config: Path | None, flags: Mapping[str, Any]) -> LabelSettings:
    """Read who labels, and how: from a TOML file, and from flags, which go before it.

    Args:
        config: its relative paths are taken from its own folder; None for flags alone.
        flags: `teacher`, any of `AskSettings`, and the backend's options.

    Raises:
        ConfigError: it is not TOML, a key or value is wrong, or nobody names a teacher.
        StoreError: it can't be read.
    """
    read = LabelSettings()
    if config:
        read = beside(config.parent, check(LabelSettings, read_toml(config), str(config)))
    ours = {name: value for name, value in flags.items() if name in LabelSettings.model_fields}
    options = {name: value for name, value in flags.items() if name not in ours}
    given = {**read.model_dump(exclude_unset=True), **ours}
    if "teacher" not in given:
        raise ConfigError("no teacher: give --teacher, or a --config that names one")
    return check(LabelSettings, {**given, "options": {**read.options, **options}}, "label")


def beside(here: Path, settings: L) -> L:
    """Return settings whose paths start from a folder."""
    options = dict(settings.options)
    for name in PATH_OPTIONS & options.keys():
        options[name] = str(here / str(options[name]))
    name, _, argument = settings.teacher.partition(":")
    is_file = bool(argument) and (here / argument).is_file()
    moved = {
        "teacher": f"{name}:{here / argument}" if is_file else settings.teacher,
        "examples": here / settings.examples if settings.examples else None,
        "prices": here / settings.prices if settings.prices else None,
        "options": options,
    }
    was_set = settings.model_fields_set  # what was not is not to look as if it were
    return settings.model_copy(update={key: moved[key] for key in moved.keys() & was_set})


def split_options(options: dict[str, Any]) -> tuple[AskSettings, dict[str, Any]]:
    """Part how to ask from what a backend is told.

    Raises:
        ConfigError: a value is wrong.
    """
    asked = {name: value for name, value in options.items() if name in AskSettings.model_fields}
    left = {name: value for name, value in options.items() if name not in asked}
    return check(AskSettings, asked, "label"), left


def open_teacher(teacher: str | Backend, options: dict[str, Any]) -> Backend:
    """Return the backend, made of its spec where it is not made yet.

    Raises:
        ConfigError: an option does not fit.
    """
    if isinstance(teacher, str):
        return load_teacher(teacher, **options)
    if options:
        raise ConfigError(
            f"{', '.join(options)}: the teacher is made already; give options to it, or name a spec"
        )
    return teacher


@dataclass(frozen=True, slots=True)
class _Job:
    """One task put to one teacher: once, or in as many passes as a batch takes.

    Attributes:
        task: what is asked.
        backend: who is asked.
        settings: how.
        log: where answers are kept.
        progress: shown how far it is.
    """

    task: Task
    backend: Backend
    settings: AskSettings
    log: Path
    progress: Progress

    def run(self, documents: Callable[[], Iterable[Document]], sink: Sink) -> LabelSummary:
        """Ask, and return what it came to.

        Args:
            documents: makes the stream of documents, once for each pass.
            sink: opens what takes the outcomes of one pass.
        """
        budget = self._budget()
        check_settings(self.settings, self.backend)
        make_questions(self.task, self.backend, self.settings)  # reads and checks the examples
        made: list[LabelSummary] = []

        async def go() -> None:
            with CallLog(self.log) as calls:
                try:
                    while True:
                        made[:] = [await self._pass(calls, budget, documents(), sink)]
                        if not isinstance(self.backend, Deferred):
                            return
                        if not await self.backend.settle(self.progress):
                            return
                finally:
                    await self.backend.aclose()

        _run(go)
        return made[0]

    def _budget(self) -> Budget:
        price = price_of(self.backend, self.settings.prices)
        batch = isinstance(self.backend, Deferred)
        return Budget(self.settings.budget_usd, price, batch=batch)

    async def _pass(
        self, calls: CallLog, budget: Budget, documents: Iterable[Document], sink: Sink
    ) -> LabelSummary:
        if isinstance(self.backend, Deferred):
            self.backend.begin(calls)
        asking = Asking(self.task, self.backend, calls, self.settings, budget)
        going = asyncio.create_task(self._take_all(asking, documents, sink))
        try:
            summary = await asyncio.shield(going)
        except asyncio.CancelledError:  # interrupted
            if asking.n_sending:
                self.progress.note(
                    f"waiting for {asking.n_sending} answers that are under way; "
                    "interrupt again to leave them"
                )
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
            raise
        sent = self.backend.tally if isinstance(self.backend, Deferred) else asking.tally
        summary.close(sent, budget)
        return summary

    async def _take_all(
        self, asking: Asking, documents: Iterable[Document], sink: Sink
    ) -> LabelSummary:
        summary = LabelSummary()
        ticks = _ticks(self.progress, f"label ({self.backend.name})")
        with sink() as take, closing(ticks):
            async with aclosing(asking.outcomes(documents)) as outcomes:
                async for outcome in outcomes:
                    summary.add(outcome)
                    take(outcome)
                    next(ticks)
        return summary


def _ticks(progress: Progress, title: str) -> Generator[int, None, None]:
    """Show a bar, and move it by one each time the next item is taken."""
    ticks = progress.track(itertools.count(), None, title)
    next(ticks)
    yield from ticks


def _run(go: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, also where an event loop is already running (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(go())
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(lambda: asyncio.run(go())).result()

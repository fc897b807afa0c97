"""`judge`: mentions and candidates in, a teacher's choices among them out, as silver links."""

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
from decoct.records import MENTION, Document, Span
from decoct.store import atomic_write, check_writable
from decoct.teacher.base import Backend, Deferred
from decoct.teacher.judging.job import JudgeJob, Searchable
from decoct.teacher.judging.settings import JudgeSettings
from decoct.teacher.judging.summary import JudgeSummary
from decoct.teacher.plan import Plan
from decoct.teacher.settings import LOG_NAME, open_teacher, read_settings, split_options


@dataclass(frozen=True, slots=True)
class Judged(Sequence[Document]):
    """Silver documents whose mentions are linked, and how the teacher did.

    Attributes:
        documents: those with a mention that was judged.
        summary: counts, refusals and cost.
    """

    documents: tuple[Document, ...]
    summary: JudgeSummary

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 (an index or a slice)
        return self.documents[index]

    def __repr__(self) -> str:
        made = self.summary
        refused = made.refusals.total()
        return f"Judged({made.n_judged} mentions, {made.n_nil} of them NIL, {refused} refused)"


def judge(
    mentions: Iterable[str | Document],
    index: Searchable | str | Path | None = None,
    *,
    teacher: str | Backend,
    log: str | Path = LOG_NAME,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401 (checked by name)
) -> Judged:
    """Have a teacher choose which candidate each mention means, or none; nothing is asked twice.

    Args:
        mentions: documents with spans, or bare mentions, each with its number as id.
        index: finds candidates; None where the spans' links name them, or the teacher's recording
            does, whose own go before all others.
        teacher: a spec such as `replay:FILE` or `openai:MODEL`, or a backend.
        log: the SQLite file that keeps every answer.
        progress: shown how far it is.
        options: any of `JudgeSettings` (`k`, `samples`, `certainty`...), and the backend's own,
            such as `base_url` or `temperature`.

    Raises:
        TeacherError: the teacher can't answer at all.
        ConfigError: the spec or an option is wrong, or there are no candidates at all.

    Example:
        judged = decoct.judge(["couldn't keep my eyes open"], index, teacher="openai:gpt-5-mini")
    """
    numbered = [
        item if isinstance(item, Document) else _bare(str(number), item)
        for number, item in enumerate(mentions, start=1)
    ]
    kept: list[Document] = []

    @contextmanager
    def open_out() -> Iterator[Callable[[Document], None]]:
        kept.clear()
        yield kept.append

    judging = _open(index, teacher, options, Path(log), progress)
    summary = judging.run(lambda: numbered, open_out, Faults())
    return Judged(tuple(kept), summary)


def judge_file(
    source: Path,
    out: Path,
    index: Searchable | str | Path | None = None,
    *,
    teacher: str | Backend,
    log: Path | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401
) -> JudgeSummary:
    """Have a teacher judge a file's mentions, streaming; what it can't is named in `faults`.

    A document is written as silver where one of its mentions at least was judged. A judged mention
    gets the teacher's link; one that was refused gets none; one whose label was not asked for keeps
    what it had.

    Args:
        source: documents with mentions, in any format that is read, or `-`.
        out: the silver JSONL.
        index: as for `judge`.
        teacher: a spec or a backend.
        log: the SQLite file that keeps every answer; None for `teacher.sqlite` beside `out`.
        faults: gets bad lines and refused mentions.
        progress: shown how far it is.
        options: any of `JudgeSettings`, and the backend's own.

    Raises:
        StoreError: a file can't be read or written.
        FormatError: `source` holds no document.
        TeacherError: the teacher can't answer at all.
        ConfigError: there are no candidates at all, or an option is wrong.
    """
    judging = _open(index, teacher, options, log or out.parent / LOG_NAME, progress)
    if isinstance(judging.backend, Deferred) and source == STANDARD_INPUT:
        raise ConfigError("--mentions -: a batch reads its mentions more than once; name a file")
    check_writable(out)
    met = Faults()  # of one pass: each meets the same bad lines

    @contextmanager
    def open_out() -> Iterator[Callable[[Document], None]]:
        with atomic_write(out) as handle:

            def write(document: Document) -> None:
                handle.write(checked_line(document))

            yield write

    def documents() -> Iterator[Document]:
        met.clear()
        n_documents = 0
        for document in read_documents(source, met):
            n_documents += 1
            yield document
        if not n_documents:
            raise nothing_read(source, met)

    try:
        return judging.run(documents, open_out, met)
    finally:
        if faults is not None:
            faults.extend(met)
            if isinstance(judging.backend, Deferred):
                faults.extend(judging.backend.faults)


def plan_judge(
    source: Path,
    out: Path,
    index: Searchable | str | Path | None = None,
    *,
    teacher: str | Backend,
    log: Path | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401
) -> Plan:
    """Say what `judge_file` with the same arguments would send and cost; nothing is sent.

    Its documents are mentions.

    Raises:
        StoreError: `source` can't be read.
        ConfigError: the spec, an option or an example is wrong.
    """
    judging = _open(index, teacher, options, log or out.parent / LOG_NAME, progress)
    met = faults if faults is not None else Faults()
    return judging.plan(read_documents(source, met), met)


def read_judge_settings(config: Path | None, flags: Mapping[str, Any]) -> JudgeSettings:
    """Read who judges, and how; see `read_settings`."""
    return read_settings(JudgeSettings, config, flags, "judge")


def _bare(document_id: str, mention: str) -> Document:
    span = Span(id="T1", start=0, end=len(mention), label=MENTION, text=mention)
    return Document(id=document_id, text=mention, spans=(span,))


def _open(
    index: Searchable | str | Path | None,
    teacher: str | Backend,
    options: Mapping[str, Any],
    log: Path,
    progress: Progress | None,
) -> JudgeJob:
    settings, left = split_options(JudgeSettings, options, "judge")
    backend = open_teacher(teacher, left)
    return JudgeJob.make(settings, backend, _open_index(index), log, progress or Silent())


def _open_index(index: Searchable | str | Path | None) -> Searchable | None:
    if not isinstance(index, str | Path):
        return index
    from decoct.retriever.index import Index

    return Index.open(Path(index))

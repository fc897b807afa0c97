"""Mentions put to a teacher from the first document to the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from decoct.errors import ConfigError, Faults
from decoct.kb.base import Entity, Query
from decoct.progress import Progress
from decoct.records import Candidate, Document
from decoct.teacher.base import Backend, WithCandidates
from decoct.teacher.few_shot import Shots, choose_shots
from decoct.teacher.job import Job
from decoct.teacher.judging.candidates import CandidateSource
from decoct.teacher.judging.gold import read_gold_examples
from decoct.teacher.judging.questions import Questioner
from decoct.teacher.judging.settings import JudgeSettings
from decoct.teacher.judging.stream import JudgingPass
from decoct.teacher.judging.summary import JudgeSummary
from decoct.teacher.outcome import Outcome
from decoct.teacher.plan import Plan
from decoct.teacher.planning import plan_questions

Out = Callable[[], AbstractContextManager[Callable[[Document], None]]]


class Searchable(Protocol):
    """An index of a knowledge base, as `decoct.retriever.index.Index` is."""

    def search(self, queries: Sequence[Query], k: int, /) -> list[tuple[Candidate, ...]]:
        """Return up to `k` candidates for each query, best first."""
        ...

    def entity(self, entity_id: str, /) -> Entity:
        """Return an entity.

        Raises:
            KeyError: it is not in the knowledge base.
        """
        ...


@dataclass(frozen=True, slots=True)
class JudgeJob:
    """Mentions put to a teacher.

    Attributes:
        settings: how.
        backend: who is asked.
        questioner: makes questions of mentions.
        shots: the examples to show.
        log: where answers are kept.
        progress: shown how far it is.
    """

    settings: JudgeSettings
    backend: Backend
    questioner: Questioner
    shots: Shots | None
    log: Path
    progress: Progress

    @classmethod
    def make(
        cls,
        settings: JudgeSettings,
        backend: Backend,
        index: Searchable | None,
        log: Path,
        progress: Progress,
    ) -> JudgeJob:
        """Get ready: examples are read here, and recorded candidates found.

        Args:
            settings: how to ask.
            backend: who is asked.
            index: finds candidates; None where links or a recording name them.
            log: where answers are kept.
            progress: shown how far it is.

        Raises:
            ConfigError: an example is wrong.
            StoreError: their file can't be read.
        """
        search, lookup = (index.search, index.entity) if index else (None, None)
        recorded = backend.candidates if isinstance(backend, WithCandidates) else None
        source = CandidateSource(settings.k, search, recorded)
        shots = None
        if settings.examples is not None and backend.live:
            own = CandidateSource(
                settings.example_candidates or settings.k,
                search if settings.example_candidates else None,
            )
            examples = read_gold_examples(settings.examples, settings, own, lookup, progress)
            shots = choose_shots(examples, settings, settings.n_nearest)
        return cls(settings, backend, Questioner(settings, source, lookup), shots, log, progress)

    def run(
        self,
        documents: Callable[[], Iterable[Document]],
        open_out: Out,
        faults: Faults,
    ) -> JudgeSummary:
        """Ask, and return what it came to.

        Args:
            documents: makes the stream of documents, once for each pass.
            open_out: opens what takes the silver of one pass.
            faults: gets the mentions that were not judged.
        """
        passes: list[JudgingPass] = []

        def questions() -> Iterator[Document]:
            passes[:] = [JudgingPass(documents(), self.questioner, faults)]
            return passes[0].questions()

        @contextmanager
        def sink() -> Iterator[Callable[[Outcome], None]]:
            with open_out() as write:
                yield partial(self._take, passes[0], write)
                self._check(passes[0].summary)

        job = Job(
            self.settings.task(),
            self.backend,
            self.settings,
            self.log,
            self.progress,
            verb="judge",
            shots=self.shots,
        )
        asking = job.run(questions, sink)
        summary = passes[0].summary
        summary.asking = asking
        return summary

    def plan(self, documents: Iterable[Document], faults: Faults) -> Plan:
        """Say what would be sent and cost; nothing is sent."""
        questions = JudgingPass(documents, self.questioner, faults).questions()
        tracked = self.progress.track(questions, None, "dry run")
        task = self.settings.task()
        return plan_questions(tracked, task, self.backend, self.settings, self.log, self.shots)

    @staticmethod
    def _take(going: JudgingPass, write: Callable[[Document], None], outcome: Outcome) -> None:
        silver = going.take(outcome)
        if silver is not None:
            write(silver)

    def _check(self, summary: JudgeSummary) -> None:
        """See that there was something to judge.

        Raises:
            ConfigError: no mention, or none with candidates.
        """
        if not summary.n_mentions:
            of = (
                f" with the label {' or '.join(self.settings.labels)}"
                if self.settings.labels
                else ""
            )
            raise ConfigError(
                f"{summary.n_documents} documents hold no mention{of}; give documents with spans, "
                "or a table with a column mention"
            )
        if summary.n_without_candidates == summary.n_mentions and not self.questioner.source.search:
            raise ConfigError(
                "no mention has candidates; give an --index to search, or documents that went "
                "through decoct link --keep 20"
            )

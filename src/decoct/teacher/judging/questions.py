"""Mentions made into questions: documents of their own, which the engine asks about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from decoct.kb.base import Query, queries_of
from decoct.records import Candidate, Document, Span
from decoct.tasks.choice import Shown
from decoct.teacher.judging.candidates import CandidateSource, Found
from decoct.teacher.judging.display import Lookup, show_candidates, show_context
from decoct.teacher.judging.settings import JudgeSettings


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention that is to be judged.

    Attributes:
        span: it.
        candidates: what it may mean, best first.
        question: what the engine asks about: its id is `DOCUMENT#SPAN`, its text the mention.
        recorded: whether the candidates are a recording's own.
    """

    span: Span
    candidates: tuple[Candidate, ...]
    question: Document
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Questioner:
    """Makes questions of mentions.

    Attributes:
        settings: what is shown.
        source: where candidates come from.
        lookup: gives their aliases and definitions; None where nobody knows them.
    """

    settings: JudgeSettings
    source: CandidateSource
    lookup: Lookup | None = None

    def mentions(self, documents: Iterable[Document]) -> list[tuple[Document, list[Mention]]]:
        """Return each document with its mentions; candidates are looked up for all at once."""
        labels = frozenset(self.settings.labels)
        asked = [(document, list(queries_of(document, labels))) for document in documents]
        found = iter(self.source.find([mention for _, mentions in asked for mention in mentions]))
        return [
            (
                document,
                [self._mention(document, span, query, next(found)) for span, query in mentions],
            )
            for document, mentions in asked
        ]

    def _mention(self, document: Document, span: Span, query: Query, found: Found) -> Mention:
        shown = Shown(
            options=show_candidates(found.candidates, self.settings, self.lookup),
            context=show_context(query, self.settings.context_chars),
            label=span.label,
        )
        meta: dict[str, Any] = {"choice": shown.model_dump(mode="json")}
        if document.meta.get("contains_phi"):
            meta["contains_phi"] = True
        question = Document(id=f"{document.id}#{span.id}", text=span.text, meta=meta)
        return Mention(span, found.candidates, question, found.recorded)

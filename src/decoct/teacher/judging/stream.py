"""Documents cut into questions, and put together again when their mentions have been judged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from decoct.errors import Faults
from decoct.records import Document, Link
from decoct.tasks.choice import NIL
from decoct.teacher.judging.questions import Mention, Questioner
from decoct.teacher.judging.summary import NO_CANDIDATES, JudgeSummary
from decoct.teacher.outcome import Outcome

_AT_ONCE = 256  # mentions that are looked up together, or a few more
_ORIGIN = ("backend", "model", "prompt_hash")


@dataclass(slots=True)
class _Open:
    """A document some of whose mentions are still to be judged."""

    document: Document
    mentions: list[Mention]
    outcomes: list[Outcome] = field(default_factory=list)


class JudgingPass:
    """One pass over the documents: questions out, their outcomes in, silver out; all in order.

    Args:
        documents: with mentions.
        questioner: makes questions of them.
        faults: gets each mention that could not be judged.

    Attributes:
        summary: counts so far; what was asked and what it cost is the engine's to add.
    """

    def __init__(
        self, documents: Iterable[Document], questioner: Questioner, faults: Faults
    ) -> None:
        self.summary = JudgeSummary()
        self._documents, self._questioner, self._faults = documents, questioner, faults
        self._open: deque[_Open] = deque()

    def questions(self) -> Iterator[Document]:
        """Yield a question for each mention that has candidates.

        Of a recording one for every mention: only it knows what it has no answer to.
        """
        asks_all = self._questioner.source.recorded is not None
        for some in _chunks(self._documents):
            for document, mentions in self._questioner.mentions(some):
                self.summary.n_documents += 1
                self.summary.n_mentions += len(mentions)
                self.summary.n_recorded += sum(mention.recorded for mention in mentions)
                asked = [mention for mention in mentions if mention.candidates or asks_all]
                for mention in () if asks_all else mentions:
                    if not mention.candidates:
                        self._leave_out(mention)
                if asked:
                    self._open.append(_Open(document, asked))
                yield from (mention.question for mention in asked)

    def take(self, outcome: Outcome) -> Document | None:
        """Take the outcome of the next question; return its document when it was the last of it.

        None where there is more to come, or nothing of the document was judged.
        """
        first = self._open[0]
        first.outcomes.append(outcome)
        if outcome.refusal:
            detail = f": {outcome.detail}" if outcome.detail else ""
            self._faults.add(outcome.document_id, f"{outcome.refusal}{detail}", outcome.refusal)
        if len(first.outcomes) < len(first.mentions):
            return None
        self._open.popleft()
        silver = self._silver(first)
        self.summary.n_written += silver is not None
        return silver

    def _leave_out(self, mention: Mention) -> None:
        self.summary.n_without_candidates += 1
        self._faults.add(mention.question.id, "no candidates to choose from", NO_CANDIDATES)

    def _silver(self, judged: _Open) -> Document | None:
        answers = [outcome.silver for outcome in judged.outcomes if outcome.silver]
        if not answers:
            return None
        links = {
            mention.span.id: self._link(mention, outcome.silver)
            for mention, outcome in zip(judged.mentions, judged.outcomes, strict=True)
        }
        document = judged.document
        spans = tuple(
            span.model_copy(update={"link": links[span.id]}) if span.id in links else span
            for span in document.spans
        )
        origin = {name: answers[0].meta[name] for name in _ORIGIN}
        return document.model_copy(
            update={"source": "silver", "spans": spans, "meta": {**document.meta, **origin}}
        )

    def _link(self, mention: Mention, answer: Document | None) -> Link | None:
        """Return a mention's link; None where the teacher gave no usable answer."""
        if answer is None:
            return None
        summary, candidates = self.summary, mention.candidates
        summary.n_judged += 1
        summary.n_nil += answer.label == NIL
        confidence = answer.meta["confidence"]
        chosen = next((one for one in candidates if one.id == answer.label), None)
        if chosen is None:
            return Link(confidence=confidence, candidates=candidates)
        summary.n_first += chosen is candidates[0]
        return Link(id=chosen.id, name=chosen.name, confidence=confidence, candidates=candidates)


def _chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yield documents together until they have mentions enough."""
    chunk: list[Document] = []
    n_mentions = 0
    for document in documents:
        chunk.append(document)
        n_mentions += 1 + len(document.spans)
        if n_mentions >= _AT_ONCE:
            yield chunk
            chunk, n_mentions = [], 0
    if chunk:
        yield chunk

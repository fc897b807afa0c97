"""What is asked about a document: alone, in a pack, and again where the answer did not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from decoct.records import Document
from decoct.tasks.base import Example, Task, question_of
from decoct.teacher.base import Request
from decoct.teacher.few_shot import Shots
from decoct.teacher.packing import packed_schema

_AGAIN = (
    "That answer can't be used: {complaint}. Answer once more: the whole JSON object, corrected, "
    "and nothing else."
)


class Questions:
    """Makes the requests of one task.

    Args:
        task: gives prompt and schema.
        shots: the examples that a prompt shows, or None for none.
        pack: documents in one prompt, at most.
        max_reasks: how often an answer that does not fit is asked again.
    """

    def __init__(
        self, task: Task, shots: Shots | None = None, pack: int = 1, max_reasks: int = 0
    ) -> None:
        self.task = task
        self.pack = pack
        self._max_reasks = max_reasks
        self._shots = shots
        self._schema: Mapping[str, Any] = dict(task.schema)
        self._packed_schema = packed_schema(self._schema)

    def first(self, document: Document, sample: int) -> Request:
        """Return the first question about a document.

        In a pack, its part as if it were there alone: whoever else travels with it, the log knows
        it by this.
        """
        if self.pack == 1:
            return self.alone(document, sample)
        shown = question_of(self.task, document, sample)
        return self._packed(document.id, [document.text], [shown], sample)

    def alone(self, document: Document, sample: int) -> Request:
        """Return the question about one document in a prompt of its own."""
        shown = question_of(self.task, document, sample)
        prompt = self.task.prompt(
            shown, examples=self.standing, nearest=self._near([document.text])
        )
        return Request(
            document.id,
            document.text,
            self.task.name,
            prompt,
            self._schema,
            sample,
            question=shown,
        )

    def together(self, requests: Sequence[Request]) -> Request:
        """Return one packed question for several that are to travel together."""
        first = requests[0]
        return self._packed(
            f"{first.document_id} and {len(requests) - 1} more",
            [request.text for request in requests],
            [request.question for request in requests],
            first.sample,
        )

    def after(
        self, request: Request, document: Document, content: str | None, complaint: str
    ) -> Request | None:
        """Return what is asked next where the answer was no use; None where nothing is left.

        Args:
            request: as it was put.
            document: what it was about.
            content: the answer; None where it was refused.
            complaint: what was wrong with it.
        """
        if request.pack:  # the pack has failed, or this item of it: in a prompt of its own
            return self.alone(document, request.sample)
        if content is None or len(request.prompt.turns) >= self._max_reasks:
            return None
        return self.again(request, content, complaint)

    @staticmethod
    def again(request: Request, content: str, complaint: str) -> Request:
        """Return the question put again after an answer that did not fit.

        Args:
            request: as it was put.
            content: the answer.
            complaint: what was wrong with it.
        """
        turns = (*request.prompt.turns, (content, _AGAIN.format(complaint=complaint)))
        return replace(request, prompt=replace(request.prompt, turns=turns))

    @property
    def standing(self) -> tuple[Example, ...]:
        """The examples that every prompt shows."""
        return self._shots.standing if self._shots else ()

    def _near(self, texts: Sequence[str]) -> tuple[Example, ...]:
        return self._shots.near(texts) if self._shots else ()

    def _packed(
        self, document_id: str, texts: Sequence[str], questions: Sequence[str], sample: int
    ) -> Request:
        prompt = self.task.prompt(
            *questions, examples=self.standing, nearest=self._near(texts), packed=True
        )
        return Request(
            document_id,
            texts[0],
            self.task.name,
            prompt,
            self._packed_schema,
            sample,
            self.pack,
            question=questions[0],
        )

"""What a task is: a prompt, an answer schema, a parser, and the labels it speaks of.

A task knows nothing of who answers (teacher) or who learns (student).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from decoct.records import Document
from decoct.registry import Shelf

TASKS = Shelf("decoct.tasks", noun="task")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a teacher is asked: the standing instructions and this document's part.

    Attributes:
        system: the same for every document, examples that are the same included.
        user: the document's part.
        turns: after answers that did not fit: each of them, and what was wrong with it.
    """

    system: str
    user: str
    turns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the answer that it should get, to be shown in a prompt.

    Attributes:
        text: as a document's text.
        answer: in the form that the task's schema asks for.
    """

    text: str
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A relation as a teacher states it, in strings not yet found in the text."""

    label: str
    subject: str
    object: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A teacher's parsed answer: strings, still to be grounded.

    Attributes:
        subjects: strings named as subjects whether or not they have a relation.
        claims: the relations.
    """

    subjects: tuple[str, ...]
    claims: tuple[Claim, ...]


class Task(Protocol):
    """One kind of annotation: what to ask, how to read the answer, what to learn.

    Attributes:
        name: the word after `--task`.
        subject_label: label of the spans that a relation starts from, such as `Drug`.
        object_labels: relation label -> label of the spans it ends at.
        schema: JSON schema of an answer, for teachers that enforce one.
    """

    name: str
    subject_label: str
    object_labels: Mapping[str, str]

    @property
    def schema(self) -> Mapping[str, Any]: ...

    def prompt(
        self,
        *texts: str,
        examples: Sequence[Example] = (),
        nearest: Sequence[Example] = (),
        packed: bool = False,
    ) -> Prompt:
        """Render what a teacher is asked.

        Args:
            texts: one text, or several where `packed`.
            examples: shown to every document, in the standing instructions.
            nearest: chosen for these texts, shown before them.
            packed: ask for `{"items": [{"item": 1, ...}, ...]}`, an answer for each text by its
                number, also where there is one text only.
        """
        ...

    def answer(self, document: Document) -> dict[str, Any]:
        """Return what a teacher would ideally answer: a document's annotations in the schema."""
        ...

    def parse(self, content: str) -> Answer:
        """Read a raw answer.

        Raises:
            AnswerError: it is not JSON, or does not fit the schema.
        """
        ...


def get_task(name: str) -> Task:
    """Return the task of that name.

    Raises:
        RegistryError: there is none; the message lists those there are.
    """
    task: Task = TASKS.get(name)
    return task

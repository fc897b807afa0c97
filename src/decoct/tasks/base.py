"""What a task is: a prompt, an answer schema, a parser, and the labels it speaks of.

A task knows nothing of who answers (teacher) or who learns (student).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from decoct.errors import ConfigError
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
        text: as a document's text; the nearest examples are found by it.
        answer: in the form that the task's schema asks for.
        question: what a prompt shows of it, where that is not the text (see `QuestionTask`).
    """

    text: str
    answer: Mapping[str, Any]
    question: str = ""


class RelationType(NamedTuple):
    """What a relation may be between; a relation of several kinds of objects has several of these.

    Attributes:
        label: the relation's, such as `ADE`.
        subject: label of the span that it starts from, such as `Drug`.
        object: label of the span that it ends at, such as `AdverseEffect`.
    """

    label: str
    subject: str
    object: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A relation as a teacher states it, in strings not yet found in the text."""

    type: RelationType
    subject: str
    object: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A teacher's parsed answer: strings, still to be grounded, or a label of the whole.

    Attributes:
        mentions: (label, string) of each span that is named whether or not it has a relation.
        claims: the relations.
        label: the class of the document, for tasks that ask for one.
        confidence: how sure of the label the teacher says that it is, as a probability 0 to 1.
    """

    mentions: tuple[tuple[str, str], ...] = ()
    claims: tuple[Claim, ...] = ()
    label: str | None = None
    confidence: float | None = None


@runtime_checkable
class Task(Protocol):
    """One kind of annotation: what to ask, and how to read the answer.

    Attributes:
        name: the word after `--task`.
        schema: JSON schema of an answer, for teachers that enforce one.
    """

    name: str

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
            texts: one text, or several where `packed`; of a `QuestionTask` its questions.
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


@runtime_checkable
class SpanTask(Task, Protocol):
    """A task whose answers are spans of the text and relations between them.

    Attributes:
        tagged: labels of the spans that are found by themselves: those that relations start from,
            and those that are asked for whether or not they are in one.
        relation_types: what may stand between spans; none for a task of spans alone.
        exclusive: whether a character is in one tagged span at most.
        threshold: at which a student of the task tags, where its settings say nothing: 0.5 takes
            the likeliest spans, less takes more of them.
    """

    tagged: Sequence[str]
    relation_types: Sequence[RelationType]
    exclusive: bool
    threshold: float


@runtime_checkable
class LabelTask(Task, Protocol):
    """A task whose answer is the class of the whole document.

    Attributes:
        labels: the classes.
        positive: the class that precision, recall and F1 are of; None for the mean over all.
        second: where the second text of a pair stands in a document's `meta`; None for one text.
    """

    labels: Sequence[str]
    positive: str | None
    second: str | None


@runtime_checkable
class QuestionTask(Task, Protocol):
    """A task that asks about more than a document's text, or in each sample otherwise.

    What it shows beside the text is in the document's `meta`.

    Attributes:
        varies: whether each sample is asked otherwise.
    """

    varies: bool

    def question(self, document: Document, sample: int) -> str:
        """Return what a prompt shows of a document.

        Raises:
            ConfigError: its `meta` lacks what belongs to the question.
        """
        ...

    def read(self, content: str, document: Document, sample: int) -> Answer:
        """Read a raw answer to that question.

        Raises:
            AnswerError: it does not fit the schema, or is none of what was asked for.
        """
        ...


def question_of(task: Task, document: Document, sample: int) -> str:
    """Return what a prompt shows of a document: its text, or what the task makes of it."""
    return task.question(document, sample) if isinstance(task, QuestionTask) else document.text


def read_answer(task: Task, content: str, document: Document, sample: int) -> Answer:
    """Read a raw answer about a document.

    Raises:
        AnswerError: it does not fit.
    """
    if isinstance(task, QuestionTask):
        return task.read(content, document, sample)
    return task.parse(content)


def get_task(name: str) -> Task:
    """Return the task of that name, or the one that a TOML file declares.

    Args:
        name: on the shelf, or the path of a file that ends in `.toml`.

    Raises:
        RegistryError: there is none; the message lists those there are.
        StoreError: the file can't be read.
        ConfigError: the file describes no task.
    """
    if name.endswith(".toml"):
        from decoct.tasks._declared import load_task

        return load_task(Path(name))
    task: Task = TASKS.get(name)
    return task


def task_name(name: str) -> str:
    """Return what a task is called, also where a file declares it."""
    return get_task(name).name if name.endswith(".toml") else name


def get_span_task(name: str) -> SpanTask:
    """Return the task of that name, whose answers are spans and relations.

    Raises:
        RegistryError: there is none; the message lists those there are.
        ConfigError: its answers are others.
    """
    task = get_task(name)
    if not isinstance(task, SpanTask):
        raise ConfigError(f"task {name!r} has no spans to find; name another")
    return task


def subject_labels(task: SpanTask) -> tuple[str, ...]:
    """Return the labels of spans that relations start from, each once."""
    return tuple(dict.fromkeys(one.subject for one in task.relation_types))


def span_labels(task: SpanTask) -> tuple[str, ...]:
    """Return the labels of all spans of a task, each once."""
    return tuple(dict.fromkeys((*task.tagged, *(one.object for one in task.relation_types))))

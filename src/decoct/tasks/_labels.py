"""A declared task whose answer is the class of a text, or of a pair of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from decoct.errors import AnswerError, ConfigError
from decoct.records import Document
from decoct.tasks._file import TaskFile
from decoct.tasks._json import load_object
from decoct.tasks._prompt import PromptFile, one_json_line
from decoct.tasks.base import Answer, Example, Prompt
from decoct.tasks.choice import CERTAINTIES, certainty_of

_KEYS = ("label", "answer", "class", "prediction")


class DeclaredLabels:
    """A task of classes, made of a file.

    Args:
        file: what it is about.
        prompt: the jinja2 file; sees `task`, the `TaskFile`.
    """

    second: str | None = None

    def __init__(self, file: TaskFile, prompt: PromptFile) -> None:
        self.file = file
        self.name = file.name
        self.labels = tuple(file.labels)
        self.positive = file.positive
        self._prompt = prompt
        self._shown = tuple(
            Example(one.text, {"label": one.label}, self._pair(one.text, one.second))
            for one in file.examples
        )

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of an answer, in the strict subset that endpoints enforce."""
        properties: dict[str, Any] = {"label": {"type": "string", "enum": list(self.labels)}}
        if self.file.certainty:
            properties["certainty"] = {"type": "string", "enum": list(CERTAINTIES)}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def prompt(
        self,
        *texts: str,
        examples: Sequence[Example] = (),
        nearest: Sequence[Example] = (),
        packed: bool = False,
    ) -> Prompt:
        """Render what a teacher is asked; the file's own examples come before any others."""
        return self._prompt.render(
            texts,
            (*self._shown, *examples),
            nearest,
            packed,
            task=self.file,
            pairs=self.second is not None,
        )

    def answer(self, document: Document) -> dict[str, Any]:
        """Return a document's class in the schema.

        Raises:
            ConfigError: it has none, or one that is none of the task's.
        """
        if document.label not in self.labels:
            raise ConfigError(
                f"document {document.id!r} is of class {document.label!r}, "
                f"which is none of {self.name}'s: {', '.join(self.labels)}"
            )
        return {"label": document.label}

    def parse(self, content: str) -> Answer:
        """Read a raw answer: JSON with the class, or the class alone.

        Raises:
            AnswerError: it names none of the classes, or several.
        """
        by_name = {_fold(label): label for label in self.labels}
        bare = by_name.get(_fold(content))
        said = {"label": bare} if bare else load_object(content)
        named = {_fold(str(said[key])) for key in _KEYS if key in said}
        found = {by_name[name] for name in named if name in by_name}
        if len(named) != 1 or not found:
            raise AnswerError(f"'label' must be one of: {', '.join(self.labels)}")
        return Answer(label=found.pop(), confidence=certainty_of(said, CERTAINTIES))

    def _pair(self, text: str, second: str) -> str:
        del text, second
        return ""


class DeclaredPairs(DeclaredLabels):
    """A task of classes of pairs of texts; the second stands in a document's `meta`."""

    varies = False

    def __init__(self, file: TaskFile, prompt: PromptFile) -> None:
        self.second = file.second
        super().__init__(file, prompt)

    def question(self, document: Document, sample: int) -> str:
        """Return both texts, each as a JSON string behind what it is called.

        Raises:
            ConfigError: the document's `meta` has no second text.
        """
        del sample
        second = document.meta.get(self.second or "")
        if not isinstance(second, str):
            raise ConfigError(
                f"document {document.id!r} has no text in meta.{self.second}, "
                f"which task {self.name} compares its text with"
            )
        return self._pair(document.text, second)

    def read(self, content: str, document: Document, sample: int) -> Answer:
        """Read a raw answer; see `parse`."""
        del document, sample
        return self.parse(content)

    def _pair(self, text: str, second: str) -> str:
        return "\n".join(
            f"{called}: {one_json_line(one)}"
            for called, one in ((self.file.second_called, second), (self.file.first_called, text))
        )


def _fold(label: str) -> str:
    return " ".join(label.casefold().strip(" .\"'`").replace("_", " ").split())

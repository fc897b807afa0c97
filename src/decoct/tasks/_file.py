"""A task in one TOML file, no code: what is to be found, and in which words it is asked for.

name = "drug-dose"
about = "You annotate case reports for clinical pharmacologists."

[entities]
Drug = "every medicine that the text names, without dose or route"
Dose = "an amount with its unit, how often included"

[relations.DOSE_OF]
subject = "Drug"
object = "Dose"
definition = "the dose in which the drug was given"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from decoct.config import Settings
from decoct.records import NonEmpty
from decoct.registry import nearest

Words = Annotated[str, Field(min_length=1)]


def _as_table(value: object) -> object:
    return {"definition": value} if isinstance(value, str) else value


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[NonEmpty, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class EntityType(Settings):
    """A kind of span; a string alone is its definition.

    Attributes:
        definition: what a teacher is told that it is.
        alone: whether it is asked for also where it is in no relation. None for what is natural:
            not if it is only ever the object of a relation, else yes.
    """

    definition: str = ""
    alone: bool | None = None


class RelationSettings(Settings):
    """A kind of relation.

    Attributes:
        definition: what a teacher is told that it is.
        subject: the kinds of spans that it starts from, one or a list.
        object: the kinds of spans that it ends at, one or a list.
    """

    definition: str = ""
    subject: Names
    object: Names


class ShownExample(Settings):
    """An example that the prompt always shows.

    Attributes:
        text: the text.
        second: the second text, for tasks about pairs.
        spans: (label, string) of each span that is asked for by itself.
        relations: (label, subject's string, object's string).
        label: the class, for tasks of classes.
    """

    text: str
    second: str = ""
    spans: tuple[tuple[str, str], ...] = ()
    relations: tuple[tuple[str, str, str], ...] = ()
    label: str | None = None


class TaskFile(Settings):
    """A task's file: `entities` and perhaps `relations`, or `labels`.

    Attributes:
        name: what it is called; stands in students' cards.
        about: who the teacher is to be and what for, a sentence or two.
        language: of the prompt's frame.
        entities: kind of span -> its definition.
        relations: kind of relation -> what it is between.
        nested: whether spans that are asked for by themselves may overlap one another.
        threshold: at which a student tags, where its settings say nothing; below 0.5 for tasks
            in which a miss is worse than a false alarm.
        labels: class of a whole text, or of a pair of texts -> its definition.
        positive: the class that precision, recall and F1 are of; none for the mean over all.
        second: for a pair of texts: where the second stands in a document's `meta`.
        first_called: what the first text of a pair is called in the prompt.
        second_called: what the second is called.
        certainty: ask how sure a class is.
        rules: what counts and what does not, a sentence each.
        examples: shown in every prompt.
        prompt: a jinja2 file of one's own, beside this one, instead of decoct's.
    """

    name: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")]
    about: Words = "You annotate biomedical text. Work only from the text you are given."
    language: Literal["en", "zh"] = "en"
    entities: dict[NonEmpty, Annotated[EntityType, BeforeValidator(_as_table)]] = Field(
        default_factory=dict
    )
    relations: dict[NonEmpty, RelationSettings] = Field(default_factory=dict)
    nested: bool = False
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    labels: dict[NonEmpty, str] = Field(default_factory=dict)
    positive: str | None = None
    second: NonEmpty | None = None
    first_called: Words = "Text"
    second_called: Words = "Second text"
    certainty: bool = True
    rules: tuple[Words, ...] = ()
    examples: tuple[ShownExample, ...] = ()
    prompt: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.entities) == bool(self.labels):
            raise ValueError("name entities to find, or labels to choose from, not both")
        if self.labels:
            self._check_labels()
        for name, relation in self.relations.items():
            for role, kinds in (("subject", relation.subject), ("object", relation.object)):
                for kind in kinds:
                    self._known(f"relations.{name}.{role}", kind, self.entities)
        for number, example in enumerate(self.examples):
            self._check_example(f"examples.{number}", example)
        return self

    def _check_labels(self) -> None:
        if len(self.labels) < 2:
            raise ValueError("labels: name two classes at least")
        if self.relations:
            raise ValueError("relations: are between entities, and there are none")
        if self.positive is not None:
            self._known("positive", self.positive, self.labels)

    def _check_example(self, where: str, example: ShownExample) -> None:
        for label, _ in example.spans:
            self._known(f"{where}.spans", label, self.entities)
        for label, _, _ in example.relations:
            self._known(f"{where}.relations", label, self.relations)
        if (example.label is None) == bool(self.labels):
            raise ValueError(f"{where}.label: {'is missing' if self.labels else 'is none here'}")
        if example.label is not None:
            self._known(f"{where}.label", example.label, self.labels)
        strings = [one[1] for one in example.spans]
        strings += [string for one in example.relations for string in one[1:]]
        for string in strings:
            if string not in example.text:
                raise ValueError(f"{where}: {string!r} is not in its text, letter for letter")

    @staticmethod
    def _known(where: str, name: str, known: Mapping[str, Any]) -> None:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(f"{where}: no {name!r}{nearest(name, known)}; there are: {listed}")

"""What a knowledge base is made of: entities, and mentions that are looked up in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from decoct.errors import RecordError
from decoct.records import Document, Span, describe

NonEmpty = Annotated[str, Field(min_length=1)]


class Entity(BaseModel):
    """An entry of a knowledge base: one concept and what it is called.

    Attributes:
        id: unique in the knowledge base, such as `DOID:14330` or `I21.9`.
        name: the preferred name.
        aliases: other names, each once, without the preferred one.
        definition: what it is, in a sentence or two; "" where there is none.
        types: semantic types, such as `T047` or `disease`.
        languages: name -> language tag (BCP 47, such as `zh`), for names whose language is known.
        alternatives: other ids that it goes by, such as those of entries merged into it.

    Raises:
        RecordError: from `from_json`; built directly, pydantic's ValidationError.

    Example:
        >>> Entity(id="271782001", name="Drowsy", aliases=("sleepy", "Drowsy")).names
        ('Drowsy', 'sleepy')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: NonEmpty
    name: NonEmpty
    aliases: tuple[NonEmpty, ...] = ()
    definition: str = ""
    types: tuple[NonEmpty, ...] = ()
    languages: dict[str, str] = Field(default_factory=dict)
    alternatives: tuple[NonEmpty, ...] = ()

    @field_validator("id", "name")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is blank")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """The preferred name and then the aliases, each once."""
        return tuple(dict.fromkeys((self.name, *self.aliases)))

    def merged(self, other: Entity) -> Entity:
        """Return one entity of two that have one id; what this one says goes first.

        Example:
            >>> one, two = Entity(id="C1", name="MI"), Entity(id="C1", name="heart attack")
            >>> one.merged(two).names
            ('MI', 'heart attack')
        """
        names = dict.fromkeys((*self.names, *other.names))
        del names[self.name]
        return Entity(
            id=self.id,
            name=self.name,
            aliases=tuple(names),
            definition=self.definition or other.definition,
            types=tuple(dict.fromkeys((*self.types, *other.types))),
            languages={**other.languages, **self.languages},
            alternatives=tuple(dict.fromkeys((*self.alternatives, *other.alternatives))),
        )

    @classmethod
    def from_json(cls, line: str | bytes) -> Self:
        """Check one JSONL line and make an entity of it.

        Raises:
            RecordError: with every fault in one line.
        """
        try:
            return cls.model_validate_json(line)
        except ValidationError as error:
            raise RecordError(describe(error)) from None

    def to_json(self) -> str:
        """Return the entity as one JSONL line, without the line end; what is empty is left out."""
        return self.model_dump_json(exclude_defaults=True)


@dataclass(frozen=True, slots=True)
class Query:
    """A mention to be looked up, with what stands around it.

    Attributes:
        text: the mention as it is written.
        context: the text around it, the mention included; "" where there is none.
        start: where the mention begins in `context`, in code points; 0 where there is none.
        end: where it ends there, one past its last code point.
        label: the span's label, such as `AdverseEffect`; "" where there is none.
    """

    text: str
    context: str = ""
    start: int = 0
    end: int = 0
    label: str = ""


def queries_of(
    document: Document, labels: frozenset[str] = frozenset()
) -> Iterator[tuple[Span, Query]]:
    """Yield each mention of a document and what it is looked up by.

    A document that is nothing but its mention gives a query without context.

    Args:
        document: its spans are the mentions.
        labels: only spans of these; empty for all.
    """
    for span in document.spans:
        if labels and span.label not in labels:
            continue
        if span.start == 0 and span.end == len(document.text):
            yield span, Query(span.text, label=span.label)
        else:
            yield span, Query(span.text, document.text, span.start, span.end, span.label)

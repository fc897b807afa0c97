"""The records that every part of decoct passes to every other: documents, spans, relations.

Small, frozen and checked when made. Offsets are half-open Unicode code-point offsets into
`Document.text` as it stands, never into a normalised copy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticSerializationError

from decoct.errors import RecordError

Source = Literal["gold", "silver", "predicted"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Offset = Annotated[int, Field(ge=0, strict=True)]
SILVER_META = frozenset({"backend", "model", "prompt_hash", "confidence", "ungrounded"})
MENTION = "Mention"  # the label of a span of which nothing more is said
Mark = tuple[int, int, str]
NonEmpty = Annotated[str, Field(min_length=1)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(_Record):
    """An entry of a knowledge base that a mention may mean.

    Attributes:
        id: the entity's.
        name: its preferred name.
        alias: the name that was matched, where it is another one.
        score: what candidates are ordered by, higher is better; comparable within one list.
        scores: what each part made of it, by its name: retrievers' similarities, a re-ranker's.
    """

    id: NonEmpty
    name: NonEmpty
    alias: str | None = None
    score: float | None = None
    scores: dict[str, float] = Field(default_factory=dict)


class Link(_Record):
    """Which entry of a knowledge base a mention means.

    Attributes:
        id: the entity's, or None for NIL: none of the knowledge base's.
        name: its preferred name, where it is known.
        confidence: probability 0 to 1, for silver and predicted links.
        also: other entities that are as right, such as those of "breast and ovarian cancer".
        candidates: those that were chosen from, best first.
    """

    id: NonEmpty | None = None
    name: str | None = None
    confidence: Probability | None = None
    also: tuple[NonEmpty, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that are right; none for NIL."""
        return () if self.id is None else (self.id, *self.also)

    def to_json(self) -> str:
        """Return the link as it stands in a document's JSONL line."""
        return json.dumps(_without_empty(self.model_dump(mode="json")), ensure_ascii=False)


class Span(_Record):
    """A stretch of a document's text with a label, such as a drug.

    Attributes:
        id: unique within the document.
        start: first code point.
        end: one past the last code point.
        label: the task's word for it, such as `Drug`.
        text: the surface, equal to `document.text[start:end]`.
        fragments: for a discontinuous span, its pieces as (start, end), in order, not touching.
        confidence: probability 0 to 1, for silver and predicted spans.
        link: the entry of a knowledge base that it means; None where nobody has looked.
    """

    id: NonEmpty
    start: Offset
    end: Offset
    label: NonEmpty
    text: NonEmpty
    fragments: Annotated[tuple[tuple[Offset, Offset], ...], Field(min_length=1)] | None = None
    confidence: Probability | None = None
    link: Link | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"span {self.id}: end {self.end} is not after start {self.start}")
        if self.fragments is not None:
            edges = [edge for fragment in self.fragments for edge in fragment]
            if edges != sorted(set(edges)) or edges[0] != self.start or edges[-1] != self.end:
                raise ValueError(
                    f"span {self.id}: fragments {list(self.fragments)} must rise without touching "
                    f"from {self.start} to {self.end}"
                )
        return self

    def overlaps(self, other: Span) -> bool:
        """Whether the two share at least one character."""
        return self.start < other.end and other.start < self.end


class Relation(_Record):
    """A directed link between two spans of one document, such as drug -> adverse effect.

    Attributes:
        label: the task's word for it, such as `ADE`.
        subject: id of the subject's span.
        object: id of the object's span.
        confidence: probability 0 to 1, for silver and predicted relations.
    """

    label: NonEmpty
    subject: NonEmpty
    object: NonEmpty
    confidence: Probability | None = None


class Document(_Record):
    """One text and what is known of it; one line of a JSONL file.

    Attributes:
        id: unique within a file.
        text: the text that every offset points into.
        source: who made the annotations: gold (human), silver (teacher), predicted (model), or None
            where there are none yet.
        spans: the marked stretches.
        relations: links between spans.
        label: the class of the whole text, for classification tasks.
        meta: anything else; silver carries backend, model, prompt_hash, confidence, and
            `ungrounded`, the relations whose strings could not be found in the text.

    Raises:
        RecordError: from `from_dict` and `from_json`; built directly, pydantic's ValidationError.

    Example:
        >>> drug = Span(id="T1", start=12, end=24, label="Drug", text="azithromycin")
        >>> text = "Intravenous azithromycin-induced ototoxicity."
        >>> doc = Document(id="d1", text=text, spans=[drug])
        >>> doc.spans[0].text
        'azithromycin'
    """

    id: NonEmpty
    text: str
    source: Source | None = None
    spans: tuple[Span, ...] = ()
    relations: tuple[Relation, ...] = ()
    label: str | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        seen: set[str] = set()
        for span in self.spans:
            if span.id in seen:
                raise ValueError(f"span id {span.id} occurs twice")
            seen.add(span.id)
            if span.end > len(self.text):
                raise ValueError(
                    f"span {span.id} is at {span.start}:{span.end}, "
                    f"the text has {len(self.text)} characters"
                )
            found = _surface(self.text, span)
            if found != span.text:
                raise ValueError(
                    f"span {span.id} says {_clip(span.text)} at {span.start}:{span.end}, "
                    f"the text there is {_clip(found)}"
                )
        for relation in self.relations:
            for role in (relation.subject, relation.object):
                if role not in seen:
                    raise ValueError(
                        f"relation {relation.label} names span {role}, which is not there"
                    )
        return self

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Check a parsed JSON object and make a document of it.

        Raises:
            RecordError: with every fault in one line.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise RecordError(describe(error)) from None

    @classmethod
    def from_json(cls, line: str | bytes) -> Self:
        """Check one JSONL line and make a document of it.

        Raises:
            RecordError: with every fault in one line.
        """
        try:
            return cls.model_validate_json(line)
        except ValidationError as error:
            raise RecordError(describe(error)) from None

    def to_json(self) -> str:
        """Return the document as one JSONL line, without the line end.

        Raises:
            RecordError: it can't be written as UTF-8 (a lone surrogate), or `meta` holds what JSON
                has no form for.
        """
        try:
            # by way of pydantic, which knows more types than json; json sets the spaces. No
            # serializer of our own in between: pydantic would take an interrupt for its fault
            record = json.loads(self.model_dump_json())
        except PydanticSerializationError as error:
            way_out = (
                "holds a lone surrogate, which UTF-8 has not; clean its strings"
                if "surrogate" in str(error)
                else f"can't be written as JSON; mend its meta ({error})"
            )
            raise RecordError(one_line(f"document {self.id!r} {way_out}")) from None
        for annotation in (*record["spans"], *record["relations"]):
            for name in ("fragments", "confidence", "link"):  # written only where there is one
                if annotation.get(name) is None:
                    annotation.pop(name, None)
            if "link" in annotation:
                annotation["link"] = _without_empty(annotation["link"])
        return json.dumps(record, ensure_ascii=False)

    def span(self, span_id: str) -> Span:
        """Return the span of that id."""
        for span in self.spans:
            if span.id == span_id:
                return span
        raise KeyError(span_id)

    def pairs(self, label: str | None = None) -> list[tuple[Relation, Span, Span]]:
        """Return (relation, subject span, object span) for each relation, or those of one label."""
        by_id = {span.id: span for span in self.spans}
        return [
            (relation, by_id[relation.subject], by_id[relation.object])
            for relation in self.relations
            if label is None or relation.label == label
        ]

    def bare(self) -> Document:
        """Return the document without annotations, also those a teacher put into its meta."""
        meta = {key: value for key, value in self.meta.items() if key not in SILVER_META}
        return Document(id=self.id, text=self.text, meta=meta)

    def __repr__(self) -> str:
        source = f", {self.source}" if self.source else ""
        return (
            f"Document({self.id!r}, {_clip(self.text)}, {len(self.spans)} spans, "
            f"{len(self.relations)} relations{source})"
        )


def number_annotations(
    text: str,
    marks: Mapping[Mark, float | None],
    links: Mapping[tuple[str, Mark, Mark], float | None],
) -> tuple[tuple[Span, ...], tuple[Relation, ...]]:
    """Make spans and relations of what was found, in order of place, ids `T1`, `T2`...

    Args:
        text: the document's text.
        marks: (start, end, label) -> confidence, or None where there is none.
        links: (label, subject's mark, object's mark) -> confidence; both marks are in `marks`.
    """
    ids = {mark: f"T{number}" for number, mark in enumerate(sorted(marks), start=1)}
    spans = tuple(
        Span(
            id=id_,
            start=start,
            end=end,
            label=label,
            text=text[start:end],
            confidence=marks[start, end, label],
        )
        for (start, end, label), id_ in ids.items()
    )
    relations = tuple(
        Relation(label=label, subject=ids[subject], object=ids[target], confidence=confidence)
        for (label, subject, target), confidence in sorted(links.items(), key=lambda item: item[0])
    )
    return spans, relations


def describe(error: ValidationError, *, quote: bool = True, without: str = "") -> str:
    """Return pydantic's findings as one line: `path: message (got value)`, joined by semicolons.

    Args:
        error: what pydantic raised.
        quote: whether to show values; not where they may be a document's text.
        without: a type of finding to leave out.
    """
    parts = []
    for fault in error.errors(include_url=False):
        if fault["type"] == without:
            continue
        path = ".".join(str(step) for step in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        got = fault.get("input")
        shown = quote and path and isinstance(got, str | int | float | None)
        parts.append(
            (f"{path}: " if path else "") + message + (f" (got {_clip(got)})" if shown else "")
        )
    return one_line("; ".join(dict.fromkeys(parts)))


def one_line(text: str) -> str:
    """Return a message with its line ends shown as such; ids and keys may hold any character."""
    return "".join(repr(char)[1:-1] if not char.isprintable() else char for char in text)


def _without_empty(link: dict[str, Any]) -> dict[str, Any]:
    """Return a link with what is there only, but its id always: null there says NIL."""
    candidates = [
        {key: value for key, value in candidate.items() if value not in (None, {})}
        for candidate in link["candidates"]
    ]
    kept = {**link, "candidates": candidates}
    return {key: value for key, value in kept.items() if key == "id" or value not in (None, [])}


def _surface(text: str, span: Span) -> str:
    if span.fragments is None:
        return text[span.start : span.end]
    return " ".join(text[start:end] for start, end in span.fragments)


def _clip(value: object, limit_chars: int = 40) -> str:
    shown = repr(value)
    return shown if len(shown) <= limit_chars else f"{shown[:limit_chars]}…"

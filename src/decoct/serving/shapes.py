"""What requests look like, and how they become documents and queries.

A body that does not fit is answered with the path of what is wrong, and the id of the document that
it is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, from_json

from decoct.kb.base import Query
from decoct.privacy.settings import DeidentifySettings, How
from decoct.records import Document, Relation, Span, one_line
from decoct.serving.refusals import Refusal
from decoct.serving.settings import ServeSettings

_SHOWN_ID_CHARS = 100


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _OrText(_Shape):
    """A shape that may be given as its text alone."""

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, data: Any) -> Any:  # noqa: ANN401 (whatever the body holds)
        return {"text": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}


class DocumentIn(_OrText):
    """A document: a text alone, or with what is known of it.

    Attributes:
        id: comes back with the answer; the document's number in the request, if there is none.
        text: what is read.
        spans: of it; for linking, de-identifying and given subjects.
        relations: between them.
        label: the class of the whole text; de-identifying keeps it.
        source: who made the annotations.
        meta: anything else; a pair's second text stands there.
    """

    id: Annotated[str, Field(min_length=1)] | None = None
    text: str
    spans: tuple[Span, ...] = ()
    relations: tuple[Relation, ...] = ()
    label: str | None = None
    source: str | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    def to_document(self, number: int) -> Document:
        """Return the record, checked.

        Raises:
            ValidationError: offsets or references contradict each other.
        """
        values = {name: getattr(self, name) for name in self.model_fields_set}
        return Document.model_validate({**values, "id": self.id or str(number)})


class MentionIn(_OrText):
    """A mention: its text alone, or with what stands around it.

    Attributes:
        text: the mention as it is written.
        context: the text around it, the mention included.
        start: where it begins in `context`, in code points.
        end: where it ends there.
        label: its type, such as `AdverseEffect`.
    """

    text: Annotated[str, Field(min_length=1)]
    context: str = ""
    start: Annotated[int, Field(ge=0, strict=True)] = 0
    end: Annotated[int, Field(ge=0, strict=True)] = 0
    label: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.context or self.end) and self.context[self.start : self.end] != self.text:
            raise ValueError("text is not what stands at start:end of context")
        return self

    def to_query(self) -> Query:
        """Return what a linker takes."""
        return Query(**self.model_dump())


class _Documents(_Shape):
    """A body with one text, or with documents."""

    text: str | None = None
    documents: tuple[DocumentIn, ...] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.text is None) == (self.documents is None):
            raise ValueError("give either text or documents")
        return self

    @property
    def is_single(self) -> bool:
        """Whether the answer is one document and no list."""
        return self.documents is None


class ExtractIn(_Documents):
    """What `/v1/extract` takes.

    Attributes:
        text: one text; the answer is one document.
        documents: any number; the answer is a list of documents, in order.
        given_subjects: take the subjects from the documents' own spans.
        link: link the spans; null for doing it where a linker is loaded.
    """

    given_subjects: Annotated[bool, Field(strict=True)] = False
    link: Annotated[bool, Field(strict=True)] | None = None


class LinkIn(_Shape):
    """What `/v1/link` takes.

    Attributes:
        mentions: that stand alone, or with what is around them; the answer is a list of links.
        documents: with spans; the answer is a list of documents.
    """

    mentions: tuple[MentionIn, ...] | None = None
    documents: tuple[DocumentIn, ...] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.mentions is None) == (self.documents is None):
            raise ValueError("give either mentions or documents")
        return self


class DeidentifyOptions(_Shape):
    """How documents are de-identified.

    Attributes:
        how: mask (each character a sign), tag (`[NAME]`) or replace (by a stand-in).
        patterns: also take what has the form of PHI.
        number_tags: `[NAME_1]`, the same number for the same person.
        keep_spans: PHI spans go on marking what stands for them.
        new_ids: documents get other ids.
        day_first: 03/04 is in April, where no other date tells.
    """

    how: How = "replace"
    patterns: bool = True
    number_tags: bool = False
    keep_spans: bool = False
    new_ids: bool = False
    day_first: bool = False

    def to_settings(self) -> DeidentifySettings:
        """Return what the de-identifier takes."""
        names = DeidentifyOptions.model_fields
        return DeidentifySettings(**{name: getattr(self, name) for name in names})


class DeidentifyIn(DeidentifyOptions, _Documents):
    """What `/v1/deidentify` takes: documents, and how."""


class ExtractLinesOptions(_Shape):
    """Of `/v1/extract` with NDJSON, in the query; see `ExtractIn`."""

    given_subjects: bool = False
    link: bool | None = None


class LinkLinesOptions(_Shape):
    """Of `/v1/link` with NDJSON: there are none."""


S = TypeVar("S", bound=BaseModel)


def parse(shape: type[S], body: bytes) -> S:
    """Return a body as the shape that it should have.

    Raises:
        Refusal: it is no JSON, or does not fit.
    """
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise _explained(error, body) from None


def parse_options(shape: type[S], query: Iterable[tuple[str, str]]) -> S:
    """Return a query string's parameters as the shape that they should have.

    Raises:
        Refusal: one is unknown or wrong.
    """
    try:
        return shape.model_validate(dict(query))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = str(fault["loc"][0])
        raise Refusal(422, "bad_option", _said(fault), field=f"query.{name}") from None


def to_documents(asked: _Documents | LinkIn, settings: ServeSettings) -> list[tuple[Document, int]]:
    """Return a body's documents and how much work each is, in characters.

    Raises:
        Refusal: there are too many, one is too long, or contradicts itself.
    """
    text = getattr(asked, "text", None)
    if text is not None:
        return [to_document(DocumentIn(text=text), 1, settings, "text", named=False)]
    given = asked.documents or ()
    check_count(given, "documents", settings)
    return [
        to_document(one, number, settings, f"documents.{number - 1}")
        for number, one in enumerate(given, start=1)
    ]


def to_document(
    given: DocumentIn, number: int, settings: ServeSettings, field: str, *, named: bool = True
) -> tuple[Document, int]:
    """Return a document and its characters.

    Args:
        given: as it came.
        number: its id, if it has none.
        settings: the most characters.
        field: its path in the body, for what is said of it.
        named: whether `field` is the document's and not its text's.

    Raises:
        Refusal: it is too long, or contradicts itself.
    """
    id_ = given.id or str(number)
    if len(given.text) > settings.max_chars:
        raise Refusal(
            413,
            "text_too_long",
            f"the text has {len(given.text)} characters, {settings.max_chars} are the most; "
            "cut it into several documents",
            field=f"{field}.text" if named else field,
            document=_shown(id_),
        )
    try:
        return given.to_document(number), max(1, len(given.text))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        path = ".".join([field, *map(str, fault["loc"])])
        raise Refusal(422, "bad_document", _said(fault), field=path, document=_shown(id_)) from None


def to_queries(mentions: Sequence[MentionIn], settings: ServeSettings) -> list[tuple[Query, int]]:
    """Return mentions as a linker takes them, and how much work each is.

    Raises:
        Refusal: there are too many, or one is too long.
    """
    check_count(mentions, "mentions", settings)
    for number, mention in enumerate(mentions):
        for name in ("text", "context"):
            if (n_chars := len(getattr(mention, name))) > settings.max_chars:
                raise Refusal(
                    413,
                    "text_too_long",
                    f"the {name} has {n_chars} characters, {settings.max_chars} are the most",
                    field=f"mentions.{number}.{name}",
                )
    return [(one.to_query(), max(1, len(one.text) + len(one.context))) for one in mentions]


def check_count(given: Sequence[object], field: str, settings: ServeSettings) -> None:
    """See that a list is not too long.

    Raises:
        Refusal: it is.
    """
    if len(given) > settings.max_documents:
        raise Refusal(
            413,
            "too_many",
            f"{len(given)} {field}, {settings.max_documents} are the most of a request; send "
            "several requests, or documents as application/x-ndjson",
            field=field,
        )


def _explained(error: ValidationError, body: bytes) -> Refusal:
    fault = error.errors(include_url=False, include_input=False)[0]
    if fault["type"] == "json_invalid":
        return Refusal(400, "bad_json", one_line(f"the body is not JSON: {fault['msg']}"))
    path = [str(step) for step in fault["loc"]]
    document = _id_at(body, path[1]) if path[:1] == ["documents"] and len(path) > 1 else None
    return Refusal(422, "bad_field", _said(fault), field=".".join(path) or None, document=document)


def _said(fault: Any) -> str:  # noqa: ANN401 (pydantic's)
    return one_line(str(fault["msg"]).removeprefix("Value error, "))


def _id_at(body: bytes, place: str) -> str | None:
    """Return the id of the document at a place in a body that does not fit."""
    try:
        found = from_json(body)["documents"][int(place)]["id"]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return _shown(found) if isinstance(found, str) else None


def _shown(id_: str) -> str:
    return one_line(id_[:_SHOWN_ID_CHARS])

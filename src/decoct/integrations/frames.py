"""A student over a column of texts: pandas, polars and what else narwhals knows.

decoct.extract(frame["text"], "student/")                    # a row for each relation
decoct.extract(frame["text"], "student/", rows="spans")
decoct.extract(["Rash after amoxicillin."], "student/")      # documents, without a frame
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from decoct.errors import ConfigError, FormatError, MissingExtraError
from decoct.integrations.pipeline import Pipeline, pipeline
from decoct.records import Document, Link, Span
from decoct.student.loading import AnyStudent
from decoct.student.student import Student

if TYPE_CHECKING:
    from decoct.linker.linker import Linker

Rows = Literal["auto", "relations", "spans", "labels"]
ROW = "row"
_FLOAT, _INT, _TEXT = "float", "int", "text"
_SPAN = {"text": _TEXT, "start": _INT, "end": _INT, "label": _TEXT}
_LINK = {"entity": _TEXT, "name": _TEXT}
_SURE = {"confidence": _FLOAT}
Columns = dict[str, str]
Row = dict[str, Any]


def extract(
    texts: Any,  # noqa: ANN401 (a column of any library that narwhals knows)
    student: str | Path | AnyStudent,
    *,
    linker: str | Path | Linker | None = None,
    rows: Rows = "auto",
) -> Any:  # noqa: ANN401
    """Annotate texts with a student; of a frame's column, give a frame.

    Args:
        texts: a pandas or polars Series, of strings and nulls, or a text, a document, or any number
            of either.
        student: a student's folder, a hub id, or a student that is loaded.
        linker: links the spans: a linker's folder, or a linker that is loaded.
        rows: of the frame: one for each relation, span or text; `auto` takes what the student
            finds. A text without any gives no row, but for labels.

    Returns:
        For a Series, a frame of its library. A pandas frame has the index of the Series, as often
        as there are rows, so that `frame.join(found)` puts them together; others have the place of
        the text in the column `row`, from 0. Its columns for relations are `relation`,
        `confidence`, and for both ends `subject_text`, `subject_start`, `subject_end` (code
        points), `subject_label`, with a linker `subject_entity` and `subject_name`; for spans
        `text`, `start`, `end`, `label`, `confidence`; for labels `label`, `confidence`.
        For anything else, a document or an iterator of documents, as `Student.extract`.

    Raises:
        ArtifactError: the student or the linker can't be loaded.
        ConfigError: the student finds no such rows.
        FormatError: a row holds something else than a text or null.
        MissingExtraError: narwhals is not installed, or what runs the student.
    """
    pipe = pipeline(student, linker=linker)
    if isinstance(texts, str | Document | list | tuple | Iterator):
        return _of_documents(texts, pipe)
    try:
        import narwhals
    except ImportError:
        raise MissingExtraError("narwhals", "frames", "extracting from a frame's column") from None
    try:
        column = narwhals.from_native(texts, series_only=True)
    except TypeError:
        return _of_documents(texts, pipe)
    kind = _rows(pipe.student, rows)
    columns = _columns(kind, linked=pipe.linker is not None)
    places, found = _found(column.to_list(), pipe, kind)
    types = {_TEXT: narwhals.String(), _INT: narwhals.Int64(), _FLOAT: narwhals.Float64()}
    schema = narwhals.Schema({name: types[type_] for name, type_ in columns.items()})
    backend = column.implementation
    frame = narwhals.from_dict(
        {name: [row[name] for row in found] for name in columns}, schema, backend=backend
    )
    index = narwhals.maybe_get_index(column)
    if index is not None:
        made = frame.to_native()
        made.index = index[places]
        return made
    numbers = narwhals.new_series(ROW, places, narwhals.Int64, backend=backend)
    return frame.select(numbers, narwhals.all()).to_native()


def _of_documents(texts: Any, pipe: Pipeline) -> Document | Iterator[Document]:  # noqa: ANN401
    if isinstance(texts, str | Document):
        return next(pipe.documents([texts]))
    if not isinstance(texts, Iterable):
        raise FormatError(f"texts: a {type(texts).__name__} is none; give a text or several")
    return pipe.documents(texts)


def _rows(student: AnyStudent, rows: Rows) -> Rows:
    finds: tuple[Rows, ...] = ("labels",)
    if isinstance(student, Student):
        finds = ("relations", "spans") if student.card.relation_types else ("spans",)
    if rows == "auto":
        return finds[0]
    if rows not in finds:
        raise ConfigError(
            f"rows: a student of task {student.card.task!r} finds {' and '.join(finds)}, not {rows}"
        )
    return rows


def _columns(rows: Rows, linked: bool) -> Columns:
    if rows == "labels":
        return {"label": _TEXT, **_SURE}
    span = {**_SPAN, **(_LINK if linked else {})}
    if rows == "spans":
        return {**span, **_SURE}
    ends = ((end, name, kind) for end in ("subject", "object") for name, kind in span.items())
    return {"relation": _TEXT, **{f"{end}_{name}": kind for end, name, kind in ends}, **_SURE}


def _found(texts: list[object], pipe: Pipeline, rows: Rows) -> tuple[list[int], list[Row]]:
    """Return which text each row is of, and the rows."""
    asked = (_document(place, text) for place, text in enumerate(texts) if not _is_null(text))
    by_place = {int(document.id): document for document in pipe.documents(asked)}
    if rows == "labels":
        return list(range(len(texts))), [_label(by_place.get(n)) for n in range(len(texts))]
    read = _relations if rows == "relations" else _spans
    pairs = [(place, row) for place, one in by_place.items() for row in read(one)]
    return [place for place, _ in pairs], [row for _, row in pairs]


def _is_null(text: object) -> bool:
    return text is None or text != text  # not a number, as pandas has it


def _document(place: int, text: object) -> Document:
    if not isinstance(text, str):
        raise FormatError(f"row {place}: a {type(text).__name__} is no text; make it a string")
    return Document(id=str(place), text=text)


def _label(document: Document | None) -> Row:
    if document is None:
        return {"label": None, "confidence": None}
    return {"label": document.label, "confidence": document.meta.get("confidence")}


def _spans(document: Document) -> Iterator[Row]:
    for span in document.spans:
        yield {**_span(span), "confidence": span.confidence}


def _relations(document: Document) -> Iterator[Row]:
    for relation, subject, target in document.pairs():
        ends = chain(_named("subject", subject), _named("object", target))
        yield {"relation": relation.label, **dict(ends), "confidence": relation.confidence}


def _named(end: str, span: Span) -> Iterator[tuple[str, Any]]:
    for name, value in _span(span).items():
        yield f"{end}_{name}", value


def _span(span: Span) -> Row:
    link = span.link or Link()
    return {
        **{name: getattr(span, name) for name in _SPAN},
        "entity": link.id,
        "name": link.name,
    }

"""Documents made of BioC JSON's shape, wherever it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from decoct.errors import Faults, RecordError
from decoct.formats import _bioc
from decoct.formats._offsets import (
    Convert,
    Unit,
    fragments_of,
    reading,
    same_letters,
    surface_of,
    writing,
)
from decoct.records import Document, Relation, Span, describe

Infons = dict[str, str]


class _Part(BaseModel):
    """A part of BioC; what others add to it is passed over."""

    model_config = ConfigDict(coerce_numbers_to_str=True)
    infons: Infons = Field(default_factory=dict)

    @field_validator("infons", mode="before")
    @classmethod
    def _strings(cls, value: object) -> object:
        """Infons of JSON may be numbers, truth values or nothing."""
        if not isinstance(value, Mapping):
            return {} if value is None else value
        return {str(k): one if isinstance(one, str) else str(one) for k, one in value.items()
                if one is not None}  # fmt: skip


class _Location(BaseModel):
    offset: int
    length: int


class _Annotation(_Part):
    id: str | None = None
    text: str | None = None
    locations: list[_Location] = []


class _Node(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    refid: str = ""
    role: str = ""


class _Relation(_Part):
    id: str | None = None
    nodes: list[_Node] = []


class _Passage(_Part):
    offset: int = 0
    text: str | None = None
    annotations: list[_Annotation] = []
    relations: list[_Relation] = []
    sentences: list[_Passage] = []


class _Document(_Part):
    id: str
    passages: list[_Passage] = []
    annotations: list[_Annotation] = []
    relations: list[_Relation] = []


@dataclass(slots=True)
class _Piece:
    """A stretch of the text that annotations are placed in.

    Attributes:
        start: of it in the text, in code points.
        text: its text.
        offset: of it as the file has it, in the file's unit.
        part: the passage or sentence.
    """

    start: int
    text: str
    offset: int
    part: _Passage


@dataclass(slots=True)
class _Found:
    where: str
    faults: Faults
    spans: dict[str, Span] = field(default_factory=dict)
    infons: dict[str, Infons] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    relation_infons: list[Infons] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)


def from_bioc(
    data: object, where: str, faults: Faults, unit: Unit = "codepoints"
) -> Document | None:
    """Make a document of BioC.

    Passages are put where their offsets say; one that would overlap the one before, or is far off,
    comes after it on a new line. Annotations are placed relative to their passage.

    Args:
        data: what stands in `documents` of BioC JSON.
        where: for messages.
        faults: gets what can't be read, placed or resolved.
        unit: what offsets count.

    Returns:
        None where it is no document at all, which is a fault.
    """
    try:
        document = _Document.model_validate(data)
    except ValidationError as error:
        faults.add(where, f"not a BioC document: {describe(error, quote=False)}", "bad_document")
        return None
    where = f"{where}: document {document.id!r}"
    text, pieces = _text(document, unit)
    found = _Found(where, faults)
    for piece in pieces:
        points = reading(text[piece.start :], unit)  # an annotation may reach the next passage
        ids: dict[str | None, str] = {}
        for one in piece.part.annotations:
            ids[one.id] = _take(found, one, text, piece, points) or ids.get(one.id, "")
        for relation in piece.part.relations:
            _relate(found, relation, ids)
    for annotation in document.annotations:
        _take(found, annotation, text, _Piece(0, text, 0, _Passage()), reading(text, unit))
    for relation in document.relations:
        _relate(found, relation, {})
    try:
        known, meta = _bioc.read_document_infons(document.infons)
        known.setdefault("source", "gold" if found.spans else None)
        return Document.from_dict(
            {
                "id": document.id,
                "text": text,
                "spans": tuple(found.spans.values()),
                "relations": tuple(found.relations),
                "meta": {**meta, **_structure(found, pieces)},
                **known,
            }
        )
    except (ValueError, RecursionError) as error:
        faults.add(where, str(error), "bad_document")
        return None


def _text(document: _Document, unit: Unit) -> tuple[str, list[_Piece]]:
    """Put passages, or their sentences, together; pieces are in order and do not overlap."""
    parts: list[str] = []
    pieces: list[_Piece] = []
    length = n_units = 0
    for one in _stretches(document.passages):
        text = one.text or ""
        gap = one.offset - n_units
        if not 0 <= gap <= _bioc.MAX_GAP_CHARS:
            gap = 1 if pieces else 0
        parts += (_bioc.filler(gap), text)
        pieces.append(_Piece(length + gap, text, one.offset, one))
        length += gap + len(text)
        n_units = max(n_units, one.offset) + writing(text, unit)([len(text)])[0]
    return "".join(parts), pieces


def _stretches(passages: Sequence[_Passage]) -> Iterator[_Passage]:
    for passage in passages:
        if passage.text is None and passage.sentences:
            first = passage.sentences[0]
            first.infons = {**passage.infons, **first.infons}
            first.annotations += passage.annotations
            yield from passage.sentences
            passage.sentences[-1].relations += passage.relations
        else:
            for sentence in passage.sentences:
                passage.annotations += sentence.annotations
                passage.relations += sentence.relations
            yield passage


def _take(
    found: _Found, annotation: _Annotation, text: str, piece: _Piece, points: Convert
) -> str | None:
    """Add an annotation and return its span's id; None where it can't be placed."""
    id_ = annotation.id or f"T{len(found.spans) + 1}"
    try:
        places = [_place(location, piece, points) for location in annotation.locations]
        if not places or any(start >= end for start, end in places):
            raise RecordError(f"annotation {id_!r} has an empty location, or none")
        fragments = fragments_of(places)
        surface = surface_of(text, fragments)
        if annotation.text is not None and not same_letters(surface, annotation.text):
            raise RecordError(f"the text has another string than annotation {id_!r}")
        known, infons = _bioc.read_span_infons(annotation.infons)
    except ValueError as error:
        found.faults.add(found.where, str(error).splitlines()[0], "bad_offsets")
        return None
    unique, number = id_, 2
    while unique in found.spans:
        unique, number = f"{id_}.{number}", number + 1
    found.spans[unique] = Span(
        id=unique,
        start=fragments[0][0],
        end=fragments[-1][1],
        text=surface,
        fragments=tuple(fragments) if len(fragments) > 1 else None,
        **known,
    )
    if infons:
        found.infons[unique] = infons
    return unique


def _place(location: _Location, piece: _Piece, points: Convert) -> tuple[int, int]:
    start = location.offset - piece.offset
    first, last = points([start, start + location.length])
    return piece.start + first, piece.start + last


def _relate(found: _Found, relation: _Relation, ids: Mapping[str | None, str]) -> None:
    known, infons = _bioc.read_relation_infons(relation.infons)
    ends = [ids.get(node.refid, node.refid) for node in relation.nodes]
    roles = [node.role.casefold() for node in relation.nodes]
    if len(ends) == 2 and all(end in found.spans for end in ends):
        if roles == ["object", "subject"]:
            ends.reverse()
        found.relations.append(Relation(subject=ends[0], object=ends[1], **known))
        found.relation_infons.append(infons)
        return
    nodes = [{"refid": node.refid, "role": node.role} for node in relation.nodes]
    found.others.append({"id": relation.id or "", "infons": relation.infons, "nodes": nodes})


def _structure(found: _Found, pieces: Sequence[_Piece]) -> dict[str, Any]:
    """Return what of BioC's own structure is to be kept in meta."""
    meta: dict[str, Any] = {}
    if len(pieces) > 1 or any(piece.part.infons for piece in pieces):
        meta[_bioc.PASSAGES] = [
            {"start": one.start, "end": one.start + len(one.text), "infons": one.part.infons}
            for one in pieces
        ]
    if found.infons:
        meta[_bioc.ANNOTATIONS] = found.infons
    if any(found.relation_infons):
        meta[_bioc.RELATIONS] = found.relation_infons
    if found.others:
        meta[_bioc.OTHER_RELATIONS] = found.others
    return meta

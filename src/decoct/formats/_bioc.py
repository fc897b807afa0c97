"""Documents made of BioC, and BioC made of them, in the shape that BioC JSON has.

A document becomes one passage, or those that it was read with (`meta["passages"]`). What BioC has
no field for stands in infons: `type` is a span's or relation's label, `identifier` its concept ids,
`confidence` a probability; of a document `source` and `label`. Strings of meta are infons too; what
is not a string, or not one that XML can hold, is JSON in the infon `decoct:meta`, and a link with
more to it than ids in `decoct:link`.

Source: Comeau et al. 2013, "BioC: a minimalist approach to interoperability for biomedical text
processing", Database; infons as PubTator has them (Wei et al. 2019, Nucleic Acids Res 47).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from decoct.formats._concepts import read_link, write_link
from decoct.formats._offsets import Convert, Unit, writing
from decoct.formats._xml import FORBIDDEN
from decoct.records import Document, Link, Source, Span

PASSAGES, ANNOTATIONS, RELATIONS = "passages", "annotation_infons", "relation_infons"
OTHER_RELATIONS = "other_relations"
META, LINK = "decoct:meta", "decoct:link"
MAX_GAP_CHARS = 100_000
_NO_SOURCE = "none"  # annotated by nobody knows whom; without the infon, a person did it
_SOURCES = frozenset({*get_args(Source), _NO_SOURCE})
_STRUCTURE = frozenset({PASSAGES, ANNOTATIONS, RELATIONS, OTHER_RELATIONS})
_OF_DOCUMENT = frozenset({"source", "label", META})
_OF_SPAN = frozenset({"type", "identifier", "confidence", LINK})
_OF_RELATION = frozenset({"type", "confidence"})
Infons = dict[str, str]


def to_bioc(document: Document, unit: Unit = "codepoints") -> dict[str, Any]:
    """Return a document as BioC JSON has it.

    Args:
        document: the document.
        unit: what offsets and lengths shall count.
    """
    units = writing(document.text, unit)
    passages: list[dict[str, Any]] = [
        {
            "bioctype": "BioCPassage",
            "offset": units([start])[0],
            "infons": infons,
            "text": document.text[start:end],
            "sentences": [],
            "annotations": [],
            "relations": [],
        }
        for start, end, infons in _passages(document)
    ]
    edges = [passage["offset"] for passage in passages]
    more = _infons_by_id(document.meta.get(ANNOTATIONS))
    for span in document.spans:
        annotation = _annotation(document.text, span, more.get(span.id, {}), units)
        offset = annotation["locations"][0]["offset"]
        place = max((n for n, edge in enumerate(edges) if edge <= offset), default=0)
        passages[place]["annotations"].append(annotation)
    return {
        "bioctype": "BioCDocument",
        "id": document.id,
        "infons": _document_infons(document),
        "passages": passages,
        "annotations": [],
        "relations": list(_relations(document)),
    }


def filler(n_chars: int) -> str:
    """Return what stands between two passages: a line end, and spaces where there is more."""
    return "\n" + " " * (n_chars - 1) if n_chars > 0 else ""


def _passages(document: Document) -> list[tuple[int, int, Infons]]:
    """Return (start, end, infons) of the passages, which hold all of the text but fillers."""
    whole = [(0, len(document.text), Infons())]
    stated = document.meta.get(PASSAGES)
    if not isinstance(stated, list):
        return whole
    found: list[tuple[int, int, Infons]] = []
    last = 0
    for one in stated:
        if not isinstance(one, dict) or not _is_infons(one.get("infons")):
            return whole
        start, end, infons = one.get("start"), one.get("end"), one["infons"]
        if not (isinstance(start, int) and isinstance(end, int)) or not last <= start <= end <= len(
            document.text
        ):
            return whole
        if document.text[last:start] != filler(start - last) or start - last > MAX_GAP_CHARS:
            return whole
        found.append((start, end, infons))
        last = end
    return found if last == len(document.text) and found else whole


def _document_infons(document: Document) -> Infons:
    plain = {
        key: value
        for key, value in document.meta.items()
        if isinstance(value, str)
        and key not in _OF_DOCUMENT | _STRUCTURE
        and not FORBIDDEN.search(key + value)
    }
    rest = {k: v for k, v in document.meta.items() if k not in plain and not _said(document, k)}
    source = document.source or (_NO_SOURCE if document.spans else None)
    own = {"source": source, "label": document.label}
    if rest:
        own[META] = json.dumps(rest)
    return {**{key: value for key, value in own.items() if value is not None}, **plain}


def _said(document: Document, key: str) -> bool:
    """Whether BioC's own structure says what stands in meta under this key."""
    value = document.meta[key]
    if key == PASSAGES:
        stated = [{"start": a, "end": b, "infons": i} for a, b, i in _passages(document)]
        return bool(stated == value and _telling(stated))
    if key == ANNOTATIONS:
        ids = {span.id for span in document.spans}
        infons = _infons_by_id(value)
        reserved = any(_OF_SPAN & one.keys() or not one for one in infons.values())
        return infons == value and bool(value) and ids.issuperset(value) and not reserved
    if key == RELATIONS:
        return bool(_relation_infons(document) == value and any(value))
    return key == OTHER_RELATIONS and bool(value) and list(_others(value)) == value


def _telling(passages: Sequence[Mapping[str, Any]]) -> bool:
    return len(passages) > 1 or any(one["infons"] for one in passages)


def _annotation(text: str, span: Span, more: Infons, units: Convert) -> dict[str, Any]:
    pieces = span.fragments or ((span.start, span.end),)
    edges = units([edge for piece in pieces for edge in piece])
    infons = {"type": span.label}
    if span.link is not None:
        infons["identifier"] = write_link(span.link)
        odd = FORBIDDEN.search(infons["identifier"])
        if odd or read_link(infons["identifier"]) != span.link:
            infons[LINK] = json.dumps(span.link.model_dump(exclude_defaults=True))
    if span.confidence is not None:
        infons["confidence"] = repr(span.confidence)
    return {
        "id": span.id,
        "infons": {**more, **infons},
        "text": " ".join(text[start:end] for start, end in pieces),
        "locations": [
            {"offset": start, "length": end - start}
            for start, end in zip(edges[::2], edges[1::2], strict=True)
        ],
    }


def _relations(document: Document) -> Iterator[dict[str, Any]]:
    more = _relation_infons(document) or [Infons() for _ in document.relations]
    for number, (relation, infons) in enumerate(zip(document.relations, more, strict=True), 1):
        own = {"type": relation.label}
        if relation.confidence is not None:
            own["confidence"] = repr(relation.confidence)
        ends = {"subject": relation.subject, "object": relation.object}
        yield {
            "id": f"R{number}",
            "infons": {**infons, **own},
            "nodes": [{"refid": id_, "role": role} for role, id_ in ends.items()],
        }
    if _said_others(document):
        yield from _others(document.meta[OTHER_RELATIONS])


def _relation_infons(document: Document) -> list[Infons]:
    stated = document.meta.get(RELATIONS)
    if not isinstance(stated, list) or len(stated) != len(document.relations):
        return []
    if not all(_is_infons(one) and not _OF_RELATION & one.keys() for one in stated):
        return []
    return list(stated)


def _said_others(document: Document) -> bool:
    return OTHER_RELATIONS in document.meta and _said(document, OTHER_RELATIONS)


def _others(stated: object) -> Iterator[dict[str, Any]]:
    """Yield the relations that are not between two spans, as far as they are what BioC has."""
    for one in stated if isinstance(stated, list) else ():
        if not isinstance(one, dict) or set(one) != {"id", "infons", "nodes"}:
            continue
        nodes = one["nodes"]
        fits = isinstance(nodes, list) and all(
            _is_infons(node) and set(node) == {"refid", "role"} for node in nodes
        )
        if isinstance(one["id"], str) and _is_infons(one["infons"]) and fits:
            yield one


def _infons_by_id(stated: object) -> dict[str, Infons]:
    if not isinstance(stated, dict):
        return {}
    return {key: infons for key, infons in stated.items() if _is_infons(infons)}


def _is_infons(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(one, str) for key, one in value.items()
    )


def read_document_infons(infons: Infons) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (source and label, meta) of a document's infons.

    Raises:
        ValueError: `decoct:meta` is not JSON.
    """
    left = dict(infons)
    known: dict[str, Any] = {"label": left.pop("label", None)}
    if left.get("source") in _SOURCES:
        known["source"] = left.pop("source")
        if known["source"] == _NO_SOURCE:
            known["source"] = None
    rest = json.loads(left.pop(META)) if META in left else {}
    return known, {**left, **(rest if isinstance(rest, dict) else {})}


def read_span_infons(infons: Infons) -> tuple[dict[str, Any], Infons]:
    """Return (label, link and confidence, the other infons) of an annotation.

    Raises:
        ValueError: one of ours is not what it has to be.
    """
    left = {key: value for key, value in infons.items() if key not in _OF_SPAN}
    identifier = infons.get("identifier", "")
    if LINK in infons:
        link: Link | None = Link.model_validate_json(infons[LINK])
    else:
        link = None if identifier.strip() in ("", "-") else read_link(identifier)
    known = {"label": infons.get("type") or "Entity", "link": link}
    sure, odd = read_confidence(infons)
    return known | {"confidence": sure}, {**left, **odd}


def read_relation_infons(infons: Infons) -> tuple[dict[str, Any], Infons]:
    """Return (label and confidence, the other infons) of a relation."""
    left = {key: value for key, value in infons.items() if key not in _OF_RELATION}
    sure, odd = read_confidence(infons)
    return {"label": infons.get("type") or "Relation", "confidence": sure}, {**left, **odd}


def read_confidence(infons: Infons) -> tuple[float | None, Infons]:
    """Return an infon that is a probability, or the infon itself under another key."""
    stated = infons.get("confidence")
    try:
        value = None if stated is None else float(stated)
    except ValueError:
        value = -1.0
    if value is None or 0 <= value <= 1:
        return value, {}
    return None, {"stated_confidence": stated or ""}

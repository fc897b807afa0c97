"""Documents made of the lines of a BRAT `.ann` file.

Source: https://brat.nlplab.org/standoff.html; Stenetorp et al. 2012, "brat: a web-based tool for
NLP-assisted text annotation", EACL. Text-bound annotations, relations, events, attributes,
normalisations, equivalences and notes are read; whatever else begins a line is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from decoct.errors import Faults, RecordError
from decoct.formats._offsets import (
    Convert,
    Unit,
    fragments_of,
    reading,
    same_letters,
    surface_of,
)
from decoct.formats._standoff_extras import (
    EXTRAS,
    Attribute,
    Event,
    Extras,
    Note,
    implied,
    span_of,
)
from decoct.records import Document, Link, Relation, Span

CONFIDENCE = "Confidence"
NO_DATABASE, NIL = "_", "NIL"
_LINES: dict[str, re.Pattern[str]] = {
    "T": re.compile(r"(T\S*)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?", re.DOTALL),
    "R": re.compile(r"(R\S*)\t(\S+) [^\s:]+:(\S+) [^\s:]+:(\S+)\s*"),
    "E": re.compile(r"(E\S*)\t(\S+):(\S+)((?: \S+:\S+)*)\s*"),
    "A": re.compile(r"([AM]\S*)\t(\S+) (\S+)(?: (.*))?", re.DOTALL),
    "N": re.compile(r"(N\S*)\t(\S+) (\S+) ([^\s:]+):(\S+)(?:\t(.*))?", re.DOTALL),
    "#": re.compile(r"(#\S*)\t(\S+) (\S+)(?:\t(.*))?", re.DOTALL),
    "*": re.compile(r"(\*)\t(\S+)((?: \S+)+)\s*"),
}
_LINES["M"] = _LINES["A"]


@dataclass(slots=True)
class _Found:
    """What the lines of one document have brought so far; lines may come in any order."""

    text: str
    points: Convert
    spans: dict[str, Span] = field(default_factory=dict)
    relations: list[tuple[str, str, tuple[str, str, str]]] = field(default_factory=list)
    events: dict[str, Event] = field(default_factory=dict)
    attributes: list[tuple[str, Attribute]] = field(default_factory=list)
    links: list[tuple[str, str, str, str]] = field(default_factory=list)
    equivalents: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def read_standoff(
    id_: str, text: str, lines: Iterable[tuple[str, str]], faults: Faults, unit: Unit = "codepoints"
) -> Document:
    """Make a document of a text and the lines of its annotations.

    Args:
        id_: the document's.
        text: the text.
        lines: (where, line), for messages and without its end.
        faults: gets a line for each that can't be read, placed or resolved.
        unit: what offsets count.
    """
    found = _Found(text, reading(text, unit))
    for where, line in lines:
        if not line.strip():
            continue
        form = _LINES.get(line[0])
        match = form.fullmatch(line) if form else None
        if match is None:
            faults.add(
                where, f"not a line of BRAT standoff that begins with {line[0]!r}", "bad_line"
            )
            continue
        try:
            _TAKE[line[0]](found, where, match)
        except RecordError as error:
            faults.add(where, f"document {id_!r}: {error}", "bad_offsets")
    return _document(id_, found, faults)


def _take_span(found: _Found, where: str, match: re.Match[str]) -> None:
    del where
    id_, label, places, surface = match.groups()
    if id_ in found.spans:
        raise RecordError(f"{id_} occurs twice")
    edges = found.points([int(one) for one in re.split("[ ;]", places)])
    if any(start >= end for start, end in zip(edges[::2], edges[1::2], strict=True)):
        raise RecordError(f"{id_} is empty or ends before it starts, at {places}")
    pieces = fragments_of(list(zip(edges[::2], edges[1::2], strict=True)))
    text = surface_of(found.text, pieces)
    if surface is not None and not same_letters(text, surface):
        raise RecordError(f"the text has another string than {id_} at {places}")
    found.spans[id_] = Span(
        id=id_,
        start=pieces[0][0],
        end=pieces[-1][1],
        label=label,
        text=text,
        fragments=tuple(pieces) if len(pieces) > 1 else None,
    )


def _take_relation(found: _Found, where: str, match: re.Match[str]) -> None:
    found.relations.append((where, match[1], (match[2], match[3], match[4])))


def _take_event(found: _Found, where: str, match: re.Match[str]) -> None:
    del where
    parts = (part.rpartition(":") for part in match[4].split())
    arguments = tuple((role, target) for role, _, target in parts)
    event = Event(id=match[1], label=match[2], trigger=match[3], arguments=arguments)
    if found.events.setdefault(match[1], event) is not event:
        raise RecordError(f"{match[1]} occurs twice")


def _take_attribute(found: _Found, where: str, match: re.Match[str]) -> None:
    del where
    found.attributes.append((match[1], Attribute(name=match[2], target=match[3], value=match[4])))


def _take_link(found: _Found, where: str, match: re.Match[str]) -> None:
    database, entry = match[4], match[5]
    id_ = entry if database == NO_DATABASE else f"{database}:{entry}"
    found.links.append((where, match[3], id_, match[6] or ""))


def _take_note(found: _Found, where: str, match: re.Match[str]) -> None:
    del where
    found.notes.append(Note(kind=match[2], target=match[3], text=match[4] or ""))


def _take_equivalence(found: _Found, where: str, match: re.Match[str]) -> None:
    del where
    found.equivalents.append((match[2], *match[3].split()))


_TAKE: dict[str, Callable[[_Found, str, re.Match[str]], None]] = {
    "T": _take_span,
    "R": _take_relation,
    "E": _take_event,
    "A": _take_attribute,
    "M": _take_attribute,
    "N": _take_link,
    "#": _take_note,
    "*": _take_equivalence,
}


def _document(id_: str, found: _Found, faults: Faults) -> Document:
    relations, new_ids = _relations(found, faults)
    links = _links(found, faults)
    confidences: dict[str, float] = {}
    attributes = []
    for _, attribute in found.attributes:
        target = new_ids.get(attribute.target, attribute.target)
        sure = _probability(attribute)
        if sure is not None and (target in found.spans or target in new_ids.values()):
            confidences[target] = sure
        else:
            attributes.append(attribute.model_copy(update={"target": target}))
    spans = tuple(
        span.model_copy(update={"link": links.get(span.id), "confidence": confidences.get(span.id)})
        for span in found.spans.values()
    )
    plain = tuple(
        relation.model_copy(update={"confidence": confidences.get(f"R{number}")})
        for number, relation in enumerate(relations, start=1)
    )
    extras = Extras(
        attributes=tuple(attributes),
        events=tuple(found.events.values()),
        equivalents=tuple(found.equivalents),
        notes=tuple(
            note.model_copy(update={"target": new_ids.get(note.target, note.target)})
            for note in found.notes
        ),
    )
    shown = extras.model_dump(mode="json", exclude_defaults=True)
    of_events = list(implied(extras.events, found.spans.keys(), faults, id_))
    return Document(
        id=id_,
        text=found.text,
        source="gold" if spans else None,
        spans=spans,
        relations=(*plain, *of_events),
        meta={EXTRAS: shown} if shown else {},
    )


def _relations(found: _Found, faults: Faults) -> tuple[list[Relation], dict[str, str]]:
    """Return the relations of `R` lines, and file's id -> id by position, which notes refer to."""
    relations: list[Relation] = []
    new_ids: dict[str, str] = {}
    for where, id_, (label, first, second) in found.relations:
        ends = [span_of(one, found.spans.keys(), found.events) for one in (first, second)]
        subject, object_ = ends
        if subject is None or object_ is None:
            absent = first if subject is None else second
            faults.add(where, f"{id_} names {absent}, which is no span or event", "bad_reference")
            continue
        relations.append(Relation(label=label, subject=subject, object=object_))
        new_ids[id_] = f"R{len(relations)}"
    return relations, new_ids


def _links(found: _Found, faults: Faults) -> dict[str, Link]:
    named: dict[str, list[tuple[str, str]]] = {}
    for where, target, id_, name in found.links:
        if target in found.spans:
            named.setdefault(target, []).append((id_, name))
        else:
            faults.add(where, f"links {target}, which is no span", "bad_reference")
    links = {}
    for target, some in named.items():
        ids = [id_ for id_, _ in some if id_ != NIL]
        links[target] = Link(
            id=ids[0] if ids else None, name=some[0][1] or None, also=tuple(ids[1:])
        )
    return links


def _probability(attribute: Attribute) -> float | None:
    if attribute.name != CONFIDENCE or not re.fullmatch(r"[0-9.e+-]+", attribute.value or ""):
        return None
    try:
        value = float(attribute.value or "")
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None

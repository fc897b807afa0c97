"""The lines of a BRAT `.ann` file made of a document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from decoct.errors import Faults
from decoct.formats._offsets import Convert, Unit, surface_of, writing
from decoct.formats._standoff import CONFIDENCE, NIL, NO_DATABASE
from decoct.formats._standoff_extras import BREAKS, Event, implied, kept_extras
from decoct.records import Document, Link, Span

_PREFIXED = re.compile(r"[^\s:]+:\S+")
_OUR_ID = re.compile(r"T[0-9]+")


def standoff_lines(document: Document, unit: Unit = "codepoints") -> list[str]:
    """Return the lines of a document's `.ann`, without line ends."""
    ids = _ids(document)
    units = writing(document.text, unit)
    extras = kept_extras(document, ids.values())
    lines = [_span_line(document, span, ids[span.id], units) for span in document.spans]
    of_events = Counter(implied(extras.events, ids.values(), Faults(), ""))
    plain = []
    for relation in document.relations:
        update = {"subject": ids[relation.subject], "object": ids[relation.object]}
        renamed = relation.model_copy(update=update)
        if of_events[renamed] > 0:
            of_events[renamed] -= 1
        else:
            plain.append(renamed)
    for number, one in enumerate(plain, start=1):
        lines.append(f"R{number}\t{_word(one.label)} Arg1:{one.subject} Arg2:{one.object}")
    lines += [_event_line(event) for event in extras.events]
    sure = [(ids[span.id], span.confidence) for span in document.spans]
    sure += [(f"R{number}", one.confidence) for number, one in enumerate(plain, start=1)]
    attributes = [
        *(f"{CONFIDENCE} {id_} {value!r}" for id_, value in sure if value is not None),
        *(f"{a.name} {a.target}" + ("" if a.value is None else f" {a.value}")
          for a in extras.attributes),
    ]  # fmt: skip
    lines += [f"A{number}\t{line}" for number, line in enumerate(attributes, start=1)]
    named = [line for span in document.spans for line in _link_lines(ids[span.id], span.link)]
    lines += [f"N{number}\tReference {line}" for number, line in enumerate(named, start=1)]
    lines += [f"*\t{' '.join(group)}" for group in extras.equivalents]
    lines += [
        f"#{number}\t{note.kind} {note.target}\t{note.text}"
        for number, note in enumerate(extras.notes, start=1)
    ]
    return lines


def _ids(document: Document) -> dict[str, str]:
    """Return span id -> an id that BRAT has for it: its own where all of them are such."""
    if all(_OUR_ID.fullmatch(span.id) for span in document.spans):
        return {span.id: span.id for span in document.spans}
    return {span.id: f"T{number}" for number, span in enumerate(document.spans, start=1)}


def _span_line(document: Document, span: Span, id_: str, units: Convert) -> str:
    pieces = span.fragments or ((span.start, span.end),)
    edges = units([edge for piece in pieces for edge in piece])
    places = ";".join(f"{a} {b}" for a, b in zip(edges[::2], edges[1::2], strict=True))
    surface = surface_of(document.text, pieces)
    return f"{id_}\t{_word(span.label)} {places}\t{BREAKS.sub(' ', surface)}"


def _event_line(event: Event) -> str:
    arguments = "".join(f" {role}:{target}" for role, target in event.arguments)
    return f"{event.id}\t{event.label}:{event.trigger}{arguments}"


def _link_lines(id_: str, link: Link | None) -> Iterator[str]:
    if link is None:
        return
    name = BREAKS.sub(" ", link.name or "")
    for entry in link.ids or (NIL,):
        if re.fullmatch(r"\S+", entry):
            known = entry if _PREFIXED.fullmatch(entry) else f"{NO_DATABASE}:{entry}"
            yield f"{id_} {known}\t{name}"
            name = ""


def _word(label: str) -> str:
    return re.sub(r"\s", "_", label)

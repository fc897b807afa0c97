"""What BRAT says of a document beyond spans and relations; it is kept in the document's meta."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from pydantic import BaseModel, ConfigDict, ValidationError

from decoct.errors import Faults
from decoct.records import Document, Relation

_WORD = re.compile(r"\S+")
EXTRAS = "brat"  # the key in meta
BREAKS = re.compile(r"[\r\n\t\v\f\x1c-\x1e\x85\u2028\u2029]")


class _Extra(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribute(_Extra):
    """An `A` or `M` line: a flag, or a value, of an annotation."""

    name: str
    target: str
    value: str | None = None


class Event(_Extra):
    """An `E` line: a trigger and what takes part, (role, id) each; ids are of spans or events."""

    id: str
    label: str
    trigger: str
    arguments: tuple[tuple[str, str], ...] = ()


class Note(_Extra):
    """A `#` line."""

    kind: str
    target: str
    text: str = ""


class Extras(_Extra):
    """What BRAT says of a document that spans and relations can't."""

    attributes: tuple[Attribute, ...] = ()
    events: tuple[Event, ...] = ()
    equivalents: tuple[tuple[str, ...], ...] = ()
    notes: tuple[Note, ...] = ()

    def words(self) -> list[str]:
        """Return what must hold no white space."""
        events = [(one.id, one.label, one.trigger) for one in self.events]
        arguments = [pair for one in self.events for pair in one.arguments]
        flags = [(one.name, one.target) for one in self.attributes]
        notes = [(note.kind, note.target) for note in self.notes]
        return [word for some in (*events, *arguments, *flags, *notes, *self.equivalents)
                for word in some]  # fmt: skip

    def tails(self) -> list[str]:
        """Return what must hold no line end or tab."""
        return [one.value or "" for one in self.attributes] + [note.text for note in self.notes]


def kept_extras(document: Document, spans: Collection[str]) -> Extras:
    """Return what a document's meta keeps for BRAT; nothing where it could not be written as it is.

    Args:
        document: the document.
        spans: the ids that its spans will have.
    """
    try:
        extras = Extras.model_validate(document.meta.get(EXTRAS, {}))
    except ValidationError:
        return Extras()
    known = {*spans, *(event.id for event in extras.events)}
    named = [event.trigger for event in extras.events]
    named += [target for event in extras.events for _, target in event.arguments]
    fits = known.issuperset(named) and not any(map(BREAKS.search, extras.tails()))
    return extras if fits and all(map(_WORD.fullmatch, extras.words())) else Extras()


def implied(
    events: Iterable[Event], spans: Collection[str], faults: Faults, where: str
) -> Iterator[Relation]:
    """Yield a relation from its trigger to each argument of an event; roles lose their number."""
    by_id = {event.id: event for event in events}
    for event in by_id.values():
        for role, target in event.arguments:
            subject, object_ = span_of(event.id, spans, by_id), span_of(target, spans, by_id)
            if subject is None or object_ is None:
                absent = event.trigger if subject is None else target
                reason = f"{event.id} names {absent}, which is no span or event"
                faults.add(where, reason, "bad_reference")
            else:
                label = role.rstrip("0123456789") or role
                yield Relation(label=label, subject=subject, object=object_)


def span_of(id_: str, spans: Collection[str], events: dict[str, Event]) -> str | None:
    """Return the span that an id means: itself, or an event's trigger."""
    id_ = events[id_].trigger if id_ in events else id_
    return id_ if id_ in spans else None

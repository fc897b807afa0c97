"""What can be done to documents and mentions: one class for each, whose equals share batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from decoct.kb.base import Query
from decoct.privacy.deidentifier import Deidentified, Deidentifier
from decoct.privacy.settings import DeidentifySettings
from decoct.records import Document
from decoct.serving.models import Models

DEIDENTIFIED = "deidentified"  # the key of `meta` that says what was done


@dataclass(frozen=True, slots=True, eq=True)
class Extract:
    """Finds spans and relations, or tells the class; and links the spans."""

    models: Models
    given_subjects: bool = False
    link: bool = False
    name: ClassVar[str] = "extract"

    def __hash__(self) -> int:
        return hash((self.given_subjects, self.link))

    def run(self, payloads: Sequence[Document]) -> list[bytes]:
        found = self.models.extract(payloads, self.given_subjects)
        return _as_json(self.models.link_documents(found) if self.link else found)


@dataclass(frozen=True, slots=True, eq=True)
class LinkDocuments:
    """Links the spans of documents."""

    models: Models
    name: ClassVar[str] = "link"

    def __hash__(self) -> int:
        return hash(self.name)

    def run(self, payloads: Sequence[Document]) -> list[bytes]:
        return _as_json(self.models.link_documents(payloads))


@dataclass(frozen=True, slots=True, eq=True)
class LinkMentions:
    """Links mentions that are no document's."""

    models: Models
    name: ClassVar[str] = "link mentions"

    def __hash__(self) -> int:
        return hash(self.name)

    def run(self, payloads: Sequence[Query]) -> list[bytes]:
        return [link.to_json().encode() for link in self.models.link(payloads)]


@dataclass(frozen=True, slots=True, eq=True)
class Deidentify:
    """Takes PHI out of documents, each of which is a patient of its own."""

    models: Models
    settings: DeidentifySettings
    name: ClassVar[str] = "deidentify"

    def __hash__(self) -> int:
        return hash(self.settings)

    def run(self, payloads: Sequence[Document]) -> list[bytes]:
        cleaner = Deidentifier(self.settings, self.models.key, self.models.labels)
        found = self.models.find_phi(payloads)
        marked = [_with_marks(*pair) for pair in zip(payloads, found, strict=True)]
        return _as_json([_cleaned(cleaner, document) for document in marked])


def _with_marks(document: Document, found: Document) -> Document:
    """Return a document with the spans that were found in it beside its own."""
    if found is document:
        return document
    own = {span.id for span in document.spans}
    spans = []
    for number, span in enumerate(found.spans, start=1):
        id_ = f"found:{number}"
        while id_ in own:
            id_ += "'"
        spans.append(span.model_copy(update={"id": id_}))
    return document.model_copy(update={"spans": (*document.spans, *spans)})


def _cleaned(cleaner: Deidentifier, document: Document) -> Document:
    pieces = cleaner.pieces(document)
    scope = cleaner.scope("document", document.id)
    scope.add(pieces)
    made = cleaner.clean(document, pieces, scope)
    return made.document.model_copy(
        update={"meta": {**made.document.meta, DEIDENTIFIED: _report(made)}}
    )


def _report(made: Deidentified) -> dict[str, object]:
    """Say what went and what is left: types and places, no text."""
    left: list[dict[str, object]] = []
    for one in made.left:
        place = {} if one.start is None else {"start": one.start, "end": one.end}
        left.append({"where": one.where, "label": one.label, **place})
    return {"counts": dict(sorted(made.counts.items())), "left": left}


def _as_json(documents: Sequence[Document]) -> list[bytes]:
    return [document.to_json().encode() for document in documents]

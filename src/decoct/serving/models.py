"""What the server has loaded, and what it can tell about it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from decoct.inference.cores import n_cores
from decoct.kb.base import Query
from decoct.privacy.key import Key
from decoct.privacy.labels import Labels
from decoct.records import Document, Link
from decoct.student.settings import StudentCard

if TYPE_CHECKING:
    from decoct.linker.linker import Linker
    from decoct.student.loading import AnyStudent
    from decoct.student.student import Student


@dataclass(frozen=True)
class Models:
    """What the server has loaded; any of it may be asked from several threads.

    Attributes:
        student: of spans or of classes.
        linker: of spans.
        phi_student: finds PHI beside what patterns find.
        key: the secret behind stand-ins.
        labels: which labels of a document's own spans are PHI.
        n_runners: threads that students may be run from at the same time. One that was exported
            uses one core a call, so that there is one for each core.
        alone: parts that only one thread at a time may use: those that torch runs, which takes
            all cores for a call, and the linker.
    """

    student: AnyStudent | None = None
    linker: Linker | None = None
    phi_student: Student | None = None
    key: Key = field(default_factory=lambda: Key.of(None))
    labels: Labels = field(default_factory=Labels)
    n_runners: int = field(default_factory=n_cores)
    alone: frozenset[str] = frozenset({"student", "linker", "phi_student"})
    _locks: dict[str, Lock] = field(
        default_factory=lambda: {name: Lock() for name in ("student", "linker", "phi_student")}
    )

    def extract(self, documents: Sequence[Document], given_subjects: bool) -> list[Document]:
        """Return what the student finds in each document."""
        assert self.student is not None
        with self._turn("student"):
            return list(self.student.extract(documents, given_subjects=given_subjects))

    def link_documents(self, documents: Sequence[Document]) -> list[Document]:
        """Return each document with its spans linked."""
        assert self.linker is not None
        with self._turn("linker"):
            return list(self.linker.link_documents(documents))

    def link(self, queries: Sequence[Query]) -> list[Link]:
        """Return a link for each mention."""
        assert self.linker is not None
        with self._turn("linker"):
            return self.linker.links(queries)

    def find_phi(self, documents: Sequence[Document]) -> list[Document]:
        """Return what the student of PHI finds in each document; as they were without one."""
        if self.phi_student is None:
            return list(documents)
        with self._turn("phi_student"):
            return list(self.phi_student.extract(documents))

    @property
    def has_classes(self) -> bool:
        """Whether the student tells the class of a document and finds no spans."""
        return self.student is not None and not isinstance(self.student.card, StudentCard)

    def describe(self) -> dict[str, Any]:
        """Return plain JSON types that say what is loaded."""
        return {
            "student": _about_student(self.student),
            "linker": self._about_linker(),
            "deidentify": {
                "patterns": True,
                "student": _about_student(self.phi_student),
                "key": "of this process" if self.key.is_random else "from the environment",
            },
        }

    def _turn(self, part: str) -> AbstractContextManager[object]:
        return self._locks[part] if part in self.alone else nullcontext()

    def _about_linker(self) -> dict[str, Any] | None:
        if self.linker is None:
            return None
        card, settings = self.linker.index.card, self.linker.settings
        return {
            "entities": card.n_entities,
            "names": card.n_names,
            "reranked": self.linker.ranker is not None,
            "nil": settings.nil and self.linker.ranker is not None,
            "labels": list(settings.labels),
            "candidates": settings.keep,
        }


def _about_student(student: AnyStudent | None) -> dict[str, Any] | None:
    if student is None:
        return None
    card = student.card
    about: dict[str, Any] = {"task": card.task, "encoder": card.settings.encoder}
    if not isinstance(card, StudentCard):
        second = f"meta.{card.second}" if card.second else None
        return {**about, "kind": "classes", "labels": list(card.labels), "second_text": second}
    relations = [
        {"label": one.label, "subject": one.subject, "object": one.object}
        for one in card.relation_types
    ]
    return {**about, "kind": "spans", "labels": sorted(card.labels), "relations": relations}

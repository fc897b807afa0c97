"""A student, and a linker behind it, as a component of a spaCy pipeline.

    nlp.add_pipe("decoct", config={"student": "student/", "linker": "linker/"})

`doc.spans["decoct"]` gets all spans, with the linked entity as `kb_id_`; `doc.ents` those that do
not overlap, the longest first, beside the entities that are there; `doc._.relations` the relations.
All of it is kept in `doc.user_data` too, as the format `docbin` keeps it, so that a DocBin of such
documents is read with its relations. A span that ends inside of one of spaCy's tokens is made
longer to the token's end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from decoct.errors import ConfigError
from decoct.formats.docbin import keep_annotations, kept_annotations
from decoct.inference.onnx_graph import Engine
from decoct.records import Document

if TYPE_CHECKING:
    from decoct.linker.linker import Linker
    from decoct.student.student import Student

NAME = "decoct"
_BATCH_DOCS = 512
_STUDENT, _LINKER = "student", "linker"


@dataclass(frozen=True, slots=True)
class SpanRelation:
    """A relation of a `Doc`.

    Attributes:
        label: what it says.
        subject: the drug, say.
        object: the effect, say.
        confidence: 0 to 1, or None.
    """

    label: str
    subject: Span
    object: Span
    confidence: float | None


class SpacyComponent:
    """The component; students and linkers are loaded when they are first needed.

    Args:
        student: a student's folder, or a hub id.
        linker: a linker's folder, or an index's; None links nothing.
        spans_key: the span group.
        set_ents: whether entities are set.
        engine: see `Student.from_pretrained`.
        threads: likewise.
    """

    def __init__(
        self,
        student: str,
        linker: str | None = None,
        *,
        spans_key: str = NAME,
        set_ents: bool = True,
        engine: Engine = "auto",
        threads: int | None = None,
    ) -> None:
        self.student_folder = student
        self.linker_folder = linker
        self.spans_key = spans_key
        self.set_ents = set_ents
        self.engine = engine
        self.threads = threads
        self._loaded: tuple[Student, Linker | None] | None = None
        self._process = 0

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one document."""
        return next(self.pipe([doc]))

    def pipe(self, docs: Iterable[Doc], batch_size: int = _BATCH_DOCS) -> Iterator[Doc]:
        """Annotate documents, so many at a time."""
        stream = iter(docs)
        while batch := list(islice(stream, batch_size)):
            asked = (Document(id=str(n), text=doc.text) for n, doc in enumerate(batch))
            for doc, found in zip(batch, self._annotated(asked), strict=True):
                self._fill(doc, found)
                yield doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Copy student and linker into a folder."""
        del exclude
        folder = Path(path)
        shutil.copytree(_folder(self.student_folder), folder / _STUDENT, dirs_exist_ok=True)
        if self.linker_folder is not None:
            _copy_linker(_folder(self.linker_folder), folder / _LINKER)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Take student and linker from a folder, wherever they were before."""
        del exclude
        folder = Path(path)
        self.student_folder = str(folder / _STUDENT)
        if (folder / _LINKER).is_dir():
            self.linker_folder = str(folder / _LINKER)
        self._loaded = None
        return self

    def _annotated(self, documents: Iterable[Document]) -> Iterator[Document]:
        student, linker = self._load()
        found = student.extract(documents)
        return linker.link_documents(found) if linker else found

    def _load(self) -> tuple[Student, Linker | None]:
        """Load what is needed, in each process anew: threads do not survive a fork."""
        if self._loaded is None or self._process != os.getpid():
            from decoct.recipes.extract import load_student

            student = load_student(self.student_folder, engine=self.engine, threads=self.threads)
            linker = None
            if self.linker_folder is not None:
                from decoct.recipes.link import load_linker

                linker = load_linker(Path(self.linker_folder))
            self._loaded, self._process = (student, linker), os.getpid()
        return self._loaded

    def _fill(self, doc: Doc, found: Document) -> None:
        spans = _spans(doc, found).values()
        doc.spans[self.spans_key] = list(spans)
        if self.set_ents:
            doc.ents = filter_spans([*doc.ents, *_apart(spans, doc.ents)])
        keep_annotations(found, doc, with_id=False)


@Language.factory(
    NAME,
    default_config={
        "linker": None,
        "spans_key": NAME,
        "set_ents": True,
        "engine": "auto",
        "threads": None,
    },
)
def make(
    nlp: Language,
    name: str,
    student: str,
    linker: str | None,
    spans_key: str,
    set_ents: bool,
    engine: Engine,
    threads: int | None,
) -> SpacyComponent:
    """Make the component; see `SpacyComponent`."""
    del nlp, name
    return SpacyComponent(
        student, linker, spans_key=spans_key, set_ents=set_ents, engine=engine, threads=threads
    )


def _relations(doc: Doc) -> tuple[SpanRelation, ...]:
    found = kept_annotations(doc, NAME)
    if found is None:
        return ()
    spans = _spans(doc, found)
    return tuple(
        SpanRelation(one.label, spans[one.subject], spans[one.object], one.confidence)
        for one in found.relations
        if one.subject in spans and one.object in spans
    )


if not Doc.has_extension("relations"):
    Doc.set_extension("relations", getter=_relations)


def _spans(doc: Doc, found: Document) -> dict[str, Span]:
    """Return a document's spans by id as spaCy's, made longer to the end of its tokens."""
    made = {
        one.id: doc.char_span(
            one.start,
            one.end,
            label=one.label,
            kb_id=one.link.id if one.link and one.link.id else "",
            alignment_mode="expand",
        )
        for one in found.spans
    }
    return {id_: span for id_, span in made.items() if span is not None}


def _apart(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """Return spans that do not overlap the entities that are there."""
    taken = {token.i for other in others for token in other}
    return [span for span in spans if taken.isdisjoint(range(span.start, span.end))]


def _folder(source: str) -> Path:
    if not Path(source).is_dir():
        raise ConfigError(f"{source}: no such folder; only what lies on this machine can be copied")
    return Path(source)


def _copy_linker(source: Path, target: Path) -> None:
    """Copy a linker with its index and re-ranker, which may lie elsewhere, or an index alone."""
    from decoct.linker.linker import LINKER, Linker
    from decoct.store import read_json

    if not (source / LINKER).is_file():
        shutil.copytree(source, target, dirs_exist_ok=True)
        return
    data = read_json(source / LINKER)
    parts = {"index": data["index"], "ranker": data["reranker"]}
    copied = {
        name: Path(shutil.copytree(source / part, target / name, dirs_exist_ok=True))
        for name, part in parts.items()
        if part
    }
    Linker.describe(target, copied["index"], copied.get("ranker"), Linker.load(source).settings)

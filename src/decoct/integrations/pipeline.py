"""A student that is called as a pipeline of transformers' is.

    pipe = decoct.pipeline("student/", linker="linker/")
    pipe("Rash after amoxicillin.")["relations"]

For programs that were written for `transformers.pipeline`; without transformers, and without torch
where the student is exported. What a call gives has that library's names: `entity_group`, `score`,
`word`, `start`, `end`, and for a classifier `label`, `score`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from decoct.inference.onnx_graph import Engine
from decoct.records import Document
from decoct.student.student import Student

if TYPE_CHECKING:
    from decoct.linker.linker import Linker
    from decoct.student.loading import AnyStudent

Answer = dict[str, Any]


@dataclass(frozen=True)
class Pipeline:
    """What `pipeline` gives.

    Attributes:
        student: what finds.
        linker: what links the spans; None links none.
    """

    student: AnyStudent
    linker: Linker | None = None

    @overload
    def __call__(self, texts: str) -> Answer: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, texts: list[str] | tuple[str, ...]
    ) -> list[Answer]: ...
    @overload
    def __call__(self, texts: Iterable[str]) -> Iterator[Answer]: ...
    def __call__(self, texts: str | Iterable[str]) -> Answer | list[Answer] | Iterator[Answer]:
        """Annotate texts.

        Args:
            texts: one, a list of them, or an iterator, which is streamed.

        Returns:
            For one text its answer, for a list a list, for anything else an iterator. An answer has
            `entities`, each with `entity_group`, `score`, `word`, `start`, `end` (code points) and
            `id`, with a linker `entity` and `name`; and `relations`, each with `label`, `score`,
            `subject` and `object`, which are ids of entities. That of a classifier has `label` and
            `score`.
        """
        if isinstance(texts, str):
            return next(self._answers([texts]))
        answers = self._answers(texts)
        return list(answers) if isinstance(texts, list | tuple) else answers

    def _answers(self, texts: Iterable[str]) -> Iterator[Answer]:
        found = self.documents(texts)
        if not isinstance(self.student, Student):
            return ({"label": one.label, "score": one.meta.get("confidence")} for one in found)
        return map(_answer, found)

    def documents(self, texts: Iterable[str | Document]) -> Iterator[Document]:
        """Yield the predicted document of each text, its spans linked where there is a linker."""
        found = self.student.extract(texts)
        return self.linker.link_documents(found) if self.linker else found


def pipeline(
    student: str | Path | AnyStudent,
    *,
    linker: str | Path | Linker | None = None,
    device: str = "auto",
    engine: Engine = "auto",
    threads: int | None = None,
) -> Pipeline:
    """Load a student, and a linker behind it, to be called as a pipeline of transformers' is.

    Args:
        student: a student's folder, a hub id, or a student that is loaded.
        linker: a linker's folder, an index's, or a linker that is loaded.
        device: where torch runs them.
        engine: what runs the student; see `Student.from_pretrained`.
        threads: likewise.

    Raises:
        ArtifactError: one of them is not there, or broken.
        ConfigError: the engine runs on no such device.
        MissingExtraError: what runs it is not installed.
    """
    if isinstance(student, str | Path):
        from decoct.student.loading import load_any

        student = load_any(student, device, engine, threads)
    if isinstance(linker, str | Path):
        from decoct.recipes.link import load_linker

        linker = load_linker(Path(linker), device=device)
    return Pipeline(student, linker)


def _answer(document: Document) -> Answer:
    return {
        "entities": [
            {
                "entity_group": span.label,
                "score": span.confidence,
                "word": span.text,
                "start": span.start,
                "end": span.end,
                "id": span.id,
                **({"entity": span.link.id, "name": span.link.name} if span.link else {}),
            }
            for span in document.spans
        ],
        "relations": [
            {
                "label": relation.label,
                "score": relation.confidence,
                "subject": relation.subject,
                "object": relation.object,
            }
            for relation in document.relations
        ],
    }

"""`mix`: several teachers' labels of the same documents in, one silver out, by votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from decoct.errors import ConfigError, EvaluationError, Faults
from decoct.evaluation.items import ungrounded
from decoct.formats.base import read_documents
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Progress, Silent
from decoct.recipes.convert import nothing_read
from decoct.records import Document
from decoct.store import check_writable
from decoct.student.silver.mix import mix
from decoct.student.silver.settings import MixSettings
from decoct.tasks.base import get_span_task


@dataclass(frozen=True, slots=True)
class Mixed:
    """What a mixing read and wrote.

    Attributes:
        n_documents: documents written.
        n_spans: spans in them.
        n_relations: relations in them.
        n_labelled: documents that each file had, in the order of the files.
        counts: what the votes came to (see `decoct.student.silver.mix.mix`).
    """

    n_documents: int
    n_spans: int
    n_relations: int
    n_labelled: tuple[int, ...]
    counts: Mapping[str, int]

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        votes = {name: count for name, count in self.counts.items() if name != "documents"}
        return {
            "n_documents": self.n_documents,
            "n_spans": self.n_spans,
            "n_relations": self.n_relations,
            "n_labelled": list(self.n_labelled),
            "votes": votes,
        }


def mix_file(
    sources: Sequence[Path],
    out: Path,
    task: str = "ade",
    settings: MixSettings | None = None,
    *,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Mixed:
    """Put several teachers' files to the vote, document by document, and write what is elected.

    A document is known by its id and its text. What a later file says of an id with another text is
    a fault, and so is a document that nobody annotated.

    Args:
        sources: silver, a file for each teacher; where votes are equal, an earlier one is believed.
        out: the JSONL file; written atomically.
        task: the task's name.
        settings: how votes are counted; None for the defaults.
        faults: gets a line for each document that is skipped.
        progress: shown how far it is.

    Raises:
        ConfigError: there are fewer than two files, one is named twice, or a setting is wrong.
        FormatError: a file holds no document.
        StoreError: a file can't be read or written.
    """
    faults = faults if faults is not None else Faults()
    progress = progress or Silent()
    if len(sources) < 2:
        raise ConfigError(f"{len(sources)} file to mix; name two or more, each with --in")
    twice = next((one for number, one in enumerate(sources) if one in sources[:number]), None)
    if twice:
        raise ConfigError(f"{twice}: is named twice; a teacher has one vote")
    known_task = get_span_task(task)
    check_writable(out)
    text_of_id: dict[str, str] = {}
    labellings = []
    for source in sources:
        read = progress.track(read_documents(source, faults), None, f"mix: {source.name}")
        labellings.append(list(_usable(read, source, text_of_id, faults)))
        if not labellings[-1]:
            raise nothing_read(source, faults)
    made = mix(labellings, known_task, settings)
    return Mixed(
        n_documents=write_jsonl(out, made.documents),
        n_spans=sum(len(document.spans) for document in made.documents),
        n_relations=sum(len(document.relations) for document in made.documents),
        n_labelled=tuple(map(len, labellings)),
        counts=made.counts,
    )


def _usable(
    documents: Iterator[Document], source: Path, text_of_id: dict[str, str], faults: Faults
) -> Iterator[Document]:
    """Pass on what is annotated and of one text for each id, which is noted; count the rest."""
    for document in documents:
        where = f"{source}: document {document.id!r}"
        if document.source is None and not document.spans:
            faults.add(where, "is not annotated", "not_annotated")
        elif text_of_id.setdefault(document.id, document.text) != document.text:
            faults.add(where, "has another text in a file before this one", "other_text")
        elif _is_sound(document, where, faults):
            yield document


def _is_sound(document: Document, where: str, faults: Faults) -> bool:
    """Whether the claims in a document's meta can be read."""
    try:
        ungrounded(document)
    except EvaluationError as error:
        faults.add(where, str(error), "bad_line")
        return False
    return True

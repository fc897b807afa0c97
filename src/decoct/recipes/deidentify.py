"""`deidentify`: documents in, the same documents without protected health information out.

No text of a document gets into a fault, an error or a log: a document is named by its id, and where
its id may hold PHI, by its number.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.errors import ConfigError, Fault, Faults, FormatError
from decoct.formats.base import STANDARD_INPUT, read_documents
from decoct.formats.jsonl import checked_line
from decoct.privacy.deidentifier import Deidentified, Deidentifier
from decoct.privacy.key import Key
from decoct.privacy.labels import PHI_LABELS, Labels
from decoct.privacy.pieces import Piece
from decoct.privacy.scope import Scope
from decoct.privacy.settings import DeidentifySettings
from decoct.progress import Progress, Silent
from decoct.records import Document, Span
from decoct.store import resumable_lines, sha256_file, sha256_json

if TYPE_CHECKING:
    from decoct.student.student import Student

_UNSAID = "can't be read as a document (the reason is not shown, it might quote PHI)"


@dataclass(slots=True)
class DeidentifySummary:
    """What a run did, also to documents that an earlier run wrote.

    With a student and no patients those are not looked at again; a fault says so.

    Attributes:
        n_documents: documents in the output.
        n_resumed: of them, written by an earlier run that was interrupted.
        n_patients: patients told apart; None where documents stand for themselves.
        counts: type of PHI -> pieces that went.
        origins: how they were found (`span`, `pattern`, `sweep`) -> pieces.
        left: type of PHI -> strings that are still there.
        unknown_labels: label in no table -> documents with it; taken for `UNIQUE_IDENTIFIER`.
        n_generalised: pieces that got a tag, as no stand-in could be made.
        n_spans_lost: other spans that PHI took a part of.
        n_relations_lost: relations that went with a span.
        is_key_random: whether nobody has the key, so that the stand-ins never come again.
    """

    n_documents: int = 0
    n_resumed: int = 0
    n_patients: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    unknown_labels: Counter[str] = field(default_factory=Counter)
    n_generalised: int = 0
    n_spans_lost: int = 0
    n_relations_lost: int = 0
    is_key_random: bool = False

    def add(self, made: Deidentified) -> None:
        """Count one document."""
        self.n_documents += 1
        self.counts += made.counts
        self.origins += made.origins
        self.left += Counter(left.label for left in made.left)
        self.unknown_labels += Counter(made.unknown_labels)
        self.n_generalised += made.n_generalised
        self.n_spans_lost += made.n_spans_lost
        self.n_relations_lost += made.n_relations_lost

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types; no text of a document is in them."""
        return {
            "n_documents": self.n_documents,
            "n_resumed": self.n_resumed,
            "n_patients": self.n_patients,
            "n_phi": self.counts.total(),
            "counts": {label: self.counts[label] for label in PHI_LABELS if self.counts[label]},
            "origins": dict(sorted(self.origins.items())),
            "left": dict(sorted(self.left.items())),
            "unknown_labels": dict(sorted(self.unknown_labels.items())),
            "n_generalised": self.n_generalised,
            "n_spans_lost": self.n_spans_lost,
            "n_relations_lost": self.n_relations_lost,
            "is_key_random": self.is_key_random,
        }


def deidentify_file(
    source: Path,
    out: Path,
    *,
    key: Key | str | bytes | None = None,
    settings: DeidentifySettings | None = None,
    labels: Labels | None = None,
    student: Student | None = None,
    by: str | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> DeidentifySummary:
    """Write documents without the PHI that their spans, a student or patterns mark.

    With a key, an interrupted run goes on where it was; without one it begins again. With `by`, the
    file is read twice: first all of a patient's PHI is gathered, which stays in memory.

    Args:
        source: documents in any format that is read, or `-`.
        out: the JSONL file; it is there only when it is whole.
        key: the secret behind stand-ins; None for a random one.
        settings: how; None for the defaults.
        labels: which labels mean what; None for the built-in table.
        student: finds PHI beside what is marked; see `load_student` of `recipes.extract`.
        by: the field of `meta` that tells patients apart; documents without it stand alone.
        faults: gets lines that can't be read, and PHI that is left.
        progress: shown how far it is.

    Raises:
        StoreError: a file can't be read or written; what was written is kept for the next run.
        FormatError: `source` holds no document.
        ConfigError: `by` with standard input.
    """
    if by is not None and source == STANDARD_INPUT:
        raise ConfigError("--by reads its input twice, which standard input can't be; name a file")
    faults = faults if faults is not None else Faults()
    show = progress or Silent()
    cleaner = Deidentifier(settings or DeidentifySettings(), Key.of(key), labels or Labels())
    summary = DeidentifySummary(is_key_random=cleaner.key.is_random)
    patients = _Patients(cleaner, by)
    if by is not None:
        for document in show.track(_marked(source, Faults(), student), None, "gather"):
            patients.gather(document)
        summary.n_patients = patients.n
    fingerprint = _fingerprint(source, cleaner, student, by)
    with resumable_lines(out, fingerprint) as (n_resumed, write):
        summary.n_resumed = n_resumed
        if student is None or by is None:
            n_skip = n_resumed if student is not None else 0
            documents = _marked(source, faults, student, n_skip)
        else:
            n_skip, documents = 0, patients.marked_again(source, faults)
        _tell_skipped(n_skip, source, faults)
        summary.n_documents = n_skip
        for number, document in enumerate(show.track(documents, None, "deidentify"), n_skip + 1):
            pieces, scope = patients.of(document)
            made = cleaner.clean(document, pieces, scope)
            if number > n_resumed:
                write(checked_line(made.document))
            summary.add(made)
            _tell(made, number, faults)
        if not summary.n_documents:
            raise FormatError(f"{source}: no line of it could be read as a document")
    return summary


class _Patients:
    """The scopes of all patients, and, with a student, where it found PHI in each document."""

    def __init__(self, cleaner: Deidentifier, by: str | None) -> None:
        self._cleaner = cleaner
        self._by = by
        self._scopes: dict[str, Scope] = {}
        self._found: list[tuple[array[int], tuple[str, ...]]] = []

    @property
    def n(self) -> int:
        """How many patients there are."""
        return len(self._scopes)

    def gather(self, document: Document) -> None:
        """Take note of a document's PHI, and of what a student marked in it."""
        marked = [span for span in document.spans if span.id.startswith(_STUDENT)]
        places = array("q", (offset for span in marked for offset in (span.start, span.end)))
        self._found.append((places, tuple(span.label for span in marked)))
        patient = self._patient(document)
        if patient is not None:
            scope = self._scopes.setdefault(patient, self._cleaner.scope("patient", patient))
            scope.add(self._cleaner.pieces(document))

    def of(self, document: Document) -> tuple[list[Piece], Scope]:
        """Return a document's PHI and the scope that it is of."""
        pieces = self._cleaner.pieces(document)
        patient = self._patient(document)
        if patient is not None:
            return pieces, self._scopes[patient]
        scope = self._cleaner.scope("document", document.id)
        scope.add(pieces)
        return pieces, scope

    def marked_again(self, source: Path, faults: Faults) -> Iterator[Document]:
        """Yield the documents with what the student found when they were gathered."""
        for document, (places, labels) in zip(_read(source, faults), self._found, strict=True):
            marks = list(zip(places[::2], places[1::2], labels, strict=True))
            yield _with_marks(document, marks)

    def _patient(self, document: Document) -> str | None:
        found = document.meta.get(self._by) if self._by is not None else None
        return str(found) if isinstance(found, str | int) and str(found) else None


_STUDENT = "student:"


def _marked(
    source: Path, faults: Faults, student: Student | None, n_skip: int = 0
) -> Iterator[Document]:
    """Yield documents with their own spans and a student's, after the first `n_skip`."""
    documents = _read(source, faults)
    for _ in range(n_skip):
        next(documents, None)
    return documents if student is None else _found_by(student, documents)


def _found_by(student: Student, documents: Iterator[Document]) -> Iterator[Document]:
    """Yield documents with the spans that a student finds in them: all that is asked of one."""
    given, read = tee(documents)
    for document, found in zip(given, student.extract(read), strict=True):
        yield _with_marks(document, [(span.start, span.end, span.label) for span in found.spans])


def _with_marks(document: Document, marks: list[tuple[int, int, str]]) -> Document:
    """Return a document with more spans, whose ids say that a student found them."""
    spans = tuple(
        Span(
            id=f"{_STUDENT}{number}",
            start=start,
            end=end,
            label=label,
            text=document.text[start:end],
        )
        for number, (start, end, label) in enumerate(marks, start=1)
    )
    return document.model_copy(update={"spans": (*document.spans, *spans)}) if spans else document


def _read(source: Path, faults: Faults) -> Iterator[Document]:
    """Yield documents; what is said of the others quotes nothing of them."""
    met = Faults()
    try:
        for document in read_documents(source, met):
            _pass_on(met, faults)
            yield document
    finally:
        _pass_on(met, faults)


def _pass_on(met: Faults, faults: Faults) -> None:
    for fault in met.kept:
        faults.add(
            fault.where, _UNSAID if fault.kind != "duplicate_id" else _again(fault), fault.kind
        )
    met.clear()


def _again(fault: Fault) -> str:
    line = fault.reason.rpartition(" is on line ")[2].partition(" ")[0]
    return f"its id is on line {line} already" if line.isdigit() else "its id occurs twice"


def _fingerprint(
    source: Path, cleaner: Deidentifier, student: Student | None, by: str | None
) -> str | None:
    """Return what the lines depend on; the key comes into it as a hash that tells nothing of it."""
    if source == STANDARD_INPUT or cleaner.key.is_random:
        return None
    types = [sorted(cleaner.labels.types.items()), sorted(cleaner.labels.keep)]
    settings: Any = cleaner.settings.model_dump(mode="json")
    return sha256_json(
        [
            sha256_file(source),
            cleaner.key.hex("fingerprint"),
            settings,
            types,
            student.fingerprint if student else None,
            by,
        ]
    )


def _tell_skipped(n_skip: int, source: Path, faults: Faults) -> None:
    if n_skip:
        faults.add(
            str(source),
            f"{n_skip} documents of an interrupted run were not searched again; what is left in "
            "their ids and meta is not known",
            "not_searched_again",
        )


def _tell(made: Deidentified, number: int, faults: Faults) -> None:
    """Name what is left; a document whose id holds PHI has only its number."""
    wheres = {left.where for left in made.left}
    name = f"document {number}" if "id" in wheres else f"document {made.document.id!r}"
    for left in made.left:
        faults.add(name, str(left), "left")

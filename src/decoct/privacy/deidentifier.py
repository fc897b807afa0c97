"""Documents without protected health information out of documents in which it is marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from decoct.config import check
from decoct.errors import ConfigError, RecordError
from decoct.privacy.carry import Rewritten, carry
from decoct.privacy.key import Key
from decoct.privacy.labels import DATE, Labels
from decoct.privacy.patterns import find_patterns
from decoct.privacy.pieces import Piece, merge, pieces_of, type_of
from decoct.privacy.scope import Scope
from decoct.privacy.settings import DeidentifySettings, How
from decoct.records import Document

PATTERNS_META = "phi_patterns"


@dataclass(frozen=True, slots=True)
class Left:
    """A string of PHI that is still there; where, not what.

    Attributes:
        where: `text`, `id`, `label`, `meta.KEY`, `spans` or `relations`.
        label: the type of PHI.
        start: first code point in the new text; None elsewhere.
        end: one past the last code point.
    """

    where: str
    label: str
    start: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        place = "" if self.start is None else f" {self.start}:{self.end}"
        return f"{self.label} is left in {self.where}{place}"


@dataclass(frozen=True, slots=True, repr=False)
class Deidentified:
    """A document without PHI, and what was done to it.

    Attributes:
        document: the new one.
        counts: type of PHI -> pieces that went.
        origins: how those were found (`span`, `pattern`, `sweep`) -> pieces.
        left: strings of PHI that are still there.
        n_generalised: dates and others that got a tag, as no stand-in could be made.
        n_spans_lost: other spans that PHI took a part of.
        n_relations_lost: relations that went with a span.
        unknown_labels: labels in no table, taken for `UNIQUE_IDENTIFIER`.
    """

    document: Document
    counts: Counter[str]
    origins: Counter[str]
    left: tuple[Left, ...]
    n_generalised: int = 0
    n_spans_lost: int = 0
    n_relations_lost: int = 0
    unknown_labels: frozenset[str] = field(default_factory=frozenset)

    def __repr__(self) -> str:
        return f"Deidentified({self.counts.total()} pieces of PHI, {len(self.left)} left)"


def deidentify(
    document: Document,
    how: How = "replace",
    key: Key | str | bytes | None = None,
    *,
    labels: Labels | None = None,
    **options: Any,  # noqa: ANN401 (checked by name)
) -> Deidentified:
    """Return a document without the PHI that its spans mark.

    Args:
        document: its spans of PHI types (see `labels.Labels`) mark PHI; all others are kept.
        how: mask, tag or replace.
        key: secret of at least 16 bytes, with which the same stand-ins come again; None for one
            that nobody knows.
        labels: which labels mean what; None for the built-in table.
        options: any of `DeidentifySettings`.

    Raises:
        ConfigError: the key is too short, or an option is wrong.

    Example:
        >>> from decoct.records import Span
        >>> name = Span(id="T1", start=0, end=9, label="NAME", text="Ada Moore")
        >>> note = Document(id="n1", text="Ada Moore is well. Mrs. Moore left.", spans=[name])
        >>> deidentify(note, "tag").document.text
        '[NAME] is well. Mrs. [NAME] left.'
    """
    settings = check(DeidentifySettings, {"how": how, **options}, "deidentify")
    cleaner = Deidentifier(settings, Key.of(key), labels or Labels())
    pieces = cleaner.pieces(document)
    scope = cleaner.scope("document", document.id)
    scope.add(pieces)
    return cleaner.clean(document, pieces, scope)


class Deidentifier:
    """Cleans documents, those of one patient with one scope: first add all, then clean each.

    Args:
        settings: how.
        key: the secret.
        labels: which labels mean what.

    Raises:
        ConfigError: the sign is not one character, or a letter or digit.
    """

    def __init__(self, settings: DeidentifySettings, key: Key, labels: Labels) -> None:
        if len(settings.sign) != 1 or settings.sign.isalnum() or settings.sign.isspace():
            raise ConfigError("sign: give one character that is no letter, digit or space")
        self.settings = settings
        self.key = key
        self.labels = labels

    def scope(self, *parts: str) -> Scope:
        """Return the empty scope of a patient or document."""
        return Scope(self.key.derive("scope", *parts), day_first=self.settings.day_first)

    def pieces(self, document: Document) -> list[Piece]:
        """Return a document's PHI: what is marked and, if wanted, what has the form of it."""
        found = pieces_of(document, self.labels)
        if self.settings.patterns:
            found += [piece for piece, _ in find_patterns(document.text)]
        return merge(document.text, found)

    def clean(self, document: Document, pieces: Sequence[Piece], scope: Scope) -> Deidentified:
        """Return a document without its PHI.

        Args:
            document: as it was.
            pieces: from `pieces`.
            scope: to which these have been added.

        Raises:
            RecordError: the document contradicts itself.
        """
        all_pieces = list(pieces)
        if self.settings.sweep:
            places = [(piece.start, piece.end) for piece in pieces]
            all_pieces = sorted(
                [*pieces, *scope.sweep.find(document.text, places)], key=lambda one: one.start
            )
        made = [self._words(piece, scope) for piece in all_pieces]
        to = Rewritten.of(document.text, all_pieces, [word for word, _ in made])
        phi = frozenset(span.id for span in document.spans if type_of(span, self.labels))
        carried = carry(document, phi, to, self.settings.keep_spans)
        try:
            clean = Document(
                id=self._id(document.id),
                text=to.text,
                source=document.source,
                spans=carried.spans,
                relations=carried.relations,
                label=document.label,
                meta={
                    name: value
                    for name, value in document.meta.items()
                    if name in self.settings.keep_meta
                },
            )
        except ValidationError:  # its message quotes the text
            raise RecordError(f"document {document.id!r} contradicts itself") from None
        return Deidentified(
            document=clean,
            counts=Counter(piece.label for piece in all_pieces),
            origins=Counter(piece.origin for piece in all_pieces),
            left=tuple(_find_left(clean, scope, to.places)),
            n_generalised=sum(is_tag for _, is_tag in made),
            n_spans_lost=carried.n_spans_lost,
            n_relations_lost=carried.n_relations_lost,
            unknown_labels=frozenset(
                span.label for span in document.spans if not self.labels.is_known(span.label)
            ),
        )

    def _words(self, piece: Piece, scope: Scope) -> tuple[str, bool]:
        """Return what to put in a piece's place, and whether that is a tag for want of better."""
        if self.settings.how == "mask":
            return self.settings.sign * (piece.end - piece.start), False
        number = f"_{scope.number(piece)}" if self.settings.number_tags else ""
        tag = f"[{piece.label}{number}]"
        if self.settings.how == "tag":
            return tag, False
        other = scope.stand_in(piece)
        # another day may be one that stands in the text too; all else may not
        if other is None or (piece.label != DATE and scope.sweep.holds(other)):
            return tag, True
        return other, False

    def _id(self, id_: str) -> str:
        return f"doc-{self.key.hex('document id', id_)}" if self.settings.new_ids else id_


def mark_patterns(document: Document) -> Document:
    """Return a document with spans for what has the form of PHI, where no span overlaps it.

    `meta["phi_patterns"]` says which form each of them has, by its span's id.
    """
    taken = [(one.start, one.end) for one in document.spans]
    forms: dict[str, str] = {}
    spans = []
    found = sorted(find_patterns(document.text), key=lambda one: (one[0].start, -one[0].end))
    for piece, form in found:
        if any(piece.overlaps(*place) for place in taken):
            continue
        taken.append((piece.start, piece.end))
        id_ = f"pattern:{len(forms) + 1}"
        forms[id_] = form
        spans.append(
            {
                "id": id_,
                "start": piece.start,
                "end": piece.end,
                "label": piece.label,
                "text": piece.text,
            }
        )
    if not forms:
        return document
    return Document(
        id=document.id,
        text=document.text,
        source=document.source,
        spans=[*document.spans, *spans],
        relations=document.relations,
        label=document.label,
        meta={**document.meta, PATTERNS_META: forms},
    )


def _find_left(
    document: Document, scope: Scope, places: Sequence[tuple[int, int]]
) -> Iterator[Left]:
    """Search a finished document for every string that had to go."""
    for piece in scope.sweep.find(document.text, places):
        yield Left("text", piece.label, piece.start, piece.end)
    for where, text in _strings(document):
        for piece in scope.sweep.find(text):
            yield Left(where, piece.label)


def _strings(document: Document) -> Iterator[tuple[str, str]]:
    """Yield every string of a document beside its text and the surfaces in it."""
    yield "id", document.id
    if document.label is not None:
        yield "label", document.label
    for name, value in document.meta.items():
        yield from ((f"meta.{name}", text) for text in _texts(value))
    for span in document.spans:
        link = _texts(span.link.model_dump()) if span.link else ()
        yield from (("spans", text) for text in (span.id, span.label, *link))
    for relation in document.relations:
        yield "relations", relation.label


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _texts(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)

"""`convert`: any format in, any that can be written out, and what it can't carry counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decoct.errors import ConfigError, Faults, FormatError
from decoct.formats.base import (
    FORMATS,
    Format,
    Losses,
    Writer,
    accepted,
    get_writer,
    guess_format,
    guess_writer,
    split_options,
)
from decoct.progress import Progress, Silent
from decoct.records import Document, Relation, Span

Sources = Sequence[tuple[Path, Format]]


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion wrote.

    Attributes:
        n_documents: documents, ...
        n_negative: ... of them without a relation.
        n_spans: spans in all.
        n_relations: relations in all.
        n_skipped: lines that could not be read, and documents that could not be written.
        n_merged: documents that were added to one of their id, by `merge`.
        losses: what the format could not carry: kind -> how many, and documents that show it.
    """

    n_documents: int
    n_negative: int
    n_spans: int
    n_relations: int
    n_skipped: int
    n_merged: int = 0
    losses: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; what was merged and lost, where anything was."""
        names = ("n_documents", "n_negative", "n_spans", "n_relations", "n_skipped")
        data: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.n_merged:
            data["n_merged"] = self.n_merged
        if self.losses:
            data["losses"] = dict(self.losses)
        return data


@dataclass(frozen=True, slots=True)
class FormatCard:
    """One format, as `decoct convert --list` shows it.

    Attributes:
        name: the word for `--from` and `--to`.
        what: its first line of documentation.
        endings: that it is guessed by.
        reads: always, for now.
        writes: whether it can be written.
        carries: what of a document comes back.
        options: for `--option`.
    """

    name: str
    what: str
    endings: tuple[str, ...]
    reads: bool
    writes: bool
    carries: tuple[str, ...]
    options: tuple[str, ...]


def list_formats() -> list[FormatCard]:
    """Return all formats there are, by name."""
    return [_card(FORMATS.get(name)) for name in FORMATS.names()]


def convert(
    source: Path | Sequence[Path],
    out: Path,
    from_: str | Sequence[str] | None = None,
    to: str | None = None,
    *,
    options: Mapping[str, str] | None = None,
    merge: bool = False,
    positives_only: bool = False,
    faults: Faults | None = None,
    losses: Losses | None = None,
    progress: Progress | None = None,
) -> Converted:
    """Read documents of any format, from one file or folder or several, and write them in another.

    Of documents with one id the first is kept and the others are faults, unless `merge`.

    Args:
        source: files or folders.
        out: what to write, atomically; a folder for `brat`.
        from_: the format's name, such as `ade_corpus`, one for all sources or one for each; None
            guesses each.
        to: the format's name; None guesses it by the ending of `out`.
        options: of the formats, name -> word; `from.NAME` and `to.NAME` where both know one.
        merge: add the annotations of a document to those of an earlier one with its id and text;
            keeps all documents in memory.
        positives_only: leave out what the format keeps as negatives.
        faults: gets a line for each that is skipped.
        losses: gets what the format can't carry.
        progress: shown how far it is.

    Raises:
        FormatError: nothing could be read.
        StoreError: a source can't be read or `out` written.
        ConfigError: an option is not known, or the format of `out`.
    """
    faults = faults if faults is not None else Faults()
    losses = losses if losses is not None else Losses()
    paths = [source] if isinstance(source, Path) else list(source)
    sources = _sources(paths, from_)
    writer = get_writer(to or guess_writer(out))
    for_readers, for_writer = split_options(
        options or {}, [reader.read for _, reader in sources], writer.write
    )
    for_readers.setdefault("positives_only", positives_only)
    n_before = faults.n
    tally = {"documents": 0, "negative": 0, "spans": 0, "relations": 0, "merged": 0}
    join = _merged if merge else _each_id_once
    read = join(_read(sources, for_readers, faults), faults, tally)
    tracked = (progress or Silent()).track(read, None, "convert")
    n_documents = writer.write(
        out, _counted(tracked, paths[0], tally, faults), losses, faults, **for_writer
    )
    return Converted(
        n_documents,
        tally["negative"],
        tally["spans"],
        tally["relations"],
        faults.n - n_before,
        tally["merged"],
        losses.to_dict(),
    )


def nothing_read(source: Path, faults: Faults) -> FormatError:
    """Return the error of a file that holds lines but no document, with one of its faults."""
    example = f"; {faults.kept[-1]}" if faults.kept else ""
    return FormatError(f"{source}: no line of it could be read as a document{example}")


def _card(plugin: Any) -> FormatCard:  # noqa: ANN401 (a plug-in)
    writes = isinstance(plugin, Writer)
    endings = (*plugin.suffixes, *(plugin.endings if writes else ()))
    options = {**accepted(plugin.read), **(accepted(plugin.write) if writes else {})}
    return FormatCard(
        name=plugin.name,
        what=(plugin.__class__.__doc__ or "").splitlines()[0],
        endings=tuple(dict.fromkeys(endings)),
        reads=True,
        writes=writes,
        carries=plugin.carries if writes else (),
        options=tuple(name for name in options if name != "positives_only"),
    )


def _sources(paths: Sequence[Path], from_: str | Sequence[str] | None) -> Sources:
    if not paths:
        raise ConfigError("--in: name at least one file or folder")
    names = [from_] if isinstance(from_, str) else list(from_ or ())
    if len(names) > 1 and len(names) != len(paths):
        raise ConfigError(
            f"--from: {len(names)} formats for {len(paths)} inputs; give one for all, one for each "
            "in their order, or none"
        )
    if len(names) < 2:
        names = names * len(paths) or [guess_format(path) for path in paths]
    return [(path, FORMATS.get(name)) for path, name in zip(paths, names, strict=True)]


def _read(
    sources: Sources, options: Mapping[str, Any], faults: Faults
) -> Iterator[tuple[Path, Document]]:
    for path, reader in sources:
        for document in reader.read(path, faults, **options):
            yield path, document


def _each_id_once(
    documents: Iterable[tuple[Path, Document]], faults: Faults, tally: Mapping[str, int]
) -> Iterator[Document]:
    del tally
    seen: set[str] = set()
    for path, document in documents:
        if document.id in seen:
            reason = f"id {document.id!r} occurs twice; the first is kept"
            faults.add(str(path), reason, "duplicate_id")
        else:
            seen.add(document.id)
            yield document


def _merged(
    documents: Iterable[tuple[Path, Document]], faults: Faults, tally: dict[str, int]
) -> Iterator[Document]:
    by_id: dict[str, Document] = {}
    for path, document in documents:
        first = by_id.setdefault(document.id, document)
        if first is document:
            continue
        if first.text != document.text:
            reason = f"id {document.id!r} occurs twice, with another text; the first is kept"
            faults.add(str(path), reason, "duplicate_id")
            continue
        if None not in (first.label, document.label) and first.label != document.label:
            reason = f"document {document.id!r} is {document.label!r} here; {first.label!r} is kept"
            faults.add(str(path), reason, "other_label")
        by_id[document.id] = add_annotations(first, document)
        tally["merged"] += 1
    yield from by_id.values()


def add_annotations(first: Document, second: Document) -> Document:
    """Return a document with the annotations of two of one text.

    Spans of the same place and label are one, which keeps its id; where both have something to say
    (a link, a confidence, a key of meta, the label), the first's counts.
    """
    spans = {_place(span): span for span in first.spans}
    taken = set(span.id for span in first.spans)
    new_ids: dict[str, str] = {}
    for span in second.spans:
        known = spans.get(_place(span))
        if known is None:
            known = span.model_copy(update={"id": _free(span.id, taken)})
        elif known.link is None and span.link is not None:
            known = known.model_copy(update={"link": span.link})
        spans[_place(span)] = known
        new_ids[span.id] = known.id
        taken.add(known.id)
    relations: dict[tuple[str, str, str], Relation] = {
        (one.label, one.subject, one.object): one for one in first.relations
    }
    for one in second.relations:
        ends = {"subject": new_ids[one.subject], "object": new_ids[one.object]}
        moved = one.model_copy(update=ends)
        relations.setdefault((moved.label, moved.subject, moved.object), moved)
    return first.model_copy(
        update={
            "source": first.source or second.source,
            "label": second.label if first.label is None else first.label,
            "spans": tuple(spans.values()),
            "relations": tuple(relations.values()),
            "meta": {**second.meta, **first.meta},
        }
    )


def _place(span: Span) -> tuple[object, ...]:
    return span.start, span.end, span.label, span.fragments


def _free(id_: str, taken: set[str]) -> str:
    """Return an id that no span has yet: this one, or a number."""
    number = len(taken)
    while id_ in taken:
        number += 1
        id_ = f"T{number}"
    return id_


def _counted(
    documents: Iterator[Document], source: Path, tally: dict[str, int], faults: Faults
) -> Iterator[Document]:
    for document in documents:
        tally["documents"] += 1
        tally["negative"] += not document.relations
        tally["spans"] += len(document.spans)
        tally["relations"] += len(document.relations)
        yield document
    if not tally["documents"]:
        raise nothing_read(source, faults)

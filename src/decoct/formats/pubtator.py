r"""PubTator: title and abstract, then a line for each annotation, with concept ids.

    10|t|Two fevers.
    10|a|Spotted fever and another.
    10	12	25	Spotted fever	Disease	D012373
    10	CID	D008874	D012373

A document's text is its title, one character, and its abstract, which is what the offsets count;
that character is a line end here. Ids stand as in the file, see `read_link` for how several of them
are told apart, and `-` is no id. Relations are between concepts, not between spans, so they stay in
`meta["concept_relations"]`, as label, subject and object, and qualifier where there is one.

Source: Wei et al. 2013, "PubTator: a web-based text mining tool for assisting biocuration", Nucleic
Acids Res 41. Relation lines as in BC5CDR (Li et al. 2016) and BioRED (Luo et al. 2022). A seventh
field, the strings that a composite mention is made of, is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from decoct.errors import ConfigError, Faults
from decoct.formats._concepts import read_link, write_link
from decoct.formats._files import write_lines
from decoct.formats._losses import Losses
from decoct.formats.base import read_lines, writable
from decoct.records import Document, Link, Span, one_line
from decoct.store import atomic_write

Prefixes = Literal["keep", "add", "drop"]
CONCEPT_RELATIONS = "concept_relations"
_PASSAGE = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_MESH = re.compile(r"[CD]\d{6,}")
_LINE_ENDS = re.compile(r"[\r\n\t\v\f\x1c-\x1e\x85\u2028\u2029]")


@dataclass(slots=True)
class _Block:
    """The lines of one document, as far as they have been read."""

    id: str
    title: str
    abstract: str | None = None
    annotations: list[tuple[str, list[str]]] = field(default_factory=list)  # (where, fields)
    relations: list[dict[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return f"{self.title}\n{self.abstract}" if self.abstract else self.title


class PubTator:
    """Read and write documents whose spans carry links."""

    name = "pubtator"
    suffixes = (".pubtator",)
    endings = suffixes
    carries = ("spans", "nested", "links' ids", "relations between concepts")

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        prefixes: Prefixes = "keep",
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield the documents of a file, one at a time.

        An annotation's string must stand at its offsets; white space and signs other than letters
        and digits may differ, as corpora have lost some, and the text's own are taken.

        Args:
            path: the file.
            faults: gets a line for each that can't be read or placed.
            prefixes: of MeSH ids: `keep` them as they are, `add` makes `D012373` `MESH:D012373`,
                `drop` the reverse. Other ids, such as `OMIM:612446`, always stay.

        Raises:
            ConfigError: `prefixes` is none of these.
            FormatError: the file is empty.
            StoreError: it can't be opened.
        """
        if prefixes not in _PREFIXED:
            raise ConfigError(f"prefixes must be keep, add or drop, got {prefixes!r}")
        numbered = ((f"{path}:{number}", line) for number, line in read_lines(path, faults))
        for block in _blocks(numbered, faults):
            yield _document(block, _PREFIXED[prefixes], faults)

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write a file; see `Writer.write` and, for how things are written, `write_pubtator`."""
        n_documents = 0

        def written() -> Iterator[str]:
            nonlocal n_documents
            for document in writable(documents, faults):
                fitted = _fitted(document)
                reason = _unwritable(fitted)
                if reason:
                    faults.add(one_line(document.id), reason, "not_written")
                    continue
                lines = _lines(fitted, Faults())
                (block,) = _blocks((("", line) for line in lines), Faults())
                losses.compare(document, _document(block, str, Faults()))
                n_documents += 1
                yield "\n".join(lines) + "\n\n"

        write_lines(path, written())
        return n_documents


def write_pubtator(path: Path, documents: Iterable[Document], faults: Faults) -> int:
    """Write documents atomically, as they come, and return how many.

    A document's first line is its title. Line ends and tabs after that become spaces, so offsets
    stay. A discontinuous span is written from its first character to its last. A relation between
    spans becomes one between the concepts that they are linked to.

    Args:
        path: the file.
        documents: what to write.
        faults: gets a line for each document, and each relation, that the format has no form for.

    Raises:
        StoreError: the file can't be written; what was there before still is.
    """
    n_documents = 0
    with atomic_write(path) as handle:
        for document in documents:
            lines = _lines(document, faults)
            if lines:
                handle.write("\n".join(lines) + "\n\n")
                n_documents += 1
    return n_documents


def _blocks(lines: Iterable[tuple[str, str]], faults: Faults) -> Iterator[_Block]:
    block: _Block | None = None
    for where, line in lines:
        passage = _PASSAGE.fullmatch(line)
        if passage and passage[2] == "t":
            if block is not None:
                yield block
            block = _Block(passage[1].strip(), passage[3])
        else:
            fault = _add(block, passage, line.split("\t"), where)
            if fault:
                faults.add(where, fault, "bad_line")
    if block is not None:
        yield block


def _add(
    block: _Block | None, passage: re.Match[str] | None, fields: list[str], where: str
) -> str | None:
    """Add a line to its document, or return what is wrong with it."""
    id_ = (passage[1] if passage else fields[0]).strip()
    if not passage and len(fields) < 4:
        return "not id|t|title, id|a|abstract, or an annotation or relation between tabs"
    if block is None or block.id != id_:
        return f"is of document {id_!r}, whose title is not above it"
    if passage:
        if block.abstract is not None:
            return f"a second abstract of document {id_!r}"
        block.abstract = passage[3]
    elif fields[1].isdecimal():
        if len(fields) < 5 or not fields[2].isdecimal():
            return "not id, start, end, mention, type and concept between tabs"
        block.annotations.append((where, fields))
    else:
        names = ("label", "subject", "object", "qualifier")
        values = (one.strip() for one in fields[1:])
        block.relations.append({name: v for name, v in zip(names, values, strict=False) if v})
    return None


def _document(block: _Block, prefixed: Callable[[str], str], faults: Faults) -> Document:
    spans: list[Span] = []
    for where, fields in block.annotations:
        start, end, label = int(fields[1]), int(fields[2]), fields[4].strip()
        surface = block.text[start:end]
        if end > len(block.text) or not label or not _alike(surface, fields[3]):
            reason = f"document {block.id!r} does not have the string at {start}:{end}"
            faults.add(where, reason if label else "the annotation has no type", "bad_offsets")
            continue
        spans.append(
            Span(
                id=f"T{len(spans) + 1}",
                start=start,
                end=end,
                label=label,
                text=surface,
                link=_link(fields[5] if len(fields) > 5 else "", prefixed),
            )
        )
    relations = [
        {k: prefixed(v) if k in ("subject", "object") else v for k, v in relation.items()}
        for relation in block.relations
    ]
    return Document(
        id=block.id,
        text=block.text,
        source="gold",
        spans=tuple(spans),
        meta={CONCEPT_RELATIONS: relations} if relations else {},
    )


def _link(concepts: str, prefixed: Callable[[str], str]) -> Link | None:
    link = None if concepts.strip() == "-" else read_link(concepts)
    if link is None or link.id is None:
        return link
    return Link(id=prefixed(link.id), also=tuple(map(prefixed, link.also)))


def _alike(surface: str, string: str) -> bool:
    """Whether two strings are the same but for white space and signs."""
    if " ".join(surface.split()) == " ".join(string.split()):
        return bool(surface.strip())
    letters, others = (
        [char for char in one.casefold() if char.isalnum()] for one in (surface, string)
    )
    return bool(letters) and letters == others


def _lines(document: Document, faults: Faults) -> list[str]:
    """Return a document's lines, none where it can't be written."""
    reason = _unwritable(document)
    if reason:
        faults.add(document.id, reason, "not_written")
        return []
    title, _, abstract = document.text.partition("\n")
    lines = [f"{document.id}|t|{_flat(title)}", f"{document.id}|a|{_flat(abstract)}"]
    for span in document.spans:
        surface = _flat(document.text[span.start : span.end])
        fields = (document.id, span.start, span.end, surface, span.label, write_link(span.link))
        lines.append("\t".join(map(str, fields)).rstrip("\t"))
    return [*lines, *dict.fromkeys(_relation_lines(document, faults))]


def _fitted(document: Document) -> Document:
    """Return a document without the spans, and links, that no line can say, labels mended."""
    title, _, abstract = document.text.partition("\n")
    n_chars = len(document.text if abstract else title)  # a line end alone does not come back
    spans = [
        span.model_copy(
            update={
                "label": _flat(span.label).strip() or "_",
                "link": None if _LINE_ENDS.search(write_link(span.link)) else span.link,
            }
        )
        for span in document.spans
        if span.end <= n_chars and document.text[span.start : span.end].strip()
    ]
    left = {span.id for span in spans}
    relations = [
        relation.model_copy(update={"label": _flat(relation.label)})
        for relation in document.relations
        if relation.subject in left
        and relation.object in left
        and not relation.label.isdecimal()  # it would be taken for a span's beginning
    ]
    return document.model_copy(update={"spans": tuple(spans), "relations": tuple(relations)})


def _unwritable(document: Document) -> str:
    if re.search(r"[|\s]", document.id):
        return "can't be written as PubTator: its id holds | or white space"
    names = [span.label for span in document.spans]
    names += [id_ for span in document.spans if span.link for id_ in span.link.ids]
    if any(_LINE_ENDS.search(name) for name in names):
        return "can't be written as PubTator: a label or concept id holds a tab or line end"
    try:
        "".join((document.id, document.text, *names)).encode("utf-8")
    except UnicodeEncodeError:
        return "can't be written: it holds a lone surrogate, which UTF-8 has not"
    return ""


def _relation_lines(document: Document, faults: Faults) -> Iterator[str]:
    kept = document.meta.get(CONCEPT_RELATIONS)
    for stated in kept if isinstance(kept, list) else ():
        values = list(stated.values()) if isinstance(stated, dict) else []
        if len(values) < 3 or str(values[0]).isdecimal():
            reason = f"meta.{CONCEPT_RELATIONS} has one that is not label, subject and object"
            faults.add(document.id, reason, "not_written")
        else:
            yield "\t".join((document.id, *(_flat(str(value)) for value in values)))
    for relation, subject, object_ in document.pairs():
        ids = [span.link.id for span in (subject, object_) if span.link and span.link.id]
        if len(ids) == 2:
            yield "\t".join((document.id, relation.label, *ids))
        else:
            reason = f"relation {relation.label} is between spans that are not both linked"
            faults.add(document.id, reason, "not_written")


def _flat(text: str) -> str:
    return _LINE_ENDS.sub(" ", text)


def _with_mesh(id_: str) -> str:
    return f"MESH:{id_}" if _MESH.fullmatch(id_) else id_


def _without_mesh(id_: str) -> str:
    return id_.removeprefix("MESH:")


_PREFIXED: dict[str, Callable[[str], str]] = {
    "keep": str,
    "add": _with_mesh,
    "drop": _without_mesh,
}

plugin = PubTator()

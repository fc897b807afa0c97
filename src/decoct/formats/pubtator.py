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
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from decoct.errors import ConfigError, Faults
from decoct.formats._concepts import write_link
from decoct.formats._files import write_lines
from decoct.formats._losses import Losses
from decoct.formats._pubtator_reading import (
    CONCEPT_RELATIONS,
    PREFIXED,
    Prefixes,
    make_document,
    read_blocks,
)
from decoct.formats.base import read_lines, writable
from decoct.records import Document, one_line

__all__ = ["CONCEPT_RELATIONS", "Prefixes", "PubTator", "plugin"]

_LINE_ENDS = re.compile(r"[\r\n\t\v\f\x1c-\x1e\x85\u2028\u2029]")


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
        if prefixes not in PREFIXED:
            raise ConfigError(f"prefixes must be keep, add or drop, got {prefixes!r}")
        numbered = ((f"{path}:{number}", line) for number, line in read_lines(path, faults))
        for block in read_blocks(numbered, faults):
            yield make_document(block, PREFIXED[prefixes], faults)

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write a file; see `Writer.write`.

        A document's first line is its title. Line ends and tabs after that become spaces, so
        offsets stay. A discontinuous span is written from its first character to its last. A
        relation between spans becomes one between the concepts that they are linked to; one whose
        spans are not both linked is lost.
        """
        n_documents = 0

        def written() -> Iterator[str]:
            nonlocal n_documents
            for document in writable(documents, faults):
                fitted = _fitted(document)
                reason = _unwritable(fitted)
                if reason:
                    faults.add(one_line(document.id), reason, "not_written")
                    continue
                lines = _lines(fitted)
                (block,) = read_blocks((("", line) for line in lines), Faults())
                losses.compare(document, make_document(block, str, Faults()))
                n_documents += 1
                yield "\n".join(lines) + "\n\n"

        write_lines(path, written())
        return n_documents


def _lines(document: Document) -> list[str]:
    """Return the lines of a document that can be written."""
    title, _, abstract = document.text.partition("\n")
    lines = [f"{document.id}|t|{_flat(title)}", f"{document.id}|a|{_flat(abstract)}"]
    for span in document.spans:
        surface = _flat(document.text[span.start : span.end])
        fields = (document.id, span.start, span.end, surface, span.label, write_link(span.link))
        lines.append("\t".join(map(str, fields)).rstrip("\t"))
    return [*lines, *dict.fromkeys(_relation_lines(document))]


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
    try:
        "".join((document.id, document.text, *names)).encode("utf-8")
    except UnicodeEncodeError:
        return "can't be written: it holds a lone surrogate, which UTF-8 has not"
    return ""


def _relation_lines(document: Document) -> Iterator[str]:
    kept = document.meta.get(CONCEPT_RELATIONS)
    for stated in kept if isinstance(kept, list) else ():
        values = list(stated.values()) if isinstance(stated, dict) else []
        if len(values) >= 3 and not str(values[0]).isdecimal():
            yield "\t".join((document.id, *(_flat(str(value)) for value in values)))
    for relation, subject, object_ in document.pairs():
        ids = [span.link.id for span in (subject, object_) if span.link and span.link.id]
        if len(ids) == 2:
            yield "\t".join((document.id, relation.label, *ids))


def _flat(text: str) -> str:
    return _LINE_ENDS.sub(" ", text)


plugin = PubTator()

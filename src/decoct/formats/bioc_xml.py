"""BioC in XML: a collection of documents with passages, annotations and relations.

Read and written a document at a time, so that a large file takes no more memory than a small one.
Entities are not expanded, and no DTD is looked up. A character that XML has not, such as a form
feed, becomes U+FFFD when it is written, and is counted.

A document has one passage, or those that it was read with (`meta["passages"]`, with their infons).
Infons of annotations and relations beyond what decoct knows, and relations that are not between two
spans, are kept in meta and written again. A collection's own source, date and key are not kept.

Source: Comeau et al. 2013, "BioC: a minimalist approach to interoperability for biomedical text
processing", Database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.errors import Faults, FormatError
from decoct.formats._bioc import to_bioc
from decoct.formats._bioc_reading import from_bioc
from decoct.formats._files import atomic_bytes
from decoct.formats._losses import Losses
from decoct.formats._offsets import Unit
from decoct.formats._xml import SAFE, clean, complaint, has_entity
from decoct.formats.base import open_bytes, unreadable, writable
from decoct.formats.bioc_json import compare
from decoct.records import Document

if TYPE_CHECKING:
    from lxml.etree import _Element

_DOCTYPE = '<!DOCTYPE collection SYSTEM "BioC.dtd">'


class BiocXml:
    """Read and write BioC XML."""

    name = "bioc_xml"
    suffixes = (".bioc.xml", ".bioc")
    endings = (".bioc.xml", ".bioc", ".xml")
    carries = ("everything",)

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is XML whose root is a collection."""
        del path
        start = re.match(rb"(\xef\xbb\xbf)?\s*<", head)
        return start is not None and re.search(rb"<collection[\s>]", head) is not None

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        offsets: Unit = "codepoints",
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield documents, one at a time.

        Args:
            path: the file.
            faults: gets what can't be read, placed or resolved.
            offsets: what the file counts: codepoints, utf8 (bytes) or utf16 (units).

        Raises:
            FormatError: it is no XML from its beginning, or holds no document.
            StoreError: it can't be opened.
        """
        n_documents = 0
        for element in _elements(path, faults):
            n_documents += 1
            where = f"{path}:{element.sourceline}"
            if has_entity(element):
                faults.add(where, "refers to an entity, and none is looked up", "entity")
                continue
            document = from_bioc(_document(element), where, faults, offsets)
            if document is not None:
                yield document
        if not n_documents:
            raise FormatError(f"{path}: holds no document of BioC")

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        *,
        offsets: Unit = "codepoints",
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write a collection; see `Writer.write`.

        Args:
            path: the file.
            documents: what to write.
            losses: gets what can't be carried.
            faults: gets documents that can't be written.
            offsets: what offsets shall count.
        """
        from lxml import etree

        n_documents = 0
        with atomic_bytes(path) as raw, etree.xmlfile(raw, encoding="utf-8") as file:
            file.write_declaration()
            file.write_doctype(_DOCTYPE)
            with file.element("collection"):
                for tag, text in (("source", "decoct"), ("date", ""), ("key", "")):
                    file.write(_leaf(tag, text))
                for document in writable(documents, faults):
                    data = clean(to_bioc(document, offsets))
                    file.write(_element(data))
                    file.write("\n")
                    compare(document, data, losses, offsets)
                    n_documents += 1
        return n_documents


def _elements(path: Path, faults: Faults) -> Iterator[_Element]:
    """Yield the documents' elements, each forgotten when the next is asked for."""
    from lxml import etree

    n_documents = 0
    try:
        with open_bytes(path) as handle:
            for _, element in etree.iterparse(handle, ("end",), tag="document", **SAFE):
                n_documents += 1
                yield element
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
    except etree.XMLSyntaxError as error:
        if not n_documents:
            raise FormatError(f"{path}: not BioC XML: {complaint(error)}") from None
        where = f"{path}:{error.lineno}"
        faults.add(where, f"{complaint(error)}; the rest can't be read", "bad_xml")
    except (OSError, EOFError) as error:
        raise unreadable(path, error) from None


def _document(element: _Element) -> dict[str, Any]:
    return {
        "id": _text(element, "id"),
        "infons": _infons(element),
        "passages": [_passage(one) for one in element.iterfind("passage")],
        "annotations": [_annotation(one) for one in element.iterfind("annotation")],
        "relations": [_relation(one) for one in element.iterfind("relation")],
    }


def _passage(element: _Element) -> dict[str, Any]:
    return {
        "infons": _infons(element),
        "offset": _text(element, "offset"),
        "text": _text(element, "text"),
        "annotations": [_annotation(one) for one in element.iterfind("annotation")],
        "relations": [_relation(one) for one in element.iterfind("relation")],
        "sentences": [_passage(one) for one in element.iterfind("sentence")],
    }


def _annotation(element: _Element) -> dict[str, Any]:
    return {
        "id": element.get("id"),
        "infons": _infons(element),
        "text": _text(element, "text"),
        "locations": [dict(one.attrib) for one in element.iterfind("location")],
    }


def _relation(element: _Element) -> dict[str, Any]:
    return {
        "id": element.get("id"),
        "infons": _infons(element),
        "nodes": [dict(one.attrib) for one in element.iterfind("node")],
    }


def _infons(element: _Element) -> dict[str, str]:
    return {one.get("key", ""): _whole(one) for one in element.iterfind("infon")}


def _text(element: _Element, tag: str) -> str | None:
    child = element.find(tag)
    return None if child is None else _whole(child)


def _whole(element: _Element) -> str:
    """Return all text of an element; comments within it are none."""
    return "".join(str(part) for part in element.xpath(".//text()"))


def _element(data: Mapping[str, Any]) -> _Element:
    element = _branch("document", [_leaf("id", data["id"])], data["infons"])
    for passage in data["passages"]:
        body = [_leaf("offset", str(passage["offset"])), _leaf("text", passage["text"])]
        branch = _branch("passage", body, passage["infons"], infons_first=True)
        for one in passage["annotations"]:
            places = [{key: str(n) for key, n in place.items()} for place in one["locations"]]
            body = [*(_leaf("location", "", place) for place in places), _leaf("text", one["text"])]
            branch.append(_branch("annotation", body, one["infons"], {"id": one["id"]}, True))
        element.append(branch)
    for one in data["relations"]:
        body = [_leaf("node", "", node) for node in one["nodes"]]
        element.append(_branch("relation", body, one["infons"], {"id": one["id"]}, True))
    return element


def _branch(
    tag: str,
    children: Iterable[_Element],
    infons: Mapping[str, str],
    attributes: Mapping[str, str] | None = None,
    infons_first: bool = False,
) -> _Element:
    """Return an element with its infons where BioC's DTD has them."""
    element = _leaf(tag, "", attributes)
    said = [_leaf("infon", text, {"key": key}) for key, text in infons.items()]
    element.extend([*said, *children] if infons_first else [*children, *said])
    return element


def _leaf(tag: str, text: str, attributes: Mapping[str, str] | None = None) -> _Element:
    from lxml import etree

    element = etree.Element(tag, dict(attributes or {}))
    element.text = text or None
    return element


plugin = BiocXml()

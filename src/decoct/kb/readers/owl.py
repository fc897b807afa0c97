"""OWL in RDF/XML: the classes of an ontology with their labels and synonyms.

Read element by element, so that memory stays flat, and with the language of every label. Imports
are not followed: what a file does not hold is not read. A name without a language goes before
others; where all have one, English goes first.

Source: the mapping of OBO to OWL in "OBO Flat File Format 1.4 Syntax and Semantics", section 5; of
SKOS the labels and definitions.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree  # expat opens no other file, and stops entities that explode

from decoct.errors import FormatError
from decoct.kb.lines import unreadable
from decoct.kb.readers.base import Entry, Notes
from decoct.kb.readers.obo import OntologySettings
from decoct.store import open_unzipped

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_RDFS = "{http://www.w3.org/2000/01/rdf-schema#}"
_OWL = "{http://www.w3.org/2002/07/owl#}"
_OBO = "{http://purl.obolibrary.org/obo/}"
_IN_OWL = "{http://www.geneontology.org/formats/oboInOwl#}"
_SKOS = "{http://www.w3.org/2004/02/skos/core#}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_PURL = re.compile(r"http://purl\.obolibrary\.org/obo/([^#_/]+)_([^#/]+)")

_LABELS = (f"{_RDFS}label", f"{_SKOS}prefLabel")
_DEFINITIONS = (f"{_OBO}IAO_0000115", f"{_SKOS}definition")
_SYNONYMS = {
    f"{_IN_OWL}hasExactSynonym": "EXACT",
    f"{_IN_OWL}hasNarrowSynonym": "NARROW",
    f"{_IN_OWL}hasBroadSynonym": "BROAD",
    f"{_IN_OWL}hasRelatedSynonym": "RELATED",
    f"{_OBO}IAO_0000118": "RELATED",  # alternative term
    f"{_SKOS}altLabel": "EXACT",
}
_LICENSES = frozenset({"license", "licence", "rights"})


class Owl:
    """Read the classes of an OWL file in RDF/XML."""

    name = "owl"
    suffixes = (".owl", ".rdf")
    settings = OntologySettings
    repeats = False

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is XML with an RDF element."""
        del path
        return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") and b"rdf:RDF" in head

    def files(self, path: Path) -> list[Path]:
        """Return the file."""
        return [path]

    def read(self, path: Path, settings: OntologySettings, notes: Notes) -> Iterator[Entry]:
        """Yield an entry for each class that has an IRI and is not obsolete.

        Raises:
            FormatError: it is no RDF/XML, or holds no class.
        """
        n_classes, namespace = 0, ""
        for element in _elements(path):
            if element.tag == f"{_OWL}Ontology":
                namespace = _read_header(element, notes) or namespace
            elif _is_class(element):
                n_classes += 1
                if (
                    _text(element, (f"{_OWL}deprecated",)) in ("true", "1")
                    and not settings.obsolete
                ):
                    notes.left_out["obsolete"] += 1
                else:
                    yield _entry(element, settings, namespace)
        if not n_classes:
            raise FormatError(f"{path}: holds no owl:Class with an rdf:about; is it an ontology?")


def _elements(path: Path) -> Iterator[ElementTree.Element]:
    """Yield what stands right below the root, each forgotten when the next is asked for."""
    depth = 0
    try:
        with open_unzipped(path) as handle:
            root = None
            for event, element in ElementTree.iterparse(handle, ("start", "end")):
                if event == "start":
                    root = element if root is None else root
                    depth += 1
                    continue
                depth -= 1
                if depth == 1 and root is not None:
                    yield element
                    root.clear()
    except ElementTree.ParseError as error:
        line, column = error.position
        reason = str(error).split(":")[0]
        raise FormatError(
            f"{path}:{line}: not RDF/XML: {reason}, column {column + 1}; "
            "turn another form of OWL into it: robot convert -i IN -o OUT.owl"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from None


def _is_class(element: ElementTree.Element) -> bool:
    if f"{_RDF}about" not in element.attrib:
        return False
    if element.tag == f"{_OWL}Class":
        return True
    kinds = (kind.get(f"{_RDF}resource", "") for kind in element.iterfind(f"{_RDF}type"))
    return element.tag == f"{_RDF}Description" and f"{_OWL[1:-1]}Class" in kinds


def _entry(element: ElementTree.Element, settings: OntologySettings, namespace: str) -> Entry:
    labels = [name for tag in _LABELS for name in _named(element, tag)]
    labels.sort(key=lambda pair: (bool(pair[1]), not pair[1].startswith("en")))
    synonyms = [
        name
        for tag, scope in _SYNONYMS.items()
        if scope in settings.scopes
        for name in _named(element, tag)
    ]
    others = (_value(each) for each in element.iterfind(f"{_IN_OWL}hasAlternativeId"))
    return Entry(
        id=_text(element, (f"{_IN_OWL}id",)) or _short(element.attrib[f"{_RDF}about"]),
        names=labels + synonyms,
        definition=_text(element, _DEFINITIONS),
        types=[_text(element, (f"{_IN_OWL}hasOBONamespace",)) or namespace],
        alternatives=[_short(other) for other in others],
    )


def _read_header(ontology: ElementTree.Element, notes: Notes) -> str:
    """Take release and terms from the ontology's own element; return its default namespace."""
    version = ontology.find(f"{_OWL}versionIRI")
    notes.release = _text(ontology, (f"{_OWL}versionInfo",)) or (
        _value(version) if version is not None else ""
    )
    for child in ontology:
        if child.tag.rpartition("}")[2] in _LICENSES:
            notes.license_note = notes.license_note or _value(child)
    return _text(ontology, (f"{_IN_OWL}default-namespace", f"{_IN_OWL}hasDefaultNamespace"))


def _named(element: ElementTree.Element, tag: str) -> Iterator[tuple[str, str]]:
    for child in element.iterfind(tag):
        yield _value(child), child.get(_LANGUAGE, "")


def _text(element: ElementTree.Element, tags: tuple[str, ...]) -> str:
    """Return the first of the children of these names that says something."""
    found = (_value(child) for tag in tags for child in element.iterfind(tag))
    return next((value for value in found if value), "")


def _value(element: ElementTree.Element) -> str:
    return (element.text or "").strip() or element.get(f"{_RDF}resource", "")


def _short(iri: str) -> str:
    """Return an OBO IRI as a prefixed id, and any other as it is."""
    match = _PURL.fullmatch(iri)
    return f"{match[1]}:{match[2]}" if match else iri


plugin = Owl()

"""PubMed and MEDLINE XML: title and abstract of each citation, such as a baseline file has.

The text is the title, and on lines of their own the parts of the abstract, with their labels where
it is structured. In meta: `journal`, `year`, `doi`, `language`, `types`, `mesh` (id, name, and
major where it is) and `sections` (label, start and end of each part of a structured abstract). A
raised number, as in 10 to the sixth, stays raised if it follows a digit; other markup is dropped.

A file is cut into citations before XML is parsed, so memory does not grow with it, and a citation
that is not well-formed is named and counted while all others are read. No entity is expanded and no
DTD looked up. Citations that the file says are withdrawn (`DeleteCitation`) are passed over unless
`deleted=true`, which makes documents without text of them, with `deleted` in meta.

Source: https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from decoct.errors import Faults, FormatError
from decoct.formats._xml import SAFE, complaint, has_entity
from decoct.formats.base import open_bytes, unreadable
from decoct.records import Document

if TYPE_CHECKING:
    from lxml.etree import XMLParser, _Element

CHUNK_BYTES = 1 << 18
MAX_CITATION_BYTES = 1 << 24
_CITATIONS = ("PubmedArticle", "PubmedBookArticle", "MedlineCitation", "DeleteCitation")
_BEGIN = re.compile(rb"<(%s)(?=[\s>])" % "|".join(_CITATIONS).encode())
_TAIL_BYTES = max(map(len, _CITATIONS)) + 2
_SPACE = re.compile(r"[ \t\r\n]+")
_RAISED = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_NO_TITLE = "[Not Available]."


class PubmedXml:
    """Read citations."""

    name = "pubmed_xml"
    suffixes: tuple[str, ...] = ()

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is XML that begins a set of citations."""
        del path
        found = re.search(
            rb"<(PubmedArticleSet|PubmedBookArticleSet|MedlineCitationSet)[\s>]", head
        )
        return found is not None

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        labels: bool = True,
        deleted: bool = False,
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield a document for each citation, its id the PMID.

        Args:
            path: the file.
            faults: gets a line for each citation that can't be read or has no text.
            labels: whether the parts of a structured abstract begin with their labels.
            deleted: whether withdrawn citations are documents too.

        Raises:
            FormatError: it holds no citation.
            StoreError: it can't be opened, or is broken off.
        """
        from lxml import etree

        parser = etree.XMLParser(**SAFE)
        n_found = 0
        for line, tag, raw in _cut(path, faults):
            n_found += 1
            where = f"{path}:{line}"
            element = _parsed(raw, parser, where, faults)
            if element is None:
                continue
            if tag == "DeleteCitation":
                pmids = element.iterfind("PMID") if deleted else ()
                for pmid in pmids:
                    yield Document(id=_words(pmid), text="", meta={"deleted": True})
                continue
            document = _document(element, labels, where, faults)
            if document is not None:
                yield document
        if not n_found:
            raise FormatError(f"{path}: holds no citation of PubMed or MEDLINE XML")


def _parsed(raw: bytes, parser: XMLParser, where: str, faults: Faults) -> _Element | None:
    from lxml import etree

    try:
        element = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        pmid = re.search(rb"<PMID[^>]*>\s*(\d+)", raw)
        named = f"citation {pmid[1].decode()}: " if pmid else "a citation: "
        faults.add(where, f"{named}not well-formed: {complaint(error)}", "bad_citation")
        return None
    if has_entity(element):
        faults.add(where, "a citation refers to an entity, and none is looked up", "bad_citation")
        return None
    return element


def _cut(path: Path, faults: Faults) -> Iterator[tuple[int, str, bytes]]:
    """Yield (line number, tag, XML) of each citation; what stands between them is passed over."""
    buffer, line = bytearray(), 1
    wanted = _BEGIN
    try:
        with open_bytes(path) as handle:
            while True:
                begin = wanted.search(buffer)
                found = _end(buffer, begin) if begin else None
                if begin and found:
                    end, whole = found
                    # what is left of a broken one is not to be taken for another
                    wanted = _BEGIN if whole else _opening(begin[1])
                    line += buffer.count(b"\n", 0, begin.start())
                    if whole:
                        yield line, begin[1].decode(), bytes(buffer[begin.start() : end])
                    else:
                        faults.add(f"{path}:{line}", "a citation that does not end", "bad_citation")
                    line += buffer.count(b"\n", begin.start(), end)
                    del buffer[:end]
                    continue
                line += _drop(buffer, begin.start() if begin else len(buffer) - _TAIL_BYTES)
                if not _fill(buffer, handle):
                    break
    except (OSError, EOFError) as error:
        raise unreadable(path, error) from None
    if _BEGIN.match(buffer):
        faults.add(f"{path}:{line}", "a citation that does not end", "bad_citation")


def _opening(tag: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"<(%s)(?=[\s>])" % tag)


def _drop(buffer: bytearray, end: int) -> int:
    """Forget the beginning of a buffer, and return how many lines it had."""
    n_lines = buffer.count(b"\n", 0, max(0, end))
    del buffer[: max(0, end)]
    return n_lines


def _fill(buffer: bytearray, handle: IO[bytes]) -> bool:
    """Read on, as much again as is there, so that a long citation is not searched too often."""
    chunk = handle.read(max(CHUNK_BYTES, len(buffer)))
    buffer += chunk
    return bool(chunk)


def _end(buffer: bytearray, begin: re.Match[bytes]) -> tuple[int, bool] | None:
    """Return where a citation ends and whether it does; None if more has to be read.

    One that another citation begins in, or that is too long to be one, is broken: it ends there.
    """
    closing = b"</" + begin[1]
    close = buffer.find(closing, begin.end())
    last = buffer.find(b">", close) + 1 if close >= 0 else 0
    again = _opening(begin[1]).search(buffer, begin.end(), close if close >= 0 else len(buffer))
    if again:
        return again.start(), False
    if last:
        return last, True
    if len(buffer) - begin.start() > MAX_CITATION_BYTES:
        return begin.end(), False
    return None


def _document(element: _Element, labels: bool, where: str, faults: Faults) -> Document | None:
    citation = element.find("MedlineCitation")
    if citation is None:
        citation = element.find("BookDocument")
    if citation is None:
        citation = element
    article = citation.find("Article")
    article = citation if article is None else article
    pmid = _first(citation, "PMID")
    if not pmid:
        faults.add(where, "a citation without a PMID", "bad_citation")
        return None
    text, sections = _text(article, labels)
    if not text:
        faults.add(where, f"citation {pmid} has neither title nor abstract", "no_text")
        return None
    meta = {**_meta(citation, article), "sections": sections}
    return Document(id=pmid, text=text, meta={name: value for name, value in meta.items() if value})


def _text(article: _Element, labels: bool) -> tuple[str, list[dict[str, Any]]]:
    title = _first(article, "ArticleTitle")
    if title in ("", _NO_TITLE):
        title = _first(article, "VernacularTitle") or title
    text = title
    sections: list[dict[str, Any]] = []
    for part in article.iterfind("Abstract/AbstractText"):
        words, label = _words(part), part.get("Label", "").strip()
        if not words:
            continue
        shown = f"{label}: {words}" if labels and label and label != "UNLABELLED" else words
        start = len(text) + 1 if text else 0
        text = f"{text}\n{shown}" if text else shown
        if label:
            sections.append({"label": label, "start": start, "end": len(text)})
    return text, sections


def _meta(citation: _Element, article: _Element) -> dict[str, Any]:
    journal = _first(article, "Journal/Title") or _first(citation, "MedlineJournalInfo/MedlineTA")
    date = _first(article, "Journal/JournalIssue/PubDate/Year")
    date = date or _first(article, "Journal/JournalIssue/PubDate/MedlineDate")
    date = date or _first(article, "ContributionDate/Year") or _first(article, "Book/PubDate/Year")
    year = re.search(r"\d{4}", date)
    dois = (one for one in article.iterfind("ELocationID") if one.get("EIdType") == "doi")
    return {
        "journal": journal or _first(article, "Book/BookTitle"),
        "year": int(year[0]) if year else None,
        "doi": next(map(_words, dois), ""),
        "language": _first(article, "Language"),
        "types": [_words(one) for one in article.iterfind("PublicationTypeList/PublicationType")],
        "mesh": list(_mesh(citation)),
    }


def _mesh(citation: _Element) -> Iterator[dict[str, Any]]:
    for heading in citation.iterfind("MeshHeadingList/MeshHeading"):
        name = heading.find("DescriptorName")
        if name is not None:
            found: dict[str, Any] = {"id": name.get("UI", ""), "name": _words(name)}
            if any(one.get("MajorTopicYN") == "Y" for one in heading):
                found["major"] = True
            yield found


def _first(element: _Element, path: str) -> str:
    found = element.find(path)
    return "" if found is None else _words(found)


def _words(element: _Element) -> str:
    """Return the text of an element, its markup dropped and white space made single spaces."""
    if not len(element):
        return _SPACE.sub(" ", element.text or "").strip()
    parts: list[str] = []
    _gather(element, parts)
    return _SPACE.sub(" ", "".join(parts)).strip()


def _gather(element: _Element, parts: list[str]) -> None:
    text = element.text if isinstance(element.tag, str) else ""
    before = parts[-1][-1:] if parts else ""
    if element.tag == "sup" and before.isdigit() and re.fullmatch(r"[0-9+\-−]+", text or ""):
        text = (text or "").translate(_RAISED)
    parts += [text] if text else []
    for child in element:
        _gather(child, parts)
        parts += [child.tail] if child.tail else []


plugin = PubmedXml()

"""Documents made of PubTator's lines; the format itself is told of in `pubtator.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from decoct.errors import Faults
from decoct.formats._concepts import read_link
from decoct.records import Document, Link, Span

Prefixes = Literal["keep", "add", "drop"]
CONCEPT_RELATIONS = "concept_relations"
_PASSAGE = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_MESH = re.compile(r"[CD]\d{6,}")


@dataclass(slots=True)
class Block:
    """The lines of one document, as far as they have been read."""

    id: str
    title: str
    abstract: str | None = None
    annotations: list[tuple[str, list[str]]] = field(default_factory=list)  # (where, fields)
    relations: list[dict[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return f"{self.title}\n{self.abstract}" if self.abstract else self.title


def read_blocks(lines: Iterable[tuple[str, str]], faults: Faults) -> Iterator[Block]:
    """Yield the lines of each document.

    Args:
        lines: (where it stands, line).
        faults: gets a line for each that fits nowhere.
    """
    block: Block | None = None
    for where, line in lines:
        passage = _PASSAGE.fullmatch(line)
        if passage and passage[2] == "t":
            if block is not None:
                yield block
            block = Block(passage[1].strip(), passage[3])
        else:
            fault = _add(block, passage, line.split("\t"), where)
            if fault:
                faults.add(where, fault, "bad_line")
    if block is not None:
        yield block


def make_document(block: Block, prefixed: Callable[[str], str], faults: Faults) -> Document:
    """Make a document of its lines.

    Args:
        block: the lines.
        prefixed: concept id -> what it is to be, see `PREFIXED`.
        faults: gets a line for each annotation whose string is not where it says, or that has no
            type.
    """
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


def _add(
    block: Block | None, passage: re.Match[str] | None, fields: list[str], where: str
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


def _with_mesh(id_: str) -> str:
    return f"MESH:{id_}" if _MESH.fullmatch(id_) else id_


def _without_mesh(id_: str) -> str:
    return id_.removeprefix("MESH:")


PREFIXED: dict[str, Callable[[str], str]] = {
    "keep": str,
    "add": _with_mesh,
    "drop": _without_mesh,
}

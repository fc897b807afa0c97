"""CoNLL: a token a line, its tag last, a blank line between sentences.

The default layout says where each token stands, so that the text comes back as it was:

    # newdoc id = 10
    # text = "Fever and rash."
    Fever	0	5	B-Disease
    and	6	9	O

Tags are IOB2. The third comment, `# decoct =`, has source, label and meta of the document where
there are any. The layout `plain` has tokens and tags alone, with `-DOCSTART-` before each document,
for taggers that know no comments. Tokens are words, cut where a span begins or ends within one.

Read are both, two columns, the four of CoNLL-2003, and other columns as long as the token is first
and the tag last; IOB1 and BIOES are understood. A file without `-DOCSTART-` or `# newdoc` has a
document in each sentence.

Source: Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003 shared task".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from decoct.errors import Faults, RecordError
from decoct.formats._files import write_lines
from decoct.formats._iob import Block, Token, block_document, quoted
from decoct.formats._losses import Losses
from decoct.formats._tokens import cut_tokens, without_overlaps
from decoct.formats.base import STANDARD_INPUT, read_lines, writable
from decoct.records import Document, Span
from decoct.text.sentences import split_sentences

Layout = Literal["offsets", "plain"]
Line = tuple[int, str]
_DOCSTART = "-DOCSTART-"
_COMMENT = re.compile(r"#\s*([A-Za-z_]+(?: [A-Za-z_]+)?) =\s?(.*)", re.DOTALL)
_TAG = re.compile(r"[OBIESLU_]|[BIESLU]-.+")
_REST = frozenset({"source", "label", "meta"})


class Conll:
    """Read and write tagged tokens."""

    name = "conll"
    suffixes = (".conll", ".conll2003", ".iob", ".iob2", ".bio")
    endings = suffixes
    carries = ("spans", "label", "source", "meta")

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        label: str = "Entity",
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield documents, one at a time.

        Args:
            path: the file.
            faults: gets a line for each that can't be read, and documents that can't.
            label: of spans whose tags, such as `B`, name none.

        Raises:
            FormatError: it is empty.
            StoreError: it can't be opened.
        """
        name = "stdin" if path == STANDARD_INPUT else path.name
        for block in _blocks(read_lines(path, faults, blank=True), path, name, faults):
            try:
                yield block_document(block, label)
            except RecordError as error:
                faults.add(block.where, f"document {block.id!r}: {error}", "bad_document")

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        *,
        layout: Layout = "offsets",
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write a file; see `Writer.write`.

        Of spans that overlap the longest is kept; a discontinuous one goes from its first character
        to its last.

        Args:
            path: the file.
            documents: what to write.
            losses: gets what can't be carried.
            faults: gets documents that can't be written.
            layout: `offsets`, or `plain` for tokens and tags alone.
        """
        n_documents = 0

        def lines() -> Iterator[str]:
            nonlocal n_documents
            for document in writable(documents, faults):
                made = list(_lines(document, layout))
                numbered = list(enumerate(made, start=1))
                (block,) = _blocks(numbered, path, path.name, Faults())
                losses.compare(document, block_document(block, "Entity"))
                n_documents += 1
                yield from (f"{line}\n" for line in made)

        write_lines(path, lines())
        return n_documents


def _blocks(lines: Iterable[Line], path: Path, name: str, faults: Faults) -> Iterator[Block]:
    marked = False  # whether documents are told apart
    block: Block | None = None
    sentence: list[Token] = []
    for number, line in lines:
        where = f"{path}:{number}"
        comment = _COMMENT.fullmatch(line)
        begins = line.startswith(_DOCSTART) or (comment is not None and comment[1] == "newdoc id")
        if begins:
            marked = True
            if block is not None:
                yield block
            block, sentence = Block(where, _id(comment, name, number)), []
        elif _is_remark(line):
            continue
        elif comment is not None:
            block = block or Block(where, f"{name}:{number}")
            _note(block, comment, where, faults)
        elif not line.strip():
            sentence = []
            if block is not None and not marked and block.sentences:
                yield block
                block = None
        else:
            block = block or Block(where, f"{name}:{number}")
            if not sentence:
                block.sentences.append(sentence)
            sentence.append(_token(line))
    if block is not None:
        yield block


def _is_remark(line: str) -> bool:
    """Whether a line is a comment that says nothing to us, and not the token `#` with its tag."""
    said = _COMMENT.fullmatch(line)
    return line.startswith("# ") and said is None and not _TAG.fullmatch(line.split()[-1])


def _id(comment: re.Match[str] | None, name: str, number: int) -> str:
    said = comment[2] if comment else ""
    if said.startswith('"'):
        with suppress(ValueError):
            said = str(json.loads(said))
    return said or f"{name}:{number}"


def _note(block: Block, comment: re.Match[str], where: str, faults: Faults) -> None:
    """Take what a comment of ours says; others' are passed over."""
    key, value = comment[1], comment[2]
    if key == "text" and not value.startswith('"'):
        return
    if key not in ("text", "decoct"):
        return
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        said = None
    if key == "text" and isinstance(said, str):
        block.text = said
    elif key == "decoct" and isinstance(said, dict) and said.keys() <= _REST:
        block.rest = said
    else:
        faults.add(where, f"the comment {key!r} is not what decoct writes there", "bad_line")


def _token(line: str) -> Token:
    fields = line.split("\t") if "\t" in line else line.split()
    placed = len(fields) == 4 and fields[1].isdecimal() and fields[2].isdecimal()
    if placed and int(fields[2]) - int(fields[1]) == len(fields[0]):
        return Token(fields[0], fields[3].strip(), int(fields[1]))
    return Token(fields[0], fields[-1].strip() if len(fields) > 1 else "O")


def _lines(document: Document, layout: Layout) -> Iterator[str]:
    spans = without_overlaps(document.spans)
    tokens = cut_tokens(document.text, spans)
    if layout == "plain":
        yield from (f"{_DOCSTART}\tO", "")
    else:
        yield from _head(document)
    breaks = iter([*(one.start for one in split_sentences(document.text)), len(document.text) + 1])
    next_break = next(breaks)
    left = iter([*spans, None])
    span = next(left)
    first = True
    for start, end in tokens:
        while span is not None and span.end <= start:
            span = next(left)
        within = span is not None and span.start < start
        if start >= next_break:
            while next_break <= start:
                next_break = next(breaks)
            if not first and not within:
                yield ""
        first = False
        row = [document.text[start:end], str(start), str(end), _tag(span, start)]
        yield "\t".join(row if layout == "offsets" else (row[0], row[3]))
    yield ""


def _head(document: Document) -> Iterator[str]:
    plain = document.id.isprintable() and document.id == document.id.strip()
    plain = plain and not document.id.startswith('"')
    yield f"# newdoc id = {document.id if plain else quoted(document.id)}"
    yield f"# text = {quoted(document.text)}"
    rest = json.loads(document.model_copy(update={"spans": (), "relations": ()}).to_json())
    said = {key: rest[key] for key in sorted(_REST) if rest[key] not in (None, {})}
    if said or document.spans:
        said.setdefault("source", None)
        yield f"# decoct = {json.dumps(said)}"


def _tag(span: Span | None, start: int) -> str:
    if span is None or start < span.start:
        return "O"
    label = re.sub(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", "_", span.label)
    # the first token of a span begins where it does, or after its white space
    before = span.start + len(span.text) - len(span.text.lstrip())
    return f"{'B' if start <= before else 'I'}-{label}"


plugin = Conll()

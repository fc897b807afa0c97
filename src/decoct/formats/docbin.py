"""spaCy's DocBin (`.spacy`): what `spacy train` and `spacy debug data` take.

Spans are the span group `sc`, with their ids and, as `kb_id`, the ids that they are linked to;
those that do not overlap (the longest first) are `doc.ents` too, and a document's label is
`doc.cats`. What spaCy has no place for (relations, fragments, confidences, meta) stands as JSON in
`doc.user_data["decoct"]`, so nothing is lost. Tokens are words, cut where a span begins or ends,
and white space other than single spaces is a token, so the text is exact.

A DocBin of others is read from its span groups, or its entities where it has none. The format is
one piece: a file is in memory whole, when read and when written. No pickle is in it.

Source: https://spacy.io/api/docbin, https://spacy.io/api/spancategorizer.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.errors import Faults, FormatError, MissingExtraError, RecordError
from decoct.formats._concepts import read_link, write_link
from decoct.formats._files import atomic_bytes
from decoct.formats._losses import Losses
from decoct.formats._tokens import cut_tokens, without_overlaps
from decoct.formats.base import open_bytes, unreadable, writable
from decoct.records import Document, one_line

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

KEY = "decoct"


class DocBin:
    """Read and write DocBins."""

    name = "docbin"
    suffixes = (".spacy",)
    endings = suffixes
    carries = ("everything",)

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        spans_key: str = "",
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield documents.

        Args:
            path: the file.
            faults: gets a line for each document that can't be read.
            spans_key: the span group to take, of files that decoct did not write; by default all,
                or the entities where there is none.

        Raises:
            FormatError: it is no DocBin.
            MissingExtraError: spaCy is not installed.
            StoreError: it can't be opened.
        """
        spacy_docbin, vocab = _library()
        try:
            with open_bytes(path) as handle:
                content = handle.read()
        except (OSError, EOFError) as error:
            raise unreadable(path, error) from None
        try:
            docs = spacy_docbin().from_bytes(content).get_docs(vocab)
            for number, doc in enumerate(docs, start=1):
                where = f"{path.name}:{number}"
                try:
                    yield _document(doc, where, spans_key)
                except (RecordError, RecursionError) as error:
                    faults.add(f"{path}: document {number}", one_line(str(error)), "bad_document")
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            reason = one_line(str(error).splitlines()[0] if str(error) else type(error).__name__)
            raise FormatError(f"{path}: not a DocBin of spaCy: {reason}") from None
        finally:
            gc.enable()  # what spaCy unpacks with turns it off, and leaves it so when it fails

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        *,
        spans_key: str = "sc",
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write a file; see `Writer.write`.

        Args:
            path: the file.
            documents: what to write.
            losses: gets what can't be carried.
            faults: gets documents that can't be written.
            spans_key: what the span group is called.
        """
        spacy_docbin, vocab = _library()
        made = spacy_docbin(store_user_data=True)
        with atomic_bytes(path) as raw:
            for document in writable(documents, faults):
                doc = _doc(document, vocab, spans_key)
                made.add(doc)
                losses.compare(document, _document(doc, "", spans_key))
            raw.write(made.to_bytes())
        return len(made)


def _library() -> tuple[Any, Vocab]:
    try:
        from spacy.tokens import DocBin as spacy_docbin
        from spacy.vocab import Vocab
    except ImportError:
        raise MissingExtraError("spacy", "spacy", "spaCy's DocBin") from None
    return spacy_docbin, Vocab()


def _doc(document: Document, vocab: Vocab, key: str) -> Doc:
    from spacy.tokens import Doc, Span

    words, spaces, starts, ends = _words(document)
    doc = Doc(vocab, words=words, spaces=spaces)
    made = {
        span.id: Span(
            doc,
            starts[span.start],
            ends[span.end],
            label=span.label,
            kb_id=write_link(span.link),
            span_id=span.id,
        )
        for span in document.spans
    }
    doc.spans[key] = list(made.values())
    doc.set_ents([made[span.id] for span in without_overlaps(document.spans)])
    if document.label:
        doc.cats = {document.label: 1.0}
    keep_annotations(document, doc)
    return doc


def keep_annotations(document: Document, doc: Doc, *, with_id: bool = True) -> None:
    """Put into `doc.user_data` what a document says of its text, for `kept_annotations`.

    Args:
        document: of the same text.
        doc: spaCy's.
        with_id: whether its id is kept; one that is a mere number in a stream is not.
    """
    rest = json.loads(document.to_json())
    for span in rest["spans"]:
        del span["text"]
    left_out = {"text"} if with_id else {"text", "id"}
    doc.user_data[KEY] = json.dumps({k: v for k, v in rest.items() if k not in left_out})


def kept_annotations(doc: Doc, id_: str) -> Document | None:
    """Return the document that `keep_annotations` was given, None where it was given none.

    Args:
        doc: spaCy's.
        id_: what the document is called where its id was not kept.

    Raises:
        RecordError: something else is kept there.
    """
    known = doc.user_data.get(KEY)
    if not isinstance(known, str):
        return None
    try:
        data = json.loads(known)
        for span in data["spans"]:
            pieces = span.get("fragments") or [[span["start"], span["end"]]]
            span["text"] = " ".join(doc.text[start:end] for start, end in pieces)
        return Document.from_dict({"id": id_, **data, "text": doc.text})
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"its user_data[{KEY!r}] is not what decoct writes: {error}") from None


def _words(document: Document) -> tuple[list[str], list[bool], dict[int, int], dict[int, int]]:
    """Return words, whether a space follows each, and offset -> token that begins or ends there.

    The first space after a word belongs to it, unless a span begins or ends with that space.
    """
    text = document.text
    begins = {span.start for span in document.spans}
    stops = {span.end for span in document.spans}
    words: list[str] = []
    spaces: list[bool] = []
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}

    def add(start: int, end: int) -> None:
        starts[start] = len(words)
        words.append(text[start:end])
        spaces.append(False)
        ends[end] = len(words)

    last = 0
    for start, end in [*cut_tokens(text, document.spans), (len(text), len(text))]:
        spaced = bool(words) and text[last:start].startswith(" ")
        if spaced and last not in begins and last + 1 not in stops:
            spaces[-1] = True
            last += 1
        inner = (edge for edge in begins | stops if last < edge < start) if last < start else ()
        cuts = sorted({last, start, *inner})
        for first, then in pairwise([*cuts, end] if start < end else cuts):
            add(first, then)
        last = end
    return words, spaces, starts, ends


def _document(doc: Doc, id_: str, key: str) -> Document:
    kept = kept_annotations(doc, id_)
    if kept is not None:
        return kept
    groups = [doc.spans[key]] if key in doc.spans else [] if key else list(doc.spans.values())
    found = [span for group in groups for span in group] or ([] if key else list(doc.ents))
    label, score = max(doc.cats.items(), key=lambda item: item[1], default=(None, 0.0))
    spans = [
        {
            "id": f"T{number}",
            "start": span.start_char,
            "end": span.end_char,
            "label": span.label_ or "Entity",
            "text": span.text,
            "link": read_link(span.kb_id_),
        }
        for number, span in enumerate(found, start=1)
        if span.text
    ]
    certain = label if score >= 0.5 else None
    source = "gold" if spans or certain else None
    return Document.from_dict(
        {"id": id_, "text": doc.text, "spans": spans, "label": certain, "source": source}
    )


plugin = DocBin()

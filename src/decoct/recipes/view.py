"""`view`: documents in, pictures of their annotations out, beside gold if there is any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from decoct.errors import Faults
from decoct.evaluation.align import align
from decoct.evaluation.items import Place, PlacePair, place
from decoct.formats.base import read_documents, writable
from decoct.progress import Progress, Silent
from decoct.recipes.convert import nothing_read
from decoct.records import Document, Link, Relation, Span
from decoct.store import check_writable
from decoct.view.picture import Picture
from decoct.view.shown import Shown, Verdict

IN_NOTEBOOK = 200  # documents; a notebook keeps all that it has shown


@dataclass(frozen=True, slots=True)
class Viewed:
    """What a file of pictures holds.

    Attributes:
        n_documents: drawn.
        n_spans: in them, also those that only gold has.
        n_relations: likewise.
        verdicts: "spans", "relations", "links" and "classes" -> verdict -> how many, where they
            were compared with gold.
    """

    n_documents: int
    n_spans: int
    n_relations: int
    verdicts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types; verdicts where there are any."""
        data: dict[str, object] = {
            "n_documents": self.n_documents,
            "n_spans": self.n_spans,
            "n_relations": self.n_relations,
        }
        if self.verdicts:
            data["verdicts"] = {name: dict(some) for name, some in self.verdicts.items()}
        return data


def show(
    documents: Document | Iterable[Document],
    gold: Document | Iterable[Document] | None = None,
    *,
    title: str = "decoct",
    limit: int | None = IN_NOTEBOOK,
    height: int | None = None,
) -> Picture:
    """Draw documents in a notebook: text, spans, arrows from subject to object, links.

    Args:
        documents: one or several.
        gold: people's annotations of the same documents, to see what was missed and invented.
        title: the heading over several.
        limit: draw no more than this many; None for all.
        height: of the picture, in pixels; None for what it seems to need.

    Returns:
        What a notebook shows by itself, and `save(path)` writes as one HTML file.

    Raises:
        EvaluationError: an id occurs twice, or the texts of one id differ; only where there is
            gold.
    """
    several = _several(documents)
    if gold is None:
        shown = [Shown(document) for document in several]
    else:
        shown = compare_with_gold(_several(gold), several, Faults())
    drawn = shown[:limit]
    if len(drawn) < len(shown):
        title = f"{title}: the first {len(drawn)} of {len(shown)} documents"
    return Picture(tuple(drawn), title, height)


def view_file(
    source: Path,
    out: Path,
    gold: Path | None = None,
    *,
    limit: int | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Viewed:
    """Write one HTML file that draws the documents of another.

    Args:
        source: documents in any format that is read, or `-`.
        out: the HTML file; written atomically.
        gold: people's annotations of the same documents.
        limit: draw no more than this many.
        faults: gets lines that can't be read, and documents that only one side has.
        progress: shown how far it is.

    Raises:
        FormatError: a file holds no document.
        EvaluationError: gold and the documents have different texts under one id.
        StoreError: a file can't be read or written.
    """
    faults = faults if faults is not None else Faults()
    check_writable(out)
    golden = None if gold is None else _read(gold, None, faults, None)
    documents = _read(source, None if gold is not None else limit, faults, progress)
    if golden is None:
        shown = [Shown(document) for document in documents]
    else:
        shown = compare_with_gold(golden, documents, faults)[:limit]
    names = source.name if gold is None else f"{source.name} beside {gold.name}"
    Picture(tuple(shown), names).save(out)
    return Viewed(
        len(shown),
        sum(len(one.document.spans) for one in shown),
        sum(len(one.document.relations) for one in shown),
        _count(shown) if gold is not None else {},
    )


def compare_with_gold(
    gold: list[Document], predicted: list[Document], faults: Faults
) -> list[Shown]:
    """Put gold and a system's annotations into one picture for each gold document.

    Spans and relations are right where label and place are the same, as in strict scores by offset.

    Args:
        gold: people's annotations, in the order in which to draw.
        predicted: a system's.
        faults: gets documents that only one side has.

    Raises:
        EvaluationError: see `align`.
    """
    aligned = align(gold, predicted)
    for id_ in aligned.missing:
        faults.add(id_, "in gold, no prediction; drawn as empty", "no_prediction")
    for id_ in aligned.unknown:
        faults.add(id_, "predicted, not in gold; not drawn", "not_in_gold")
    found = {document.id: document for document in aligned.predicted}
    return [_compare(document, found[document.id]) for document in gold]


def _several(documents: Document | Iterable[Document]) -> list[Document]:
    return [documents] if isinstance(documents, Document) else list(documents)


def _read(
    path: Path, limit: int | None, faults: Faults, progress: Progress | None
) -> list[Document]:
    readable = writable(read_documents(path, faults), faults)
    documents = list((progress or Silent()).track(islice(readable, limit), None, "view"))
    if not documents:
        raise nothing_read(path, faults)
    return documents


def _compare(gold: Document, predicted: Document) -> Shown:
    spans, span_verdicts, ids = _merge_spans(gold, predicted)
    relations, relation_verdicts = _merge_relations(gold, predicted, ids)
    merged = predicted.model_copy(update={"spans": tuple(spans), "relations": tuple(relations)})
    links = _other_links(gold, predicted)
    return Shown(merged, True, span_verdicts, tuple(relation_verdicts), links, gold.label)


def _merge_spans(
    gold: Document, predicted: Document
) -> tuple[list[Span], dict[str, Verdict], dict[Place, str]]:
    """Return the spans of both sides, a verdict for each id, and the ids of gold's places.

    A picture's confidences are the system's: gold's annotations have none in it.
    """
    known = {place(span): span.id for span in predicted.spans}
    golden = {place(span): span for span in gold.spans}
    spans, ids = list(predicted.spans), {}
    verdicts: dict[str, Verdict] = {
        span.id: "right" if place(span) in golden else "invented" for span in spans
    }
    for where, span in golden.items():
        ids[where] = known.get(where) or _free(span.id, verdicts)
        if where not in known:
            verdicts[ids[where]] = "missed"
            spans.append(span.model_copy(update={"id": ids[where], "confidence": None}))
    return spans, verdicts, ids


def _merge_relations(
    gold: Document, predicted: Document, ids: Mapping[Place, str]
) -> tuple[list[Relation], list[Verdict]]:
    known, golden = _pairs(predicted), dict(zip(_pairs(gold), gold.relations, strict=True))
    relations = list(predicted.relations)
    verdicts: list[Verdict] = ["right" if pair in golden else "invented" for pair in known]
    for pair, relation in golden.items():
        if pair not in known:
            ends = {"subject": ids[pair[1]], "object": ids[pair[2]], "confidence": None}
            relations.append(relation.model_copy(update=ends))
            verdicts.append("missed")
    return relations, verdicts


def _pairs(document: Document) -> list[PlacePair]:
    return [
        (relation.label, place(subject), place(object_))
        for relation, subject, object_ in document.pairs()
    ]


def _other_links(gold: Document, predicted: Document) -> dict[str, Link]:
    """Return gold's link of each span that the system links elsewhere."""
    golden = {place(span): span.link for span in gold.spans if span.link is not None}
    found: dict[str, Link] = {}
    for span in predicted.spans:
        link = golden.get(place(span))
        if span.link is not None and link is not None and span.link.id not in (link.ids or (None,)):
            found[span.id] = link
    return found


def _free(id_: str, taken: Container[str]) -> str:
    while id_ in taken:
        id_ = f"gold-{id_}"
    return id_


def _count(shown: Iterable[Shown]) -> dict[str, dict[str, int]]:
    counts = {name: Counter[str]() for name in ("spans", "relations", "links", "classes")}
    for one in shown:
        counts["spans"].update(one.spans.values())
        counts["relations"].update(one.relations)
        counts["links"]["wrong"] += len(one.links)
        if one.label is not None:
            counts["classes"]["right" if one.label == one.document.label else "wrong"] += 1
    return {name: dict(some) for name, some in counts.items() if some.total()}

"""Gold and predictions side by side, joined by document id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from decoct.errors import EvaluationError
from decoct.records import Document, Span
from decoct.store import sha256_json


@dataclass(frozen=True, slots=True, repr=False)
class Aligned:
    """Gold documents and their predictions, position by position.

    Both are sorted by id, so that no number depends on the order of a file: not even an interval,
    which comes from resampling documents by position.

    Attributes:
        gold: every gold document.
        predicted: the prediction for each; one without annotations where there was none.
        missing: ids of gold documents without a prediction; they are scored as empty.
        unknown: ids of predictions without a gold document; they are not scored.
    """

    gold: tuple[Document, ...]
    predicted: tuple[Document, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"Aligned({len(self.gold)} documents, {len(self.missing)} missing, "
            f"{len(self.unknown)} unknown)"
        )


def align(gold: Sequence[Document], predicted: Sequence[Document]) -> Aligned:
    """Join gold documents and predictions by id.

    Raises:
        EvaluationError: there is no gold, an id occurs twice on one side, or the two sides have
            different texts under one id.
    """
    if not gold:
        raise EvaluationError("no gold documents to evaluate against; check the gold file")
    gold_by_id = _by_id(gold, "gold")
    predicted_by_id = _by_id(predicted, "predicted")
    ids = sorted(gold_by_id)
    for id_ in ids:
        if id_ in predicted_by_id:
            _check_same_text(gold_by_id[id_], predicted_by_id[id_])
    return Aligned(
        gold=tuple(gold_by_id[id_] for id_ in ids),
        predicted=tuple(predicted_by_id.get(id_) or _empty(gold_by_id[id_]) for id_ in ids),
        missing=tuple(id_ for id_ in ids if id_ not in predicted_by_id),
        unknown=tuple(id_ for id_ in sorted(predicted_by_id) if id_ not in gold_by_id),
    )


def hash_gold(gold: Iterable[Document]) -> str:
    """Return eight hex digits that name the gold data: ids, texts, spans, links and relations.

    The order of documents, spans and relations, the names of span ids, and meta don't count.
    """
    by_id = sorted(gold, key=lambda document: document.id)
    return sha256_json([sha256_json(_content(document)) for document in by_id])[:8]


def _content(document: Document) -> list[object]:
    spans = sorted(_span_content(span) for span in document.spans)
    relations = sorted(
        [relation.label, *_span_content(subject), *_span_content(object_)]
        for relation, subject, object_ in document.pairs()
    )
    links = sorted(
        (*_span_content(span), tuple(sorted(span.link.ids)))
        for span in document.spans
        if span.link is not None
    )
    # data without links keep the names that they had before there were any
    return [document.id, document.text, spans, relations, *([links] if links else [])]


def _span_content(span: Span) -> tuple[int, int, str, tuple[tuple[int, int], ...]]:
    return span.start, span.end, span.label, span.fragments or ()


def _empty(document: Document) -> Document:
    return Document(id=document.id, text=document.text, source="predicted")


def _by_id(documents: Sequence[Document], side: str) -> dict[str, Document]:
    by_id: dict[str, Document] = {}
    for document in documents:
        if document.id in by_id:
            raise EvaluationError(
                f"document id {document.id!r} occurs twice among the {side} documents; ids must be "
                "unique within a file"
            )
        by_id[document.id] = document
    return by_id


def _check_same_text(gold: Document, predicted: Document) -> None:
    if gold.text == predicted.text:
        return
    shared = zip(gold.text, predicted.text, strict=False)
    first = next(
        (position for position, (one, other) in enumerate(shared) if one != other),
        min(len(gold.text), len(predicted.text)),
    )
    raise EvaluationError(
        f"document {gold.id!r}: gold and predicted texts differ from character {first} on "
        f"({gold.text[first : first + 20]!r} against {predicted.text[first : first + 20]!r}); "
        "predict on the text that the gold was made on"
    )

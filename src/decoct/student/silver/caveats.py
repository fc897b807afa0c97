"""How far a document's labels are to be believed: said in its `meta`, heard by training.

`unknown_subjects` are ids of spans, `weight` is a number, `doubtful` are (start, end) places.
"""

from __future__ import annotations

from collections.abc import Iterable

from decoct.records import Document
from decoct.text.align import Place

_UNKNOWN = "unknown_subjects"
_WEIGHT = "weight"
_DOUBTFUL = "doubtful"


def unknown_subjects(document: Document) -> frozenset[str]:
    """Return the ids of the subjects whose objects, or that they have none, nobody has said."""
    return frozenset(document.meta.get(_UNKNOWN, ()))


def document_weight(document: Document) -> float:
    """Return how much a document counts in the loss, 1 unless a step said otherwise."""
    return float(document.meta.get(_WEIGHT, 1.0))


def doubtful_places(document: Document) -> list[Place]:
    """Return the stretches of text whose words nothing is learnt from, in order."""
    return [Place(start, end) for start, end in document.meta.get(_DOUBTFUL, ())]


def add_unknown_subjects(document: Document, ids: Iterable[str]) -> Document:
    """Say of some subjects that nobody knows their objects, beside those of which it was said."""
    known = document.meta.get(_UNKNOWN, ())
    return _with(document, _UNKNOWN, list(dict.fromkeys([*known, *ids])))


def weigh(document: Document, share: float) -> Document:
    """Let a document count that share, 0 to 1, of what it counted."""
    return _with(document, _WEIGHT, round(document_weight(document) * share, 4))


def add_doubtful(document: Document, places: Iterable[Place]) -> Document:
    """Say of some stretches that nothing is to be learnt from their words; touching ones unite."""
    united: list[list[int]] = []
    for place in sorted([*doubtful_places(document), *places]):
        if united and place.start <= united[-1][1]:
            united[-1][1] = max(united[-1][1], place.end)
        else:
            united.append([place.start, place.end])
    return _with(document, _DOUBTFUL, united)


def drop_caveats(document: Document) -> Document:
    """Return the document as if no step had been taken."""
    said = (_UNKNOWN, _WEIGHT, _DOUBTFUL)
    meta = {key: value for key, value in document.meta.items() if key not in said}
    return document.model_copy(update={"meta": meta})


def _with(document: Document, key: str, value: object) -> Document:
    return document.model_copy(update={"meta": {**document.meta, key: value}})

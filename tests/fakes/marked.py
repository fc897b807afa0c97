"""Documents as one writes them down: ‹drugs› and «effects» marked in the text."""

import re

from decoct.records import Document, Relation, Span

_LABELS = {"‹": "Drug", "«": "AdverseEffect"}
_PARTNERS = {"Drug": "‹›", "AdverseEffect": "«»"}


def marked(id, text, *links, sure=None, **meta):
    """Make a document of marked text, with an ADE for each (drug, effect) in `links`.

    Args:
        id: of the document.
        text: marked; marks may be nested.
        links: strings of marked spans; of equal ones the first is meant.
        sure: confidence of all spans and relations.
        meta: of the document.
    """
    plain, spans, opened = "", [], []
    for piece in re.split("([‹›«»])", text):
        if piece in _LABELS:
            opened.append((len(plain), _LABELS[piece]))
        elif piece and piece in "›»":
            start, label = opened.pop()
            spans.append((start, len(plain), label))
        else:
            plain += piece
    made = [
        Span(id=f"T{n}", start=start, end=end, label=label, text=plain[start:end], confidence=sure)
        for n, (start, end, label) in enumerate(sorted(spans, key=lambda one: (one[0], -one[1])), 1)
    ]
    id_of = {(span.label, span.text): span.id for span in reversed(made)}
    relations = [
        Relation(
            label="ADE",
            subject=id_of["Drug", drug],
            object=id_of["AdverseEffect", effect],
            confidence=sure,
        )
        for drug, effect in links
    ]
    return Document(id=id, text=plain, source="silver", spans=made, relations=relations, meta=meta)


def shown(document):
    """Write a document down as `marked` reads it."""
    edges = []
    for span in document.spans:
        opening, closing = _PARTNERS[span.label]
        edges += [(span.start, 1, -span.end, opening), (span.end, 0, -span.start, closing)]
    text = document.text
    for at, _, _, mark in sorted(edges, reverse=True):
        text = text[:at] + mark + text[at:]
    return text


def linked(document):
    """Return a document's relations as (drug, effect)."""
    return [(subject.text, target.text) for _, subject, target in document.pairs()]

"""A synthetic task whose answer is known: invented drugs, and the effects that they `caused`."""

from __future__ import annotations

import random
from itertools import product

from decoct.records import Document, Relation, Span

DRUGS = [
    f"{start}{end}"
    for start, end in product(("zora", "beli", "kuta", "mevo"), ("fen", "mab", "zole"))
]
EFFECTS = [
    "rash",
    "dry cough",
    "nausea",
    "liver failure",
    "fever",
    "severe bleeding",
    "coma",
    "vertigo",
]
TEMPLATES = (
    ("{0} caused {2} .", ((0, 2),)),
    ("{0} was given and {1} caused {2} .", ((1, 2),)),
    ("{0} caused {2} while {1} was given .", ((0, 2),)),
    ("{0} caused {2} and {1} caused {3} .", ((0, 2), (1, 3))),
    ("{0} was given for {2} .", ()),
)


def sentence(
    template: int, words: tuple[str, str, str, str], id: str, source: str = "silver"
) -> Document:
    """Fill a template with (drug, drug, effect, effect) and mark what it says."""
    form, pairs = TEMPLATES[template]
    text, places = "", {}
    for part in form.split(" "):
        text += " " if text else ""
        if part.startswith("{"):
            number = int(part[1])
            places[number] = (len(text), len(text) + len(words[number]))
            part = words[number]
        text += part
    stated = {number for pair in pairs for number in pair}
    spans = [
        Span(
            id=f"T{number}",
            start=start,
            end=end,
            label="Drug" if number < 2 else "AdverseEffect",
            text=text[start:end],
        )
        for number, (start, end) in places.items()
        if number < 2 or number in stated
    ]
    relations = [Relation(label="ADE", subject=f"T{s}", object=f"T{o}") for s, o in pairs]
    return Document(id=id, text=text, source=source, spans=spans, relations=relations)


def corpus(n: int, seed: int = 0, prefix: str = "d") -> list[Document]:
    """Make n sentences, their templates in turn."""
    rng = random.Random(seed)
    return [
        sentence(
            number % len(TEMPLATES),
            (*rng.sample(DRUGS, 2), *rng.sample(EFFECTS, 2)),
            f"{prefix}{number}",
        )
        for number in range(n)
    ]

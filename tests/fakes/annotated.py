"""Documents of every kind that records allow: whatever characters, however spans lie."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from decoct.records import Candidate, Document, Link, Relation, Span

# what has broken readers before: line ends of all sorts, marks, other planes, full width, XML's signs  # noqa: E501
ODD = st.sampled_from(
    ["\r\n", "\n", "\r", "\t", " ", "  ", "\u00a0", "\u3000", "\u2028", "\x85", "\x0c", "\x1c", "e\u0301",  # noqa: E501
     "\U0001d6fc", "\U0001f9ec", "\U00020bb7", "５ｍｇ", "头痛", "頭痛。", "\ufeff", "\u200d", "ß", "İ", "&lt;",  # noqa: E501
     "<b>", "]]>", '"', "'", ",", ";", "|", "#", "# text = ", "-DOCSTART-", "%41", "\\n", "T1\t", "rash",  # noqa: E501
     "5-FU", ". The", "\x00", "\ufffe"]
)  # fmt: skip
CHARACTERS = st.characters(codec="utf-8")
texts = st.lists(st.one_of(ODD, CHARACTERS, st.text("ab .\n", max_size=6)), max_size=14).map(
    "".join
)
WORDS = st.sampled_from(["Disease", "Adverse_Effect", "药", "x y", "a\tb", "B-Drug", "é:1", " "])
names = st.one_of(WORDS, st.text(CHARACTERS, min_size=1, max_size=6))
ids = st.one_of(
    st.sampled_from(["1", "12345:106", "a/b", "../up", ".", "-", "A", "50%", "%41", '"q"', " x ", "长"]),  # noqa: E501
    st.text(CHARACTERS, min_size=1, max_size=12),
)  # fmt: skip
probabilities = st.one_of(st.none(), st.floats(0, 1, allow_nan=False))
concepts = st.one_of(
    st.sampled_from(
        ["D012373", "MESH:D012373", "A18.7+", "p|SUB|V|600|E", "NIL", "a b", "_:x", "x:"]
    ),
    st.text(CHARACTERS, min_size=1, max_size=5),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(CHARACTERS, max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
KEYS = [
    "pmid",
    "source",
    "label",
    "type",
    "brat",
    "passages",
    "other_relations",
    "concept_relations",
    "relation_infons",
    "annotation_infons",
    "decoct:meta",
    "id",
    "text",
]
keys = st.one_of(st.sampled_from(KEYS), st.text(CHARACTERS, max_size=4))
metas = st.dictionaries(keys, values, max_size=3)


@st.composite
def links(draw: st.DrawFn, plain: bool = False) -> Link:
    """A link; if `plain`, to entries whose ids any format can hold, and nothing more."""
    if plain:
        some = draw(
            st.lists(st.from_regex(r"MESH:[CD][0-9]{6}", fullmatch=True), unique=True, max_size=2)
        )
        return Link(id=some[0] if some else None, also=tuple(some[1:]))
    some = draw(st.lists(concepts, unique=True, max_size=3))
    offered = draw(st.lists(concepts, max_size=2))
    return Link(
        id=some[0] if some else None,
        also=tuple(some[1:]),
        name=draw(st.one_of(st.none(), names)),
        confidence=draw(probabilities),
        candidates=tuple(Candidate(id=id_, name=id_, score=0.5) for id_ in offered),
    )


@st.composite
def places(draw: st.DrawFn, length: int) -> list[tuple[int, int]]:
    """The fragments of a span in a text of that length, one or several."""
    edges = sorted(draw(st.sets(st.integers(0, length), min_size=2, max_size=6)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def documents(draw: st.DrawFn, **options: Any) -> Document:
    """A document of whatever kind; options make it one that a format can carry whole.

    Options: `text`, `id`, `label` (of spans) and `meta` are strategies; `fragments`, `nested`,
    `relations`, `confidence`, `links` (True, False or "plain"), `own_ids`, `doc_label`, `source` say
    whether there may be such a thing.
    """  # noqa: E501
    text = draw(options.get("text", texts))
    may = {"fragments": True, "nested": True, "relations": True, "confidence": True, "links": True,
           "own_ids": True, "doc_label": True, "source": True, "spans": True} | options  # fmt: skip
    spans: list[Span] = []
    taken: set[int] = set()
    for number in range(draw(st.integers(0, 5)) if len(text) and may["spans"] else 0):
        pieces = draw(places(len(text)))
        pieces = pieces if may["fragments"] else [(pieces[0][0], pieces[-1][1])]
        start, end = pieces[0][0], pieces[-1][1]
        surface = " ".join(text[a:b] for a, b in pieces)
        overlaps = not taken.isdisjoint(range(start, end))
        if (overlaps and not may["nested"]) or not may.get("fits", _any)(text[start:end]):
            continue
        taken.update(range(start, end))
        own = draw(names) if may["own_ids"] and draw(st.booleans()) else f"T{len(spans) + 1}"
        link = draw(st.none() | links(may["links"] == "plain")) if may["links"] else None
        if any(span.id == own for span in spans):
            own = f"{own}/{number}"
        spans.append(
            Span(
                id=own,
                start=start,
                end=end,
                label=draw(options.get("label", names)),
                text=surface,
                fragments=tuple(pieces) if len(pieces) > 1 else None,
                confidence=draw(probabilities) if may["confidence"] else None,
                link=link,
            )
        )
    relations = []
    if may["relations"] and spans:
        ends = st.sampled_from([span.id for span in spans])
        for _ in range(draw(st.integers(0, 3))):
            sure = draw(probabilities) if may["confidence"] else None
            label = draw(options.get("label", names))
            relations.append(
                Relation(label=label, subject=draw(ends), object=draw(ends), confidence=sure)
            )
    if may["source"]:
        source = draw(st.sampled_from(["gold", "silver", "predicted", None]))
    else:
        source = "gold" if spans else None
    return Document(
        id=draw(options.get("id", ids)),
        text=text,
        source=source,
        spans=tuple(spans),
        relations=tuple(relations),
        label=draw(st.none() | options.get("label", names)) if may["doc_label"] else None,
        meta=draw(options.get("meta", metas)),
    )


def _any(surface: str) -> bool:
    del surface
    return True

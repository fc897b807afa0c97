"""Offsets under a text that changes."""

from hypothesis import given
from hypothesis import strategies as st

from decoct.privacy.carry import Rewritten
from decoct.privacy.deidentifier import deidentify
from decoct.privacy.pieces import Piece
from decoct.records import Candidate, Document, Link, Relation, Span

KEY = b"a key for tests only"


@st.composite
def texts_with_pieces(draw):
    parts = draw(st.lists(st.tuples(st.text(max_size=6), st.text(min_size=1, max_size=6)),
                          max_size=6))  # fmt: skip
    tail = draw(st.text(max_size=6))
    text, pieces = "", []
    for plain, phi in parts:
        text += plain
        pieces.append(Piece(len(text), len(text) + len(phi), "NAME", phi))
        text += phi
    words = draw(
        st.lists(st.text(min_size=1, max_size=9), min_size=len(pieces), max_size=len(pieces))
    )
    return text + tail, pieces, words


@given(texts_with_pieces())
def test_all_that_is_between_pieces_moves_with_its_text(made):
    text, pieces, words = made
    to = Rewritten.of(text, pieces, words)
    assert [to.text[start:end] for start, end in to.places] == words
    taken = {at for piece in pieces for at in range(piece.start, piece.end)}
    for start in range(len(text)):
        for end in range(start + 1, min(start + 5, len(text)) + 1):
            if not taken & set(range(start, end)):
                new_start, new_end = to.move(start, end)
                assert to.text[new_start:new_end] == text[start:end]
                assert not to.touches(start, end)
            else:
                assert to.touches(start, end)


def note(text, *marks, relations=()):
    spans = [
        Span(id=id_, start=start, end=end, label=label, text=text[start:end])
        for id_, label, start, end in marks
    ]
    return Document(id="n", text=text, spans=spans, relations=relations)


def test_what_phi_takes_a_part_of_goes_and_what_holds_it_whole_stays():
    text = "Harrow disease in Tobin Harrow today"
    marks = [
        ("P", "NAME", 18, 30),
        ("S", "Sentence", 0, 36),
        ("D", "Drug", 15, 23),
        ("E", "Drug", 24, 30),
        ("F", "Effect", 31, 36),
    ]
    relations = (
        Relation(label="r", subject="S", object="F"),
        Relation(label="r", subject="E", object="F"),
        Relation(label="r", subject="P", object="F"),
    )
    made = deidentify(note(text, *marks, relations=relations), "tag", KEY, sweep=False)
    assert made.document.text == "Harrow disease in [NAME] today"
    assert {span.id: span.text for span in made.document.spans} == {
        "S": made.document.text,
        "F": "today",
    }
    assert [one.subject for one in made.document.relations] == ["S"]
    assert (made.n_spans_lost, made.n_relations_lost) == (2, 2)


def test_fragments_links_and_confidence_survive():
    text = "Tobin: pain in hands of Tobin and feet"
    link = Link(id="D1", name="limb pain", candidates=(Candidate(id="D1", name="limb pain"),))
    effect = Span(
        id="E", start=7, end=38, label="Effect", text="pain in hands feet", confidence=0.5,
        fragments=((7, 20), (34, 38)), link=link,
    )  # fmt: skip
    name = Span(id="N", start=0, end=5, label="NAME", text="Tobin")
    made = deidentify(Document(id="n", text=text, spans=[effect, name]), "tag", KEY).document
    assert made.text == "[NAME]: pain in hands of [NAME] and feet"
    [kept] = made.spans
    assert kept.text == "pain in hands feet"
    assert kept.link == link
    assert kept.confidence == 0.5
    assert [made.text[a:b] for a, b in kept.fragments] == ["pain in hands", "feet"]


def test_a_link_of_what_phi_is_in_goes():
    text = "Harrow disease here"
    whole = Span(id="D", start=0, end=14, label="Disease", text="Harrow disease",
                 link=Link(id="D9", name="Harrow disease"))  # fmt: skip
    name = Span(id="N", start=0, end=6, label="NAME", text="Harrow")
    made = deidentify(Document(id="n", text=text, spans=[whole, name]), "mask", KEY)
    assert made.document.spans[0].text == "****** disease"
    assert made.document.spans[0].link is None
    assert made.left == ()

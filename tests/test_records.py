"""Records: checked when made, the same after a journey through JSONL, every fault in one line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import DecoctError, RecordError
from decoct.records import Candidate, Document, Link, Relation, Span, one_line

TEXT = "Intravenous azithromycin-induced ototoxicity."
LINE = (
    '{"id": "d1", "text": "Intravenous azithromycin-induced ototoxicity.", "source": "gold", '
    '"spans": [{"id": "T1", "start": 12, "end": 24, "label": "Drug", "text": "azithromycin"}, '
    '{"id": "T2", "start": 33, "end": 44, "label": "AdverseEffect", "text": "ototoxicity"}], '
    '"relations": [{"label": "ADE", "subject": "T1", "object": "T2"}], "label": null, "meta": {}}'
)
DRUG = {"id": "T1", "start": 12, "end": 24, "label": "Drug", "text": "azithromycin"}
ALPHABET = st.sampled_from(list("ab 阿\n\r\t\0|\"\\'\u2028\u2029\x85\u0301é💊\u200d👩\ufeff😀İß"))
TEXTS = st.text(
    st.one_of(ALPHABET, st.characters(exclude_categories=["Cs"])), min_size=1, max_size=60
)
META = st.dictionaries(
    TEXTS, st.one_of(TEXTS, st.integers(-(10**18), 10**18), st.none(), st.booleans()), max_size=3
)


def document(**changes) -> dict:
    return {"id": "d1", "text": TEXT, "spans": [DRUG], **changes}


@st.composite
def documents(draw) -> Document:
    text = draw(TEXTS)
    edges = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    places = draw(st.lists(edges.filter(lambda edge: edge[0] < edge[1]), max_size=4))
    spans = [
        Span(id=f"T{n}", start=start, end=end, label="X", text=text[start:end], confidence=n / 4)
        for n, (start, end) in enumerate(places)
    ]
    ids = st.sampled_from([span.id for span in spans]) if spans else st.nothing()
    relation = st.builds(Relation, label=st.just("R"), subject=ids, object=ids)
    return Document(
        id=draw(TEXTS),
        text=text,
        source=draw(st.sampled_from(["gold", "silver", "predicted", None])),
        spans=spans,
        relations=draw(st.lists(relation, max_size=3)) if spans else (),
        label=draw(st.none() | TEXTS),
        meta=draw(META),
    )


def test_the_line_is_exact():
    made = Document(
        id="d1",
        text=TEXT,
        source="gold",
        spans=[
            Span(id="T1", start=12, end=24, label="Drug", text="azithromycin"),
            Span(id="T2", start=33, end=44, label="AdverseEffect", text="ototoxicity"),
        ],
        relations=[Relation(label="ADE", subject="T1", object="T2")],
    )
    assert made.to_json() == LINE
    assert Document.from_json(LINE) == made == Document.from_dict(json.loads(LINE))
    assert Document.from_json(LINE.encode()) == made
    compact = json.dumps(json.loads(LINE), separators=(",", ":"))
    assert Document.from_json(compact) == made


def test_set_options_come_last():
    whole = Span(
        id="T1",
        start=0,
        end=5,
        label="X",
        text="a b",
        fragments=((0, 1), (4, 5)),
        confidence=0.5,
    )
    made = Document(id="d", text="a c b", spans=[whole])
    assert '"text": "a b", "fragments": [[0, 1], [4, 5]], "confidence": 0.5}' in made.to_json()
    assert Document.from_json(made.to_json()) == made


@given(documents())
def test_what_is_written_is_read(made: Document):
    line = made.to_json()
    assert "\n" not in line
    assert "\r" not in line
    assert Document.from_json(line) == made
    assert Document.from_json(line.encode()) == made
    assert list(json.loads(line)) == list(Document.model_fields)


@pytest.mark.parametrize("where", ["text", "label", "meta"])
def test_a_lone_surrogate_is_refused(where):
    made = Document(
        **{"id": "d", "text": "t", where: {"k": "\ud800"} if where == "meta" else "\ud800"}
    )
    with pytest.raises(RecordError, match="lone surrogate") as caught:
        made.to_json()
    assert one_line(str(caught.value)) == str(caught.value)
    with pytest.raises(RecordError):
        Document.from_json('{"id": "d", "text": "\\ud800"}')
    with pytest.raises(RecordError):
        Document.from_json('{"id": "d", "text": "\ud800"}')


def test_meta_that_json_has_no_form_for():
    with pytest.raises(RecordError, match=r"'d'.*mend its meta") as caught:
        Document(id="d", text="t", meta={"k": object()}).to_json()
    assert "surrogate" not in str(caught.value)
    assert '"k": null' in Document(id="d", text="t", meta={"k": float("nan")}).to_json()


WRONG = {
    "not a dict": ([], "dictionary|object"),
    "no id": ({"text": "t"}, "id: "),
    "empty id": (document(id=""), "id: "),
    "id no string": (document(id=5), r"id: .*got 5"),
    "no text": ({"id": "d1"}, "text: "),
    "text no string": (document(text=None), "text: "),
    "unknown key": (document(span=[]), "span: "),
    "a line end in a key": (document(**{"a\nb": 1}), r"a\\nb: "),
    "source": (document(source="human"), r"source: .*got 'human'"),
    "meta": (document(meta=[]), "meta: "),
    "wrong surface": (document(spans=[{**DRUG, "text": "aspirin"}]), "T1 says 'aspirin' at 12:24"),
    "past the end": (document(spans=[{**DRUG, "start": 99, "end": 111}]), "T1 .* at 99:111"),
    "end first": (document(spans=[{**DRUG, "start": 24, "end": 12}]), "T1: end 12"),
    "nothing": (document(spans=[{**DRUG, "start": 24}]), "T1: end 24"),
    "negative": (document(spans=[{**DRUG, "start": -1}]), r"spans\.0\.start: .*got -1"),
    "float": (document(spans=[{**DRUG, "start": 12.0}]), r"spans\.0\.start: "),
    "string": (document(spans=[{**DRUG, "end": "24"}]), r"spans\.0\.end: "),
    "bool": (document(spans=[{**DRUG, "start": True}]), r"spans\.0\.start: "),
    "no label": (document(spans=[{**DRUG, "label": ""}]), r"spans\.0\.label: "),
    "key in a span": (document(spans=[{**DRUG, "type": "X"}]), r"spans\.0\.type: "),
    "twice": (document(spans=[DRUG, DRUG]), "span id T1 occurs twice"),
    "confidence": (document(spans=[{**DRUG, "confidence": 1.5}]), r"spans\.0\.confidence: "),
    "confidence nan": (document(spans=[{**DRUG, "confidence": float("nan")}]), "confidence"),
    "no fragment": (document(spans=[{**DRUG, "fragments": []}]), r"spans\.0\.fragments: "),
    "fragment no pair": (document(spans=[{**DRUG, "fragments": [[12]]}]), r"fragments\.0"),
    "fragment string": (document(spans=[{**DRUG, "fragments": [["12", 24]]}]), r"fragments\.0\.0"),
    "fragments touch": (
        document(spans=[{**DRUG, "fragments": [[12, 15], [15, 24]]}]),
        "T1: fragments",
    ),
    "fragments fall": (
        document(spans=[{**DRUG, "fragments": [[20, 24], [12, 15]]}]),
        "T1: fragments",
    ),
    "fragments elsewhere": (
        document(spans=[{**DRUG, "fragments": [[12, 15], [16, 23]]}]),
        "T1: fragments",
    ),
    "dangling": (
        document(relations=[{"label": "ADE", "subject": "T1", "object": "T9"}]),
        "relation ADE names span T9",
    ),
    "relation key": (
        document(relations=[{"label": "ADE", "subject": "T1", "object": "T1", "head": "T1"}]),
        r"relations\.0\.head: ",
    ),
    "relation lacks": (document(relations=[{"label": "ADE", "subject": "T1"}]), r"relations\.0\."),
}


@pytest.mark.parametrize(("data", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_record_is_named_in_one_line(data, named):
    readers = [lambda: Document.from_dict(data), lambda: Document.from_json(json.dumps(data))]
    for read in readers:
        with pytest.raises(RecordError, match=named) as caught:
            read()
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, DecoctError)
        assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("line", ["", "{", "nonsense", '{"id": "d', "[" * 100_000, "\0", "null"])
def test_a_line_that_is_not_json(line):
    with pytest.raises(RecordError) as caught:
        Document.from_json(line)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_what_a_message_shows_is_clipped():
    with pytest.raises(RecordError) as caught:
        Document.from_dict(document(text="x" * 10_000))
    assert len(str(caught.value)) < 300


def test_looks():
    made = Document.from_json(LINE)
    assert repr(made).startswith("Document('d1', 'Intravenous azithromycin")
    assert repr(made).endswith("2 spans, 1 relations, gold)")
    assert made.span("T2").text == "ototoxicity"
    with pytest.raises(KeyError):
        made.span("T3")
    ((relation, drug, effect),) = made.pairs("ADE")
    assert (relation.label, drug.text, effect.text) == ("ADE", "azithromycin", "ototoxicity")
    assert made.pairs("other") == []
    assert drug.overlaps(drug)
    assert not drug.overlaps(effect)


def test_bare_leaves_nothing_of_a_teacher():
    meta = {"pmid": "1", "model": "m", "backend": "b", "prompt_hash": "h", "ungrounded": []}
    bare = Document(id="d", text="t", source="silver", label="x", meta=meta).bare()
    assert bare == Document(id="d", text="t", meta={"pmid": "1"})


class TestLinks:
    def test_a_link_survives_json(self):
        candidate = Candidate(
            id="C1", name="Drowsy", alias="sleepy", score=0.5, scores={"ngram": 1}
        )
        link = Link(id="C1", name="Drowsy", confidence=0.9, also=("C2",), candidates=(candidate,))
        span = Span(id="T1", start=0, end=6, label="Effect", text="sleepy", link=link)
        document = Document(id="d", text="sleepy", spans=(span,))
        assert Document.from_json(document.to_json()) == document
        assert link.ids == ("C1", "C2")

    def test_nil_is_written_and_is_not_the_same_as_nobody_having_looked(self):
        nil = Span(id="T1", start=0, end=1, label="M", text="x", link=Link())
        unseen = Span(id="T2", start=0, end=1, label="M", text="x")
        line = Document(id="d", text="x", spans=(nil, unseen)).to_json()
        assert '"link": {"id": null}' in line
        assert line.count('"link"') == 1
        again = Document.from_json(line)
        assert again.spans[0].link == Link()
        assert again.spans[1].link is None
        assert Link().ids == ()

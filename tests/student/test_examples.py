"""Targets against a slow reading of the same spans, and what is counted as not expressible."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.inference.decode import BEGIN, INSIDE, OUTSIDE
from decoct.inference.tokenize import WordTokenizer
from decoct.records import Document, Relation, Span
from decoct.student.examples import make_examples, split_dev, word_range
from decoct.student.settings import StudentCard, StudentSettings
from decoct.tasks.base import get_task
from fakes.encoders import wordpiece

TOKENIZER = wordpiece(["Rash after zorafen. Kutamab caused a dry cough, and nausea 5 mg"] * 5)
LABELS = ("Drug", "Effect", "Dose", "Other")
CARD = StudentCard(
    task="ade",
    subject_label="Drug",
    relation_labels=("ADE", "TAKES"),
    object_labels=("Effect", "Dose"),
    settings=StudentSettings(),
)
TEXT = st.text(st.sampled_from("ab5 .,(好\n\u0301Z"), min_size=1, max_size=60)


@st.composite
def annotated(draw, text=TEXT):
    """A document with any spans whatever, and relations among them."""
    body = draw(text)
    edges = st.integers(0, len(body))
    places = draw(st.lists(st.tuples(edges, edges).filter(lambda p: p[0] < p[1]), max_size=6))
    spans = [
        Span(id=f"T{n}", start=a, end=b, label=draw(st.sampled_from(LABELS)), text=body[a:b])
        for n, (a, b) in enumerate(places)
    ]
    relations = []
    if spans:
        ends = st.sampled_from([span.id for span in spans])
        names = st.sampled_from(("ADE", "TAKES", "OTHER"))
        triples = draw(st.lists(st.tuples(names, ends, ends), max_size=6))
        relations = [Relation(label=n, subject=s, object=o) for n, s, o in triples]
    return Document(id="d", text=body, spans=spans, relations=relations)


def covered(span, piece):
    """The words that share a character with a span that lies in the piece's window."""
    if span.start < piece.window.start or span.end > piece.window.end:
        return []
    return [n for n, w in enumerate(piece.words) if w.start < span.end and span.start < w.end]


@pytest.mark.parametrize("max_tokens", [16, 200])
@settings(max_examples=60, deadline=None)
@given(document=annotated())
def test_word_range_is_the_words_that_a_span_touches(max_tokens, document):
    for piece in WordTokenizer(TOKENIZER, max_tokens).pieces(document.text):
        for span in document.spans:
            found = word_range(span, piece)
            assert list(range(*found) if found else ()) == covered(span, piece)
            assert found is None or found[0] < found[1]


@pytest.mark.parametrize("max_tokens", [16, 200])
@settings(max_examples=60, deadline=None)
@given(document=annotated())
def test_targets(max_tokens, document):
    tokenizer = WordTokenizer(TOKENIZER, max_tokens)
    examples = make_examples([document], tokenizer, CARD)
    pieces = list(tokenizer.pieces(document.text))
    assert [example.piece.window for example in examples.items] == [p.window for p in pieces]
    drugs = [span for span in document.spans if span.label == "Drug"]
    for example in examples.items:
        piece = example.piece
        words = {span.id: covered(span, piece) for span in document.spans}
        subjects = [list(range(*place)) for place in example.subjects]
        assert {tuple(s) for s in subjects} == {tuple(words[s.id]) for s in drugs if words[s.id]}
        assert len(example.subjects) == len(set(example.subjects))
        check_tags(example.tags, subjects)

        marks = {(tuple(at), w, r) for at, w, r in marked(example, subjects)}
        wanted = {
            (tuple(words[relation.subject]), word, CARD.relation_labels.index(relation.label))
            for relation, subject, _ in document.pairs()
            if relation.label != "OTHER" and subject.label == "Drug" and words[subject.id]
            for word in words[relation.object]
        }
        assert marks == wanted


def marked(example, subjects):
    for row, word, relation in zip(*np.nonzero(example.objects), strict=True):
        yield subjects[row], int(word), int(relation)


def check_tags(tags, subjects):
    """Outside is exactly outside of all subjects; every tagged run is one that was annotated."""
    assert {n for n, tag in enumerate(tags) if tag != OUTSIDE} <= {w for s in subjects for w in s}
    kept = [s for s in subjects if tags[s[0]] == BEGIN and all(tags[w] == INSIDE for w in s[1:])]
    assert {n for n, tag in enumerate(tags) if tag != OUTSIDE} == {w for s in kept for w in s}
    longest = max(subjects, key=len, default=None)
    assert longest is None or any(len(s) == len(longest) for s in kept)


@settings(max_examples=60, deadline=None)
@given(document=annotated(), max_tokens=st.sampled_from([16, 20, 200]))
def test_unexpressed_counts_each_thing_once(document, max_tokens):
    tokenizer = WordTokenizer(TOKENIZER, max_tokens)
    counts = make_examples([document], tokenizer, CARD).unexpressed
    pieces = list(tokenizer.pieces(document.text))
    spans = {span.id: span for span in document.spans}
    wanted = Counter(
        other_label=sum(span.label == "Other" for span in spans.values()),
        relation_across_windows=sum(
            relation.label != "OTHER"
            and not any(
                spans[relation.subject].label == "Drug"
                and covered(spans[relation.subject], piece)
                and covered(spans[relation.object], piece)
                for piece in pieces
            )
            for relation in document.relations
        ),
    )
    overlapping = counts.pop("overlapping_subject", 0)
    assert counts == +wanted
    assert overlapping <= sum(span.label == "Drug" for span in spans.values())
    assert all(count > 0 for count in counts.values())


def build(text, *spans, pairs=()):
    made = [
        Span(id=f"T{n}", start=text.index(s), end=text.index(s) + len(s), label=label, text=s)
        for n, (label, s) in enumerate(spans)
    ]
    relations = [Relation(label="ADE", subject=f"T{s}", object=f"T{o}") for s, o in pairs]
    return Document(id="d", text=text, spans=made, relations=relations)


def test_a_subject_inside_another_is_counted_but_its_objects_are_learnt():
    document = build(
        "kutamab zorafen caused rash",
        ("Drug", "zorafen"),
        ("Drug", "kutamab zorafen"),
        ("Effect", "rash"),
        pairs=[(0, 2)],
    )
    examples = make_examples([document], WordTokenizer(TOKENIZER, 64), CARD)
    (example,) = examples.items
    assert example.tags.tolist() == [BEGIN, INSIDE, OUTSIDE, OUTSIDE]
    assert example.subjects == ((0, 2), (1, 2))
    assert example.objects[:, :, 0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 1]]
    assert examples.unexpressed == {"overlapping_subject": 1}


def test_a_discontinuous_span_is_counted():
    text = "dry and bad cough"
    span = Span(
        id="T0", start=0, end=17, label="Effect", text="dry cough", fragments=((0, 3), (12, 17))
    )
    document = Document(id="d", text=text, spans=[span])
    counts = make_examples([document], WordTokenizer(TOKENIZER, 64), CARD).unexpressed
    assert counts == {"discontinuous_span": 1}


def test_counts_of_many_documents_add_up():
    lost = build(
        "Zorafen.\n" + "x " * 40 + "\nrash", ("Drug", "Zorafen"), ("Effect", "rash"), pairs=[(0, 1)]
    )
    counts = make_examples([lost, lost], WordTokenizer(TOKENIZER, 32), CARD).unexpressed
    assert counts == {"relation_across_windows": 2}


def documents_of(texts):
    return [Document(id=f"d{n}", text=text) for n, text in enumerate(texts)]


@given(
    st.lists(st.text("abc", max_size=3), min_size=2, max_size=40).filter(lambda t: len(set(t)) > 1),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32 - 1),
)
def test_split_dev(texts, share, seed):
    documents = documents_of(texts)
    train, dev = split_dev(documents, share, seed)
    assert train
    assert dev
    assert not {d.text for d in train} & {d.text for d in dev}
    assert sorted([*train, *dev], key=documents.index) == documents
    for part in (train, dev):
        assert part == sorted(part, key=documents.index)
    assert split_dev(documents, share, seed) == (train, dev)


def test_split_dev_follows_seed_and_share():
    documents = documents_of(str(n) for n in range(200))
    one, other = (split_dev(documents, 0.1, seed)[1] for seed in (1, 2))
    assert len(one) == len(other) == 20
    assert one != other


def test_the_task_gives_the_labels():
    task = get_task("ade")
    assert (task.subject_label, dict(task.object_labels)) == ("Drug", {"ADE": "AdverseEffect"})


@pytest.mark.parametrize("labels", [((), ()), (("ADE",), ()), (("ADE",), ("Effect", "Dose"))])
def test_a_card_whose_labels_do_not_pair_up_is_refused(labels):
    values = CARD.model_dump() | {"relation_labels": labels[0], "object_labels": labels[1]}
    with pytest.raises(ValueError, match="as many"):
        StudentCard.model_validate(values)


def test_the_dev_part_has_a_relation_where_two_texts_have_one():
    bare = [Document(id=f"n{number}", text=f"Nothing {number}.") for number in range(200)]
    related = [
        Document(
            id=f"r{number}",
            text=f"Rash {number} after amoxicillin.",
            spans=[
                Span(id="T1", start=0, end=4, label="AdverseEffect", text="Rash"),
                Span(id="T2", start=13, end=24, label="Drug", text="amoxicillin"),
            ],
            relations=[Relation(label="ADE", subject="T2", object="T1")],
        )
        for number in range(2)
    ]
    for seed in range(20):
        train, dev = split_dev([*bare, *related], 0.02, seed)
        assert any(document.relations for document in dev)
        assert any(document.relations for document in train)
        assert len(dev) == 4

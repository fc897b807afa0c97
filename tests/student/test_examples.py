"""Targets against a slow reading of the same spans, and what is counted as not expressible."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.inference.decode import BEGIN, END, INSIDE, OUTSIDE, SINGLE
from decoct.inference.tokenize import WordTokenizer
from decoct.records import Document, Relation, Span
from decoct.student.examples import make_examples, split_dev, word_range
from decoct.student.settings import StudentCard, StudentSettings
from decoct.student.silver import SilverSettings
from decoct.tasks.base import get_span_task, span_labels, subject_labels
from fakes.encoders import wordpiece

TOKENIZER = wordpiece(["Rash after zorafen. Kutamab caused a dry cough, and nausea 5 mg"] * 5)
LABELS = ("Drug", "Effect", "Dose", "Other")
CARD = StudentCard(
    task="ade",
    tagged=("Drug",),
    relation_types=(
        ("ADE", "Drug", "Effect"),
        ("TAKES", "Drug", "Dose"),
    ),
    settings=StudentSettings(),
)
LABELLED = CARD.relation_types
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


def kind_of(relation, subject, target):
    return relation.label, subject.label, target.label


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
        tags = example.tags[:, 0]
        assert {tuple(s) for s in subjects} == {tuple(words[s.id]) for s in drugs if words[s.id]}
        assert len(example.subjects) == len(set(example.subjects))
        check_tags(hard(tags), subjects)

        marks = {(tuple(at), w, r) for at, w, r in marked(example, subjects)}
        wanted = {
            (tuple(words[relation.subject]), word, LABELLED.index(kind_of(*pair)))
            for pair in document.pairs()
            for relation in pair[:1]
            if kind_of(*pair) in LABELLED and words[relation.subject]
            for word in words[relation.object]
        }
        assert marks == wanted
        check_runs(example)
        check_candidates(example, document, words)


def check_candidates(example, document, words):
    """What may be an object is what has a type's label, and is linked as the relations say."""
    spans = {(0, "Effect"), (1, "Dose")}
    assert set(example.object_spans) == {
        (kind, words[span.id][0], words[span.id][-1] + 1)
        for kind, label in spans
        for span in document.spans
        if span.label == label and words[span.id]
    }
    linked = {
        (tuple(words[relation.subject]), kind, tuple(words[relation.object]))
        for kind in range(2)
        for relation, subject, target in document.pairs(LABELLED[kind].label)
        if kind_of(relation, subject, target) == LABELLED[kind]
    }
    for row, place in enumerate(example.subjects):
        for column, (kind, first, last) in enumerate(example.object_spans):
            link = (tuple(range(*place)), kind, tuple(range(first, last)))
            assert example.links[row, column] == (link in linked)
    for kind in range(2):
        mine = [list(range(first, last)) for k, first, last in example.object_spans if k == kind]
        check_tags(hard(example.object_tags[:, kind]), mine)


def marked(example, subjects):
    outside = example.objects[..., OUTSIDE]
    for row, word, relation in zip(*np.nonzero(outside < 1), strict=True):
        yield subjects[row], int(word), int(relation)


def check_runs(example):
    """Objects are spans that begin and end."""
    for row in example.objects:
        for kind in range(2):
            tags = hard(row[:, kind])
            spans = runs_of(tags)
            for first, last in spans:
                assert tags[first:last].tolist() == place_tags(last - first)
            assert sum(last - first for first, last in spans) == (tags != OUTSIDE).sum()


def runs_of(tags):
    starts = [n for n, tag in enumerate(tags) if tag in (BEGIN, SINGLE)]
    return [
        (n, next(m for m in range(n, len(tags)) if tags[m] in (END, SINGLE)) + 1) for n in starts
    ]


def place_tags(length):
    return [SINGLE] if length == 1 else [BEGIN, *[INSIDE] * (length - 2), END]


def hard(tags):
    """Distributions that are sure, as tags."""
    assert set(tags.flatten().tolist()) <= {0.0, 1.0}
    assert (tags.sum(axis=1) == 1.0).all()
    return tags.argmax(axis=1)


def check_tags(tags, subjects):
    """Outside is exactly outside of all subjects; every tagged run is one that was annotated."""
    assert {n for n, tag in enumerate(tags) if tag != OUTSIDE} <= {w for s in subjects for w in s}
    kept = [s for s in subjects if [tags[w] for w in s] == place_tags(len(s))]
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
            kind_of(*pair) in LABELLED
            and not any(
                piece.owns(spans[pair[0].subject].start)
                and covered(spans[pair[0].subject], piece)
                and covered(spans[pair[0].object], piece)
                for piece in pieces
            )
            for pair in document.pairs()
        ),
        other_relation=sum(kind_of(*pair) not in LABELLED for pair in document.pairs()),
    )
    overlapping = counts.pop("overlapping_span", 0)
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
    assert hard(example.tags[:, 0]).tolist() == [BEGIN, END, OUTSIDE, OUTSIDE]
    assert example.subjects == ((0, 2), (1, 2))
    assert [hard(row).tolist() for row in example.objects[:, :, 0]] == [[0] * 4, [0, 0, 0, SINGLE]]
    assert examples.unexpressed == {"overlapping_span": 1}


SOFT = CARD.model_copy(
    update={
        "settings": StudentSettings(silver=SilverSettings(soft_targets=True)),
    }
)


def example_of(document, card=CARD):
    (example,) = make_examples([document], WordTokenizer(TOKENIZER, 64), card).items
    return example


def surely(document, spans=(), relations=()):
    """Give annotations, by position, a confidence."""
    return document.model_copy(
        update={
            "spans": tuple(
                span.model_copy(update={"confidence": dict(spans).get(n)})
                for n, span in enumerate(document.spans)
            ),
            "relations": tuple(
                relation.model_copy(update={"confidence": dict(relations).get(n)})
                for n, relation in enumerate(document.relations)
            ),
        }
    )


CAUSED = build(
    "Kutamab zorafen caused dry cough and nausea",
    ("Drug", "Kutamab zorafen"),
    ("Effect", "dry cough"),
    ("Effect", "nausea"),
    pairs=[(0, 1), (0, 2)],
)


def test_soft_targets_are_the_teachers_confidences():
    document = surely(CAUSED, [(0, 0.8), (1, 0.25)], [(1, 0.5)])
    example = example_of(document, SOFT)
    wanted = [[0.2, 0.8, 0, 0, 0], [0.2, 0, 0, 0.8, 0], *[[1, 0, 0, 0, 0]] * 5]
    assert np.allclose(example.tags[:, 0], wanted)
    assert np.allclose(example.object_tags[3:5, 0], [[0.75, 0.25, 0, 0, 0], [0.75, 0, 0, 0.25, 0]])
    nothing = [1, 0, 0, 0, 0]
    assert example.objects[0, :, 0].tolist() == [
        *[nothing] * 3,
        [0, 1, 0, 0, 0],  # it has no confidence: sure
        [0, 0, 0, 1, 0],
        nothing,
        [0.5, 0, 0, 0, 0.5],
    ]
    assert example.links.tolist() == [[1.0, 0.5]]
    assert np.array_equal(example.tag_weights, np.ones(7))


def test_confidences_are_not_learnt_unless_asked_for():
    plain = example_of(CAUSED)
    sure = example_of(surely(CAUSED, [(0, 0.8), (1, 0.25)], [(1, 0.5)]))
    for name in ("tags", "objects", "links", "object_tags"):
        assert np.array_equal(getattr(plain, name), getattr(sure, name)), name


def test_of_what_is_said_twice_the_surer_counts():
    once = surely(CAUSED, [(0, 0.3)], [(0, 0.4), (1, 0.5)])
    twin = once.spans[0].model_copy(update={"id": "T9", "confidence": 0.6})
    more = Relation(label="ADE", subject="T9", object="T1", confidence=0.7)
    example = example_of(
        once.model_copy(
            update={"spans": (*once.spans, twin), "relations": (*once.relations, more)}
        ),
        SOFT,
    )
    assert example.subjects == ((0, 2),)
    assert np.allclose(example.tags[0, 0], [0.4, 0.6, 0, 0, 0])
    assert np.allclose(example.links, [[0.7, 0.5]])
    assert np.allclose(1 - example.objects[0, :, 0, OUTSIDE], [0, 0, 0, 0.7, 0.7, 0, 0.5])


def test_objects_that_touch_are_two_and_objects_that_share_words_are_one():
    text = "Kutamab caused severe dry cough nausea"
    parts = ["Kutamab", "severe dry", "dry cough", "nausea"]
    spans = [("Effect" if n else "Drug", part) for n, part in enumerate(parts)]
    document = build(text, *spans, pairs=[(0, 1), (0, 2), (0, 3)])
    example = example_of(surely(document, relations=[(0, 0.5), (1, 0.75)]), SOFT)
    assert np.allclose(
        example.objects[0, 2:, 0],
        [[0.5, 0.5, 0, 0, 0], [0.25, 0, 0.75, 0, 0], [0.25, 0, 0, 0.75, 0], [0, 0, 0, 0, 1]],
    )


def test_words_in_doubtful_places_and_light_documents_count_less():
    example = example_of(CAUSED.model_copy(update={"meta": {"weight": 0.25, "doubtful": [[2, 9]]}}))
    weights = [0, 0, *[0.25] * 5]  # both words are touched
    assert example.tag_weights.tolist() == weights
    assert example.object_weights.swapaxes(1, 2).tolist() == [[weights, weights]]
    assert example.object_tag_weights.T.tolist() == [weights, weights]
    assert example.tag_weights.dtype == example.object_weights.dtype == np.float32
    assert example.object_tag_weights.dtype == np.float32


def test_of_a_subject_whose_objects_are_unknown_only_the_name_is_learnt():
    text = "Kutamab or zorafen caused nausea"
    spans = [("Drug", "Kutamab"), ("Drug", "zorafen"), ("Effect", "nausea")]
    document = build(text, *spans, pairs=[(1, 2)])
    document = document.model_copy(update={"meta": {"unknown_subjects": ["T0"]}})
    example = example_of(document)
    assert example.tag_weights.tolist() == [1] * 5
    by_place = dict(zip(example.subjects, example.object_weights.tolist(), strict=True))
    assert by_place == {(0, 1): [[0, 0]] * 5, (2, 3): [[1, 1]] * 5}
    # what is marked as an effect is one; what is not may be one of the unknown subject's
    assert example.object_tag_weights[:, 0].tolist() == [0, 0, 0, 0, 1]
    assert example.object_tag_weights[:, 1].tolist() == [0] * 5
    twin = document.spans[0].model_copy(update={"id": "T9"})  # said again, by one who knows
    known = example_of(document.model_copy(update={"spans": (*document.spans, twin)}))
    assert known.object_weights.all()


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
    task = get_span_task("ade")
    assert (task.tagged, task.relation_types) == (("Drug",), (("ADE", "Drug", "AdverseEffect"),))
    assert subject_labels(task) == ("Drug",)
    assert span_labels(task) == ("Drug", "AdverseEffect")


FIRST_FORM = {"subject_label": "Drug", "relation_labels": ["ADE"], "object_labels": ["Effect"]}


def test_a_card_of_the_first_form_is_read():
    rest = {"task": "ade", "settings": {}}
    card = StudentCard.model_validate({**rest, **FIRST_FORM})
    assert (card.tagged, card.relation_types) == (("Drug",), (("ADE", "Drug", "Effect"),))
    assert card.labels == {"Drug", "Effect"}
    assert StudentCard.model_validate_json(card.model_dump_json()) == card
    for change in ({"object_labels": []}, {"object_labels": ["Effect", "Dose"]}):
        with pytest.raises(ValueError, match="subject_label"):
            StudentCard.model_validate({**rest, **FIRST_FORM, **change})


MANY = StudentCard(
    task="own",
    tagged=("Drug", "Gene", "Age"),
    relation_types=(
        ("TREATS", "Drug", "Effect"),
        ("TREATS", "Drug", "Dose"),
        ("MARKS", "Gene", "Effect"),
    ),
    settings=StudentSettings(),
)


def test_several_kinds_of_spans_subjects_and_objects():
    document = build(
        "Kutamab zorafen dry cough nausea 5 mg",
        ("Drug", "Kutamab zorafen"),
        ("Gene", "zorafen"),
        ("Age", "5"),
        ("Effect", "dry cough"),
        ("Dose", "5 mg"),
    )
    relations = [("TREATS", 0, 3), ("TREATS", 0, 4), ("MARKS", 1, 3), ("MARKS", 1, 4)]
    document = document.model_copy(
        update={
            "relations": tuple(
                Relation(label=label, subject=f"T{s}", object=f"T{o}") for label, s, o in relations
            )
        }
    )
    examples = make_examples([document], WordTokenizer(TOKENIZER, 64), MANY)
    assert examples.unexpressed == {"other_relation": 1}  # MARKS is not of doses
    (example,) = examples.items
    by_label = [hard(example.tags[:, column]).tolist() for column in range(3)]
    assert by_label == [
        [BEGIN, END, *[OUTSIDE] * 5],
        [OUTSIDE, SINGLE, *[OUTSIDE] * 5],
        [*[OUTSIDE] * 5, SINGLE, OUTSIDE],
    ]
    assert example.subjects == ((0, 2), (1, 2))
    assert example.object_weights[:, 0].tolist() == [[1, 1, 0], [0, 0, 1]]
    of_drug, of_gene = (
        [hard(example.objects[row, :, kind]).tolist() for kind in range(3)] for row in range(2)
    )
    nothing, cough = [OUTSIDE] * 7, [0, 0, BEGIN, END, 0, 0, 0]
    assert of_drug == [cough, [0, 0, 0, 0, 0, BEGIN, END], nothing]
    assert of_gene == [nothing, nothing, cough]


def test_a_window_learns_what_it_owns():
    """Each word's tag, and each subject's objects, are learnt once: where they are owned."""
    sentence = "Kutamab caused a dry cough. "
    text = sentence * 12
    spans, relations = [], []
    for n in range(12):
        for role, (label, word) in enumerate((("Drug", "Kutamab"), ("Effect", "dry cough"))):
            start = text.index(word, n * len(sentence))
            spans.append(
                Span(id=f"T{n}.{role}", start=start, end=start + len(word), label=label, text=word)
            )
        relations.append(Relation(label="ADE", subject=f"T{n}.0", object=f"T{n}.1"))
    document = Document(id="d", text=text, spans=spans, relations=relations)
    examples = make_examples([document], WordTokenizer(TOKENIZER, 32), CARD)
    assert len(examples.items) > 2
    assert not examples.unexpressed
    learnt = Counter()
    for example in examples.items:
        words, window = example.piece.words, example.piece.window
        for word, weight in zip(words, example.tag_weights.tolist(), strict=True):
            learnt[word.start] += weight
            assert weight == (window.owns_from <= word.start < window.owns_to)
        for (first, _), weights in zip(example.subjects, example.object_weights, strict=True):
            learnt[-1] += weights.all()
            assert weights.all() == weights.any() == example.piece.owns(words[first].start)
    assert learnt.pop(-1) == 12
    assert set(learnt.values()) == {1.0}


def test_spans_alone():
    card = StudentCard(task="own", tagged=("Age", "Name"), settings=StudentSettings(head="token"))
    document = build("Kutamab 5 mg", ("Age", "5"), ("Name", "Kutamab"))
    example = example_of(document, card)
    assert example.tags.shape == (3, 2, 5)
    assert example.subjects == example.object_spans == ()
    assert example.objects.shape == (0, 3, 0, 5)
    assert example.object_tags.shape == (3, 0, 5)


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

"""Votes: what most samples say is kept, with the share of those who say it."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.records import Document, number_annotations
from decoct.tasks.ade import ADVERSE_EVENT
from decoct.tasks.ade import plugin as ade
from decoct.tasks.base import Answer, Claim
from decoct.teacher.grounding import Grounded, ground
from decoct.teacher.vote import vote

TEXT = "Gold caused acute renal failure; iron caused a mild rash."


def sample(*claims, drugs=(), text=TEXT):
    answer = Answer(
        tuple(("Drug", drug) for drug in drugs),
        tuple(Claim(ADVERSE_EVENT, *claim) for claim in claims),
    )
    return ground(ade, text, answer)


def shown(elected, text=TEXT):
    """Return a vote's spans and relations as (words, confidence)."""
    document = Document(id="d", text=text, spans=elected.spans, relations=elected.relations)
    spans = [(span.text, round(span.confidence, 3)) for span in document.spans]
    pairs = [(s.text, o.text, round(r.confidence, 3)) for r, s, o in document.pairs()]
    return spans, pairs


RENAL, RASH = ("Gold", "acute renal failure"), ("iron", "mild rash")


def test_what_most_samples_say_is_kept():
    elected = vote(TEXT, [sample(RENAL, RASH), sample(RENAL), sample(RENAL, ("iron", "renal"))])
    assert shown(elected) == (
        [("Gold", 1.0), ("acute renal failure", 1.0), ("iron", 0.667)],
        [("Gold", "acute renal failure", 1.0)],
    )
    assert elected.document_confidence == pytest.approx(1 / 3)
    # mild rash and its relation; the second span and relation of "renal" from iron
    assert elected.n_outvoted == 4


def test_one_sample_is_sure_of_all_it_says():
    elected = vote(TEXT, [sample(RENAL, RASH)])
    assert elected.document_confidence == 1.0
    assert {span.confidence for span in elected.spans} == {1.0}
    assert elected.n_outvoted == 0
    with pytest.raises(ValueError, match="no samples"):
        vote(TEXT, [])


def test_other_boundaries_count_for_the_elected_ones():
    short, shorter = ("Gold", "renal failure"), ("Gold", "renal")
    elected = vote(TEXT, [sample(short), sample(RENAL), sample(RENAL), sample(shorter)])
    assert shown(elected) == (
        [("Gold", 1.0), ("acute renal failure", 1.0)],
        [("Gold", "acute renal failure", 1.0)],
    )
    assert elected.document_confidence == 1.0
    assert elected.n_outvoted == 0


def test_of_equal_boundaries_the_earliest_sample_s_are_elected():
    short = sample(("Gold", "renal failure"))
    assert shown(vote(TEXT, [short, sample(RENAL)]))[1] == [("Gold", "renal failure", 1.0)]
    assert shown(vote(TEXT, [sample(RENAL), short]))[1] == [("Gold", "acute renal failure", 1.0)]


def test_two_spans_of_one_sample_are_no_variants_of_each_other():
    both = sample(RENAL, ("Gold", "renal failure"))
    elected = vote(TEXT, [both, both, sample(RENAL)])
    assert shown(elected)[1] == [
        ("Gold", "acute renal failure", 1.0),
        ("Gold", "renal failure", 0.667),
    ]
    assert elected.document_confidence == pytest.approx(2 / 3)


def test_a_drug_and_an_effect_at_one_place_are_two_things():
    text = "Lithium toxicity."
    elected = vote(
        text,
        [
            sample(("Lithium", "Lithium toxicity"), text=text),
            sample(drugs=["Lithium toxicity"], text=text),
        ],
    )
    assert [(span.label, span.text, span.confidence) for span in elected.spans] == [
        ("Drug", "Lithium", 1.0),
        ("AdverseEffect", "Lithium toxicity", 0.5),
    ]


def test_how_many_must_agree():
    samples = [sample(RENAL, RASH), sample(RENAL), sample(), sample(RENAL), sample(RENAL)]
    for least, kept in ((0.2, 2), (0.21, 1), (0.8, 1), (0.81, 0)):
        assert len(vote(TEXT, samples, least).relations) == kept
    assert vote(TEXT, samples, 1.0).document_confidence == 0.2  # the empty one was right


def test_strings_that_are_not_in_the_text_are_voted_on_too():
    lead, zinc = ("lead", "rash"), ("zinc", "rash")
    elected = vote(
        TEXT,
        [sample(lead, drugs=["tin"]), sample(lead, zinc, drugs=["tin", "silver"]), sample()],
    )
    assert [(one.claim.subject, one.reason) for one in elected.ungrounded] == [
        ("lead", "subject_not_in_text")
    ]
    assert elected.lost_subjects == ("tin",)
    assert elected.n_outvoted == 2


LETTERS = "abcdefghij"
MARKS = st.tuples(
    st.integers(0, 8), st.integers(1, 4), st.sampled_from(["Drug", "AdverseEffect"])
).map(lambda drawn: (drawn[0], min(10, drawn[0] + drawn[1]), drawn[2]))


@st.composite
def samples_of(draw):
    """Draw what one sample says of `LETTERS`."""
    marks = draw(st.sets(MARKS, max_size=5))
    drugs = sorted(mark for mark in marks if mark[2] == "Drug")
    effects = sorted(mark for mark in marks if mark[2] != "Drug")
    pairs = list(itertools.product(drugs, effects))
    links = draw(st.sets(st.sampled_from(pairs), max_size=3)) if pairs else ()
    spans, relations = number_annotations(
        LETTERS, dict.fromkeys(marks), {("ADE", *pair): None for pair in links}
    )
    return Grounded(spans, relations, (), ())


def marks_of(spans):
    return {(span.start, span.end, span.label) for span in spans}


@given(samples_of(), st.integers(1, 4), st.sampled_from([0.1, 0.5, 1.0]))
def test_samples_that_agree_are_returned_as_they_are(one, n, least):
    elected = vote(LETTERS, [one] * n, least)
    sure = [span.model_copy(update={"confidence": 1.0}) for span in one.spans]
    assert list(elected.spans) == sure
    assert [relation.model_copy(update={"confidence": None}) for relation in elected.relations] == [
        *one.relations
    ]
    assert elected.document_confidence == 1.0
    assert elected.n_outvoted == 0
    again = Grounded(elected.spans, elected.relations, (), ())
    assert vote(LETTERS, [again], least) == elected


@given(st.lists(samples_of(), min_size=1, max_size=5), st.sampled_from([0.01, 0.4, 0.5, 0.75, 1.0]))
def test_any_samples_give_a_sound_document(samples, least):
    elected = vote(LETTERS, samples, least)
    document = Document(
        id="d", text=LETTERS, spans=elected.spans, relations=elected.relations, source="silver"
    )
    assert Document.from_json(document.to_json()) == document
    assert all(least <= span.confidence <= 1 for span in elected.spans)
    for relation, subject, target in document.pairs():
        assert least <= relation.confidence <= min(subject.confidence, target.confidence)
    assert marks_of(elected.spans) <= set().union(*(marks_of(one.spans) for one in samples))
    assert 0 <= elected.document_confidence <= 1
    everything = vote(LETTERS, samples, 0.01)
    n_kept = len(elected.spans) + len(elected.relations)
    assert len(everything.spans) + len(everything.relations) == n_kept + elected.n_outvoted
    votes = sum(round(span.confidence * len(samples)) for span in everything.spans)
    assert votes == sum(len(one.spans) for one in samples)  # each span votes, and once


@given(samples_of(), samples_of(), samples_of(), st.permutations(range(7)))
def test_the_order_of_the_samples_does_not_matter(often, now_and_then, once, order):
    samples = [often] * 4 + [now_and_then] * 2 + [once]  # no two sets of them tie
    assert vote(LETTERS, [samples[number] for number in order]) == vote(LETTERS, samples)


def test_a_long_text_with_many_mentions():
    text = "mild rash, gold. " * 4_000
    samples = [
        sample(("gold", "rash"), ("gold", "mild rash"), drugs=["mild", "d. mild"], text=text),
        sample(("gold", "mild rash"), drugs=["gold. mild"], text=text),
        sample(("gold", "rash"), drugs=["mild"], text=text),
    ]
    started = time.perf_counter()
    elected = vote(text, samples)
    assert len(elected.spans) > 4_000
    assert time.perf_counter() - started < 8

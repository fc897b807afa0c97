"""Which of its own answers a student is taught."""

import random

import pytest

from decoct.records import Document, Relation, Span
from decoct.student.pseudo_labels import SelfTrainingSettings, certainty, choose, has_more
from decoct.student.silver import document_weight
from fakes.drugs import sentence


def answer(number, *confidences):
    """A document with a drug and an effect, of the confidences (drug, effect, relation)."""
    document = sentence(0, (f"drug{number}", "", "rash", ""), f"d{number}", "predicted")
    spans = [
        span.model_copy(update={"confidence": sure})
        for span, sure in zip(document.spans, confidences, strict=False)
    ]
    relations = [document.relations[0].model_copy(update={"confidence": confidences[2]})]
    meta = {"weight": 7.0, "unknown_subjects": ["T0"], "from": "pubmed"}
    changes = {"spans": tuple(spans), "relations": tuple(relations), "meta": meta}
    return document.model_copy(update=changes)


def sure(n, at=0):
    return [answer(number, 0.95, 0.95, 0.91) for number in range(at, at + n)]


def empty(n):
    return [
        Document(id=f"e{number}", text=f"Nothing {number}.", source="predicted")
        for number in range(n)
    ]


def texts(chosen):
    return {document.text for document in chosen.documents}


def quick(**changes):
    return SelfTrainingSettings.model_validate(changes)


@pytest.mark.parametrize("lowest", range(3))
def test_a_document_is_as_sure_as_the_least_sure_of_what_is_found(lowest):
    confidences = [0.95, 0.95, 0.95]
    confidences[lowest] = 0.8
    assert certainty(answer(0, *confidences)) == 0.8


def test_more_is_a_span_or_a_pair_that_nothing_overlaps():
    whole = sentence(3, ("zorafen", "belimab", "liver failure", "rash"), "d")
    assert not has_more(whole, whole)
    assert not has_more(whole, whole.bare())
    assert has_more(whole.bare(), whole)

    def without(relations, spans=whole.spans):
        return whole.model_copy(update={"relations": relations, "spans": spans})

    first, second = whole.relations
    assert has_more(without([first]), whole), "a pair"
    assert has_more(without([], whole.spans[:-1]), without([])), "a span"
    crossed = Relation(label="ADE", subject=first.subject, object=second.object)
    assert has_more(whole, without([first, second, crossed]))
    other = first.model_copy(update={"label": "Treats"})
    assert has_more(whole, without([other])), "of another label"

    wider = [span.model_copy(update={"end": span.end - 1}) for span in whole.spans]
    assert not has_more(without(whole.relations, wider), whole), "an edge is not more"
    renamed = [span.model_copy(update={"label": "Dose"}) for span in whole.spans]
    assert has_more(without(whole.relations, renamed), whole)


def test_nothing_found_is_no_doubt():
    assert certainty(empty(1)[0]) == 1.0
    assert certainty(sentence(0, ("a", "", "b", ""), "d")) == 1.0


@pytest.mark.parametrize(
    ("n_found", "n_empty", "share", "taken"),
    [
        (7, 100, 0.3, 3),
        (70, 100, 0.3, 30),
        (7, 2, 0.3, 2),
        (6, 100, 0.3, 2),
        (9, 100, 0.1, 1),
        (8, 100, 0.1, 0),
        (9, 100, 0.0, 0),
        (0, 100, 0.9, 0),
    ],
)
def test_the_empty_are_held_down(n_found, n_empty, share, taken):
    chosen = choose([*empty(n_empty), *sure(n_found)], quick(max_empty_share=share), 1)
    assert chosen.n_empty == taken == sum(not document.relations for document in chosen.documents)
    assert len(chosen.documents) == n_found + taken
    assert chosen.n_sure == n_found + n_empty


def test_as_many_as_are_wanted_drawn_by_lot():
    pool = [*sure(70), *empty(90)]
    some = choose(pool, quick(max_documents=20), 1)
    assert len(some.documents) == 20
    assert some.n_empty == 6, "the share of the whole"
    assert some.n_sure == 160

    shuffled = random.Random(0).sample(pool, len(pool))
    assert choose(shuffled, quick(max_documents=20), 1) == some, "order changes nothing"
    others = choose(pool, quick(max_documents=20), 2)
    assert texts(others) != texts(some), "the seed does"
    more = choose(pool, quick(max_documents=40), 1)
    assert texts(some) < texts(more)
    whole = choose(pool, quick(max_documents=None), 1)
    assert texts(more) < texts(whole)
    assert len(whole.documents) == 100


def test_lots_do_not_favour_the_surest():
    unsure = [answer(number, 0.9, 0.9, 0.9) for number in range(100, 200)]
    chosen = choose([*sure(100), *unsure], quick(max_documents=80), 1)
    assert 25 < sum(certainty(document) < 0.905 for document in chosen.documents) < 55


def test_what_is_taught_says_nothing_of_before():
    (soft,) = choose(sure(1), quick(), 1).documents
    assert soft.meta == {}
    assert [span.confidence for span in soft.spans] == [0.95, 0.95]
    assert soft.relations[0].confidence == 0.91
    assert document_weight(soft) == 1

    (hard,) = choose(sure(1), quick(soft=False, weight=0.25), 1).documents
    assert document_weight(hard) == 0.25
    assert {span.confidence for span in hard.spans} == {None}
    assert hard.relations[0].confidence is None
    bare = {"confidence": None}
    assert [s.model_copy(update=bare) for s in soft.spans] == list(hard.spans)


def test_a_span_without_a_confidence_is_sure():
    text = "zorafen caused rash ."
    spans = [
        Span(id="a", start=0, end=7, label="Drug", text="zorafen"),
        Span(id="b", start=15, end=19, label="AdverseEffect", text="rash", confidence=0.7),
    ]
    relation = Relation(label="ADE", subject="a", object="b")
    assert certainty(Document(id="d", text=text, spans=spans, relations=[relation])) == 0.7

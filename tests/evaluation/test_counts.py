from __future__ import annotations

import pytest

from decoct.errors import EvaluationError
from decoct.evaluation.counts import count_relations, count_spans
from decoct.records import Document, Relation, Span

TEXT = "Severe skin rash and fever after aspirin and ibuprofen."
DRUG, EFFECT = "Drug", "Effect"


def row(counts):
    """The counts of the only document: right predicted, predicted, found gold, gold."""
    [values] = counts.to_matrix().tolist()
    return tuple(values)


def relations(gold, predicted, match, by="offsets"):
    return row(count_relations([gold], [predicted], match=match, by=by))


def spans(gold, predicted, match, by="offsets", label=None):
    return row(count_spans([gold], [predicted], match=match, by=by, label=label))


def test_equal_pairs_are_right_strictly(build):
    gold = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "fever")], [(0, 1)])
    assert relations(gold, gold, "strict") == (1, 1, 1, 1)


def test_a_shorter_object_is_right_only_leniently(build):
    gold = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "Severe skin rash")], [(0, 1)])
    predicted = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "skin rash")], [(0, 1)])
    assert relations(gold, predicted, "strict") == (0, 1, 0, 1)
    assert relations(gold, predicted, "lenient") == (1, 1, 1, 1)


def test_lenient_pairs_match_many_to_many(build):
    # One predicted effect, "skin rash and fever", covers both gold effects: the one predicted pair
    # is right (precision 1/1) and both gold pairs are found (recall 2/2).
    gold = build(
        TEXT, [(DRUG, "aspirin"), (EFFECT, "skin rash"), (EFFECT, "fever")], [(0, 1), (0, 2)]
    )
    one = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "skin rash and fever")], [(0, 1)])
    assert relations(gold, one, "lenient") == (1, 1, 2, 2)
    assert relations(one, gold, "lenient") == (2, 2, 1, 1)
    assert relations(gold, one, "strict") == (0, 1, 0, 2)


def test_touching_spans_do_not_overlap(build):
    gold = build("abcd", [(EFFECT, "ab")])
    assert spans(gold, build("abcd", [(EFFECT, "cd")]), "lenient") == (0, 1, 0, 1)
    assert spans(gold, build("abcd", [(EFFECT, "bc")]), "lenient") == (1, 1, 1, 1)


@pytest.mark.parametrize("match", ["strict", "lenient"])
@pytest.mark.parametrize("by", ["offsets", "surface"])
def test_another_relation_label_is_wrong(build, match, by):
    args = (TEXT, [(DRUG, "aspirin"), (EFFECT, "fever")], [(0, 1)])
    assert relations(build(*args), build(*args, relation="dose"), match, by) == (0, 1, 0, 1)


def test_another_span_label_is_wrong_by_offsets_but_a_pair_by_surface_has_no_span_labels(build):
    gold = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "fever")], [(0, 1)])
    predicted = build(TEXT, [(DRUG, "aspirin"), ("Symptom", "fever")], [(0, 1)])
    assert relations(gold, predicted, "lenient") == (0, 1, 0, 1)
    assert relations(gold, predicted, "strict", "surface") == (1, 1, 1, 1)


def test_subject_and_object_do_not_trade_places(build):
    gold = build(TEXT, [(EFFECT, "aspirin"), (EFFECT, "fever")], [(0, 1)])
    predicted = build(TEXT, [(EFFECT, "aspirin"), (EFFECT, "fever")], [(1, 0)])
    for by in ("offsets", "surface"):
        assert relations(gold, predicted, "lenient", by) == (0, 1, 0, 1)


def test_identical_pairs_count_once_whatever_their_ids(build):
    gold = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "fever")], [(0, 1)])
    twice = build(
        TEXT,
        [(DRUG, "aspirin"), (EFFECT, "fever"), (DRUG, "aspirin"), (EFFECT, "fever")],
        [(0, 1), (2, 3), (0, 3), (0, 1)],
    )
    for match in ("strict", "lenient"):
        assert relations(gold, twice, match) == (1, 1, 1, 1)
        assert relations(twice, gold, match) == (1, 1, 1, 1)
        assert spans(twice, gold, match) == (2, 2, 2, 2)


def test_discontinuous_spans_overlap_by_their_fragments(build):
    # "Severe … rash" (0-6, 12-16) leaves out "skin" (7-11).
    gold = build(TEXT, [(EFFECT, [(0, 6), (12, 16)])])
    assert spans(gold, build(TEXT, [(EFFECT, "skin")]), "lenient") == (0, 1, 0, 1)
    assert spans(gold, build(TEXT, [(EFFECT, "rash")]), "lenient") == (1, 1, 1, 1)
    whole = build(TEXT, [(EFFECT, "Severe skin rash")])
    assert spans(gold, whole, "strict") == (0, 1, 0, 1)
    assert spans(gold, gold, "strict") == (1, 1, 1, 1)


def test_one_fragment_is_the_same_as_none():
    def document(fragments):
        span = Span(id="T", start=0, end=4, label=EFFECT, text="rash", fragments=fragments)
        return Document(id="d", text="rash", spans=[span])

    assert spans(document(((0, 4),)), document(None), "strict") == (1, 1, 1, 1)


def test_by_surface_another_mention_of_the_same_string_is_right():
    text = "Fever. The  FEVER came with aspirin."

    def document(start, surface):
        effect = Span(id="E", start=start, end=start + 5, label=EFFECT, text=surface)
        drug = Span(id="D", start=28, end=35, label=DRUG, text="aspirin")
        link = Relation(label="ADE", subject="D", object="E")
        return Document(id="d", text=text, spans=[effect, drug], relations=[link])

    gold, predicted = document(0, "Fever"), document(12, "FEVER")
    assert relations(gold, predicted, "lenient") == (0, 1, 0, 1)
    assert relations(gold, predicted, "strict", "surface") == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("one", "other", "strict", "lenient"),
    [
        ("skin  Rash", "skin rash", True, True),
        ("STRASSE", "straße", True, True),
        ("acute renal failure", "renal failure", False, True),
        ("renal failure", "failure of the liver", False, True),
        ("ra x", "ra y", False, False),  # shared words have two letters only
        ("rash", "fever", False, False),
        ("药物性皮炎", "皮炎", False, True),
        ("cat", "category", False, True),  # contained, though not as a word
    ],
)
def test_strings_by_surface(build, one, other, strict, lenient):
    gold, predicted = build(one, [(EFFECT, one)]), build(other, [(EFFECT, other)])
    assert spans(gold, predicted, "strict", "surface")[0] == strict
    assert spans(gold, predicted, "lenient", "surface")[0] == lenient
    assert spans(predicted, gold, "lenient", "surface")[0] == lenient


def test_ungrounded_pairs_are_wrong_by_offsets_and_compared_by_surface(build):
    gold = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "fever")], [(0, 1)])
    predicted = build(
        TEXT,
        [(DRUG, "aspirin"), (EFFECT, "fever")],
        [(0, 1)],
        # The first is leniently right ("high fever" holds "fever"); the third repeats the second.
        ungrounded=[
            ("ADE", "Aspirin", "high fever"),
            ("ADE", "heparin", "bleeding"),
            ("ADE", "Heparin", " bleeding"),
        ],
    )
    assert relations(gold, predicted, "strict") == (1, 3, 1, 1)
    assert relations(gold, predicted, "lenient") == (1, 3, 1, 1)
    assert relations(gold, predicted, "strict", "surface") == (1, 3, 1, 1)
    assert relations(gold, predicted, "lenient", "surface") == (2, 3, 1, 1)
    assert spans(gold, predicted, "strict") == (2, 2, 2, 2)


def test_ungrounded_pairs_of_gold_do_not_count(build):
    gold = build(TEXT, ungrounded=[("ADE", "aspirin", "fever")])
    assert relations(gold, build(TEXT), "strict", "surface") == (0, 0, 0, 0)


def test_an_empty_ungrounded_string_agrees_with_nothing_else(build):
    gold = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "fever")], [(0, 1)])
    predicted = build(TEXT, ungrounded=[("ADE", "", "fever")])
    assert relations(gold, predicted, "lenient", "surface") == (0, 1, 0, 1)


@pytest.mark.parametrize(
    "claims",
    [
        "aspirin",
        [["ADE", "a", "b"]],
        [{"label": "ADE"}],
        3,
        [{"label": 1, "subject": "a", "object": "b"}],
    ],
)
def test_malformed_ungrounded_is_named(claims):
    document = Document(id="d7", text="x", meta={"ungrounded": claims})
    with pytest.raises(EvaluationError, match=r"'d7'.*ungrounded"):
        count_relations([document], [document], match="strict", by="offsets")


def test_spans_of_one_label(build):
    gold = build(TEXT, [(DRUG, "aspirin"), (EFFECT, "fever")])
    predicted = build(TEXT, [(DRUG, "aspirin"), (DRUG, "ibuprofen"), (EFFECT, "rash")])
    assert spans(gold, predicted, "strict", label=DRUG) == (1, 2, 1, 1)
    assert spans(gold, predicted, "strict", label=EFFECT) == (0, 1, 0, 1)
    assert spans(gold, predicted, "strict") == (1, 3, 1, 2)


def test_sides_of_different_length_are_refused(build):
    with pytest.raises(EvaluationError, match="align"):
        count_spans([build(TEXT)], [], match="strict", by="offsets")

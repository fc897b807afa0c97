"""Agreement: kappa against a reference and by hand, symmetry, and planted errors."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from decoct.errors import EvaluationError
from decoct.evaluation.agreement import ERROR_TYPES, cohen_kappa, measure_agreement
from decoct.evaluation.evaluate import evaluate
from decoct.records import Relation
from fakes.drugs import corpus

TEXT = "Severe skin rash after aspirin, not heparin, and no fever."
DRUG, RASH = ("Drug", "aspirin"), ("Effect", "skin rash")


def tallies(a, b):
    """Per class: a's, b's, both's, all."""
    return np.array(
        [
            [
                a.count(one),
                b.count(one),
                sum(x == y == one for x, y in zip(a, b, strict=True)),
                len(a),
            ]
            for one in sorted({*a, *b})
        ]
    )


def disturbed(documents, share, seed=0):
    """Take the relations and the first span from some documents."""
    rng = random.Random(seed)
    return [
        document.model_copy(update={"relations": (), "spans": document.spans[1:]})
        if rng.random() < share
        else document
        for document in documents
    ]


def test_kappa_by_hand():
    # 20 + 15 of 50 agreed on, a says yes to 25 and b to 30: (0.7 - 0.5) / (1 - 0.5)
    yes_no = np.array([[25, 30, 20, 50], [25, 20, 15, 50]])
    assert cohen_kappa(yes_no) == pytest.approx(0.4)
    assert cohen_kappa(tallies("xxyy", "xxyy")) == 1
    assert cohen_kappa(tallies("xxyy", "yyxx")) == -1
    assert cohen_kappa(tallies("xyxy", "xxyy")) == 0


def test_kappa_of_one_class_and_of_nothing_is_one():
    assert cohen_kappa(tallies("xxxx", "xxxx")) == 1
    assert cohen_kappa(np.zeros((1, 4), dtype=np.int64)) == 1
    assert cohen_kappa(tallies("xxxx", "xxxy")) == 0  # one of the two never says y


def test_kappa_as_scikit_learn_has_it():
    rng = random.Random(1)
    for n_classes in (2, 3, 5):
        a = [str(rng.randrange(n_classes)) for _ in range(200)]
        b = [one if rng.random() < 0.6 else str(rng.randrange(n_classes)) for one in a]
        assert cohen_kappa(tallies(a, b)) == pytest.approx(cohen_kappa_score(a, b))


def test_kappa_of_independent_annotators_is_about_zero():
    rng = random.Random(2)
    a, b = ([rng.choice("xyz") for _ in range(20_000)] for _ in range(2))
    assert abs(cohen_kappa(tallies(a, b))) < 0.02


def test_kappa_of_many_resamples_at_once():
    one, other = tallies("xxyy", "xxyy"), tallies("xyxy", "xxyy")
    assert cohen_kappa(np.stack([one, other], axis=1)).tolist() == [1, 0]


def test_an_annotation_agrees_with_itself():
    documents = corpus(30)
    measured = measure_agreement(documents, documents)
    for kappa in (measured.words, measured.documents, *measured.word_labels.values()):
        assert (kappa.value.low, kappa.value.value, kappa.value.high) == (1, 1, 1)
        assert kappa.observed == 1
        assert not kappa.is_vacuous
    assert measured.errors.n_exact == sum(len(document.relations) for document in documents)
    assert [one.n for one in measured.errors.types.values()] == [0] * 4
    assert (measured.only_a, measured.only_b) == ((), ())


def test_words_by_hand(build):
    # ten words; b does not mark `rash`, and marks half of `heparin`
    text = "Severe skin rash after aspirin not heparin and no fever"
    a = build(text, [DRUG, RASH])
    b = build(text, [DRUG, ("Effect", "skin"), ("Drug", "hepa")])
    measured = measure_agreement([a], [b])
    assert (measured.words.n_items, measured.words.n_a, measured.words.n_b) == (10, 3, 3)
    said_a = list("OEEODOOOOO")
    said_b = list("OEOODODOOO")
    assert measured.words.value.value == pytest.approx(cohen_kappa_score(said_a, said_b))
    assert measured.words.observed == 0.8
    drugs_a, drugs_b = ([one == "D" for one in said] for said in (said_a, said_b))
    drugs = measured.word_labels["Drug"]
    assert (drugs.n_a, drugs.n_b) == (1, 2)
    assert drugs.value.value == pytest.approx(cohen_kappa_score(drugs_a, drugs_b))


def test_a_word_of_two_labels_is_a_class_of_its_own(build):
    both = build(TEXT, [DRUG, ("Effect", "aspirin")])
    measured = measure_agreement([both], [build(TEXT, [DRUG])])
    assert measured.words.value.value < 1
    assert measured.word_labels["Drug"].value.value == 1
    assert measured.word_labels["Effect"].n_b == 0


def test_words_between_fragments_are_not_marked(build):
    broken = build(TEXT, [("Effect", [(0, 6), (12, 16)])])  # Severe ... rash
    measured = measure_agreement([broken], [broken])
    assert measured.words.n_a == 2


def test_both_ways_around():
    a, b = corpus(40), disturbed(corpus(40), 0.5)
    one, other = measure_agreement(a, b), measure_agreement(b, a)
    assert one.words.value == other.words.value
    assert one.documents.value == other.documents.value
    assert one.f1.relations["strict", "offsets"].f1 == other.f1.relations["strict", "offsets"].f1
    for label, kappa in one.word_labels.items():
        assert kappa.value == other.word_labels[label].value
    assert one.words.value.low < one.words.value.value < one.words.value.high < 1


def test_order_changes_nothing_and_seed_only_intervals():
    a, b = corpus(20), disturbed(corpus(20), 0.5)
    one = measure_agreement(a, b)
    assert one.to_dict() == measure_agreement(a[::-1], b[::-1]).to_dict()
    other = measure_agreement(a, b, seed=14)
    assert one.words.value.value == other.words.value.value
    assert one.words.value != other.words.value


def test_f1_is_that_of_evaluate():
    a, b = corpus(20), disturbed(corpus(20), 0.5)
    measured, scored = measure_agreement(a, b), evaluate(a, b)
    assert measured.f1.to_dict() == scored.to_dict()


def test_documents_without_any_relation_say_nothing(build):
    bare = build("Nothing happened.")
    measured = measure_agreement([bare], [bare])
    assert measured.documents.is_vacuous
    assert measured.words.is_vacuous
    assert measured.words.value.value == 1
    empty = build("")
    assert measure_agreement([empty], [empty]).words.n_items == 0


def test_planted_errors(build):
    spans = [DRUG, RASH, ("Drug", "heparin"), ("Effect", "fever")]
    pairs = [(0, 1), (2, 3)]

    def types(other_spans, other_pairs):
        found = measure_agreement(
            [build(TEXT, spans, pairs)], [build(TEXT, other_spans, other_pairs)]
        ).errors
        assert list(found.types) == list(ERROR_TYPES)
        return (found.n_exact, *(one.n for one in found.types.values()))

    assert types(spans, pairs) == (2, 0, 0, 0, 0)
    wider = [DRUG, ("Effect", "Severe skin rash"), *spans[2:]]
    assert types(wider, pairs) == (1, 1, 0, 0, 0)
    assert types(spans, [(0, 1), (0, 3)]) == (1, 0, 1, 0, 1)
    assert types([*spans, ("Effect", "not")], [*pairs, (2, 4)]) == (2, 0, 0, 1, 0)
    mislabeled = [*spans, ("Effect", "heparin")]
    assert types(mislabeled, [*pairs, (0, 4)]) == (2, 0, 0, 1, 0), "no Effect of a is there"
    assert types(spans, []) == (0, 0, 0, 0, 2)


def test_another_relation_between_the_same_spans_is_a_wrong_pair(build):
    a = build(TEXT, [DRUG, RASH], [(0, 1)])
    b = build(TEXT, [DRUG, RASH], [(0, 1)], relation="Treats")
    types = measure_agreement([a], [b]).errors.types
    assert (types["wrong pair"].n, types["missed"].n) == (1, 1)


def test_shares_and_examples_by_place_only(build):
    a = [build(TEXT, [DRUG, RASH], [(0, 1)], id=f"d{n}") for n in range(5)]
    b = [build(TEXT, [DRUG, ("Effect", "rash")], [(0, 1)], id=f"d{n}") for n in range(4)]
    b.append(build(TEXT, [], id="d4"))
    measured = measure_agreement(a, b)
    boundary, missed = measured.errors.types["boundary"], measured.errors.types["missed"]
    assert (boundary.n, boundary.n_of, boundary.share) == (4, 4, 1)
    assert (missed.n, missed.n_of, missed.share) == (1, 5, 0.2)
    assert [one.document_id for one in boundary.examples] == ["d0", "d1", "d2"]
    assert missed.examples[0].to_dict() == {
        "document": "d4",
        "label": "ADE",
        "subject": [[TEXT.index("aspirin"), TEXT.index("aspirin") + 7]],
        "object": [[7, 16]],
    }
    said = str(measured.to_dict())
    assert not [word for word in ("aspirin", "rash") if word in said]


def test_claims_not_in_the_text_are_counted_and_left_out(build):
    a = build(TEXT, [DRUG, RASH], [(0, 1)])
    claims = [("ADE", "ibuprofen", "rash"), ("Other", "ibuprofen", "rash")]
    b = build(TEXT, [DRUG, RASH], [(0, 1)], ungrounded=claims)
    assert measure_agreement([a], [b]).errors.n_ungrounded == 2
    assert measure_agreement([a], [b], label="ADE").errors.n_ungrounded == 1
    assert measure_agreement([a], [b]).f1.relations["strict", "offsets"].f1.value == 1


def test_one_label_only(build):
    a = build(TEXT, [DRUG, RASH], [(0, 1)])
    treats = Relation(label="Treats", subject="T0", object="T1")
    b = a.model_copy(update={"relations": (*a.relations, treats)})
    assert measure_agreement([a], [b]).f1.relations["strict", "offsets"].f1.value < 1
    measured = measure_agreement([a], [b], label="ADE")
    assert measured.f1.relations["strict", "offsets"].f1.value == 1
    assert measure_agreement([a], [b], label="Treats").documents.n_a == 0
    with pytest.raises(EvaluationError, match=r"'Drug'; there are ADE, Treats$"):
        measure_agreement([a], [b], label="Drug")


def test_what_only_one_side_has_is_named_and_not_compared():
    documents = corpus(6)
    measured = measure_agreement(documents[:4], documents[2:])
    assert measured.n_documents == 2
    assert (measured.only_a, measured.only_b) == (("d0", "d1"), ("d4", "d5"))
    assert measured.f1.relations["strict", "offsets"].f1.value == 1
    with pytest.raises(EvaluationError, match="in common"):
        measure_agreement(documents[:2], documents[2:])


def test_texts_must_be_equal(build):
    with pytest.raises(EvaluationError, match="text"):
        measure_agreement([build(TEXT)], [build(TEXT + " ")])

from __future__ import annotations

import json

import pytest

from decoct.errors import EvaluationError
from decoct.evaluation.evaluate import compare, evaluate
from decoct.evaluation.metrics import SETTINGS, wilson
from decoct.records import Document

DRUG, EFFECT = "Drug", "Effect"
ONE = "Severe skin rash and fever after aspirin."
TWO = "No event with heparin; then bleeding."
THREE = "Nothing happened."


@pytest.fixture
def gold(build):
    return [
        build(ONE, [(DRUG, "aspirin"), (EFFECT, "Severe skin rash"), (EFFECT, "fever")],
              [(0, 1), (0, 2)], id="1"),
        build(TWO, [(DRUG, "heparin")], id="2"),
        build(THREE, id="3"),
    ]  # fmt: skip


@pytest.fixture
def predicted(build):
    return [
        build(ONE, [(DRUG, "aspirin"), (EFFECT, "skin rash")], [(0, 1)], id="1"),
        build(TWO, [(DRUG, "heparin"), (EFFECT, "bleeding")], [(0, 1)], id="2"),
        build(THREE, id="3"),
    ]


def prf(score):
    return tuple(round(one.value, 4) for one in (score.precision, score.recall, score.f1))


def test_worked_example(gold, predicted):
    metrics = evaluate(gold, predicted)
    # Pairs: gold 2, predicted 2. Strict: none equal. Lenient: aspirin-"skin rash" overlaps one gold
    # pair, the heparin pair is invented: P 1/2, R 1/2.
    assert prf(metrics.relations["strict", "offsets"]) == (0, 0, 0)
    assert prf(metrics.relations["lenient", "offsets"]) == (0.5, 0.5, 0.5)
    # Spans: gold 4, predicted 4; aspirin and heparin equal (2/4), leniently "skin rash" too (3/4).
    assert prf(metrics.spans["strict", "offsets"]) == (0.5, 0.5, 0.5)
    assert prf(metrics.spans["lenient", "surface"]) == (0.75, 0.75, 0.75)
    assert prf(metrics.span_labels[DRUG]["strict", "offsets"]) == (1, 1, 1)
    # Effects: 1 of 2 predicted overlaps, 1 of 2 gold is found.
    assert prf(metrics.span_labels[EFFECT]["lenient", "offsets"]) == (0.5, 0.5, 0.5)
    # Documents 2 and 3 have no gold relation; 2 got one.
    assert metrics.negatives is not None
    assert (metrics.negatives.n_documents, metrics.negatives.n_false_positive) == (2, 1)
    assert metrics.negatives.rate.value == 0.5
    assert metrics.strict is metrics.relations["strict", "offsets"]
    assert metrics.headline.startswith("relations by offsets over 3 documents: strict F1 0.0 [")


def test_gold_against_gold_is_one(gold):
    metrics = evaluate(gold, gold)
    for scores in (metrics.relations, metrics.spans, *metrics.span_labels.values()):
        assert all(prf(scores[setting]) == (1, 1, 1) for setting in SETTINGS)
    assert metrics.negatives is not None
    assert metrics.negatives.n_false_positive == 0


def test_a_missing_prediction_scores_as_an_empty_one(gold, predicted, build):
    empty = [build(ONE, id="1"), *predicted[1:]]
    missing = evaluate(gold, [*predicted[1:], Document(id="x", text="?")])
    assert missing.missing == ("1",)
    assert missing.unknown == ("x",)
    assert missing.relations == evaluate(gold, empty).relations
    assert "1 missing" in repr(missing)


def test_no_document_without_relation_means_no_negatives(gold):
    assert evaluate(gold[:1], gold[:1]).negatives is None


def test_an_ungrounded_claim_makes_a_negative_a_false_positive(gold, build):
    claims = build(THREE, id="3", ungrounded=[("ADE", "warfarin", "bruises")])
    metrics = evaluate(gold, [*gold[:2], claims])
    assert metrics.negatives is not None
    assert metrics.negatives.n_false_positive == 1


def test_a_corpus_without_relations_is_headlined_by_its_spans(build):
    gold = [build("Call Ann Lee.", [("NAME", "Ann Lee")], id="1")]
    metrics = evaluate(gold, [build("Call Ann Lee.", [("NAME", "Lee")], id="1")])
    assert metrics.headline_of == "spans"
    assert (metrics.strict.f1.value, metrics.lenient.f1.value) == (0.0, 1.0)
    assert metrics.headline.startswith("spans by offsets over 1 documents")


def test_order_of_documents_spans_and_relations_does_not_matter(gold, predicted, build):
    reordered = build(
        ONE, [(EFFECT, "fever"), (EFFECT, "Severe skin rash"), (DRUG, "aspirin")],
        [(2, 0), (2, 1)], id="1",
    )  # fmt: skip
    one = evaluate(gold, predicted)
    assert one.to_dict() == evaluate([*gold[:0:-1], reordered], predicted[::-1]).to_dict()


def test_to_dict_is_plain_json(gold, predicted):
    found = evaluate(gold, predicted, seed=5, n_resamples=50).to_dict()
    assert json.loads(json.dumps(found)) == found
    strict = found["relations"]["offsets"]["strict"]
    assert strict["f1"].keys() == {"value", "low", "high"}
    assert strict["signature"].startswith("relations:strict|by:offsets|n:3|gold:")
    assert "|seed:5|resamples:50|" in strict["signature"]
    label = found["span_labels"][DRUG]["surface"]["lenient"]
    assert label["signature"].startswith("spans:lenient|by:surface|label:Drug|n:3|")
    assert found["negatives"]["n_false_positive"] == 1


def test_notebook_table_and_repr(gold, predicted):
    metrics = evaluate(gold, predicted)
    assert "\n" not in repr(metrics)
    assert metrics._repr_html_().count("<tr>") == 5


def test_wilson_against_published_values():
    # Newcombe 1998 (Stat Med 17:857), table I, method 3: 81/263, 15/148, 0/20, 1/29.
    published = [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]
    for n_hits, n, low, high in published:
        found = wilson(n_hits, n)
        assert (found.low, found.high) == (
            pytest.approx(low, abs=5e-5),
            pytest.approx(high, abs=5e-5),
        )


def test_compare_names_what_it_compared(gold, predicted):
    found = compare(gold, gold, predicted[:2], match="lenient", by="surface")
    assert (found.f1_a, found.f1_b) == (1.0, 0.5)
    assert (found.missing_a, found.missing_b) == (0, 1)
    assert found.signature.startswith("difference|relations:lenient|by:surface|shuffles:10000|n:3|")
    of_spans = compare(gold, gold, predicted, of="spans")
    assert of_spans.f1_b == 0.5
    assert compare(gold, predicted, predicted).p == 1.0


def test_another_text_is_refused(gold):
    with pytest.raises(EvaluationError, match="'3'"):
        evaluate(gold, [Document(id="3", text="Something happened.")])

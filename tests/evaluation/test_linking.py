"""Linking metrics, worked out by hand."""

from __future__ import annotations

import json

import pytest

from decoct.errors import EvaluationError
from decoct.evaluation.align import hash_gold
from decoct.evaluation.linking import compare_linking, evaluate_linking
from decoct.evaluation.linking_metrics import ALL, SEEN, UNSEEN, UNSEEN_CONCEPTS
from fakes.linked import NIL, link, mention, text_with

GOLD = [
    mention("1", "sore knees", link("K")),
    mention("2", "bad  Knees", link("K")),
    mention("3", "wobbly", link("W")),
    mention("4", "breast and ovary", link("B", "O")),
    mention("5", "my dog", link(NIL)),
    mention("6", "my cat", link(NIL)),
]
PREDICTED = [
    mention("1", "sore knees", link("K", candidates="KWBO")),  # right
    mention("2", "bad  Knees", link("W", candidates="WBK")),  # third of its list
    mention("3", "wobbly", link(NIL, candidates="WK")),  # NIL comes first, W second
    mention("4", "breast and ovary", link("O", candidates="OK")),  # one of two is enough
    mention("5", "my dog", link(NIL, candidates="KW")),  # right
    # 6 is missed
]


def values(intervals):
    return {k: round(one.value, 6) for k, one in intervals.items()}


def test_worked_example():
    metrics = evaluate_linking(GOLD, PREDICTED)
    scores = metrics.all
    assert (scores.n_mentions, scores.n_entity, scores.n_missed, scores.n_concepts) == (6, 4, 1, 3)
    # of the 4 with an entity, first candidates are K right, W wrong, W right, O right
    assert values(scores.recall) == {1: 0.75, 4: 1.0}
    assert metrics.order == "stored"
    # right at once: 1, 4 and 5; within five also 2 and 3
    assert values(scores.accuracy) == {1: 0.5, 5: round(5 / 6, 6)}
    assert scores.entity_accuracy.value == 0.5
    assert scores.mrr.value == pytest.approx((1 + 1 / 3 + 1 / 2 + 1 + 1 + 0) / 6)
    # K 1 of 2, W 0 of 1, {B, O} 1 of 1
    assert scores.macro.value == pytest.approx((0.5 + 0 + 1) / 3)
    # NIL is said of 3 and 5 and true of 5 and 6
    nil = scores.nil
    assert (nil.precision.value, nil.recall.value, nil.f1.value) == (0.5, 0.5, 0.5)
    assert (nil.n_gold, nil.n_predicted) == (2, 2)
    assert metrics.missing == ("6",)
    assert metrics.headline.startswith("6 mentions: recall@4 100.0 [100.0, 100.0], Acc@1 50.0 [")


def test_seen_and_unseen():
    labelled = [
        mention("a", "SORE  knees", link("K")),
        mention("b", "Bad knees", link("X")),
        mention("c", "MY DOG", link(NIL)),
        mention("d", "wobbly", None),  # nobody has looked
    ]
    groups = evaluate_linking(GOLD, PREDICTED, labelled=labelled).groups
    assert list(groups) == [ALL, SEEN, UNSEEN, UNSEEN_CONCEPTS]
    # seen: 1 (right), 2 (wrong), 5 (right); unseen: 3 (wrong), 4 (right), 6 (missed)
    assert groups[SEEN].n_mentions == groups[UNSEEN].n_mentions == 3
    assert groups[SEEN].accuracy[1].value == pytest.approx(2 / 3)
    assert groups[UNSEEN].accuracy[1].value == pytest.approx(1 / 3)
    assert (groups[SEEN].nil.n_gold, groups[UNSEEN].nil.n_gold) == (1, 1)
    # W and {B, O} are concepts that nobody labelled; NIL is none
    assert groups[UNSEEN_CONCEPTS].n_mentions == 2
    assert groups[UNSEEN_CONCEPTS].accuracy[1].value == 0.5
    assert groups[UNSEEN_CONCEPTS].nil.n_gold == 0
    signatures = {scores.signature for scores in groups.values()}
    assert len(signatures) == 4
    assert all("|labelled:" in one for one in signatures if "group:all" not in one)
    assert evaluate_linking(GOLD, PREDICTED).groups[ALL].signature in signatures


def test_groups_without_a_mention_are_left_out():
    groups = evaluate_linking(GOLD, PREDICTED, labelled=GOLD).groups
    assert list(groups) == [ALL, SEEN]


def test_the_ceiling_is_in_the_retrievers_order_where_it_is_known():
    gold = [mention("1", "sore knees", link("K")), mention("2", "wobbly", link("W"))]
    reranked = [
        mention("1", "sore knees", link("K", candidates="KWB", scores=(0.1, 0.9, 0.5))),
        mention("2", "wobbly", link("W", candidates="WKB", scores=(0.7, 0.7, 0.1))),
    ]
    metrics = evaluate_linking(gold, reranked)
    assert metrics.order == "retriever"
    assert "|candidates:retriever|" in metrics.all.signature
    assert values(metrics.all.recall) == {1: 0.5, 3: 1.0}  # equals stay as stored
    assert values(metrics.all.accuracy) == {1: 1.0, 5: 1.0}
    one_without = [reranked[0], mention("2", "wobbly", link("W", candidates="WKB"))]
    assert evaluate_linking(gold, one_without).order == "stored"


def test_without_candidates_there_is_no_ceiling():
    scores = evaluate_linking(GOLD[:1], [mention("1", "sore knees", link("K"))]).all
    assert scores.recall == {}
    assert values(scores.accuracy) == {1: 1.0}


def test_an_entity_that_is_listed_twice_takes_one_place():
    gold = [mention("1", "sore knees", link("K"))]
    twice = [mention("1", "sore knees", link("W", candidates="WWWK"))]
    assert values(evaluate_linking(gold, twice).all.recall) == {1: 0.0, 2: 1.0}


def test_other_ids_of_a_prediction_do_not_count():
    gold = [mention("1", "sore knees", link("K"))]
    assert evaluate_linking(gold, [mention("1", "sore knees", link("W", "K"))]).all.mrr.value == 0


def test_mentions_are_joined_by_place_and_then_by_label():
    text = "Fever, then fever again."
    gold = [text_with("1", text, ("Fever", link("F"), "Effect"), ("fever", link("F"), "Effect"))]
    other_label = text_with("1", text, ("Fever", link("F"), "Disease"))
    scores = evaluate_linking(gold, [other_label]).all
    assert (scores.n_missed, scores.accuracy[1].value) == (1, 0.5)
    both = text_with("1", text, ("Fever", link("X"), "Disease"), ("Fever", link("F"), "Effect"))
    assert evaluate_linking(gold, [both]).all.accuracy[1].value == 0.5
    nearly = text_with("1", text, ("Fever,", link("F"), "Effect"))
    assert evaluate_linking(gold, [nearly]).all.n_missed == 2


def test_a_predicted_span_without_a_link_is_missed():
    scores = evaluate_linking(GOLD[:1], [mention("1", "sore knees", None)]).all
    assert (scores.n_missed, scores.nil) == (1, None)


def test_end_to_end():
    text = "Rash, high fever and pain after zorafen."
    gold = [
        text_with(
            "1", text, ("Rash", link("R"), "Disease"), ("high fever", link("F", "H"), "Disease"),
            ("pain", link(NIL), "Disease"), ("zorafen", None, "Drug"),
        ),
    ]  # fmt: skip
    predicted = [
        text_with(
            "1", text, ("Rash", link("R"), "Effect"), ("fever", link("F"), "Effect"),
            ("pain", link("P"), "Effect"), ("after", link(NIL), "Effect"),
            ("zorafen", link("Z"), "Drug"),
        ),
    ]  # fmt: skip
    metrics = evaluate_linking(gold, predicted)
    strict, lenient = metrics.end_to_end["strict"], metrics.end_to_end["lenient"]
    # 2 gold pairs; predicted R, F and P: NIL is none, and nobody has linked zorafen
    assert (strict.n_gold, strict.n_predicted) == (2, 3)
    assert (strict.precision.value, strict.recall.value) == (pytest.approx(1 / 3), 0.5)
    assert (lenient.precision.value, lenient.recall.value) == (pytest.approx(2 / 3), 1.0)
    assert (metrics.n_beyond, metrics.found_mentions) == (1, True)  # "fever" alone
    assert strict.signature.startswith("links:strict|by:offsets|n:1|")
    wrong = [text_with("1", text, ("Rash", link("X"), "Disease"))]
    assert evaluate_linking(gold, wrong).end_to_end["lenient"].f1.value == 0


def test_given_mentions_need_no_end_to_end():
    metrics = evaluate_linking(GOLD, [*PREDICTED, GOLD[5]])
    assert not metrics.found_mentions
    assert (metrics.n_beyond, metrics.all.n_missed) == (0, 0)


def test_gold_against_gold_is_one():
    metrics = evaluate_linking(GOLD, GOLD)
    scores = metrics.all
    for one in (*scores.accuracy.values(), scores.entity_accuracy, scores.mrr, scores.macro):
        assert (one.low, one.value, one.high) == (1, 1, 1)
    assert scores.nil.f1.value == 1
    assert all(one.f1.value == 1 for one in metrics.end_to_end.values())


def test_the_order_of_documents_does_not_matter():
    one = evaluate_linking(GOLD, PREDICTED, labelled=GOLD[:2])
    assert one.to_dict() == evaluate_linking(
        GOLD[::-1], PREDICTED[::-1], labelled=GOLD[1::-1]
    ).to_dict()  # fmt: skip


def test_what_can_not_be_scored():
    with pytest.raises(EvaluationError, match="no gold span has a link"):
        evaluate_linking([mention("1", "sore knees", None)], PREDICTED)
    with pytest.raises(EvaluationError, match="'1'"):
        evaluate_linking(GOLD, [mention("1", "sore elbows", link("K"))])


def test_the_interval_is_that_of_resampled_documents():
    gold = [mention(str(n), "x", link("K")) for n in range(400)]
    predicted = [mention(str(n), "x", link("K" if n % 4 else "W")) for n in range(400)]
    accuracy = evaluate_linking(gold, predicted).all.accuracy[1]
    # 300 of 400: a standard error of sqrt(.75 * .25 / 400) = .0217
    assert accuracy.value == 0.75
    assert accuracy.low == pytest.approx(0.75 - 1.96 * 0.0217, abs=0.006)
    assert accuracy.high == pytest.approx(0.75 + 1.96 * 0.0217, abs=0.006)


def test_mentions_of_one_document_are_drawn_together():
    words = " ".join(f"w{n:03}" for n in range(100))
    marks = [(f"w{n:03}", link("K"), "M") for n in range(100)]
    gold = [text_with("1", words, *marks), text_with("2", words, *marks)]
    wrong = text_with("2", words, *((word, link("X"), label) for word, _, label in marks))
    accuracy = evaluate_linking(gold, [gold[0], wrong]).all.accuracy[1]
    assert (accuracy.low, accuracy.value, accuracy.high) == (0, 0.5, 1)


def test_a_resample_without_the_group_is_passed_over():
    gold = [mention("1", "seen", link("K"))] + [
        mention(str(n), f"new {n}", link("W")) for n in range(2, 30)
    ]
    seen = evaluate_linking(gold, gold, labelled=gold[:1]).groups[SEEN]
    assert (seen.accuracy[1].low, seen.accuracy[1].high) == (1, 1)
    assert (seen.macro.low, seen.macro.high) == (1, 1)


def test_to_dict_is_plain_json():
    found = evaluate_linking(GOLD, PREDICTED, labelled=GOLD[:2], seed=5, n_resamples=50).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["groups"]["all"]["accuracy"]["1"]["value"] == 0.5
    assert "|seed:5|resamples:50|" in found["groups"]["all"]["signature"]
    assert found["groups"][SEEN]["recall"].keys() == {"1", "4"}


def test_reprs_are_one_line():
    metrics = evaluate_linking(GOLD, PREDICTED, n_resamples=5)
    assert "\n" not in repr(metrics) + repr(metrics.all)
    assert metrics._repr_html_().count("<tr>") == 2


def test_compare():
    gold = [mention(str(n), "x", link("K")) for n in range(40)]
    right = [mention(str(n), "x", link("K")) for n in range(40)]
    half = [mention(str(n), "x", link("K" if n < 20 else "W", candidates="WK")) for n in range(40)]
    found = compare_linking(gold, right, half)
    assert (found.accuracy_a, found.accuracy_b, found.difference.value) == (1.0, 0.5, 0.5)
    assert found.difference.low > 0.3
    assert found.p == pytest.approx(1 / 10_001)
    assert found.n_mentions == found.n_documents == 40
    assert found.signature.startswith("difference|acc@1|group:all|mentions:40|shuffles:10000|n:40|")
    assert compare_linking(gold, half, half).p == 1.0
    assert compare_linking(gold, right, half, k=2).difference.value == 0
    assert "Acc@1 100.0 against 50.0: +50.0" in repr(found)
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_the_p_value_is_that_of_all_swaps():
    # a is right where b is not in 3 documents, the reverse in 1: of the 2^4 swaps, those whose
    # difference is at least 2 either way are the ones with 0, 1, 3 or 4 heads: 10 of 16
    gold = [mention(str(n), "x", link("K")) for n in range(6)]
    a = [mention(str(n), "x", link("K" if n != 3 else "W")) for n in range(6)]
    b = [mention(str(n), "x", link("W" if n < 3 else "K")) for n in range(6)]
    assert compare_linking(gold, a, b).p == pytest.approx(10 / 16, abs=0.02)


def test_compare_on_a_group():
    labelled = GOLD[:2]
    found = compare_linking(GOLD, GOLD, PREDICTED, labelled=labelled, group=UNSEEN)
    assert (found.n_mentions, found.n_documents) == (4, 6)
    assert (found.accuracy_a, found.accuracy_b) == (1.0, 0.5)
    assert (found.missed_a, found.missed_b) == (0, 1)
    with pytest.raises(EvaluationError, match="no gold mention is in 'unseen mentions'"):
        compare_linking(GOLD, GOLD, PREDICTED, group=UNSEEN)
    with pytest.raises(EvaluationError, match="k must be at least 1"):
        compare_linking(GOLD, GOLD, PREDICTED, k=0)
    with pytest.raises(EvaluationError, match="n_shuffles must be at least 1"):
        compare_linking(GOLD, GOLD, PREDICTED, n_shuffles=0)


def test_links_are_part_of_the_golds_name():
    unlinked = [mention("1", "sore knees", None)]
    assert len({hash_gold(GOLD[:1]), hash_gold(unlinked), hash_gold(GOLD[4:5])}) == 3
    one, other = ([mention("1", "x", link(*ids))] for ids in ("BO", "OB"))
    assert hash_gold(one) == hash_gold(other)
    assert hash_gold(unlinked) == "c01ace8c"  # as before there were links

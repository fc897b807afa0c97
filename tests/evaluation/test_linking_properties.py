"""What holds for any gold links and any predicted ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.evaluation.linking import compare_linking, evaluate_linking
from decoct.evaluation.linking_errors import find_link_errors
from decoct.records import Candidate, Document, Link, Span
from fakes.linked import mention

IDS = ["A", "B", "C", "D"]
SURFACES = ["sore", "wobbly", "SORE"]
deterministic = settings(derandomize=True, deadline=None, max_examples=30)

gold_links = st.lists(st.sampled_from(IDS), unique=True, max_size=2).map(
    lambda ids: Link(id=ids[0] if ids else None, also=tuple(ids[1:]))
)
rankings = st.lists(st.sampled_from([*IDS, "E"]), unique=True, max_size=5)


def candidates(ids):
    return tuple(Candidate(id=id_, name=id_) for id_ in ids)


@st.composite
def first_of_its_list(draw):
    """A link as a linker makes it: the first of its candidates, or NIL."""
    ranking = draw(rankings)
    said = ranking[0] if ranking and draw(st.booleans()) else None
    return Link(id=said, candidates=candidates(ranking))


@st.composite
def any_link(draw):
    said = draw(st.one_of(st.none(), st.sampled_from(IDS)))
    return Link(id=said, candidates=candidates(draw(rankings)))


def corpora(links):
    made = st.lists(st.tuples(st.sampled_from(SURFACES), links), min_size=1, max_size=6)
    return made.map(lambda rows: [mention(str(n), text, one) for n, (text, one) in enumerate(rows)])


def with_links(gold, links):
    return [
        mention(document.id, document.text, one) if one else document.bare()
        for document, one in zip(gold, links, strict=True)
    ]


def intervals(scores):
    found = [*scores.recall.values(), *scores.accuracy.values(), scores.mrr]
    found += [one for one in (scores.macro, scores.entity_accuracy) if one]
    nil = scores.nil
    return found + ([nil.precision, nil.recall, nil.f1] if nil else [])


@deterministic
@given(corpora(gold_links), st.data())
def test_accuracy_is_below_the_ceiling(gold, data):
    predicted = with_links(gold, [data.draw(first_of_its_list()) for _ in gold])
    entities = [one for one in gold if one.spans[0].link.id]
    for part in (gold, entities):
        if not part:
            continue
        ids = {one.id for one in part}
        metrics = evaluate_linking(part, [one for one in predicted if one.id in ids], n_resamples=5)
        scores = metrics.all
        at_1, at_5 = (scores.accuracy.get(k, scores.accuracy[1]).value for k in (1, 5))
        assert at_1 <= scores.mrr.value + 1e-12
        assert scores.mrr.value <= max(at_5, at_1) + 1e-12
        assert list(scores.recall) == sorted(scores.recall)
        recall = [one.value for one in scores.recall.values()]
        assert recall == sorted(recall)
        if scores.entity_accuracy and recall:
            assert scores.entity_accuracy.value <= recall[0] + 1e-12
        if part is entities and recall:
            assert at_1 <= at_5 <= recall[-1]


@deterministic
@given(corpora(gold_links), corpora(gold_links), st.data())
def test_every_number_is_within_0_and_1(gold, labelled, data):
    links = [data.draw(st.one_of(st.none(), any_link())) for _ in gold]
    metrics = evaluate_linking(gold, with_links(gold, links), labelled=labelled, n_resamples=10)
    for scores in metrics.groups.values():
        for one in intervals(scores):
            assert 0 <= one.low <= one.high <= 1
            assert 0 <= one.value <= 1
        assert 0 <= scores.n_missed <= scores.n_mentions
        assert scores.n_concepts <= scores.n_entity <= scores.n_mentions
    names = [name for name in ("seen mentions", "unseen mentions") if name in metrics.groups]
    parts = [metrics.groups[name] for name in names]
    assert sum(part.n_mentions for part in parts) == metrics.all.n_mentions
    n_right = sum(part.n_mentions * part.accuracy[1].value for part in parts)
    assert n_right == pytest.approx(metrics.all.n_mentions * metrics.all.accuracy[1].value)


@deterministic
@given(corpora(gold_links), st.data())
def test_errors_are_the_complement_of_accuracy(gold, data):
    links = [data.draw(st.one_of(st.none(), any_link())) for _ in gold]
    predicted = with_links(gold, links)
    scores = evaluate_linking(gold, predicted, n_resamples=5).all
    errors = find_link_errors(gold, predicted, n_confusions=100, n_wrong=100)
    assert errors.n_wrong == round(scores.n_mentions * (1 - scores.accuracy[1].value))
    assert sum(one.n for one in errors.confusions) == errors.n_wrong == len(errors.wrong)


@deterministic
@given(corpora(gold_links), st.data())
def test_a_comparison_is_the_difference_of_two_evaluations(gold, data):
    a, b = (with_links(gold, [data.draw(any_link()) for _ in gold]) for _ in range(2))
    found = compare_linking(gold, a, b, n_shuffles=50, n_resamples=20)
    back = compare_linking(gold, b, a, n_shuffles=50, n_resamples=20)
    alone = [evaluate_linking(gold, one, n_resamples=5).all.accuracy[1].value for one in (a, b)]
    assert [found.accuracy_a, found.accuracy_b] == alone
    assert found.difference.value == -back.difference.value
    assert 0 < found.p <= 1


@deterministic
@given(corpora(gold_links), st.data())
def test_a_right_link_is_worth_more_than_a_missed_one(gold, data):
    links = [data.draw(st.one_of(st.none(), any_link())) for _ in gold]
    predicted = with_links(gold, links)
    changed = data.draw(st.integers(0, len(gold) - 1))
    mended = [*predicted[:changed], gold[changed], *predicted[changed + 1 :]]
    before, after = (evaluate_linking(gold, one, n_resamples=5).all for one in (predicted, mended))
    assert after.accuracy[1].value >= before.accuracy[1].value
    assert after.mrr.value >= before.mrr.value


@deterministic
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6), gold_links), max_size=6))
def test_any_spans_against_themselves(rows):
    text = "sore knees and wobbly legs"
    spans = [
        Span(id=f"T{n}", start=start, end=start + size, label="M",
             text=text[start : start + size], link=one)
        for n, (start, size, one) in enumerate(rows)
    ]  # fmt: skip
    document = Document(id="d", text=text, spans=spans)
    places = {(span.start, span.end): span.link.ids for span in spans}
    if not spans or any(places[span.start, span.end] != span.link.ids for span in spans):
        return  # two links at one place: a prediction has one
    metrics = evaluate_linking([document], [document], n_resamples=5)
    assert metrics.all.accuracy[1].value == 1
    assert {one.f1.value for one in metrics.end_to_end.values()} == {1}
    assert not metrics.found_mentions

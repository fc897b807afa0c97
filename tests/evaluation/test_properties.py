"""What holds for any gold and any predictions."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.evaluation.counts import count_relations, count_spans
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.metrics import SETTINGS
from decoct.evaluation.scores import precision_recall_f1
from decoct.records import Document, Relation, Span

TEXT = "aspirin and aspirin plus rash or Rash"
deterministic = settings(derandomize=True, deadline=None, max_examples=60)


def make_span(id_, label, cuts):
    fragments = tuple(zip(cuts[::2], cuts[1::2], strict=True))
    surface = " ".join(TEXT[start:end] for start, end in fragments)
    return Span(
        id=id_, start=cuts[0], end=cuts[-1], label=label, text=surface,
        fragments=fragments if len(fragments) > 1 else None,
    )  # fmt: skip


@st.composite
def documents(draw, id_="d"):
    cuts = st.lists(st.integers(0, len(TEXT)), min_size=4, max_size=4, unique=True).map(sorted)
    bounds = st.one_of(cuts, cuts.map(lambda four: four[:2]), cuts.map(lambda four: four[:2]))
    spans = [
        make_span(f"T{n}", label, where)
        for n, (label, where) in enumerate(
            draw(st.lists(st.tuples(st.sampled_from(["Drug", "Effect"]), bounds), max_size=5))
        )
    ]
    ends = st.sampled_from([span.id for span in spans]) if spans else st.nothing()
    links = st.builds(Relation, label=st.sampled_from(["ADE", "dose"]), subject=ends, object=ends)
    relations = draw(st.lists(links, max_size=5)) if spans else []
    claims = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "label": st.just("ADE"),
                    "subject": st.sampled_from(["aspirin", "x", ""]),
                    "object": st.sampled_from(["a rash", "y"]),
                }
            ),
            max_size=2,
        )
    )
    meta = {"ungrounded": claims} if claims else {}
    return Document(id=id_, text=TEXT, spans=spans, relations=relations, meta=meta)


@st.composite
def corpora(draw):
    n = draw(st.integers(1, 4))
    return [draw(documents(f"d{i}")) for i in range(n)]


def without_claims(document):
    return document.model_copy(update={"meta": {}})


def all_scores(metrics):
    groups = (metrics.relations, metrics.spans, *metrics.span_labels.values())
    return [group[setting] for group in groups for setting in SETTINGS]


@deterministic
@given(corpora(), st.data())
def test_every_number_is_within_0_and_1_and_within_its_interval_order(gold, data):
    predicted = [data.draw(documents(document.id)) for document in gold]
    metrics = evaluate(gold, predicted, n_resamples=20)
    for score in all_scores(metrics):
        for one in (score.precision, score.recall, score.f1):
            assert 0 <= one.low <= one.high <= 1
            assert 0 <= one.value <= 1
        assert score.n_correct_gold <= score.n_gold
        assert score.n_correct_predicted <= score.n_predicted
    if metrics.negatives:
        rate = metrics.negatives.rate
        assert 0 <= rate.low <= rate.value <= rate.high <= 1


@deterministic
@given(corpora())
def test_gold_against_gold_is_one(gold):
    gold = [without_claims(document) for document in gold]
    for score in all_scores(evaluate(gold, gold, n_resamples=20)):
        assert (score.f1.low, score.f1.value, score.f1.high) == (1, 1, 1)


@deterministic
@given(documents(), documents())
def test_lenient_is_never_below_strict(gold, predicted):
    for count, by in itertools.product((count_relations, count_spans), ("offsets", "surface")):
        strict = count([gold], [predicted], match="strict", by=by)
        lenient = count([gold], [predicted], match="lenient", by=by)
        assert lenient.correct_predicted[0] >= strict.correct_predicted[0]
        assert lenient.correct_gold[0] >= strict.correct_gold[0]
        assert (lenient.predicted, lenient.gold) == (strict.predicted, strict.gold)
        assert strict.correct_gold[0] == strict.correct_predicted[0]


@deterministic
@given(documents(), documents())
def test_swapping_the_sides_swaps_precision_and_recall(gold, predicted):
    gold, predicted = without_claims(gold), without_claims(predicted)
    for count, (match, by) in itertools.product((count_relations, count_spans), SETTINGS):
        one = count([gold], [predicted], match=match, by=by).to_matrix()[0].tolist()
        other = count([predicted], [gold], match=match, by=by).to_matrix()[0].tolist()
        assert one == other[2:] + other[:2]


@deterministic
@given(corpora(), st.data(), st.randoms(use_true_random=False))
def test_order_does_not_matter(gold, data, random):
    predicted = [data.draw(documents(document.id)) for document in gold]

    def shuffled(documents_):
        return [
            document.model_copy(
                update={
                    "spans": tuple(random.sample(document.spans, len(document.spans))),
                    "relations": tuple(random.sample(document.relations, len(document.relations))),
                }
            )
            for document in random.sample(documents_, len(documents_))
        ]

    one = evaluate(gold, predicted, n_resamples=20)
    other = evaluate(shuffled(gold), shuffled(predicted), n_resamples=20)
    assert one.to_dict() == other.to_dict()


@deterministic
@given(documents(), documents(), st.sampled_from(SETTINGS))
def test_removing_a_wrong_pair_never_lowers_precision(gold, predicted, setting):
    match, by = setting

    def precision(relations, meta):
        document = predicted.model_copy(update={"relations": relations, "meta": meta})
        counts = count_relations([gold], [document], match=match, by=by)
        return precision_recall_f1(counts.to_matrix()[0])[0]

    before = precision(predicted.relations, predicted.meta)
    for index, relation in enumerate(predicted.relations):
        rest = predicted.relations[:index] + predicted.relations[index + 1 :]
        if precision((relation,), {}) == 0:
            assert precision(rest, predicted.meta) >= before


@deterministic
@given(corpora(), st.data())
def test_all_spans_are_the_sum_of_their_labels(gold, data):
    predicted = [data.draw(documents(document.id)) for document in gold]
    metrics = evaluate(gold, predicted, n_resamples=5)
    for setting in SETTINGS:
        parts = [scores[setting] for scores in metrics.span_labels.values()]
        whole = metrics.spans[setting]
        assert sum(part.n_gold for part in parts) == whole.n_gold
        assert sum(part.n_correct_predicted for part in parts) == whole.n_correct_predicted

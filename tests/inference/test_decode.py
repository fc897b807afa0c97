"""Spans are the likeliest tags that go together: by brute force, by hand; clean at the ends."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from decoct.inference.decode import (
    BEGIN,
    END,
    INSIDE,
    OUTSIDE,
    SINGLE,
    Run,
    best_runs_by_row,
    best_tags,
    trim,
)

FOLLOWERS = {
    OUTSIDE: {OUTSIDE, BEGIN, SINGLE},
    BEGIN: {INSIDE, END},
    INSIDE: {INSIDE, END},
    END: {OUTSIDE, BEGIN, SINGLE},
    SINGLE: {OUTSIDE, BEGIN, SINGLE},
}
THRESHOLD = st.floats(0.05, 0.95)
SURFACES = st.lists(
    st.sampled_from(["aspirin", "5", "(", ")", "[", "]", ",", "%", "+", ".", "-", "e\u0301", "好"]),
    min_size=1,
    max_size=12,
)


def best_runs(probs, threshold=0.5, join=False):
    return best_runs_by_row(probs[None], [len(probs)], threshold, join)[0]


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def rows(max_rows, max_words):
    shape = st.tuples(st.integers(1, max_rows), st.integers(1, max_words), st.just(5))
    return hnp.arrays(np.float32, shape, elements=st.floats(-8, 8, width=32)).map(softmax)


def allowed(tags):
    """Whether every span begins and ends, as if outside of the text were outside of spans."""
    return all(after in FOLLOWERS[one] for one, after in pairwise([OUTSIDE, *tags, OUTSIDE]))


def score(probs, tags, threshold):
    """How good tags are: a word's best tag in a span counts as much as all of these together."""
    total = 0.0
    for word, tag in zip(probs.astype(np.float64), tags, strict=True):
        outside, inside = word[OUTSIDE], word[BEGIN:]
        if tag == OUTSIDE:
            total += np.log(outside * threshold / (1 - threshold))
        else:
            total += np.log((1 - outside) * word[tag] / inside.max())
    return total


def places(runs):
    return [(run.first, run.last) for run in runs]


def spans_of(tags):
    """The spans of tags that go together, read slowly."""
    found = []
    for word, tag in enumerate(tags):
        if tag in (BEGIN, SINGLE):
            found.append((word, word + 1))
        elif tag in (INSIDE, END):
            found[-1] = (found[-1][0], word + 1)
    return found


@given(rows(1, 5), THRESHOLD)
def test_the_tags_are_the_best_of_all_that_go_together(probs, threshold):
    (found,) = best_tags(probs, threshold).tolist()
    assert allowed(found)
    best = max(
        score(probs[0], tags, threshold)
        for tags in product(range(5), repeat=probs.shape[1])
        if allowed(tags)
    )
    assert score(probs[0], found, threshold) == pytest.approx(best, abs=1e-6)


@given(rows(6, 20), THRESHOLD, st.booleans(), st.data())
def test_runs_are_those_of_the_tags_and_rows_do_not_know_each_other(probs, threshold, join, data):
    n_words = data.draw(st.lists(st.integers(0, probs.shape[1]), min_size=len(probs)))[: len(probs)]
    found = best_runs_by_row(probs, n_words, threshold, join)
    assert len(found) == len(probs)
    for row, n, runs in zip(probs, n_words, found, strict=True):
        alone = best_runs(row[:n], threshold, join)
        assert places(runs) == places(alone)
        assert np.allclose([r.confidence for r in runs], [r.confidence for r in alone])
        if not n:
            assert not runs
            continue
        (tags,) = best_tags(row[None, :n], threshold).tolist()
        wanted = spans_of(tags)
        if not join:
            assert places(runs) == wanted
        assert {w for a, b in places(runs) for w in range(a, b)} == {
            w for w, tag in enumerate(tags) if tag != OUTSIDE
        }
        assert all(a.last < b.first if join else a.last <= b.first for a, b in pairwise(runs))
        for run in runs:
            mean = (1 - row[run.first : run.last, OUTSIDE]).mean()
            assert run.confidence == pytest.approx(mean, abs=1e-6)
            assert 0.0 <= run.confidence <= 1.0


@given(rows(1, 20), THRESHOLD, THRESHOLD)
def test_a_lower_threshold_marks_no_fewer_words(probs, one, other):
    fewer, more = (
        (best_tags(probs, t) != OUTSIDE).sum() for t in (max(one, other), min(one, other))
    )
    assert fewer <= more


@given(st.floats(0.01, 0.99), THRESHOLD)
def test_a_word_alone_is_marked_above_the_threshold(prob, threshold):
    if abs(prob - threshold) > 1e-6:
        runs = best_runs(tagged([[(SINGLE, prob)]]), threshold)
        assert bool(runs) == (prob > threshold)


def tagged(words):
    """Probabilities of some tags, the rest outside."""
    probs = np.zeros((len(words), 5), dtype=np.float32)
    for row, word in zip(probs, words, strict=True):
        for tag, prob in word:
            row[tag] = prob
        row[OUTSIDE] += 1 - row.sum()
    return probs


@pytest.mark.parametrize(
    ("words", "apart", "joined"),
    [
        ([(BEGIN, 0.9)], [], []),
        ([(SINGLE, 0.9)], [(0, 1)], [(0, 1)]),
        ([(SINGLE, 0.9), (SINGLE, 0.9)], [(0, 1), (1, 2)], [(0, 2)]),
        ([(BEGIN, 0.9), (END, 0.9)], [(0, 2)], [(0, 2)]),
        ([(BEGIN, 0.9), (END, 0.9), (BEGIN, 0.9), (END, 0.9)], [(0, 2), (2, 4)], [(0, 4)]),
        ([(BEGIN, 0.9), (INSIDE, 0.2), (END, 0.9)], [(0, 3)], [(0, 3)]),
        ([(SINGLE, 0.9), (OUTSIDE, 0.9), (SINGLE, 0.9)], [(0, 1), (2, 3)], [(0, 1), (2, 3)]),
        ([(INSIDE, 0.9), (INSIDE, 0.9), (INSIDE, 0.9)], [], []),
    ],
)
def test_spans_that_touch_are_two_unless_joined(words, apart, joined):
    probs = tagged([[word] for word in words])
    assert places(best_runs(probs)) == apart
    assert places(best_runs(probs, join=True)) == joined


def test_the_ends_are_where_the_tags_say_and_not_where_membership_does():
    # "atrophy in": the second word is likely in a span, but not as the end of one
    probs = tagged([[(SINGLE, 0.7), (BEGIN, 0.2)], [(INSIDE, 0.5), (END, 0.05)], []])
    assert places(best_runs(probs)) == [(0, 1)]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_confidence_is_the_mean_of_the_words_whatever_the_threshold(threshold):
    (run,) = best_runs(tagged([[], [(BEGIN, 0.93)], [(END, 0.99)], []]), threshold)
    assert (run.first, run.last) == (1, 3)
    assert run.confidence == pytest.approx(0.96)


@pytest.mark.parametrize("n_words", [1, 3, 300])
def test_sure_tags_are_read_as_they_stand(n_words):
    """Probabilities of 0 and 1 have no logarithm, and many words add up."""
    tags = [SINGLE] if n_words == 1 else [BEGIN, *[INSIDE] * (n_words - 2), END]
    (run,) = best_runs(np.eye(5, dtype=np.float32)[[OUTSIDE, *tags, OUTSIDE]])
    assert run == Run(1, n_words + 1, 1.0)
    assert best_runs(np.eye(5, dtype=np.float32)[[OUTSIDE] * n_words]) == []


def test_the_ends_of_the_scale_mark_everything_or_nothing():
    probs = softmax(np.random.default_rng(0).normal(size=(8, 5)))
    assert (best_tags(probs[None], 0.0) != OUTSIDE).all()
    assert best_runs(probs, 1.0) == []


@pytest.mark.parametrize("shape", [(0, 4, 5), (2, 0, 5)])
def test_no_rows_or_no_words(shape):
    assert best_runs_by_row(np.zeros(shape, dtype=np.float32), [0] * shape[0]) == [[]] * shape[0]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("rash", "rash"),
        ("rash ,", "rash"),
        (", rash .", "rash"),
        ("( rash", "rash"),
        ("rash )", "rash"),
        ("rash , )", "rash"),
        ("( , rash", "rash"),
        ("rash ( grade 3 )", "rash ( grade 3 )"),
        ("rash ( grade 3 ) ,", "rash ( grade 3 )"),
        ("( rash )", "( rash )"),
        ("( ( rash )", "( ( rash )"),
        ("[ 3 H ] thymidine", "[ 3 H ] thymidine"),
        ("rash ]", "rash"),
        ("( rash ]", "rash"),
        ("50 %", "50 %"),
        ("% rash", "rash"),
        ("Ca 2 +", "Ca 2 +"),
        ("rash (", "rash"),
        ("头 痛 。", "头 痛"),
        ("cafe\u0301", "cafe\u0301"),
        ("a cafe\u0301 .", "a cafe\u0301"),
        ("\u0301x rash", "\u0301x rash"),
        (",", None),
        ("( )", None),
        ("%", None),
        ("( %", None),
    ],
)
def test_trim(words, kept):
    surfaces = words.split(" ")
    run = trim(Run(0, len(surfaces), 0.7), surfaces)
    assert (run and " ".join(surfaces[run.first : run.last])) == kept
    assert run is None or run.confidence == 0.7


@given(SURFACES, SURFACES, SURFACES)
def test_trim_stays_inside_and_keeps_every_word(before, inside, after):
    surfaces = before + inside + after
    run = Run(len(before), len(before) + len(inside), 0.5)
    found = trim(run, surfaces)
    words = [n for n in range(run.first, run.last) if any(map(str.isalnum, surfaces[n]))]
    if found is None:
        assert not words
        return
    assert run.first <= found.first <= words[0]
    assert words[-1] < found.last <= run.last
    assert trim(found, surfaces) == found, "there was more to take off"
    assert surfaces[found.first] not in (",", ".", "-", "%", "+", ")", "]")
    assert surfaces[found.last - 1] not in (",", ".", "-", "(", "[")


def test_a_word_in_a_span_is_not_outside_because_its_place_there_is_not_sure():
    probs = np.array([[0.4, 0.25, 0.0, 0.1, 0.25], [0.4, 0.0, 0.1, 0.3, 0.2]], dtype=np.float32)
    assert places(best_runs(probs)) == [(0, 2)]

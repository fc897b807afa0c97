"""Runs of likely words: never overlapping, with a probability, clean at the ends."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from decoct.inference.decode import OUTSIDE, Run, marked_runs, tagged_runs, trim

UNIT = st.floats(0, 1, width=32)
LOGITS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 30), st.just(3)),
    elements=st.floats(-8, 8, width=32),
)
SURFACES = st.lists(
    st.sampled_from(["aspirin", "5", "(", ")", "[", "]", ",", "%", "+", ".", "-", "e\u0301", "好"]),
    min_size=1,
    max_size=12,
)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def check(runs, n_words):
    for run in runs:
        assert 0 <= run.first < run.last <= n_words
        assert 0.0 <= run.confidence <= 1.0
    assert all(a.last <= b.first for a, b in pairwise(runs))


@given(hnp.arrays(np.float32, st.integers(0, 40), elements=UNIT), st.floats(0.05, 0.95))
def test_marked_runs_are_the_maximal_runs(probs, threshold):
    runs = marked_runs(probs, threshold)
    check(runs, len(probs))
    covered = {word for run in runs for word in range(run.first, run.last)}
    assert covered == {word for word, prob in enumerate(probs) if prob >= threshold}
    assert all(a.last < b.first for a, b in pairwise(runs)), "two that touch"


@given(LOGITS, st.floats(0.05, 0.95))
def test_tagged_runs_cover_what_is_marked_and_go_on_at_begins(logits, threshold):
    probs = softmax(logits) if len(logits) else logits
    runs = tagged_runs(probs, threshold)
    check(runs, len(probs))
    marked = {word for word in range(len(probs)) if 1 - probs[word, OUTSIDE] >= threshold}
    assert {word for run in runs for word in range(run.first, run.last)} == marked
    starts = {run.first for run in runs}
    for word in marked:
        assert (word in starts) == (word - 1 not in marked)


def test_confidence_is_the_mean_of_the_words():
    (run,) = marked_runs(np.array([0.1, 0.6, 1.0, 0.2], dtype=np.float32))
    assert (run.first, run.last) == (1, 3)
    assert run.confidence == pytest.approx(0.8)


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


@pytest.mark.parametrize(
    ("probs", "places"),
    [
        ([0.9, 0.2, 0.9], [(0, 3)]),
        ([0.9, 0.2, 0.1, 0.9], [(0, 4)]),
        ([0.9, 0.05, 0.9], [(0, 1), (2, 3)]),
        ([0.9, 0.2, 0.2, 0.2, 0.9], [(0, 1), (4, 5)]),
        ([0.2, 0.9, 0.2], [(1, 2)]),
        ([0.9, 0.2, 0.9, 0.2, 0.9], [(0, 5)]),
    ],
)
def test_a_little_gap_of_likely_enough_words_is_bridged(probs, places):
    runs = marked_runs(np.array(probs, dtype=np.float32), bridge=0.1)
    assert [(run.first, run.last) for run in runs] == places

"""What a retriever says, as numbers: on one scale, with what is missing missing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.kb.base import Query
from decoct.records import Candidate
from decoct.reranker.base import Question
from decoct.reranker.features import RANK, RetrieverFeatures, Scale, places

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


def asked(*scores, order=None):
    """A question; each candidate has (score, scores)."""
    return Question(
        Query("a"),
        tuple(
            Candidate(id=f"X{at}", name="x", score=score, scores=by_part)
            for at, (score, by_part) in enumerate(scores)
        ),
    )


BOTH = asked((0.9, {"ngram": 0.4, "dense": 0.8}), (0.5, {"ngram": 0.6, "dense": 0.1}))
HALF = asked((0.9, {"ngram": 0.4}), (0.5, {"ngram": 0.6, "dense": 0.3}))


def test_scores_and_their_places_have_columns_of_their_own():
    made = RetrieverFeatures.learn([BOTH, HALF])
    assert made.parts == ("score", "dense", "ngram")
    assert made.rows(BOTH).shape == (2, made.n_columns)
    assert made.whole(BOTH).shape == (made.n_list_columns,)
    assert made.rows(asked()).shape == (0, made.n_columns)
    assert (made.rows(BOTH)[0, RANK] > made.rows(BOTH)[1, RANK]).all()


def test_places_in_a_ranking_are_no_scores():
    ranked = asked((0.9, {"ngram": 0.4, "ngram_rank": 1.0}))
    assert RetrieverFeatures.learn([ranked]).parts == ("score", "ngram")


def test_what_is_missing_is_the_mean_and_said_to_be_missing():
    made = RetrieverFeatures.learn([BOTH, HALF])
    lacking, there = made.rows(HALF)
    of_dense = slice(2 + 4, 2 + 8)
    np.testing.assert_array_equal(lacking[of_dense][:3], 0.0)
    assert lacking[of_dense][3] > there[of_dense][3]


def test_where_a_retriever_says_nothing_at_all_nobody_is_blamed():
    made = RetrieverFeatures.learn([BOTH, HALF])
    without = asked((0.9, {"ngram": 0.4}), (0.5, {"ngram": 0.6}))
    of_dense = slice(2 + 4, 2 + 8)
    first, second = made.rows(without)[:, of_dense]
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.1, 0.9, 0.5), [2, 0, 1]),
        ((0.5, 0.5, 0.1), [0, 0, 2]),
        ((None, 0.9, 0.5), [0, 1, 2]),
        ((None, None), [0, 1]),
        ((), []),
    ],
)
def test_the_order_is_that_of_scores_or_of_the_list(scores, expected):
    assert places(asked(*((score, {}) for score in scores))).tolist() == expected


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8), st.randoms())
def test_a_candidates_numbers_do_not_depend_on_its_place(scores, rng):
    made = RetrieverFeatures.learn([BOTH])
    question = asked(*((one, {"dense": two}) for one, two in scores))
    order = list(range(len(scores)))
    rng.shuffle(order)
    turned = Question(question.query, tuple(question.candidates[at] for at in order))
    np.testing.assert_array_equal(made.rows(turned), made.rows(question)[order])
    np.testing.assert_array_equal(made.whole(turned), made.whole(question))


@given(st.lists(st.lists(numbers | st.just(float("nan")), min_size=3, max_size=3), min_size=1))
def test_scaled_columns_have_mean_0_and_nothing_that_is_no_number(rows):
    values = np.array(rows, dtype=np.float32)
    scaled = Scale.learn(values).apply(values)
    assert np.isfinite(scaled).all()
    assert (np.abs(scaled) <= 10.0).all()
    np.testing.assert_array_equal(scaled[np.isnan(values)], 0.0)


def test_it_is_kept_as_json():
    made = RetrieverFeatures.learn([BOTH, HALF])
    again = RetrieverFeatures.from_json(json.loads(json.dumps(made.to_json())))
    np.testing.assert_allclose(again.rows(HALF), made.rows(HALF), rtol=1e-6)


@pytest.mark.parametrize(
    "damage",
    [
        {"parts": ["score"]},
        {"rows": {"mean": [0.0], "spread": [1.0]}},
        {"rows": {"mean": [0.0] * 14, "spread": [0.0] * 14}},
        {"lists": {"mean": [[0.0]], "spread": [[1.0]]}},
        {"lists": {}},
        {"parts": None},
    ],
)
def test_damaged_json_is_refused(damage):
    whole = RetrieverFeatures.learn([BOTH, HALF]).to_json()
    with pytest.raises((ValueError, KeyError, TypeError)):
        RetrieverFeatures.from_json({**whole, **damage})


def test_learning_from_nothing_is_borne():
    made = RetrieverFeatures.learn([asked()])
    assert made.parts == ()
    assert np.isfinite(made.rows(BOTH)).all()

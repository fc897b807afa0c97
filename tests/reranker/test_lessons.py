"""What is done with choices: the share that a model gets, and what it begins with."""

import dataclasses

import numpy as np
import pytest

from decoct.reranker.features import RANK, RetrieverFeatures
from decoct.reranker.lessons import expected_share, first_beliefs
from fakes.choices import choices


def test_the_share_is_the_mean_probability_of_what_is_right():
    some = choices(3)
    sure = [np.where(np.arange(5) == choice.target, 50.0, 0.0) for choice in some]
    assert expected_share(some, sure) == pytest.approx(1.0)
    assert expected_share(some, [np.zeros(5)] * 3) == pytest.approx(0.2)
    heavy = [dataclasses.replace(some[0], weight=0.5), *some[1:]]
    assert expected_share(heavy, [sure[0], np.zeros(5), np.zeros(5)]) == pytest.approx(
        (0.5 + 0.2 + 0.2) / 2.5
    )


def beliefs(some):
    retriever = RetrieverFeatures.learn([choice.question for choice in some])
    return first_beliefs(some, [retriever.rows(choice.question) for choice in some])


def test_a_good_retriever_is_believed_more():
    good, _ = beliefs(choices(300, helpful=1.0, nil_share=0.0))
    poor, _ = beliefs(choices(300, helpful=0.4, nil_share=0.0))
    assert good > poor > 0


def test_a_retriever_that_is_always_wrong_is_believed_all_the_same():
    """Its ranking is what training begins with, whatever comes of it."""
    wrong = [dataclasses.replace(choice, target=3) for choice in choices(50)]
    weight, _ = beliefs(wrong)
    assert weight > 0


def test_nil_is_as_likely_as_it_is_often():
    often, seldom = (beliefs(choices(200, nil_share=share))[1] for share in (0.8, 0.1))
    assert often > seldom + 1


def test_the_first_column_is_the_rank():
    some = choices(5)
    rows = RetrieverFeatures.learn([c.question for c in some]).rows(some[0].question)
    assert (np.diff(rows[:, RANK]) < 0).all()

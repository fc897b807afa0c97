"""Pairs are scored from what is theirs, and decide which spans are objects of whom."""

import pytest
import torch

from decoct.student.encoder import load_encoder
from decoct.student.heads import pairwise
from decoct.student.heads.base import Inputs
from decoct.student.heads.pairwise import Pairwise, Tagged, _between, _features, _words
from decoct.student.settings import StudentCard, StudentSettings

CARD = StudentCard(
    task="ade",
    subject_label="Drug",
    relation_labels=("ADE", "TAKES"),
    object_labels=("AdverseEffect", "Dose"),
    settings=StudentSettings(object_bridge=0.2),
)


@pytest.fixture
def model(encoders):
    torch.manual_seed(0)
    return Pairwise(load_encoder(str(encoders("bert")))[0], CARD).eval()


def marks(*ranges, n_words=9):
    words = torch.zeros(len(ranges), n_words)
    for row, (first, last) in enumerate(ranges):
        words[row, first:last] = 1.0
    return words


@pytest.mark.parametrize(
    ("one", "other", "between"),
    [
        ((0, 2), (5, 7), {2, 3, 4}),
        ((5, 7), (0, 2), {2, 3, 4}),
        ((0, 2), (2, 4), set()),
        ((0, 5), (2, 3), set()),
        ((0, 4), (2, 6), set()),
        ((3, 4), (3, 4), set()),
        ((0, 1), (8, 9), set(range(1, 8))),
    ],
)
def test_between_is_what_is_neither_and_separates_them(one, other, between):
    found = _between(marks(one), marks(other))
    assert set(found[0].nonzero().flatten().tolist()) == between
    assert set(found.unique().tolist()) <= {0.0, 1.0}


def test_features_are_means_and_product():
    states = torch.randn(1, 9, 4)
    subject, target = states[0, 0:2].mean(dim=0), states[0, 5:7].mean(dim=0)
    found = _features(states, subject[None], marks((0, 2)), marks((5, 7)))
    wanted = torch.cat([subject, target, subject * target, states[0, 2:5].mean(dim=0)])
    torch.testing.assert_close(found[0], wanted)


def test_spans_are_cut_as_the_reader_cuts_them(model):
    probs = torch.zeros(2, 6, 2)
    probs[0, :, 0] = torch.tensor([0.9, 0.3, 0.8, 0.1, 0.6, 0.0])  # 0.3 bridges, 0.1 does not
    probs[1, 4:, 1] = 0.7
    assert model._cut(probs).tolist() == [[0, 0, 0, 3], [0, 0, 4, 5], [1, 1, 4, 6]]
    assert model._cut(torch.zeros(2, 6, 2)).shape == (0, 4)


def test_a_word_is_as_sure_as_the_less_sure_of_span_and_pair(model, monkeypatch):
    probs = torch.zeros(2, 5, 2)
    probs[0, 1:3, 0] = torch.tensor([0.9, 0.6])
    probs[0, 4, 1] = 0.8
    probs[1, 0, 0] = 0.95
    tagged = Tagged(torch.zeros(2, 5, 4), probs, model._cut(probs))
    asked = []

    def by_subject(states, subject_piece, subject_words, pairs):
        asked.extend(pairs.tolist())
        return torch.tensor([0.7, 0.2, 0.99])[pairs[:, 0]].logit()

    monkeypatch.setattr(model, "pair_logits", by_subject)
    words = marks((0, 1), (3, 4), (1, 2), n_words=5)
    found = model.objects(tagged, torch.tensor([0, 0, 1]), words)
    assert asked == [[0, 0, 1, 3], [0, 1, 4, 5], [1, 0, 1, 3], [1, 1, 4, 5], [2, 0, 0, 1]]
    wanted = torch.zeros(3, 5, 2)
    wanted[0, 1:3, 0] = torch.tensor([0.7, 0.6])
    wanted[0, 4, 1] = 0.7
    wanted[1, 1:3, 0] = wanted[1, 4, 1] = 0.2
    wanted[2, 0, 0] = 0.95
    torch.testing.assert_close(found, wanted)


def test_pairs_are_scored_a_few_at_a_time(model, monkeypatch):
    states, words = torch.randn(1, 9, model.width), marks((0, 1), (4, 6))
    pairs = torch.tensor([[row, row, first, first + 2] for row in range(2) for first in range(7)])
    pieces = torch.tensor([0, 0])
    whole = model.pair_logits(states, pieces, words, pairs)
    monkeypatch.setattr(pairwise, "_AT_ONCE", 3)
    torch.testing.assert_close(model.pair_logits(states, pieces, words, pairs), whole)
    assert whole.shape == (14,)
    assert len(whole.unique()) == 14
    # each by its own type's output
    features = _features(states[[0]], states[:, 0], words[:1], _words(pairs[:1], 9))
    torch.testing.assert_close(model.pair_head(features)[0, 0], whole[0])


def test_a_word_without_a_token_is_in_no_span(model):
    with torch.no_grad():
        model.object_head.out.bias[1::3] += 9.0
    inputs = Inputs(
        torch.tensor([[2, 9, 8, 3]]), torch.ones(1, 4).long(), torch.tensor([[3, 0, 2, 3]]), 3
    )
    tagged, _ = model.encode(inputs)
    assert tagged.probs[0, :, 0].gt(0.9).tolist() == [True, False, True]

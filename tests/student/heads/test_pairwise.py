"""Pairs are scored from what is theirs, and decide which spans are objects of whom."""

import pytest
import torch

from decoct.encoder.load import load_encoder
from decoct.inference.decode import BEGIN, END, INSIDE, N_TAGS, OUTSIDE, SINGLE, best_runs_by_row
from decoct.student.heads import pairwise
from decoct.student.heads.base import Inputs
from decoct.student.heads.pairwise import Pairwise, Tagged, _between, _features, _words
from decoct.student.settings import StudentCard, StudentSettings

CARD = StudentCard(
    task="ade",
    tagged=("Drug",),
    relation_types=(
        ("ADE", "Drug", "AdverseEffect"),
        ("TAKES", "Drug", "Dose"),
    ),
    settings=StudentSettings(),
)


def best_runs(probs, threshold=0.5, join=False):
    return best_runs_by_row(probs[None], [len(probs)], threshold, join)[0]


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


def tagged(*spans, n_words=6):
    """Tag probabilities (2, n_words, 2, 5) with spans of piece, type, first, last, membership."""
    probs = torch.zeros(2, n_words, 2, 5)
    probs[..., OUTSIDE] = 1.0
    for piece, kind, first, last, sure in spans:
        for word in range(first, last):
            tag = SINGLE if last - first == 1 else {first: BEGIN, last - 1: END}.get(word, INSIDE)
            probs[piece, word, kind] = 0.0
            probs[piece, word, kind, OUTSIDE] = 1 - sure
            probs[piece, word, kind, tag] = sure
    return probs


def test_spans_are_cut_as_the_reader_cuts_them(model):
    probs = tagged((0, 0, 0, 3, 0.9), (0, 0, 3, 4, 0.6), (0, 0, 5, 6, 0.4), (1, 1, 4, 6, 0.7))
    spans, confidences = model._cut(probs)
    assert spans.tolist() == [[0, 0, 0, 3], [0, 0, 3, 4], [1, 1, 4, 6]]
    torch.testing.assert_close(confidences, torch.tensor([0.9, 0.6, 0.7]))
    spans, confidences = model._cut(tagged())
    assert (spans.shape, confidences.shape) == ((0, 4), (0,))


def test_a_span_is_as_sure_as_the_less_sure_of_span_and_pair(model, monkeypatch):
    probs = tagged((0, 0, 1, 4, 0.8), (0, 0, 4, 5, 0.9), (0, 1, 4, 5, 0.6), (1, 0, 0, 2, 0.95))
    cut = Tagged(torch.zeros(2, 6, 4), *model._cut(probs))
    asked = []

    def by_subject(states, subject_piece, subject_words, pairs):
        asked.extend(pairs.tolist())
        return torch.tensor([0.7, 0.2, 0.99])[pairs[:, 0]].logit()

    monkeypatch.setattr(model, "pair_logits", by_subject)
    words = marks((0, 1), (3, 4), (1, 2), n_words=6)
    found = model.objects(cut, torch.tensor([0, 0, 1]), words)
    mine = [[0, 1, 4], [0, 4, 5], [1, 4, 5]]
    assert asked == [[0, *span] for span in mine] + [[1, *span] for span in mine] + [[2, 0, 0, 2]]
    first = tagged((0, 0, 1, 4, 0.7), (0, 0, 4, 5, 0.7), (0, 1, 4, 5, 0.6))[0]
    second = tagged((0, 0, 1, 4, 0.2), (0, 0, 4, 5, 0.2), (0, 1, 4, 5, 0.2))[0]
    third = tagged((0, 0, 0, 2, 0.95))[0]
    torch.testing.assert_close(found, torch.stack([first, second, third]))
    # and the reader finds the spans whose pair is accepted
    for threshold, wanted in [(0.5, [(1, 4), (4, 5)]), (0.75, [])]:
        runs = best_runs(found[0, :, 0].numpy(), threshold)
        assert [(run.first, run.last) for run in runs] == wanted
        assert not best_runs(found[1, :, 0].numpy(), threshold)


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
        model.object_head.out.bias[SINGLE::N_TAGS] += 9.0
    inputs = Inputs(
        torch.tensor([[2, 9, 8, 3]]), torch.ones(1, 4).long(), torch.tensor([[3, 0, 2, 3]]), 3
    )
    found, _ = model.encode(inputs)
    assert found.spans.tolist() == [[0, kind, word, word + 1] for kind in (0, 1) for word in (0, 2)]
    assert found.confidences.gt(0.9).all()

"""The blocks of the heads against plain torch and slow readings of the same."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from decoct.student.model import (
    Tagger,
    link_loss,
    span_means,
    tag_loss,
    word_means,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_hard_tags_of_weight_one_cost_what_cross_entropy_says():
    logits, tags = torch.randn(4, 7, 5), torch.randint(5, (4, 7))
    plain = cross_entropy(logits.flatten(0, 1), tags.flatten())
    found = tag_loss(logits, one_hot(tags, 5).float(), torch.ones(4, 7))
    torch.testing.assert_close(found, plain)


def test_tags_of_no_weight_are_as_if_ignored():
    logits, tags = torch.randn(4, 7, 5), torch.randint(5, (4, 7))
    ignored = torch.rand(4, 7) < 0.4
    plain = cross_entropy(
        logits.flatten(0, 1), tags.masked_fill(ignored, -100).flatten(), ignore_index=-100
    )
    found = tag_loss(logits, one_hot(tags, 5).float(), (~ignored).float())
    torch.testing.assert_close(found, plain)


def test_hard_links_of_weight_one_cost_what_binary_cross_entropy_says():
    logits, links = torch.randn(35), (torch.rand(35) < 0.3).float()
    plain = binary_cross_entropy_with_logits(logits, links)
    torch.testing.assert_close(link_loss(logits, links, torch.ones(35)), plain)


def test_a_weight_counts_as_so_many_copies():
    logits, links = torch.randn(3), torch.rand(3)
    tags = torch.randn(3, 5).softmax(dim=-1)
    rows = [0, 0, 0, 1, 2, 2]
    weights, once = torch.tensor([3.0, 1.0, 2.0]), torch.ones(6)
    torch.testing.assert_close(
        link_loss(logits, links, weights), link_loss(logits[rows], links[rows], once)
    )
    five = torch.randn(3, 5)
    torch.testing.assert_close(
        tag_loss(five, tags, weights), tag_loss(five[rows], tags[rows], once)
    )


@pytest.mark.parametrize("shape", [(3, 4), (0, 4)])
def test_where_nothing_is_learnt_the_loss_and_its_gradient_are_zero(shape):
    logits = torch.randn(*shape, 2, 5, requires_grad=True)
    targets, weights = torch.rand(*shape, 2, 5).softmax(dim=-1), torch.zeros(*shape, 2)
    loss = tag_loss(logits, targets, weights)
    loss = loss + link_loss(logits.flatten(), targets.flatten(), torch.zeros(logits.numel()))
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()


def test_soft_targets_are_learnt_as_probabilities():
    """The loss has no slope where the probabilities are the targets."""
    tags = torch.tensor([[0.3, 0.7, 0.0001, 0.01, 0.02], [0.1, 0.2, 0.7, 0.01, 0.3]])
    tags = tags / tags.sum(dim=1, keepdim=True)
    logits = tags.log().requires_grad_()
    tag_loss(logits, tags, torch.ones(2)).backward()
    assert logits.grad.abs().max() < 1e-6
    links = torch.tensor([0.2, 0.9])
    logits = links.logit().requires_grad_()
    link_loss(logits, links, torch.ones(2)).backward()
    assert logits.grad.abs().max() < 1e-6


def test_word_means_average_the_tokens_of_each_word():
    hidden = torch.randn(2, 5, 4)
    owner = torch.tensor([[3, 0, 0, 2, 3], [0, 1, 1, 1, 2]])  # 3 is no word
    means = word_means(hidden, owner, 3)
    assert means.shape == (2, 3, 4)
    for piece in range(2):
        for word in range(3):
            tokens = hidden[piece][owner[piece] == word]
            wanted = tokens.mean(dim=0) if len(tokens) else torch.zeros(4)
            torch.testing.assert_close(means[piece, word], wanted)


def test_span_means_average_the_words_of_each_span():
    states = torch.randn(3, 4, 2)
    words = torch.tensor([[0.0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    means = span_means(states, words)
    torch.testing.assert_close(means[0], states[0, 1:3].mean(dim=0))
    torch.testing.assert_close(means[1], states[1, 3])
    assert not means[2].any()


def test_a_tagger_of_several_kinds():
    tagger, states = Tagger(8, 0.0, n_kinds=2).eval(), torch.randn(3, 5, 8)
    logits = tagger(states)
    assert logits.shape == (3, 5, 2, 5)
    torch.testing.assert_close(logits[1, 4, 1], tagger.out(states[1, 4])[5:])
    torch.testing.assert_close(tagger.probs(states), logits.softmax(dim=-1))

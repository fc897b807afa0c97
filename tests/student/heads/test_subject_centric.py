"""The ways to put a word and its subject together, and the loss against the plain one."""

import pytest
import torch
from torch.nn.functional import cross_entropy, gelu, linear

from decoct.encoder.load import load_encoder
from decoct.inference.tokenize import WordTokenizer
from decoct.student.batches import Batches
from decoct.student.examples import make_examples
from decoct.student.heads.subject_centric import ObjectHead, SubjectCentric
from decoct.student.settings import StudentCard, StudentSettings
from fakes.students import SILVER, learn

CARD = StudentCard(
    task="ade",
    tagged=("Drug",),
    relation_types=(("ADE", "Drug", "AdverseEffect"),),
    settings=StudentSettings(),
)


def joined(*layers):
    """The matrix of several layers over one concatenated input."""
    return torch.cat([layer.weight for layer in layers], dim=1)


def by_concat(head, h, s):
    return linear(torch.cat([h, s]), joined(head.word, head.subject), head.word.bias)


def by_concat_product(head, h, s):
    weight = joined(head.word, head.subject, head.product)
    return linear(torch.cat([h, s, h * s]), weight, head.word.bias)


def by_add(head, h, s):
    return linear(h + s, head.word.weight, head.word.bias)


def by_gate(head, h, s):
    gate = 1 / (1 + torch.exp(-linear(s, head.subject.weight)))
    return linear(h * gate, head.word.weight, head.word.bias)


@pytest.mark.parametrize(
    ("combination", "mix"),
    [
        ("concat_product", by_concat_product),
        ("concat", by_concat),
        ("add", by_add),
        ("gated", by_gate),
    ],
)
def test_combinations(combination, mix):
    torch.manual_seed(0)
    head = ObjectHead(6, 2, 0.1, combination).eval()
    states, subjects = torch.randn(2, 5, 6), torch.randn(3, 6)
    pieces = torch.tensor([1, 0, 1])
    logits = head(states, pieces, subjects)
    assert logits.shape == (3, 5, 2, 5)
    for row, piece in enumerate(pieces):
        mixed = mix(head, states[piece, 4], subjects[row])
        torch.testing.assert_close(logits[row, 4].flatten(), head.out(head.norm(gelu(mixed))))
    assert not torch.allclose(logits, head(states, pieces, subjects[[1, 2, 0]]), atol=1e-3)
    slopes = torch.autograd.grad(logits.square().sum(), list(head.parameters()), allow_unused=True)
    assert all(slope is not None and slope.any() for slope in slopes)


def test_the_settings_choose(encoders):
    fitted = learn(SILVER[:30], encoders("bert"), epochs=1, combination="gated")
    assert fitted.student.model.object_head.combination == "gated"
    assert not hasattr(fitted.student.model.object_head, "product")
    with pytest.raises(ValueError, match="combination"):
        learn(SILVER[:30], encoders("bert"), combination="multiplied")


def test_hard_targets_of_weight_one_cost_what_cross_entropy_says(encoders):
    torch.manual_seed(0)
    encoder, tokenizer = load_encoder(str(encoders("bert")))
    model = SubjectCentric(encoder, CARD).eval()
    items = make_examples(SILVER[:9], WordTokenizer(tokenizer, 60), CARD).items
    step = Batches(items, CARD.settings, 0, torch.device("cpu")).step(range(9))
    targets = step.targets
    with torch.inference_mode():
        states = model.word_states(step.inputs)
        words = torch.tensor(
            [[n < len(item.piece.words) for n in range(states.shape[1])] for item in items]
        )
        tags = targets.tags.squeeze(2).argmax(dim=-1).masked_fill(~words, -100)
        wanted = cross_entropy(
            model.subject_head(states).flatten(0, 2), tags.flatten(), ignore_index=-100
        )
        logits = model.object_logits(states, targets.subject_piece, targets.subject_words)
        rows = words[targets.subject_piece]
        objects = targets.objects[rows].argmax(dim=-1)
        wanted += cross_entropy(logits[rows].flatten(0, -2), objects.flatten())
        assert not words.all()
        torch.testing.assert_close(model.loss(step.inputs, targets), wanted)

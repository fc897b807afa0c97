"""Marks stand where they should, in every family of encoder, however many are read at once."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from decoct.student.heads import markers
from decoct.student.heads.base import Inputs
from decoct.student.heads.markers import Markers
from decoct.student.settings import StudentCard, StudentSettings
from decoct.student.student import Student
from fakes.drugs import corpus
from fakes.encoders import FAMILIES
from fakes.students import learn

CARD = StudentCard(
    task="ade",
    tagged=("Drug",),
    relation_types=(("ADE", "Drug", "AdverseEffect"),),
    settings=StudentSettings(),
)


class Plain(nn.Module):
    """An encoder that gives back what it is given, and keeps the mask."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=4)
        self.words = nn.Embedding(10, 4)

    def get_input_embeddings(self):
        return self.words

    def forward(self, inputs_embeds, attention_mask):
        self.mask = attention_mask
        return SimpleNamespace(last_hidden_state=inputs_embeds)


# [CLS] 5 6 7 [SEP] with words (5), (6 7), and a third without a token; then a longer piece
INPUTS = Inputs(
    torch.tensor([[1, 5, 6, 7, 2, 0], [1, 3, 4, 8, 9, 2]]),
    torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]]),
    torch.tensor([[4, 0, 1, 1, 4, 4], [4, 0, 1, 2, 3, 4]]),
    4,
)
OPEN, CLOSE = "<", ">"


def read(model, piece, words):
    """Return the ids that the encoder was given, marks among them, and each one's word."""
    inside = torch.tensor(
        [[owner in words for owner in INPUTS.word_of_token[piece].tolist()]], dtype=torch.bool
    )
    hidden, owner = model._mark(INPUTS, torch.tensor([piece]), inside)
    known = [*model.encoder.words.weight, *model.markers]
    names = [*range(10), OPEN, CLOSE]
    ids = [
        next(n for n, k in zip(names, known, strict=True) if torch.equal(k, h)) for h in hidden[0]
    ]
    return ids, owner[0].tolist(), model.encoder.mask[0].tolist()


@pytest.mark.parametrize(
    ("piece", "words", "wanted", "owners"),
    [
        (0, {1}, [1, 5, OPEN, 6, 7, CLOSE, 2, 0], [4, 0, 4, 1, 1, 4, 4, 4]),
        (0, {0, 1}, [1, OPEN, 5, 6, 7, CLOSE, 2, 0], [4, 4, 0, 1, 1, 4, 4, 4]),
        (1, {3}, [1, 3, 4, 8, OPEN, 9, CLOSE, 2], [4, 0, 1, 2, 4, 3, 4, 4]),
        (0, {2}, [OPEN, CLOSE, 1, 5, 6, 7, 2, 0], [4, 4, 4, 0, 1, 1, 4, 4]),
    ],
    ids=["two-tokens", "two-words", "last", "no-token"],
)
def test_marks_are_around_the_subject(piece, words, wanted, owners):
    ids, found, mask = read(Markers(Plain(), CARD), piece, words)
    assert (ids, found) == (wanted, owners)
    assert mask == [0 if token == 0 else 1 for token in ids]


def test_the_marks_are_learnt_and_decide(encoders):
    from decoct.encoder.load import load_encoder

    encoder, _ = load_encoder(str(encoders("bert")))
    encoder.get_input_embeddings().requires_grad_(False)
    model = Markers(encoder, CARD).eval()
    words = torch.tensor([[0.0, 1, 0, 0], [0, 0, 1, 0]])
    probs = model.objects(INPUTS, torch.tensor([1, 1]), words)
    assert not torch.allclose(probs[0], probs[1], atol=1e-5)
    probs[0, ..., 1:].sum().backward()
    assert model.markers.grad.any(dim=1).all()


def test_texts_are_read_a_few_at_a_time(encoders, monkeypatch):
    from decoct.encoder.load import load_encoder

    torch.manual_seed(0)
    model = Markers(load_encoder(str(encoders("bert")))[0], CARD).eval()
    pieces = torch.tensor([0, 1, 1, 0, 1])
    words = torch.eye(4)[[0, 1, 2, 1, 3]]
    with torch.inference_mode():
        whole = model.objects(INPUTS, pieces, words)
        monkeypatch.setattr(markers, "_MAX_TOKENS", 17)  # two texts of eight tokens
        seen = []
        monkeypatch.setattr(model, "object_logits", spy(seen, model.object_logits))
        parts = model.objects(INPUTS, pieces, words)
    assert seen == [2, 2, 1]
    torch.testing.assert_close(parts, whole)


def spy(seen, call):
    def counted(inputs, pieces, words):
        seen.append(len(pieces))
        return call(inputs, pieces, words)

    return counted


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_encoder_can_be_marked(encoders, tmp_path, family):
    small = corpus(20)
    trained = learn(
        small, encoders(family), epochs=1, head="markers", subject_threshold=0.3
    ).student
    trained.save_pretrained(tmp_path)
    loaded = Student.from_pretrained(tmp_path, device="cpu")
    texts = [*(document.text for document in small), "zorafen caused rash and " * 60]
    assert list(loaded.extract(texts)) == list(trained.extract(texts))
    assert any(document.spans for document in loaded.extract(texts)), "an idle comparison"

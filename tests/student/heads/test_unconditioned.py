"""Objects are the same for every subject of a piece."""

import torch

from decoct.encoder.load import load_encoder
from decoct.student.heads.base import Inputs
from decoct.student.heads.unconditioned import Unconditioned
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


def test_whichever_the_subject(encoders):
    model = Unconditioned(load_encoder(str(encoders("bert")))[0], CARD).eval()
    ids = torch.tensor([[2, 9, 8, 3], [2, 7, 5, 3]])
    inputs = Inputs(ids, torch.ones_like(ids), torch.tensor([[2, 0, 1, 2], [2, 0, 1, 2]]), 2)
    with torch.inference_mode():
        states, _ = model.encode(inputs)
        probs = model.objects(states, torch.tensor([0, 1, 0]), torch.eye(2)[[0, 1, 1]])
    assert probs.shape == (3, 2, 2, 5)
    assert torch.equal(probs[0], probs[2])
    assert not torch.equal(probs[0], probs[1])
    torch.testing.assert_close(probs[1], model.object_head.probs(model.word_states(inputs))[1])

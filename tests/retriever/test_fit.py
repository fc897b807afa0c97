"""A bi-encoder learns what mentions mean, from labels and from aliases, and is saved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from decoct.errors import ConfigError
from decoct.kb.base import Entity
from decoct.retriever.encoder import TextEncoder
from decoct.retriever.fit import fit
from decoct.retriever.fit_settings import FitSettings, Pair
from fakes.encoders import save_encoder as save_tiny

LAY = {
    "somnolence": ("sleepy", "cannot stay awake"),
    "pruritus": ("itchy", "scratching all over"),
    "emesis": ("throwing up", "sick to my stomach"),
    "alopecia": ("hair falls out", "bald patches"),
    "vertigo": ("room spins", "dizzy spells"),
    "pyrexia": ("burning up", "running hot"),
}
ENTITIES = [Entity(id=f"C{n}", name=name) for n, name in enumerate(LAY)]
PAIRS = [Pair(text, f"C{n}") for n, texts in enumerate(LAY.values()) for text in texts]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    torch.set_num_threads(1)
    texts = [*LAY, *(text for texts in LAY.values() for text in texts)]
    return str(save_tiny(tmp_path_factory.mktemp("tiny"), "bert", texts))


def settings(encoder, **more):
    own = {"epochs": 12, "batch_size": 4, "learning_rate": 3e-3, "freeze_embeddings": False}
    return FitSettings(**{**own, "encoder": encoder, "device": "cpu", "precision": "fp32", **more})


def load(encoder):
    return TextEncoder.load(settings(encoder).reading())


def accuracy(model, pairs=PAIRS, entities=ENTITIES):
    names = [(entity.id, name) for entity in entities for name in entity.names]
    near = model.encode([pair.text for pair in pairs]) @ model.encode([n for _, n in names]).T
    return np.mean(
        [names[best][0] == pair.entity for best, pair in zip(near.argmax(1), pairs, strict=True)]
    )


def test_mentions_come_to_lie_near_their_entities(encoder):
    before = accuracy(load(encoder))
    fitted = fit(ENTITIES, PAIRS, settings(encoder))
    assert before < 0.6
    assert accuracy(fitted.encoder) == 1.0
    assert fitted.training.best_epoch == 12


def test_a_wrong_label_of_little_weight_is_outweighed(encoder):
    wrong = [Pair(pair.text, f"C{(int(pair.entity[1:]) + 1) % 6}", 0.05) for pair in PAIRS]
    assert accuracy(fit(ENTITIES, [*PAIRS, *wrong], settings(encoder)).encoder) >= 0.9
    heavy = [Pair(pair.text, pair.entity, 1.0) for pair in wrong]
    light = [Pair(pair.text, pair.entity, 0.05) for pair in PAIRS]
    assert accuracy(fit(ENTITIES, [*light, *heavy], settings(encoder)).encoder) <= 0.2


@pytest.mark.slow
def test_aliases_alone_bring_the_names_of_an_entity_together(encoder):
    known = [Entity(id=f"C{n}", name=name, aliases=LAY[name]) for n, name in enumerate(LAY)]

    def spread(model):
        vectors = model.encode([name for entity in known for name in entity.names])
        near = vectors @ vectors.T
        mine = np.kron(np.eye(6), np.ones((3, 3))) > 0
        return near[mine].mean() - near[~mine].mean()

    made = fit(known, [], settings(encoder, alias_pairs=100, epochs=40)).encoder
    assert spread(made) > spread(load(encoder)) + 0.2


def test_a_bank_that_does_not_hold_all_names(encoder):
    many = ENTITIES + [Entity(id=f"X{n}", name=f"other {n} of them") for n in range(60)]
    assert accuracy(fit(many, PAIRS, settings(encoder, max_bank=16, epochs=25)).encoder) == 1.0


def test_mentions_learn_to_be_near_their_likes(encoder):
    def likes(model):
        """Share of mentions whose nearest other mention means the same."""
        vectors = model.encode([pair.text for pair in PAIRS])
        near = vectors @ vectors.T - 2 * np.eye(len(PAIRS))
        return np.mean([PAIRS[a].entity == PAIRS[b].entity for a, b in enumerate(near.argmax(1))])

    taught = fit(ENTITIES, PAIRS, settings(encoder, mentions_as_names=True, epochs=25)).encoder
    assert likes(taught) >= 0.8 > likes(load(encoder))


def test_the_best_epoch_on_dev_is_kept(encoder):
    dev = PAIRS[::2]
    fitted = fit(ENTITIES, PAIRS[1::2], settings(encoder), dev=dev)
    assert accuracy(fitted.encoder, dev) == pytest.approx(fitted.training.best_score)


def test_the_same_seed_gives_the_same_weights(encoder):
    first, second = (fit(ENTITIES, PAIRS, settings(encoder, epochs=2)).encoder for _ in range(2))
    for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_was_learnt_is_saved_as_an_encoder(encoder, tmp_path):
    model = fit(ENTITIES, PAIRS, settings(encoder, epochs=2)).encoder
    model.save(tmp_path / "saved")
    again = load(str(tmp_path / "saved"))
    texts = [pair.text for pair in PAIRS]
    np.testing.assert_allclose(again.encode(texts), model.encode(texts), atol=1e-6)


def test_vectors_do_not_depend_on_the_company(encoder):
    model = load(encoder)
    texts = [*LAY, "", "?!", "𝛼" * 10_000, "lone \ud800 surrogate"]
    together = model.encode(texts)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(model.encode([text])[0], vector, atol=1e-5)


def test_what_can_not_be_learnt_is_refused(encoder):
    with pytest.raises(ConfigError, match="'C99' is not in the knowledge base"):
        fit(ENTITIES, [Pair("sleepy", "C99")], settings(encoder))
    with pytest.raises(ConfigError, match="no labelled mentions"):
        fit(ENTITIES, [], settings(encoder))

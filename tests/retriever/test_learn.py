"""What is learnt from few labels reaches unlabeled mentions; sure labels become aliases."""

from __future__ import annotations

import pytest
import torch

from decoct.kb.base import Entity, Query
from decoct.progress import Silent
from decoct.retriever.fit_settings import LearnSettings, Pair
from decoct.retriever.learn import learn, with_aliases
from fakes.encoders import save_encoder as save_tiny

STEMS = {"somnolence": "sleepy", "pruritus": "itchy", "emesis": "vomiting", "vertigo": "dizzy"}
ENTITIES = [Entity(id=f"C{n}", name=name) for n, name in enumerate(STEMS)]
PAIRS = [
    Pair(f"{how} {stem}", f"C{n}")
    for n, stem in enumerate(STEMS.values())
    for how in ("very", "so")
]
UNLABELED = [f"{how} {stem}" for stem in STEMS.values() for how in ("a bit", "always")]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    torch.set_num_threads(1)
    texts = [*STEMS, *UNLABELED, *(pair.text for pair in PAIRS)]
    return str(save_tiny(tmp_path_factory.mktemp("tiny"), "bert", texts))


def settings(encoder, **more):
    own = {"epochs": 15, "batch_size": 4, "learning_rate": 3e-3, "freeze_embeddings": False}
    return LearnSettings(
        **{**own, "encoder": encoder, "device": "cpu", "precision": "fp32", **more}
    )


def test_unlabeled_mentions_are_learnt_where_it_is_sure(encoder):
    made = learn(
        ENTITIES, PAIRS, map(Query, [*UNLABELED, "Very  Sleepy"]), settings(encoder, sure_share=0.5)
    )
    right = {text: f"C{n // 2}" for n, text in enumerate(UNLABELED)}
    assert len(made.sure) == 4
    assert sum(right[pair.text] == pair.entity for pair in made.sure) >= 3
    assert {pair.weight for pair in made.sure} == {0.5}
    assert not learn(ENTITIES, PAIRS, map(Query, UNLABELED), settings(encoder, rounds=0)).sure


def test_the_text_around_a_mention_tells_what_it_means(encoder):
    # what "so sleepy" means depends on what it goes with
    texts = {"so sleepy itchy itchy": "C0", "so sleepy dizzy dizzy": "C1"}
    pairs = [Pair.of(Query("so sleepy", text, 0, 9), entity) for text, entity in texts.items()]
    alone = learn(ENTITIES, pairs, (), settings(encoder))
    assert len(alone.aliases) == 1  # written the same, so that only one is believed
    read = learn(ENTITIES, pairs, (), settings(encoder, template="mention_context", epochs=30))
    assert len(read.aliases) == 2
    names = read.encoder.encode([entity.name for entity in ENTITIES])
    near = read.encoder.encode([pair.mention for pair in pairs]) @ names.T
    assert near.argmax(axis=1).tolist() == [0, 1]


def test_what_is_trusted_becomes_an_alias(encoder):
    doubtful = Pair("swaying", "C3", 0.5)
    again = Pair("VERY  sleepy", "C3", 0.9)  # outweighed by a person's label
    made = learn(ENTITIES, [again, *PAIRS, doubtful], (), settings(encoder, epochs=1))
    assert {(pair.text, pair.entity) for pair in made.aliases} == {
        (pair.text, pair.entity) for pair in PAIRS
    }


def test_doubtful_labels_are_checked_by_what_the_others_teach(encoder):
    said = []

    class Heard(Silent):
        def note(self, text):
            said.append(text)

    agreed, wrong = Pair("a bit sleepy", "C0", 0.5), Pair("always itchy", "C3", 0.5)
    pairs = [*PAIRS, agreed, wrong]
    checked = learn(ENTITIES, pairs, (), settings(encoder, doubt="check"), Heard())
    assert "1 of 2 doubtful mentions are learnt" in said
    without = learn(ENTITIES, [*PAIRS, agreed], (), settings(encoder))
    kept = learn(ENTITIES, pairs, (), settings(encoder))
    texts = [Query("always itchy"), Query("a bit sleepy")]
    vectors = [one.encoder.encode(texts) for one in (checked, without, kept)]
    assert (vectors[0] == vectors[1]).all()
    assert (vectors[0] != vectors[2]).any()
    assert len(checked.aliases) == len(PAIRS)


def test_with_nothing_doubtful_or_nothing_else_there_is_no_check(encoder):
    for pairs in (PAIRS, [Pair(pair.text, pair.entity, 0.5) for pair in PAIRS]):
        made = learn(ENTITIES, pairs, (), settings(encoder, epochs=1, doubt="check"))
        plain = learn(ENTITIES, pairs, (), settings(encoder, epochs=1))
        texts = list(map(Query, UNLABELED))
        assert (made.encoder.encode(texts) == plain.encoder.encode(texts)).all()


def test_aliases_are_added_once():
    made = with_aliases(ENTITIES, [Pair("out", "C0"), Pair("out", "C0"), Pair("ill", "C2")])
    assert [entity.aliases for entity in made] == [("out",), (), ("ill",), ()]
    assert made[1] is ENTITIES[1]

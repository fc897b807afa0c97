"""The cross-encoder: it begins as the retriever, learns to read, and is a folder like others."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from transformers import AutoModel

from decoct.encoder.load import load_encoder
from decoct.errors import ArtifactError
from decoct.kb.base import Entity, Query
from decoct.records import Candidate
from decoct.reranker.base import Choice, Question
from decoct.reranker.features import RetrieverFeatures
from decoct.reranker.kinds.cross_encoder import CrossEncoder, CrossEncoderSettings
from decoct.reranker.options import prepare
from decoct.reranker.pair_scorer import PairScorer, listwise_loss
from decoct.reranker.pair_training import Epochs, options_of
from decoct.reranker.pairs import PairTokenizer
from fakes.choices import accuracy, choices, lookup
from fakes.encoders import save_encoder
from fakes.rerankers import LEARNT, TEXTS

SIDES = {
    f"{side}{place}": Entity(id=f"{side}{place}", name=f"{side} {place} pain")
    for side in ("left", "right")
    for place in ("arm", "leg", "eye", "ear", "knee", "hip")
}


def questions(some):
    return [choice.question for choice in some]


def sided(n, seed):
    """The side of the mention is the side of the right one; the retriever knows no side."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        place = rng.choice(["arm", "leg", "eye", "ear", "knee", "hip"])
        side = rng.choice(["left", "right"])
        ids = [f"{one}{place}" for one in rng.permutation(["left", "right"])]
        candidates = tuple(
            Candidate(id=id_, name=SIDES[id_].name, score=score)
            for id_, score in zip(ids, (0.9, 0.8), strict=True)
        )
        found.append(
            Choice(Question(Query(f"{place} on the {side}"), candidates), ids.index(side + place))
        )
    return found


def ranking_of(row):
    return np.argsort(-row[:-1], kind="stable").tolist()


@pytest.fixture
def network(models):
    encoder, tokenizer = load_encoder(str(models / "bert"))
    retriever = RetrieverFeatures.learn(questions(LEARNT))
    torch.manual_seed(0)
    model = PairScorer(encoder, retriever.n_columns, retriever.n_list_columns, "mean", 0.1)
    pairs = PairTokenizer(tokenizer, 40, 3, True)
    return model.eval(), prepare(questions(LEARNT), lookup, pairs, retriever)


def test_it_begins_as_the_retriever(network):
    model, prepared = network
    model.trust(0.7, -1.0)
    options = options_of(prepared, [range(4)] * len(prepared), 0, torch.device("cpu"))
    with torch.inference_mode():
        rows = torch.split(model(options), list(options.sizes))
    assert all(ranking_of(row.numpy()) == [0, 1, 2, 3] for row in rows)
    assert all(row[-1] == -1.0 for row in rows)


def test_where_no_epoch_betters_it_the_retriever_stays(quick):
    """What is learnt is the retriever's last, what is watched its best."""
    last, best = (
        [dataclasses.replace(choice, target=place) for choice in choices(24, nil_share=0.0)]
        for place in (3, 0)
    )
    made = CrossEncoder.fit(last, lookup, {**quick("cross_encoder"), "epochs": 2}, dev=best)
    assert made.training["best_epoch"] == 0
    assert made.training["best_dev_share"] == made.training["retriever_dev_share"]
    assert all(ranking_of(row) == [0, 1, 2, 3] for row in made.scores(questions(best), lookup))
    spoilt = CrossEncoder.fit(last, lookup, {**quick("cross_encoder"), "epochs": 2})
    assert any(ranking_of(row) != [0, 1, 2, 3] for row in spoilt.scores(questions(best), lookup))


def test_few_choices_do_not_spoil_a_good_retriever(quick):
    held_out = choices(60, seed=7, helpful=1.0, nil_share=0.0)
    made = CrossEncoder.fit(
        choices(12, seed=1, helpful=1.0, nil_share=0.0), lookup, quick("cross_encoder")
    )
    assert accuracy(made.scores(questions(held_out), lookup), held_out) >= 0.95


def test_it_learns_to_read_both(models, tmp_path, quick):
    texts = [*(entity.name for entity in SIDES.values()), "on the"]
    folder = save_encoder(tmp_path / "bert", "bert", texts)
    settings = {**quick("cross_encoder"), "encoder": str(folder), "epochs": 12, "dropout": 0.0}
    held_out = sided(60, seed=9)
    made = CrossEncoder.fit(sided(160, seed=1), SIDES.__getitem__, settings)
    assert accuracy(made.scores(questions(held_out), SIDES.__getitem__), held_out) >= 0.9


def severe(some):
    """Of every other mention severity is said, and then it means none of the candidates."""
    found = []
    for at, choice in enumerate(some):
        candidates = choice.question.candidates
        name = candidates[0].name
        query, target = (f"severe {name}", len(candidates)) if at % 2 else (name, 0)
        found.append(Choice(Question(Query(query), candidates), target))
    return found


def test_nil_is_learnt(quick):
    held_out = severe(choices(40, seed=4))
    made = CrossEncoder.fit(
        severe(choices(80, seed=3)), lookup, {**quick("cross_encoder"), "epochs": 8}
    )
    assert accuracy(made.scores(questions(held_out), lookup), held_out) >= 0.9


def test_weights_are_shares_of_the_loss():
    scores = torch.tensor([1.0, 0.0, 2.0, 0.5, 0.1], requires_grad=True)
    sizes, targets = [3, 2], torch.tensor([0, 1])
    one, other = (
        torch.nn.functional.cross_entropy(scores[None, part], targets[at : at + 1])
        for at, part in enumerate((slice(0, 3), slice(3, 5)))
    )
    found = listwise_loss(scores, sizes, targets, torch.tensor([1.0, 0.25]))
    torch.testing.assert_close(found, (one + other / 4) / 2)
    none = listwise_loss(scores, sizes, targets, torch.tensor([0.0, 1.0]))
    none.backward()
    assert (scores.grad[:3] == 0).all()
    assert (scores.grad[3:] != 0).all()


def epochs(prepared, some, **changes):
    values = {"batch_size": 8, "n_candidates": 3, "seed": 0, "pad_id": 0}
    return Epochs(prepared, some, device=torch.device("cpu"), **(values | changes))


def test_a_step_has_the_right_one_the_best_and_others(network):
    _, prepared = network
    steps = epochs(prepared, LEARNT).epoch(1)
    assert len(steps) == 5
    for step in steps:
        assert set(step.options.sizes) == {4}
        assert ((step.targets >= 0) & (step.targets <= 3)).all()
    n_nil = sum(int((step.targets == 3).sum()) for step in steps)
    assert n_nil == sum(choice.target == 4 for choice in LEARNT)


def test_an_epoch_is_the_same_each_time_and_unlike_the_next(network):
    _, prepared = network
    made = epochs(prepared, LEARNT)
    one, same, other = (made.epoch(number) for number in (1, 1, 2))

    def ids(steps):
        return [step.options.pairs.input_ids.tolist() for step in steps]

    assert ids(one) == ids(same)
    assert ids(one) != ids(other)


def test_all_candidates_are_there_where_it_is_said(network):
    _, prepared = network
    for step in epochs(prepared, LEARNT, n_candidates=0).epoch(1):
        assert set(step.options.sizes) == {5}


def test_the_folder_loads_as_an_encoder(taught, tmp_path):
    made = taught("cross_encoder")
    made.save(tmp_path)
    ids = torch.tensor([made.tokenizer.encode("belifia itis").ids])
    model, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not [name for name in report["missing_keys"] if "pooler" not in name]
    with torch.inference_mode():
        torch.testing.assert_close(
            model.eval()(input_ids=ids).last_hidden_state,
            made.model.encoder(input_ids=ids).last_hidden_state,
        )


def test_half_precision_survives_saving(quick, tmp_path):
    made = CrossEncoder.fit(LEARNT, lookup, {**quick("cross_encoder"), "precision": "bf16"})
    assert made.training["bf16"]
    made.save(tmp_path)
    loaded = CrossEncoder.load(tmp_path, device="cpu")
    for row, other in zip(
        loaded.scores(questions(LEARNT), lookup),
        made.scores(questions(LEARNT), lookup),
        strict=True,
    ):
        np.testing.assert_array_equal(row, other)
    assert all(weight.dtype == torch.float32 for weight in loaded.model.parameters())


@pytest.mark.parametrize("family", ["roberta", "gpt2", "distilbert", "deberta-v2"])
def test_other_encoders_can_be_put_in_its_place(family, quick, tmp_path):
    folder = save_encoder(tmp_path / family, family, TEXTS)
    settings = {**quick("cross_encoder"), "encoder": str(folder), "pooling": "first"}
    made = CrossEncoder.fit(LEARNT, lookup, settings)
    assert made.settings.max_tokens <= 64
    made.save(tmp_path / "saved")
    loaded = CrossEncoder.load(tmp_path / "saved", device="cpu")
    for row, other in zip(
        loaded.scores(questions(LEARNT[:4]), lookup),
        made.scores(questions(LEARNT[:4]), lookup),
        strict=True,
    ):
        np.testing.assert_allclose(row, other, atol=1e-5)


@pytest.mark.parametrize("part", ["retriever", "tokenizer", "encoder"])
def test_a_folder_with_one_part_damaged_is_refused(part, taught, tmp_path):
    taught("cross_encoder").save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    if part == "retriever":
        config["decoct"]["retriever"]["rows"]["mean"] = [0.0]
    elif part == "encoder":
        config["hidden_size"] = 48
    else:
        (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match=str(tmp_path)) as caught:
        CrossEncoder.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_embedded_encoder_is_the_default():
    assert CrossEncoderSettings().encoder == "embedded"

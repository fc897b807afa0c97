"""The light re-ranker: it learns from choices what words mean, in any language."""

import dataclasses
import json
import random

import numpy as np
import pytest

from decoct.errors import ArtifactError
from decoct.kb.base import Entity, Query
from decoct.records import Candidate
from decoct.reranker.base import Choice, Question
from decoct.reranker.kinds.features import Features
from fakes.choices import accuracy, choices, lookup

PLACES = "心肺肝肾胃肠脑骨皮眼"
KINDS = {"{}恶性肿瘤": "{}癌", "其他的{}病": "{}病", "未特指的{}炎": "{}炎", "{}结核": "{}结核"}
CHINESE = {
    f"{place}{number}": Entity(id=f"{place}{number}", name=form.format(place))
    for place in PLACES
    for number, form in enumerate(KINDS)
}


def chinese(n, seed=0, places=PLACES):
    """Mentions of a place's diseases, and all its entries in an order that says nothing."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        place, right = rng.choice(places), rng.randrange(len(KINDS))
        order = rng.sample(range(len(KINDS)), len(KINDS))
        candidates = tuple(
            Candidate(id=f"{place}{at}", name=CHINESE[f"{place}{at}"].name) for at in order
        )
        mention = [*KINDS.values()][right].format(place)
        found.append(Choice(Question(Query(f"右{mention}"), candidates), order.index(right)))
    return found


def questions(some):
    return [choice.question for choice in some]


def test_it_learns_to_read_names():
    held_out = choices(150, seed=9)
    made = Features.fit(choices(150, seed=1), lookup, {})
    assert accuracy(made.scores(questions(held_out), lookup), held_out) >= 0.95
    nils = [c for c in held_out if c.target == len(c.question.candidates)]
    assert accuracy(made.scores(questions(nils), lookup), nils) >= 0.9


def test_it_learns_what_words_mean_in_chinese():
    """That 癌 is 恶性肿瘤 no likeness tells; it is learnt on some organs and known of others."""
    learnt, asked = chinese(120, places=PLACES[:6]), chinese(80, seed=5, places=PLACES[6:])
    with_words = Features.fit(learnt, CHINESE.__getitem__, {})
    without = Features.fit(learnt, CHINESE.__getitem__, {"terms": False})
    found, plain = (
        accuracy(made.scores(questions(asked), CHINESE.__getitem__), asked)
        for made in (with_words, without)
    )
    assert found >= 0.95
    assert with_words.tables.vocabulary
    assert not [term for term in without.tables.vocabulary if "癌" in term]
    assert plain <= found


def test_a_light_weight_is_outvoted():
    """Wrong choices that weigh little do no harm; as heavy as the right ones they do."""
    right = choices(60, seed=1, nil_share=0.0, helpful=0.0)
    wrong = [
        dataclasses.replace(choice, target=(choice.target + 1) % 4)
        for choice in choices(60, seed=2, nil_share=0.0, helpful=0.0)
    ]
    light = [dataclasses.replace(choice, weight=0.02) for choice in wrong]
    held_out = choices(100, seed=3, nil_share=0.0, helpful=0.0)
    made = [Features.fit([*right, *more], lookup, {"penalty": 1.0}) for more in (light, wrong)]
    share = [
        np.mean(
            [
                np.exp(row[choice.target]) / np.exp(row).sum()
                for row, choice in zip(
                    one.scores(questions(held_out), lookup), held_out, strict=True
                )
            ]
        )
        for one in made
    ]
    assert share[0] > share[1] + 0.2


def test_a_retriever_that_is_always_right_is_believed():
    learnt = choices(60, seed=1, helpful=1.0, nil_share=0.0)
    blind = {c.id: Entity(id=c.id, name="a") for q in questions(learnt) for c in q.candidates}
    made = Features.fit(learnt, blind.__getitem__, {"terms": False, "ids": False})
    held_out = choices(60, seed=2, helpful=1.0, nil_share=0.0)
    everything = {f"X{n}": Entity(id=f"X{n}", name="a") for n in range(30)}
    assert accuracy(made.scores(questions(held_out), everything.__getitem__), held_out) == 1.0


def test_of_few_wrong_choices_nothing_much_is_learnt():
    """The penalty that is chosen leaves the retriever's order where there is nothing to learn."""
    rng = random.Random(0)
    noise = [dataclasses.replace(c, target=rng.randrange(4)) for c in choices(40, nil_share=0.0)]
    made = Features.fit(noise, lookup, {})
    assert made.training["penalty"] >= 100.0


def test_the_dev_part_chooses_the_penalty():
    made = Features.fit(choices(60, seed=1), lookup, {}, dev=choices(60, seed=2))
    assert made.training["penalty"] < 30.0
    assert made.training["dev"] == 60
    assert Features.fit(choices(9), lookup, {"penalty": 5.0}).training["penalty"] == 5.0


def test_the_closest_of_many_names_counts():
    many = Entity(id="M", name="nothing alike", aliases=(*(f"name {n}" for n in range(40)), "itis"))
    table = {"M": many, "N": Entity(id="N", name="quite another")}
    asked = Question(Query("itis"), tuple(Candidate(id=id_, name=id_) for id_ in ("N", "M")))
    made = Features.fit(choices(80), lookup, {"ids": False})
    row = made.scores([asked], table.__getitem__)[0]
    assert row[1] > row[0]


def test_a_favourite_is_known_by_its_id():
    """Where names say nothing, what was often right is likelier."""
    same = {f"X{n}": Entity(id=f"X{n}", name="a thing") for n in range(30)}
    learnt = [
        dataclasses.replace(choice, target=ids.index("X3"))
        for choice in choices(400, nil_share=0.0, helpful=0.0)
        if "X3" in (ids := [candidate.id for candidate in choice.question.candidates])
    ]
    asked = [c for c in choices(300, seed=8) if "X3" in [d.id for d in c.question.candidates]]
    for ids in (True, False):
        made = Features.fit(learnt, same.__getitem__, {"ids": ids, "penalty": 1.0})
        scores = made.scores(questions(asked), same.__getitem__)
        chosen = [
            choice.question.candidates[int(row[:-1].argmax())].id
            for row, choice in zip(scores, asked, strict=True)
        ]
        assert (chosen.count("X3") / len(chosen) >= 0.95) == ids


@pytest.fixture
def folder(tmp_path):
    Features.fit(choices(30), lookup, {}).save(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "{}",
        "[]",
        '{"terms": 3, "counts": {}}',
        '{"terms": [], "counts": {"a": "x"}}',
        '{"terms": [], "counts": {"a": 0}}',
    ],
)
def test_damaged_words_are_refused(folder, words):
    (folder / "words.json").write_text(words)
    with pytest.raises(ArtifactError, match=r"words\.json") as caught:
        Features.load(folder)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit_the_words_are_refused(folder):
    words = json.loads((folder / "words.json").read_text())
    (folder / "words.json").write_text(json.dumps({**words, "terms": words["terms"][:-1]}))
    with pytest.raises(ArtifactError, match=r"holds \d+ weights where"):
        Features.load(folder)


def test_a_pickle_in_the_place_of_weights_is_not_read(folder):
    np.savez(folder / "weights.npz", weights=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="can't be read"):
        Features.load(folder)


def test_weights_that_are_no_numbers_are_refused(folder):
    with np.load(folder / "weights.npz") as stored:
        weights = stored["weights"]
    np.savez(folder / "weights.npz", weights=np.full_like(weights, np.nan))
    with pytest.raises(ArtifactError, match="is damaged"):
        Features.load(folder)


def test_features_of_another_version_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config["decoct"]["columns"] = ["ratio"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match="other features than this decoct"):
        Features.load(folder)

"""The blend finds who is right, and never needs a mention that the re-ranker has learnt from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ArtifactError
from decoct.records import Candidate
from decoct.reranker.blend import Blend, fit_blend, log_softmax


def lists(n, strength, seed=0):
    """Return lists of 4, their targets, and similarities by which the right one is so much nearer.

    Strength is in standard deviations of the noise.
    """
    rng = np.random.default_rng(seed)
    made, targets = [], []
    for _ in range(n):
        target = int(rng.integers(4))
        near = 0.5 + 0.1 * (rng.normal(size=4) + strength * (np.arange(4) == target))
        made.append(
            tuple(
                Candidate(id=f"C{place}", name="x", scores={"dense": float(near[place])})
                for place in range(4)
            )
        )
        targets.append(target)
    return made, targets


def logits(targets, strength, seed=1):
    rng = np.random.default_rng(seed)
    found = []
    for target in targets:
        own = rng.normal(size=5).astype(np.float32)
        own[-1] = -5
        own[target] += strength
        found.append(own)
    return found


def accuracy(blend, own, candidates, targets):
    pairs = zip(own, candidates, targets, strict=True)
    return np.mean([blend.log_probs(row, listed).argmax() == right for row, listed, right in pairs])


def test_the_blend_is_better_than_either():
    candidates, targets = lists(600, 1.2)
    own = logits(targets, 1.2)
    half = slice(300)
    blend = fit_blend(own[half], candidates[half], targets[half], [1.0] * 300)
    rest = slice(300, None)
    together = accuracy(blend, own[rest], candidates[rest], targets[rest])
    alone = accuracy(Blend(), own[rest], candidates[rest], targets[rest])
    retriever = accuracy(
        Blend(0.0, {"dense": 1.0}, {"dense": 1.0}, -9), own[rest], candidates[rest], targets[rest]
    )
    assert together > max(alone, retriever) + 0.03


@pytest.mark.parametrize(("strength", "useless"), [(3.0, "dense"), (0.0, "reranker")])
def test_who_knows_nothing_gets_no_say(strength, useless):
    candidates, targets = lists(300, 0.0 if useless == "dense" else 3.0)
    blend = fit_blend(logits(targets, strength), candidates, targets, [1.0] * 300)
    weights = {"reranker": blend.reranker, **blend.retrieval}
    other = "reranker" if useless == "dense" else "dense"
    assert weights[useless] < 0.25 * weights[other]


def test_nil_gets_what_it_is_due():
    candidates, targets = lists(200, 2.0)
    own = [np.zeros(5, dtype=np.float32) for _ in targets]
    often = fit_blend(own, candidates, [4] * 150 + targets[150:], [1.0] * 200, retrieval=False)
    seldom = fit_blend(own, candidates, [4] * 10 + targets[10:], [1.0] * 200, retrieval=False)
    for blend, share in ((often, 0.75), (seldom, 0.05)):
        assert np.exp(blend.log_probs(own[0], candidates[0])[-1]) == pytest.approx(share, abs=0.05)


def test_a_choice_without_weight_changes_nothing():
    candidates, targets = lists(100, 1.5)
    own = logits(targets, 1.5)
    plain = fit_blend(own, candidates, targets, [1.0] * 100)
    wrong = [(target + 1) % 4 for target in targets]
    same = fit_blend(own + own, candidates + candidates, targets + wrong, [1.0] * 100 + [0.0] * 100)
    assert same.reranker == pytest.approx(plain.reranker, abs=1e-3)
    assert same.retrieval == pytest.approx(plain.retrieval, abs=1e-3)


def test_a_candidate_that_a_retriever_did_not_bring_is_as_far_as_its_last():
    blend = Blend(0.0, {"dense": 1.0}, {"dense": 0.1}, 0.0)
    known = [
        Candidate(id=str(n), name="x", scores={"dense": near}) for n, near in enumerate((1, 0.5))
    ]
    found = blend.log_probs(np.zeros(4, np.float32), [*known, Candidate(id="9", name="x")])
    assert found[2] == pytest.approx(found[1])
    none = blend.log_probs(np.zeros(2, np.float32), [Candidate(id="9", name="x")])
    assert np.exp(none) == pytest.approx([0.5, 0.5])
    assert np.exp(blend.log_probs(np.zeros(1, np.float32), [])) == pytest.approx([1.0])


def test_it_is_written_and_read():
    blend = Blend(0.7, {"dense": 0.2, "ngram": 0.1}, {"dense": 0.1, "ngram": 1.0}, -0.4)
    assert Blend.from_dict(blend.to_dict()) == blend
    for broken in (None, [], {"reranker": "x"}, {"retrieval": {"a": 1.0}}, {"nil": float("nan")}):
        with pytest.raises(ArtifactError, match="train the re-ranker again"):
            Blend.from_dict(broken)


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=9))
def test_probabilities_sum_to_one(scores):
    assert np.exp(log_softmax(np.array(scores))).sum() == pytest.approx(1.0)

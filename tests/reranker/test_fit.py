"""Cross-fitting: doubt falls on wrong silver, gold is never doubted, the blend is set unseen."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from decoct.errors import ConfigError
from decoct.kb.base import Query
from decoct.records import Candidate, Document, Link, Span
from decoct.reranker import fit as under_test
from decoct.reranker.base import Choice, Question
from decoct.reranker.choices import choices_of
from decoct.reranker.fit import fit_ranker
from decoct.reranker.settings import RankerSettings

NAMES = ("rash", "fever", "cough", "nausea", "pain")
CANDIDATES = tuple(Candidate(id=name, name=name) for name in NAMES)
SEEN: list[set[str]] = []


class Counting:
    """Remembers which last word went with which candidate."""

    kind = "counting"

    def __init__(self, counts):
        self.counts = counts

    @classmethod
    def fit(cls, choices, lookup, settings, *, dev=(), progress=None):
        counts = Counter()
        for choice in choices:
            counts[choice.question.query.text.split()[-1], choice.target] += choice.weight
        SEEN.append({choice.question.query.text for choice in choices})
        return cls(counts)

    def scores(self, questions, lookup):
        assert not SEEN or len(SEEN) > 5 or all(q.query.text not in SEEN[-1] for q in questions)
        return [
            np.array(
                [self.counts[q.query.text.split()[-1], place] for place in range(len(NAMES) + 1)],
                dtype=np.float32,
            )
            for q in questions
        ]


@pytest.fixture(autouse=True)
def _counting(monkeypatch):
    SEEN.clear()
    monkeypatch.setattr(under_test.KINDS, "get", lambda name: Counting)


def choice(text, right, **more):
    return Choice(Question(Query(text), CANDIDATES), NAMES.index(right), **more)


def silver(n, wrong=(), weight=0.7):
    return [
        choice(f"mention {number} of {right}", "pain" if number in wrong else right, weight=weight)
        for number in range(n)
        for right in [NAMES[number % 4]]
    ]


def test_doubt_falls_on_what_others_do_not_see():
    wrong = {3, 10, 21, 30}
    made = fit_ranker(silver(40, wrong), {}.__getitem__, RankerSettings(kind="counting"))
    doubted = {number for number, trust in enumerate(made.trusts) if trust < 0.35}
    assert doubted == wrong
    assert made.counts == {"choices": 40, "gold": 0, "doubted": 4, "dropped": 0}
    assert all(trust > 0.9 for number, trust in enumerate(made.trusts) if number not in wrong)
    assert made.out_of_fold_accuracy == pytest.approx(36 / 40)


def test_each_part_is_judged_by_those_that_have_not_seen_it_and_the_last_sees_all():
    fit_ranker(silver(20), {}.__getitem__, RankerSettings(kind="counting", folds=5))
    assert [len(seen) for seen in SEEN] == [16] * 5 + [20]


def test_mentions_written_the_same_are_in_one_part():
    doubled = [*silver(20), *silver(20)]
    fit_ranker(doubled, {}.__getitem__, RankerSettings(kind="counting", folds=5))
    assert [len(seen) for seen in SEEN] == [16] * 5 + [20]


def test_dropped_and_kept():
    wrong = {3, 10}
    drop = RankerSettings(kind="counting", doubt="drop")
    assert fit_ranker(silver(40, wrong), {}.__getitem__, drop).counts["dropped"] == 2
    assert len(SEEN[-1]) == 38
    keep = RankerSettings(kind="counting", doubt="keep")
    assert set(fit_ranker(silver(40, wrong), {}.__getitem__, keep).trusts) == {0.7}


def test_gold_is_never_doubted():
    odd = choice("mention 99 of rash", "pain", gold=True)
    made = fit_ranker([*silver(40), odd], {}.__getitem__, RankerSettings(doubt="drop"))
    assert made.trusts[-1] == 1.0
    assert made.counts["dropped"] == 0
    assert made.out_of_fold_accuracy == 0.0


def test_without_folds_there_is_one_training_and_no_blend():
    made = fit_ranker(silver(10), {}.__getitem__, RankerSettings(folds=0))
    assert len(SEEN) == 1
    assert made.ranker.blend.retrieval == {}
    assert made.out_of_fold_accuracy is None


def test_too_little_is_refused():
    with pytest.raises(ConfigError, match="4 choices are too few for 5 folds"):
        fit_ranker(silver(4), {}.__getitem__, RankerSettings())
    with pytest.raises(ConfigError, match="1 different mentions are too few"):
        fit_ranker([choice("rash", "rash")] * 9, {}.__getitem__, RankerSettings())


def mention(text, link):
    span = Span(id="T1", start=0, end=len(text), label="M", text=text, link=link)
    return Document(id=text, text=text, spans=(span,))


def test_links_become_choices_among_what_the_index_brings():
    documents = [
        mention("itchy", Link(id="rash", confidence=0.6)),
        mention("hot", Link(id="gone", also=("fever",))),
        mention("odd", Link(id="elsewhere")),
        mention("none", Link()),
        mention("new", None),
    ]
    made = choices_of(documents, lambda queries, k: [CANDIDATES[:k]] * len(queries), 3)
    assert [(one.target, one.weight, one.gold) for one in made.found] == [
        (0, 0.6, False),
        (1, 0.7, False),
        (3, 0.7, False),
    ]
    assert (made.n_out_of_reach, made.n_unlinked) == (1, 1)
    gold = choices_of(documents[:1], lambda queries, k: [CANDIDATES[:k]], 5, gold=True)
    assert (gold.found[0].weight, gold.found[0].gold) == (1.0, True)


def test_none_of_these_is_said_of_what_was_shown():
    """A teacher that was not shown the right one has said nothing against it."""
    shown = (Candidate(id=CANDIDATES[1].id, name="shown"), Candidate(id="far", name="far"))
    documents = [mention("none", Link(candidates=shown, confidence=0.9)), mention("x", Link())]
    found = choices_of(documents, lambda queries, k: [CANDIDATES[:k]] * len(queries), 3).found
    assert [one.question.candidates for one in found] == [(CANDIDATES[1],), CANDIDATES[:3]]
    assert [one.target for one in found] == [1, 3]
    people = choices_of(documents[:1], lambda queries, k: [CANDIDATES[:k]], 3, gold=True).found
    assert people[0].question.candidates == CANDIDATES[:3]

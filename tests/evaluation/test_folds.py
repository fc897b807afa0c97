"""Folds: what stays together, what is the same each time, and what is never learnt from."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ConfigError, EvaluationError, Faults
from decoct.evaluation.folds import Folding, assign_folds, split_fold
from decoct.evaluation.items import normalize_surface
from decoct.formats.base import FORMATS
from decoct.records import Document

N_FOLDS = 3
ORDER_OF_10 = (8, 0, 7, 1, 3, 6, 2, 4, 5, 9)  # numpy's default_rng(7).permutation(10)


def documents_of(*parts: tuple[str, str]) -> list[Document]:
    """One document for each (text, pmid)."""
    return [
        Document(id=f"d{number}", text=text, meta={"pmid": pmid})
        for number, (text, pmid) in enumerate(parts)
    ]


corpora = st.lists(
    st.tuples(
        st.sampled_from([f"{case} text {n}" for case in ("A", "a") for n in range(12)]),
        st.sampled_from([f"p{n}" for n in range(8)]),
    ),
    max_size=40,
).map(lambda parts: documents_of(*parts, *((f"own {n}", f"q{n}") for n in range(N_FOLDS))))


@given(corpora, st.integers(0, 99), st.sampled_from([None, "pmid"]))
def test_equal_texts_are_in_one_fold(documents, seed, group_by):
    fold_of = assign_folds(documents, N_FOLDS, seed, group_by)
    assert fold_of.keys() == {document.id for document in documents}
    folds = defaultdict(set)
    for document in documents:
        folds[normalize_surface(document.text)].add(fold_of[document.id])
    assert all(len(found) == 1 for found in folds.values())


@given(corpora, st.integers(0, 99))
def test_a_group_is_in_one_fold_but_for_texts_it_shares(documents, seed):
    fold_of = assign_folds(documents, N_FOLDS, seed, "pmid")
    groups = defaultdict(set)
    for document in documents:
        groups[normalize_surface(document.text)].add(document.meta["pmid"])
    folds = defaultdict(set)
    for document in documents:
        if groups[normalize_surface(document.text)] == {document.meta["pmid"]}:
            folds[document.meta["pmid"]].add(fold_of[document.id])
    assert all(len(found) == 1 for found in folds.values())


@given(corpora, st.integers(0, 99), st.sampled_from([None, "pmid"]), st.randoms())
def test_the_order_of_the_documents_does_not_count(documents, seed, group_by, random):
    fold_of = assign_folds(documents, N_FOLDS, seed, group_by)
    random.shuffle(documents)
    assert assign_folds(documents, N_FOLDS, seed, group_by) == fold_of


@given(corpora, st.integers(0, 99))
def test_folds_have_as_many_texts(documents, seed):
    fold_of = assign_folds(documents, N_FOLDS, seed)
    texts = {normalize_surface(d.text): fold_of[d.id] for d in documents}
    sizes = Counter(texts.values())
    assert sizes.keys() == set(range(N_FOLDS))
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_the_seed_counts():
    documents = documents_of(*((f"text {n}", f"p{n // 3}") for n in range(90)))
    for group_by in (None, "pmid"):
        one, other = (assign_folds(documents, 5, seed, group_by) for seed in (7, 8))
        assert one != other


def test_groups_may_be_numbers():
    as_text = documents_of(*((f"text {n}", str(n // 2)) for n in range(20)))
    as_numbers = [d.model_copy(update={"meta": {"pmid": int(d.meta["pmid"])}}) for d in as_text]
    assert assign_folds(as_text, 5, 7, "pmid") == assign_folds(as_numbers, 5, 7, "pmid")


def test_it_is_the_division_of_the_published_tables(shared):
    """The first benchmark drew its folds so; what came of it is in docs/results.md."""
    gold = list(
        FORMATS.get("ade_corpus").read(shared / "data" / "ade", Faults(), positives_only=True)
    )
    abstract_of_text = {}
    for document in gold:
        abstract_of_text.setdefault(document.text, document.meta["pmid"])
    groups = sorted(set(abstract_of_text.values()))
    order = np.random.default_rng(7).permutation(len(groups))
    fold = {groups[position]: rank % 5 for rank, position in enumerate(order)}
    published = {document.id: fold[abstract_of_text[document.text]] for document in gold}
    assert Folding(5, 7, "pmid").assign(gold) == published


def test_the_division_is_pinned():
    """Without the corpus: any other way to draw it would not give the published folds."""
    documents = documents_of(*((f"text {n}", f"p{n}") for n in range(10)))
    by_hand = {f"p{position}": rank % 5 for rank, position in enumerate(ORDER_OF_10)}
    found = assign_folds(documents, 5, 7, "pmid")
    assert found == {document.id: by_hand[document.meta["pmid"]] for document in documents}


def test_what_can_not_be_divided_is_an_error():
    documents = documents_of(("a", "1"), ("A ", "1"), ("b", "2"))
    with pytest.raises(ConfigError, match="1 folds: there must be two or more"):
        assign_folds(documents, 1, 7)
    with pytest.raises(ConfigError, match="fold seed -1"):
        assign_folds(documents, 2, -1)
    with pytest.raises(EvaluationError, match=r"2 different texts .* 3 folds; ask for fewer"):
        assign_folds(documents, 3, 7)
    with pytest.raises(EvaluationError, match=r"2 values of meta\.pmid .* 3 folds"):
        assign_folds(documents, 3, 7, "pmid")
    with pytest.raises(EvaluationError, match="'d0': meta has no 'pmdi' to group by"):
        assign_folds(documents, 2, 7, "pmdi")
    twice = [documents[0], documents[2], documents[2]]
    with pytest.raises(EvaluationError, match="occurs twice"):
        assign_folds(twice, 2, 7)


@pytest.mark.parametrize("name", [None, "", ["1"], 1.5])
def test_a_group_has_a_name(name):
    documents = documents_of(("a", "1"), ("b", "2"), ("c", "3"))
    documents[1] = documents[1].model_copy(update={"meta": {"pmid": name}})
    with pytest.raises(EvaluationError, match="'d1': meta has no 'pmid'"):
        assign_folds(documents, 2, 7, "pmid")


# What is learnt from


GOLD = documents_of(("One.", "1"), ("Two.", "1"), ("Three.", "2"), ("Four.", "3"))
FOLD_OF = {"d0": 0, "d1": 0, "d2": 1, "d3": 2}


def learnt(silver, fold, group_by=None):
    return [document.id for document in split_fold(GOLD, silver, FOLD_OF, fold, group_by).learn]


def test_without_silver_the_other_folds_are_learnt_from():
    split = split_fold(GOLD, None, FOLD_OF, 0)
    assert [document.id for document in split.held_out] == ["d0", "d1"]
    assert [document.id for document in split.learn] == ["d2", "d3"]


def test_silver_of_a_held_out_text_is_never_learnt_from():
    silver = [
        *GOLD,
        Document(id="copy", text="  ONE.\n"),
        Document(id="d1", text="another text under the id"),
        Document(id="extra", text="Beyond gold."),
    ]
    assert learnt(silver, 0) == ["d2", "d3", "extra"]
    assert learnt(silver, 1) == ["d0", "d1", "d3", "copy", "d1", "extra"]


def test_silver_beyond_gold_is_left_out_with_its_group():
    silver = [
        Document(id="same", text="The abstract goes on.", meta={"pmid": 1}),
        Document(id="other", text="Another abstract.", meta={"pmid": "9"}),
        Document(id="none", text="No abstract."),
    ]
    assert learnt(silver, 0, "pmid") == ["other", "none"]
    assert learnt(silver, 1, "pmid") == ["same", "other", "none"]
    assert learnt(silver, 0) == ["same", "other", "none"]

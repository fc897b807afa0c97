"""What is shown of a mention's surroundings and of a candidate's names."""

from hypothesis import given
from hypothesis import strategies as st

from decoct.kb.base import Entity, Query
from decoct.records import Candidate
from decoct.reranker.text import cut_middle, most_like, names_to_show, surroundings

ENTITY = Entity(id="1", name="Drowsy", aliases=("somnolent", "very sleepy", "sleepy", "dozy"))
CANDIDATE = Candidate(id="1", name="Drowsy")


@given(st.text(max_size=60), st.integers(8, 40))
def test_a_cut_text_keeps_both_ends(text, most):
    cut = cut_middle(text, most)
    assert len(cut) <= most
    assert cut == text or (text.startswith(cut[:2]) and text.endswith(cut[-2:]))


@given(st.text(max_size=80), st.text(max_size=80), st.integers(0, 60))
def test_the_text_around_is_what_stands_nearest(left, right, most):
    query = Query("pain", f"{left}pain{right}", len(left), len(left) + 4)
    before, mention, after = surroundings(query, most)
    assert mention == "pain"
    assert len(before) + len(after) <= most
    assert " ".join(left.split()).endswith(before)
    assert " ".join(right.split()).startswith(after)


def test_a_side_without_text_leaves_its_room_to_the_other():
    query = Query("pain", f"pain {'x ' * 50}", 0, 4)
    before, _, after = surroundings(query, 40)
    assert before == ""
    assert len(after) == 40


def test_without_context_there_is_the_mention_alone():
    assert surroundings(Query(" sore \n eyes "), 100) == ("", "sore eyes", "")
    assert surroundings(Query("pain", "a pain", 2, 6), 0) == ("", "pain", "")


def test_the_names_most_like_the_mention_are_shown():
    assert names_to_show("Sleepy", CANDIDATE, ENTITY, 2) == ["Drowsy", "sleepy", "very sleepy"]
    assert names_to_show("Sleepy", CANDIDATE, ENTITY, 0) == ["Drowsy"]


def test_the_name_that_the_retriever_matched_comes_first():
    matched = CANDIDATE.model_copy(update={"alias": "dozy"})
    assert names_to_show("Sleepy", matched, ENTITY, 2) == ["Drowsy", "dozy", "sleepy"]
    unknown = CANDIDATE.model_copy(update={"alias": "not a name of it"})
    assert "not a name of it" not in names_to_show("Sleepy", unknown, ENTITY, 3)


def test_asking_for_none_gives_none():
    assert most_like("a", ["b"], 0) == []
    assert most_like("a", [], 3) == []

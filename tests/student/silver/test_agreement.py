"""Doubt: what a student that did not learn from a document says against its labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.records import Document
from decoct.student.silver import SilverSettings, document_weight, doubtful_places
from decoct.student.silver.agreement import doubt
from fakes.marked import linked, marked

PLAIN = "Gold and iron: rash, fever."
BOTH = "‹Gold› and ‹iron›: «rash», «fever»."
GOLD = "‹Gold› and iron: «rash», fever."
RASH = ("Gold", "rash")
FEVER = ("Gold", "fever")
RUST = ("iron", "fever")


def doubted(silver, predicted, how="drop", confidence=0.8, **settings):
    chosen = SilverSettings(doubt=how, doubt_confidence=confidence, **settings)
    return doubt([silver], [predicted], chosen)


def places(silver, predicted, **settings):
    """Return the doubtful words."""
    done = doubted(silver, predicted, **settings).documents[0]
    return [PLAIN[place.start : place.end] for place in doubtful_places(done)]


def test_nothing_is_doubtful_where_they_agree():
    silver = marked("d", BOTH, RASH, RUST)
    done = doubted(silver, marked("d", BOTH, RASH, RUST, sure=0.9))
    assert done.documents == (silver,)
    assert done.counts == {
        "judged": 1, "agreeing": 2, "missed": 0, "invented": 0, "doubtful_documents": 0
    }  # fmt: skip


def test_a_label_that_the_student_does_not_find():
    silver = marked("d", BOTH, RASH, RUST)
    assert places(silver, marked("d", BOTH, RASH, sure=0.9)) == ["fever"]
    assert places(silver, marked("d", GOLD, RASH, sure=0.9)) == ["iron", "fever"]
    assert places(silver, marked("d", PLAIN)) == ["Gold", "iron", "rash", "fever"]


def test_a_relation_that_only_the_student_finds():
    silver = marked("d", GOLD, RASH)
    assert places(silver, marked("d", BOTH, RASH, FEVER, sure=0.9)) == ["fever"]
    assert places(silver, marked("d", BOTH, RASH, RUST, sure=0.9)) == ["iron", "fever"]
    bare = marked("d", "‹Gold› and ‹iron›: «rash», fever.", RASH)
    assert places(bare, marked("d", BOTH, RASH, RUST, sure=0.9)) == ["fever"]


def test_an_unsure_student_calls_nothing_doubtful():
    silver = marked("d", GOLD, RASH)
    assert places(silver, marked("d", BOTH, RASH, RUST, sure=0.79)) == []
    assert places(silver, marked("d", BOTH, RASH, RUST, sure=0.8)) == ["iron", "fever"]
    assert places(silver, marked("d", GOLD, RASH, sure=0.25)) == []  # it half sees it
    assert places(silver, marked("d", GOLD, RASH, sure=0.125)) == ["Gold", "rash"]
    assert places(silver, marked("d", BOTH, RASH, RUST)) == ["iron", "fever"]  # it says no number


def test_overlap_is_agreement():
    silver = marked("d", "‹Gold and› iron: «rash, fever».", ("Gold and", "rash, fever"))
    assert places(silver, marked("d", BOTH, ("Gold", "fever"), sure=0.9)) == []
    predicted = marked("d", BOTH, ("iron", "fever"), sure=0.9)
    assert places(silver, predicted) == ["iron", "rash, fever"]


def test_a_subject_whose_objects_are_not_known_contradicts_nobody():
    silver = marked("d", "‹Gold› and ‹iron›: «rash», fever.", RASH, unknown_subjects=["T2"])
    assert places(silver, marked("d", BOTH, RASH, RUST, sure=0.9)) == []
    assert places(silver, marked("d", BOTH, RASH, FEVER, sure=0.9)) == ["fever"]


@pytest.mark.parametrize(
    ("said", "found", "weight"),
    [
        ((RASH, RUST), (RASH,), 2 / 3),  # rash counts on both sides, rust is missed
        ((RASH,), (RASH, RUST), 2 / 3),
        ((RASH, RUST), (RASH, FEVER), 1 / 2),
        ((RASH,), (FEVER, RUST), 0),
    ],
)
@pytest.mark.parametrize("floor", [0.0, 0.2])
def test_a_document_weighs_what_is_agreed_on(said, found, weight, floor):
    silver, predicted = marked("d", BOTH, *said), marked("d", BOTH, *found, sure=0.9)
    done = doubted(silver, predicted, "weigh", min_weight=floor).documents[0]
    assert document_weight(done) == pytest.approx(max(weight, floor), abs=1e-4)
    assert doubtful_places(done) == []
    half = marked("d", BOTH, *said, weight=0.5)
    again = doubted(half, predicted, "weigh", min_weight=floor).documents[0]
    assert document_weight(again) == pytest.approx(document_weight(done) / 2, abs=1e-4)


def test_what_the_student_is_unsure_of_weighs_nothing():
    silver = marked("d", BOTH, RASH, RUST)
    predicted = marked("d", BOTH, RASH, FEVER, sure=0.6)
    done = doubted(silver, predicted, "weigh", min_weight=0.0).documents[0]
    assert document_weight(done) == pytest.approx(2 / 3, abs=1e-4)


def test_what_the_student_alone_is_sure_of_is_adopted():
    silver = marked("d", GOLD, RASH)
    done = doubted(silver, marked("d", BOTH, RASH, RUST, sure=0.9), "adopt").documents[0]
    assert [(s.text, o.text) for _, s, o in done.pairs()] == [RASH, RUST]
    assert done.relations[1].confidence == 0.9
    assert silver.spans == done.spans[: len(silver.spans)]
    unsure = doubted(silver, marked("d", BOTH, RASH, RUST, sure=0.7), "adopt").documents[0]
    assert unsure == silver
    missed = doubted(silver, marked("d", PLAIN), "adopt").documents[0]
    assert missed == silver


def test_an_adopted_relation_is_between_the_teachers_spans_where_these_overlap():
    silver = marked("d", "‹Gold and› iron: «rash», fever.", ("Gold and", "rash"))
    done = doubted(silver, marked("d", BOTH, FEVER, sure=0.9), "adopt").documents[0]
    assert [(s.text, o.text) for _, s, o in done.pairs()] == [
        ("Gold and", "rash"),
        ("Gold and", "fever"),
    ]
    assert len(done.spans) == 3


def test_kept_labels_are_counted_only():
    silver = marked("d", BOTH, RASH, RUST)
    done = doubted(silver, marked("d", BOTH, RASH, FEVER, sure=0.9), "keep")
    assert done.documents == (silver,)
    assert done.counts == {
        "judged": 1, "agreeing": 1, "missed": 1, "invented": 1, "doubtful_documents": 1
    }  # fmt: skip


def test_the_threshold_is_the_mean_where_student_and_silver_agree():
    """0.9 and 0.7 where they agree: what is invented has to reach 0.8."""
    silver = [marked(id, GOLD, RASH) for id in "ab"] + [marked("c", PLAIN), marked("d", PLAIN)]
    predicted = [
        marked("a", GOLD, RASH, sure=0.9),
        marked("b", GOLD, RASH, sure=0.7),
        marked("c", GOLD, RASH, sure=0.81),
        marked("d", GOLD, RASH, sure=0.79),
    ]
    done = doubt(silver, predicted, SilverSettings(doubt="drop"))
    assert [len(doubtful_places(one)) for one in done.documents] == [0, 0, 2, 0]
    assert done.counts["invented"] == 1


def test_where_nothing_agrees_nothing_can_be_doubted():
    silver, predicted = [marked("a", GOLD, RASH)], [marked("a", BOTH, RUST, sure=0.99)]
    assert doubt(silver, predicted, SilverSettings(doubt="drop")).documents == tuple(silver)


def test_a_document_is_judged_by_its_own_prediction():
    silver = [marked("a", GOLD, RASH), marked("b", GOLD, RASH), marked("c", GOLD, RASH)]
    predicted = [marked("c", PLAIN), marked("b", "‹Gold›"), marked("a", GOLD, RASH)]
    done = doubt(silver, predicted, SilverSettings(doubt="drop", doubt_confidence=0.5))
    assert [len(doubtful_places(one)) for one in done.documents] == [0, 0, 2]
    assert done.counts["judged"] == 2  # b has another text


def test_doubts_unite():
    silver = marked("d", GOLD, RASH, doubtful=[[0, 8]])
    assert places(silver, marked("d", PLAIN)) == ["Gold and", "rash"]


LABELS = st.sampled_from(
    [(BOTH, (RASH, RUST)), (BOTH, (RASH, FEVER)), (BOTH, ()), (GOLD, (RASH,)), (PLAIN, ())]
)


@given(
    LABELS, LABELS, st.floats(0, 1), st.floats(0.05, 1), st.sampled_from(["drop", "weigh", "adopt"])
)
def test_any_two_give_a_sound_document(said, found, sure, confidence, how):
    silver = marked("d", said[0], *said[1])
    done = doubted(silver, marked("d", found[0], *found[1], sure=sure), how, confidence)
    document, counts = done.documents[0], done.counts
    assert Document.from_json(document.to_json()) == document
    if how != "adopt":
        assert (document.spans, linked(document)) == (silver.spans, linked(silver))
    assert 0.2 <= document_weight(document) <= 1
    assert counts["agreeing"] + counts["missed"] == len(silver.relations)
    is_doubtful = counts["missed"] + counts["invented"] > 0
    assert is_doubtful == bool(counts["doubtful_documents"])
    changing = counts["invented"] if how == "adopt" else is_doubtful
    assert (document != silver) == bool(changing)

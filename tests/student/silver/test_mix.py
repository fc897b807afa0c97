"""Mixing: several teachers' labels of a document become one, each by what it speaks of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ConfigError, RecordError
from decoct.records import Document
from decoct.student.silver.mix import lists_bare_subjects, mix
from decoct.student.silver.settings import MixSettings
from decoct.tasks.ade import plugin as ade
from fakes.marked import linked, marked, shown

BOTH = "‹Gold› and ‹iron›: «rash»."
GOLD = "‹Gold› and iron: «rash»."
IRON = "Gold and ‹iron›: «rash»."
RASH = ("Gold", "rash")
RUST = ("iron", "rash")


def mixed(*documents, silent=None, share=0.5):
    """Mix one document of each teacher."""
    settings = MixSettings(silent_on_bare_subjects=silent, min_share=share)
    return mix([[document] for document in documents], ade, settings)


def one(*documents, **settings):
    return mixed(*documents, **settings).documents[0]


def sure(document):
    return {span.text: span.confidence for span in document.spans}


def test_what_enough_teachers_have_is_kept_with_their_share():
    silver = one(marked("d", BOTH, RASH, RUST), marked("d", GOLD, RASH), marked("d", GOLD, RASH))
    assert linked(silver) == [RASH]
    assert [relation.confidence for relation in silver.relations] == [1.0]
    assert silver.meta["confidence"] == pytest.approx(2 / 3)
    third = one(
        marked("d", GOLD, RASH), marked("d", GOLD, RASH), marked("d", "Gold and iron: rash.")
    )
    assert [relation.confidence for relation in third.relations] == [pytest.approx(2 / 3)]


@pytest.mark.parametrize(("share", "kept"), [(0.33, 1), (0.34, 0), (1.0, 0)])
def test_how_many_have_to_agree(share, kept):
    none = marked("d", "Gold and iron: rash.")
    assert len(one(marked("d", GOLD, RASH), none, none, share=share).relations) == kept


def test_a_teacher_that_did_not_label_a_document_has_no_vote_on_it():
    first = [marked("a", GOLD, RASH), marked("b", IRON, RUST)]
    second = [marked("b", IRON, RUST), marked("c", "‹Gold›")]
    silver = mix([first, second, [marked("b", GOLD, RASH)]], ade)
    assert [document.id for document in silver.documents] == ["a", "b", "c"]
    assert silver.documents[0] == first[0]
    assert silver.documents[2] == second[1]
    assert linked(silver.documents[1]) == [RUST]
    assert silver.documents[1].relations[0].confidence == pytest.approx(2 / 3)


def test_by_the_rule_first_the_first_who_labelled_a_document_is_believed_alone():
    best = [marked("a", GOLD, RASH)]
    others = [marked("a", IRON, RUST), marked("b", IRON, RUST)]
    found = mix([best, others, others], ade, MixSettings(rule="first"))
    assert found.documents == (best[0], others[1])
    assert found.counts == {"documents": 2, "labelled_by_one": 0}


def test_boundaries_are_those_of_most_and_of_equals_the_earlier_teacher_s():
    short = marked("d", "‹Gold› and iron: severe «rash».", RASH)
    long = marked("d", "‹Gold› and iron: «severe rash».", ("Gold", "severe rash"))
    assert shown(one(short, long)) == "‹Gold› and iron: severe «rash»."
    assert shown(one(long, short)) == "‹Gold› and iron: «severe rash»."
    assert shown(one(short, long, long)) == "‹Gold› and iron: «severe rash»."
    assert one(short, long, long).relations[0].confidence == 1.0


def test_silence_on_a_bare_subject_is_no_vote_where_a_teacher_lists_none():
    lister, others = marked("d", BOTH, RASH), [marked("d", GOLD, RASH)] * 2
    silver = one(lister, *others, silent=(False, True, True))
    assert sure(silver) == {"Gold": 1.0, "iron": 1.0, "rash": 1.0}
    assert "iron" not in sure(one(lister, *others, silent=(False, False, False)))


def test_silence_is_a_vote_where_a_teacher_lists_them():
    named = marked("d", BOTH, RASH)
    unnamed = marked("d", GOLD, RASH)
    silver = one(named, unnamed, unnamed, unnamed, silent=(False, False, False, True))
    assert "iron" not in sure(silver)
    silver = one(named, named, unnamed, unnamed, silent=(False, False, False, True))
    assert sure(silver)["iron"] == pytest.approx(2 / 3)


def test_a_subject_whose_relation_is_outvoted_is_still_a_subject_to_those_who_are_silent():
    """They may have seen it, and found nothing to say of it."""
    silver = one(
        *[marked("d", GOLD, RASH)] * 2, marked("d", BOTH, RASH, RUST), silent=(True, True, True)
    )
    assert linked(silver) == [RASH]
    assert sure(silver)["iron"] == 1.0


def test_silence_on_an_effect_is_always_a_vote():
    bare = marked("d", "Gold and iron: «rash».")
    silent = marked("d", "Gold and iron: rash.")
    assert sure(one(bare, silent, silent, silent, silent=(True,) * 4)) == {}


def test_a_related_subject_is_kept_whoever_else_does_not_name_it():
    silver = one(
        marked("d", GOLD, RASH), *[marked("d", "Gold and iron: rash.")] * 2,
        silent=(False, False, False), share=0.3,
    )  # fmt: skip
    assert linked(silver) == [RASH]
    assert sure(silver)["Gold"] == pytest.approx(1 / 3)


def test_who_lists_bare_subjects_is_told_by_the_labels():
    events = [marked(str(n), "‹Gold›, then ‹gold›: «rash».", ("Gold", "rash")) for n in range(99)]
    assert not lists_bare_subjects(events, "Drug")  # another mention is not bare
    lost = {
        "label": "ADE",
        "subject": "Iron",
        "object": "dizziness",
        "reason": "object_not_in_text",
    }
    claimed = marked("c", "‹iron›", ungrounded=[lost])
    assert not lists_bare_subjects([*events, claimed], "Drug")  # it said what iron did
    bare = marked("b", "‹Gold› and ‹iron›: «rash».", RASH)
    assert lists_bare_subjects([*events, bare], "Drug")
    assert not lists_bare_subjects([*events, marked("e", "no drug"), bare], "Drug")  # 1 of 101
    assert not lists_bare_subjects([], "Drug", 0.0)


def test_it_is_told_before_the_vote():
    lister = [marked("d", BOTH, RASH)]
    events = [marked("d", GOLD, RASH)]
    assert "iron" in sure(mix([lister, events, events], ade).documents[0])
    also_lists = [marked("d", GOLD, RASH), marked("e", "‹zinc›")]
    assert "iron" not in sure(mix([lister, also_lists, also_lists], ade).documents[0])


def test_what_was_done_is_counted():
    silver = mixed(
        marked("d", BOTH, RASH, RUST), marked("d", GOLD, RASH), marked("d", "Gold and iron: rash.")
    )
    assert silver.counts == {
        "documents": 1,
        "labelled_by_one": 0,
        "by_majority": 1,
        "unanimous": 0,
        "outvoted": 1,
        "outvoted_spans": 0,
        "outvoted_ungrounded": 0,
    }


def test_claims_that_are_not_in_the_text_are_voted_on():
    lost = {
        "label": "ADE",
        "subject": "Gold",
        "object": "dizziness",
        "reason": "object_not_in_text",
    }
    other = {**lost, "object": "vertigo"}
    first = marked("d", "Gold", ungrounded=[lost, other])
    silver = mixed(
        first, marked("d", "Gold", ungrounded=[lost]), marked("d", "Gold", ungrounded=None)
    )
    assert silver.documents[0].meta["ungrounded"] == [lost]
    assert silver.counts["outvoted_ungrounded"] == 1


def test_origins_are_named_together_and_earlier_steps_forgotten():
    first = marked("d", GOLD, RASH, model="gpt", backend="replay", pmid="1", weight=0.5)
    second = marked(
        "d", GOLD, RASH, model="o1", backend="replay", pmid="2", year=1, unknown_subjects=["T1"]
    )
    silver = one(first, second)
    assert silver.meta == {
        "pmid": "1",
        "year": 1,
        "model": "gpt+o1",
        "backend": "replay",
        "confidence": 1.0,
    }
    assert silver.source == "silver"
    assert one(first).meta == {"model": "gpt", "backend": "replay", "pmid": "1"}


def test_what_cannot_be_mixed():
    document = marked("d", GOLD)
    with pytest.raises(ConfigError, match="1 values for 2 teachers"):
        mixed(document, document, silent=(True,))
    with pytest.raises(RecordError, match="'d' has another text in labelling 2"):
        mixed(document, marked("d", "iron"))
    with pytest.raises(RecordError, match="'d' occurs twice in labelling 1"):
        mix([[document, document]], ade)


SAID = st.sampled_from(
    [
        marked("d", text, *links)
        for text, links in [
            (BOTH, [RASH, RUST]),
            (BOTH, [RASH]),
            (GOLD, [RASH]),
            (IRON, [RUST]),
            ("‹Gold and iron›: «rash».", []),
            ("Gold and iron: rash.", []),
        ]
    ]
)


@given(st.lists(SAID, min_size=2, max_size=5), st.data(), st.sampled_from([0.2, 0.5, 1.0]))
def test_any_labels_give_a_sound_document(said, data, share):
    silent = tuple(data.draw(st.booleans()) for _ in said)
    silver = one(*said, silent=silent, share=share)
    assert Document.from_json(silver.to_json()) == silver
    bound = {end for relation in silver.relations for end in (relation.subject, relation.object)}
    assert all(relation.confidence >= share for relation in silver.relations)
    assert all(span.id in bound or span.confidence >= share for span in silver.spans)
    everything = one(*said, silent=(False,) * len(said), share=share)
    assert set(linked(everything)) == set(linked(silver))  # who is silent decides no relation
    assert {span.text for span in everything.spans} <= {span.text for span in silver.spans}


@given(SAID, st.integers(2, 4))
def test_teachers_that_agree_are_returned_as_they_are(said, n):
    silver = one(*[said] * n)
    assert shown(silver) == shown(said)
    assert linked(silver) == linked(said)
    assert {span.confidence for span in silver.spans} <= {1.0}

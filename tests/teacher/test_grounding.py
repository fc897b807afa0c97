"""Grounding: strings find their places; what has none is named, once."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.records import Document
from decoct.tasks.ade import ADVERSE_EVENT
from decoct.tasks.ade import plugin as ade
from decoct.tasks.base import Answer, Claim
from decoct.teacher.grounding import ground


def grounded(text, subjects=(), claims=()):
    answer = Answer(
        tuple(("Drug", subject) for subject in subjects),
        tuple(Claim(ADVERSE_EVENT, *claim) for claim in claims),
    )
    found = ground(ade, text, answer)
    document = Document(id="d", text=text, spans=found.spans, relations=found.relations)
    return found, document


def pairs(document):
    return [(s.text, s.start, o.text, o.start) for _, s, o in document.pairs()]


def test_every_mention_of_a_drug_is_a_span():
    found, document = grounded("Gold: rash. Iron, gold.", ["gold", "iron"], [("gold", "rash")])
    assert [(s.id, s.label, s.text, s.start) for s in document.spans] == [
        ("T1", "Drug", "Gold", 0),
        ("T2", "AdverseEffect", "rash", 6),
        ("T3", "Drug", "Iron", 12),
        ("T4", "Drug", "gold", 18),
    ]
    assert pairs(document) == [("Gold", 0, "rash", 6)]
    assert found.ungrounded == found.lost_subjects == ()


def test_a_claimed_drug_need_not_be_listed():
    _, document = grounded("Rash after gold, then gold.", [], [("gold", "rash")])
    assert [s.start for s in document.spans if s.label == "Drug"] == [11, 22]


def test_what_is_not_in_the_text_is_named_once():
    found, document = grounded(
        "Rash after gold.",
        ["gold", "iron", "silver"],
        [("silver", "rash"), ("gold", "fever"), ("silver", "fever"), ("silver", "rash")],
    )
    assert [(u.claim.subject, u.claim.object, u.reason) for u in found.ungrounded] == [
        ("silver", "rash", "subject_not_in_text"),
        ("gold", "fever", "object_not_in_text"),
        ("silver", "fever", "neither_in_text"),
    ]
    assert found.lost_subjects == ("iron",)  # silver is counted with its claims
    assert [s.text for s in document.spans] == ["gold"]
    assert found.ungrounded[0].to_dict() == {
        "label": "ADE",
        "subject": "silver",
        "object": "rash",
        "reason": "subject_not_in_text",
    }


def test_a_name_within_a_longer_one_is_not_a_drug_of_its_own():
    text = "Interferon alfa and interferon gave fever."
    found, document = grounded(text, ["interferon", "interferon alfa"])
    assert [(s.text, s.start) for s in document.spans] == [
        ("Interferon alfa", 0),
        ("interferon", 20),
    ]
    _, document = grounded("Interferon alfa: rash", ["interferon alfa"], [("interferon", "rash")])
    assert [s.text for s in document.spans] == ["Interferon", "Interferon alfa", "rash"]
    assert found.relations == ()


def test_the_same_claim_in_other_words_is_one_relation():
    _, document = grounded(
        "Gold: rash.", [], [("gold", "rash"), ("GOLD", "Rash"), ("gold", "rash")]
    )
    assert len(document.relations) == 1


def test_a_stretch_can_be_drug_and_effect():
    _, document = grounded("Lithium toxicity.", ["lithium"], [("lithium", "Lithium toxicity")])
    assert [(s.label, s.text) for s in document.spans] == [
        ("Drug", "Lithium"),
        ("AdverseEffect", "Lithium toxicity"),
    ]
    _, document = grounded("Lithium.", [], [("lithium", "lithium")])
    assert [s.label for s in document.spans] == ["AdverseEffect", "Drug"]


STRINGS = st.text(st.sampled_from("ab -A阿\n"), max_size=6)


@given(STRINGS, st.lists(STRINGS, max_size=4), st.lists(st.tuples(STRINGS, STRINGS), max_size=4))
def test_any_answer_gives_a_sound_document(text, subjects, claims):
    found, document = grounded(text * 3, subjects, claims)
    n_claims = len(set(claims))
    assert len(found.relations) + len(found.ungrounded) <= n_claims
    assert bool(found.relations or found.ungrounded) == bool(claims)
    assert Document.from_json(document.to_json()) == document


@pytest.mark.slow
def test_a_long_text_with_many_mentions():
    text = "rash, gold. " * 8_000
    started = time.perf_counter()
    claims = [("gold", "rash"), ("gold.", "rash"), ("golden rashes", "nothing there")]
    _, document = grounded(text, ["gold", "rash"], claims)
    assert len(document.spans) >= 16_000
    assert time.perf_counter() - started < 8

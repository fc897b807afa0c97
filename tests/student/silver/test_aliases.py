"""Names in brackets: which are other names, and what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.records import Document
from decoct.student.silver import SilverSettings, prepare
from decoct.student.silver.aliases import expand_aliases, is_short_for
from decoct.tasks.base import get_task
from fakes.marked import linked, marked, shown


def expanded(*documents):
    return expand_aliases(documents, "Drug")[0]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("DES", "diethylstilbestrol"),
        ("ARDS", "adult respiratory distress syndrome"),
        ("5-FU", "5-fluorouracil"),
        ("IFN-alpha", "interferon-alpha (x)"),
        ("ara-c", "Cytosine Arabinoside Cap"),
    ],
)
def test_short_forms(short, long):
    assert is_short_for(short, long)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("ARF", "renal failure"),  # its first letter begins no word
        ("D", "diethylstilbestrol"),
        ("20%", "20% solution of fat"),  # no letter
        ("SDE", "diethylstilbestrol"),  # not in this order
        ("rash", "rash"),
        ("hepatotoxicity", "hepatotoxicity of any kind"),  # too long to be short
    ],
)
def test_what_is_no_short_form(short, long):
    assert not is_short_for(short, long)


def test_the_short_form_of_a_drug_does_what_the_drug_does():
    done = expanded(marked("d", "‹Propylthiouracil› (PTU): «rash».", ("Propylthiouracil", "rash")))
    assert shown(done) == "‹Propylthiouracil› (‹PTU›): «rash»."
    assert linked(done) == [("Propylthiouracil", "rash"), ("PTU", "rash")]


def test_the_short_form_of_an_effect_is_an_effect():
    done = expanded(
        marked("d", "‹Gold›: «acute lung injury» [ALI].", ("Gold", "acute lung injury"))
    )
    assert linked(done) == [("Gold", "acute lung injury"), ("Gold", "ALI")]


def test_a_span_that_holds_its_own_short_form_is_cut_in_two():
    text = "‹Gold›: «acute lung injury (ALI)», then ‹iron›."
    done = expanded(marked("d", text, ("Gold", "acute lung injury (ALI)")))
    assert shown(done) == "‹Gold›: «acute lung injury» («ALI»), then ‹iron›."
    assert linked(done) == [("Gold", "acute lung injury"), ("Gold", "ALI")]


def test_a_brand_behind_a_drug():
    done = expanded(marked("d", "‹Sulindac› (Clinoril, Merck): «rash».", ("Sulindac", "rash")))
    assert linked(done) == [("Sulindac", "rash"), ("Clinoril", "rash")]


def test_a_word_in_brackets_is_a_drug_where_it_is_one_elsewhere():
    first = marked("d", "‹Albuterol› (salbutamol): «rash».", ("Albuterol", "rash"))
    assert expanded(first) == first
    elsewhere = marked("e", "‹Salbutamol› was given.")
    assert linked(expanded(first, elsewhere))[1] == ("salbutamol", "rash")


@pytest.mark.parametrize(
    "text",
    [
        "‹Gold› (oral): «rash».",
        "‹Gold› (50 mg): «rash».",
        "‹Propylthiouracil› was (PTU) given: «rash».",
        "‹Gold›: «rash» (Severe).",  # brands are of drugs
        "‹Gold (50 mg)›: «rash».",
    ],
)
def test_other_brackets_are_left_alone(text):
    drug = text[1 : text.index("›")]
    document = marked("d", text, (drug, "rash"))
    assert expanded(document) == document


def test_a_name_that_is_marked_already_is_left_alone():
    document = marked("d", "‹Propylthiouracil› (‹PTU›): «rash».", ("Propylthiouracil", "rash"))
    assert expanded(document) == document


def test_nothing_is_said_for_a_drug_of_which_nothing_is_known():
    document = marked("d", "‹Propylthiouracil› (PTU) caused it.", unknown_subjects=["T1"])
    assert expanded(document) == document


def test_it_is_a_step_of_its_own():
    document = marked("d", "‹Propylthiouracil› (PTU): «rash».", ("Propylthiouracil", "rash"))
    task = get_task("ade")
    assert prepare([document], task, SilverSettings()).documents == (document,)
    made = prepare([document], task, SilverSettings(expand_aliases=True))
    assert made.counts["aliases"] == 1
    assert len(made.documents[0].relations) == 2


@given(st.text(alphabet="Gg I(),;[]-PTU", max_size=20))
def test_any_text_behind_a_drug_gives_a_sound_document(tail):
    document = marked("d", f"‹Gold Iron›{tail}")
    done = expanded(document)
    assert Document.from_json(done.to_json()) == done
    assert len(done.relations) == 0

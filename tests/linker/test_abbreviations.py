"""Definitions with their places, what only looks like one, and mentions written out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import Faults
from decoct.formats.base import read_documents
from decoct.kb.base import Query, queries_of
from decoct.linker.abbreviations import expand, find_definitions, long_forms
from decoct.records import Document, Span
from decoct.text.align import Place


def pairs(text, mentions=()):
    return [(one.short, one.long) for one in find_definitions(text, mentions)]


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        ("He has chronic knee soreness (CKS).", "CKS", "chronic knee soreness"),
        ("The CKS (chronic knee soreness) grew.", "CKS", "chronic knee soreness"),
        ("chronic knee soreness [CKS] grew", "CKS", "chronic knee soreness"),
        ("chronic knee soreness (CKS; code 12) grew", "CKS", "chronic knee soreness"),
        ("chronic knee soreness (CKS, as above) grew", "CKS", "chronic knee soreness"),
        ("chronic knee soreness (abbreviated as CKS)", "CKS", "chronic knee soreness"),
        ('chronic knee soreness ("CKS")', "CKS", "chronic knee soreness"),
        ("It was knee soreness (chronic knee soreness, CKS).", "CKS", "chronic knee soreness"),
        ("non-acute knee soreness (NAKS)", "NAKS", "non-acute knee soreness"),
        # letters within words, digits, a plural, a hyphen
        ("wobbly-6-knee dehydrosis (W6KD) deficiency", "W6KD", "wobbly-6-knee dehydrosis"),
        ("unsteady knees (UKs) ached", "UKs", "unsteady knees"),
        ("ataxia-wobbliosis (A-W)", "A-W", "ataxia-wobbliosis"),
        # initials go before letters that stand anywhere
        ("Hereditary hobbledehochrosis (HH)", "HH", "Hereditary hobbledehochrosis"),
        # the nearer of two, and one within another's text
        ("Old (OKS) and new knee soreness (NKS)", "NKS", "new knee soreness"),
        ("type 2 knee soreness (T2KS)", "T2KS", "type 2 knee soreness"),
        # Chinese: letters in full-width brackets, characters, an announced one
        ("慢性膝痛（chronic knee pain，CKP）两年", "CKP", "chronic knee pain"),
        ("患有慢性双侧膝关节疼痛病（慢膝病）两年", "慢膝病", "慢性双侧膝关节疼痛病"),
        ("急性膝肌疼死（以下简称膝疼）", "膝疼", "膝肌疼死"),
    ],
)
def test_definitions(text, short, long):
    found = [one for one in find_definitions(text) if one.short == short]
    assert [one.long for one in found] == [long]
    for one in found:
        assert text[one.short_place.start : one.short_place.end] == one.short
        assert text[one.long_place.start : one.long_place.end] == one.long


@pytest.mark.parametrize(
    "text",
    [
        "the second group (II) of knees",
        "in mice (WT)",
        "knees (n = 12) and (P < 0.01)",
        "knees hurt (see above)",
        "sore knees (Smith 1999)",
        "a common (AC) knee",
        "knee (KNEE)",
        "the CKS gene (CKS) moved",
        "chronic knee soreness. (CKS)",
        "the knee and the shoulder (AS)",
        "exons vary from 94 (exon III) to 514 (exon VI)",
        "knees (of one or another kind) in X (ray)",
        "knees () and (  ) and (, ;) and ((CKS))",
        "right knee, chronic soreness (KCS)",
        "右膝肿块（右膝）",  # a closer place, not a short form
        "右膝痛（膝痛）",
        "(CKS)",
        "",
    ],
)
def test_what_only_looks_like_one(text):
    assert pairs(text) == []


def test_known_mentions_need_no_letters_in_common():
    text = "慢性膝痛（COPX）加重"
    assert pairs(text) == []
    assert pairs(text, [Place(0, 4), Place(5, 9)]) == [("COPX", "慢性膝痛")]
    assert pairs(text, [Place(0, 4)]) == []
    english = "wobbly soreness (DM)"
    assert pairs(english, [Place(0, 15), Place(17, 19)]) == [("DM", "wobbly soreness")]
    # a number tells it from others of its kind
    numbered = "wobbly soreness (DM4)"
    assert pairs(numbered, [Place(0, 15), Place(17, 20)]) == []


def document(text, *mentions):
    spans = []
    for number, mention in enumerate(mentions):
        start = text.rindex(mention)
        spans.append(
            Span(id=f"T{number}", start=start, end=start + len(mention), label="M", text=mention)
        )
    return Document(id="d", text=text, spans=spans)


def test_a_document_is_written_out():
    text = (
        "Chronic knee soreness (CKS) and attenuated CKS (ACKS) run in CKS families; "
        "ACKS and the CKSs do, CKSX does not. Chronic knee soreness (CKS) again."
    )
    made = document(text, "CKS families", "CKSs", "CKSX", "ACKS", "Chronic knee soreness (CKS)")
    forms = long_forms(made)
    assert forms == {"CKS": "Chronic knee soreness", "ACKS": "attenuated Chronic knee soreness"}
    found = {span.text: expand(query, forms) for span, query in queries_of(made)}
    assert {mention: query.text for mention, query in found.items()} == {
        "CKS families": "Chronic knee soreness families",
        "CKSs": "Chronic knee soreness",
        "CKSX": "CKSX",
        "ACKS": "attenuated Chronic knee soreness",
        "Chronic knee soreness (CKS)": "Chronic knee soreness",
    }
    for query in found.values():
        assert query.context[query.start : query.end] == query.text
    assert found["CKSX"].context == text


def test_a_short_form_beside_chinese():
    forms = {"CKP": "慢性膝痛"}
    assert expand(Query("CKP急性加重"), forms).text == "慢性膝痛急性加重"
    assert expand(Query("膝痛病"), {"膝痛": "慢性膝关节疼痛"}).text == "膝痛病"


def test_the_first_of_two_definitions_counts():
    text = "chronic knee soreness (CKS). cold knee syndrome (CKS)."
    assert pairs(text) == [("CKS", "chronic knee soreness"), ("CKS", "cold knee syndrome")]
    assert long_forms(Document(id="d", text=text)) == {"CKS": "chronic knee soreness"}


def test_without_definitions_nothing_changes():
    query = Query("sore", "so sore", 3, 7, "Effect")
    assert expand(query, {}) == query


pieces = st.sampled_from(
    [
        *("chronic ", "knee ", "soreness ", "(CKS)", "(", ")", "（", "）", "CKS", "膝痛", "病"),
        *(". ", "; ", ", ", "\n", "[K2]", "'", "II", " ", "-", "e\u0301", "ß", "İ"),
    ]
)


@given(st.lists(pieces, max_size=25).map("".join))
def test_places_are_those_of_the_strings(text):
    for one in find_definitions(text):
        assert text[one.short_place.start : one.short_place.end] == one.short
        assert text[one.long_place.start : one.long_place.end] == one.long
        assert one.short not in one.long.split()
        assert "\n" not in one.long + one.short


@given(st.lists(pieces, max_size=25).map("".join), st.data())
def test_an_expanded_mention_stands_in_its_context(text, data):
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    forms = long_forms(Document(id="d", text=text)) | {"CKS": "chronic knee soreness"}
    query = expand(Query(text[start:end], text, start, end), forms)
    assert query.context[query.start : query.end] == query.text
    assert query.context[: query.start] == text[:start]
    assert query.context[query.end :] == text[end:]


@pytest.mark.timeout(20)
def test_a_long_text_of_nothing_but_brackets():
    text = "chronic knee soreness (CKS) " * 10_000
    assert len(find_definitions(text)) == 10_000
    assert find_definitions("(" * 100_000) == []


@pytest.mark.shared
def test_abbreviations_of_the_ncbi_disease_corpus(shared):
    """Of the mentions that look like one most are written out, and the gold concept stays."""
    path = shared / "data" / "linking" / "ncbi_disease" / "train_dev.PubTator"
    n = n_expanded = n_same = n_other = 0
    for abstract in read_documents(path, Faults()):
        forms = long_forms(abstract)
        of_surface = {}
        for span in abstract.spans:
            of_surface.setdefault(span.text.casefold(), set()).add(frozenset(span.link.ids))
        for span, query in queries_of(abstract):
            capitals = sum(char.isupper() for char in span.text)
            if capitals < 2 or len(span.text) > 10 or " " in span.text:
                continue
            n += 1
            text = expand(query, forms).text
            n_expanded += text != span.text
            if text != span.text and text.casefold() in of_surface:
                same = frozenset(span.link.ids) in of_surface[text.casefold()]
                n_same += same
                n_other += not same
    assert n > 1700
    assert n_expanded / n > 0.87
    assert n_same > 1390
    assert n_other < 10

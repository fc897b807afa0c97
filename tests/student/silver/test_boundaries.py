"""Boundaries: what a teacher mostly does at a word, it does everywhere."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.records import Document, Span, number_annotations
from decoct.student.silver.boundaries import harmonise
from fakes.marked import linked, marked, shown

NAMES = ("gold", "iron", "zinc", "lead", "tin", "copper", "nickel", "silver")


def corpus(*texts):
    return [marked(str(n), text) for n, text in enumerate(texts)]


def harmonised(texts, least=5, majority=0.75):
    return [shown(done) for done in harmonise(corpus(*texts), least, majority)]


def often(text, n=6):
    """Return a text with each of so many names in the place of X."""
    return [text.replace("X", name) for name in NAMES[:n]]


def test_a_word_that_is_mostly_taken_in_is_taken_in():
    habit = often("A «severe X rash».")
    assert harmonised([*habit, "A severe «cough»."])[-1] == "A «severe cough»."
    assert harmonised([*habit, "Severe  «cough»."])[-1] == "«Severe  cough»."
    assert harmonised([*habit, "«cough»; a severe itch"])[-1] == "«cough»; a severe itch"


def test_a_word_that_is_mostly_left_out_is_left_out():
    habit = often("On oral ‹X› daily.")
    assert harmonised([*habit, "On ‹oral baclofen›."])[-1] == "On oral ‹baclofen›."
    assert harmonised([*habit, "On ‹baclofen daily›."])[-1] == "On ‹baclofen› daily."


def test_each_side_and_each_label_has_its_own_habits():
    habit = often("A «severe X rash».")
    assert harmonised([*habit, "A severe ‹drug›."])[-1] == "A severe ‹drug›."
    assert harmonised([*habit, "The «cough» severe."])[-1] == "The «cough» severe."
    assert harmonised([*habit, "A rash «cough»."])[-1] == "A rash «cough»."


def test_several_words_are_moved_over_one_by_one():
    habit = [*often("On the oral ‹X› therapy."), *often("On the ‹X› oral.")]
    texts = [*habit, "On ‹the oral baclofen therapy›.", "‹the oral the baclofen›"]
    assert harmonised(texts)[-2:] == ["On the oral ‹baclofen› therapy.", "the oral the ‹baclofen›"]
    habit = [*often("«sudden severe X»"), *often("«severe X rash»")]
    assert harmonised([*habit, "a sudden severe «cough»"])[-1] == "a «sudden severe cough»"


def test_a_span_keeps_one_word_at_least():
    habit = often("On oral ‹X› therapy.")
    assert harmonised([*habit, "‹oral therapy›"])[-1] == "oral ‹therapy›"
    assert harmonised([*habit, "‹oral›", "‹oral oral›"])[-2:] == ["‹oral›", "oral ‹oral›"]


def test_it_takes_enough_observations_and_a_clear_majority():
    """Six out and one in: seven observations, of which 0.857 alike."""
    texts = [*often("On oral ‹X›."), "On ‹oral baclofen›."]
    assert harmonised(texts, least=7)[-1] == "On oral ‹baclofen›."
    assert harmonised(texts, least=8) == texts
    assert harmonised(texts, majority=0.857)[-1] == "On oral ‹baclofen›."
    assert harmonised(texts, majority=0.858) == texts


def test_the_same_words_again_are_no_further_observation():
    """`A` belongs to one drug, however often that is named."""
    texts = ["On ‹cyclosporine A›."] * 20 + ["Of ‹gold› a gram."]
    assert harmonised(texts) == texts


def test_a_bracket_moves_as_one_by_the_number_of_its_words():
    habit = often("On ‹X› (NN) now.")
    texts = [*habit, "On ‹baclofen (BAC)›.", "On ‹iron (given by mouth)›.", "On ‹iron (III›)."]
    assert harmonised(texts)[-3:] == ["On ‹baclofen› (BAC).", *texts[-2:]]
    habit = often("On ‹X (NN)› now.")
    assert harmonised([*habit, "On ‹baclofen› (BAC)."])[-1] == "On ‹baclofen (BAC)›."
    assert harmonised([*habit, "On ‹baclofen› (twice daily)."])[-1] == (
        "On ‹baclofen› (twice daily)."
    )


def test_what_a_sign_parts_from_a_span_is_not_beside_it():
    habit = often("A «severe X rash».")
    texts = [*habit, "severe, «cough»", "severe-«cough»", "(severe) «cough»"]
    assert harmonised(texts)[-3:] == texts[-3:]
    texts = [*often("2 ‹X› tablets."), "‹2-nitrophenol›"]  # its 2 is no word before a drug
    assert harmonised(texts) == texts


def test_a_span_does_not_grow_into_another_of_its_label():
    habit = often("A «severe X rash».")
    texts = [*habit, "«very severe» «cough»", "‹very severe› «cough»"]
    assert harmonised(texts)[-2:] == ["«very severe» «cough»", "‹very «severe› cough»"]


def test_a_word_is_whose_span_it_is_in_now():
    habit = [*often("A «severe X rash»."), *often("A «rash X severe».")]
    texts = [*habit, "«cough» severe «pain»"]
    assert harmonised(texts)[-1] in ("«cough severe» «pain»", "«cough» «severe pain»")
    habit = [*often("A «severe X rash»."), *often("A «rash X» severe.")]
    texts = [*habit, "«cough severe» «pain»"]
    assert harmonised(texts)[-1] == "«cough» «severe pain»"


def test_a_word_of_another_span_is_not_one_that_is_left_out():
    texts = [*often("«severe» «X»"), *often("«severe X rash»", 4), "a severe «cough»"]
    assert harmonised(texts)[-1] == "a «severe cough»"


def test_spans_that_become_the_same_are_made_one():
    habit = [marked(str(n), text) for n, text in enumerate(often("On oral ‹X› daily."))]
    double = marked(
        "d",
        "‹oral ‹baclofen›› and «rash», «fever»",
        ("oral baclofen", "rash"),
        ("baclofen", "rash"),
        ("baclofen", "fever"),
    )
    done = harmonise([*habit, double], 5, 0.75)[-1]
    assert shown(done) == "oral ‹baclofen› and «rash», «fever»"
    assert linked(done) == [("baclofen", "rash"), ("baclofen", "fever")]
    assert Document.from_json(done.to_json()) == done


def test_relations_ids_and_confidences_are_kept():
    habit = [marked(str(n), text) for n, text in enumerate(often("On oral ‹X› daily."))]
    before = marked("d", "‹oral gold› «rash»", ("oral gold", "rash"), sure=0.7, pmid="1")
    after = harmonise([*habit, before], 5, 0.75)[-1]
    assert linked(after) == [("gold", "rash")]
    assert after.relations == before.relations
    assert [(one.id, one.confidence) for one in after.spans] == [("T1", 0.7), ("T2", 0.7)]
    assert after.meta == before.meta
    assert harmonise([*habit, before], 5, 0.75)[0] is habit[0]


def test_chinese_has_no_spaces_and_the_same_habits():
    habit = [f"重度«{name}»。" for name in ("皮疹", "肝炎", "贫血", "头痛", "水肿", "发热")]
    assert harmonised([*habit, "«度恶心»", "度«疼»"], least=6)[-2:] == ["度«恶心»", "度«疼»"]


def test_spans_in_pieces_or_inside_words_stay_and_are_in_the_way():
    habit = corpus(*often("A «severe X rash»."))
    text = "severe hepatotoxicity or a severe pain"
    pieces = Span(
        id="T1",
        start=7,
        end=38,
        label="AdverseEffect",
        text="hepatotoxicity pain",
        fragments=((7, 21), (34, 38)),
    )
    inside = Span(id="T2", start=7, end=12, label="AdverseEffect", text="hepat")
    for span in (pieces, inside):
        odd = Document(id="o", text=text, spans=[span])
        assert harmonise([*habit, odd], 5, 0.75)[-1] == odd
    blank = Document(
        id="b",
        text="severe  ",
        spans=[Span(id="T1", start=6, end=8, label="AdverseEffect", text="  ")],
    )
    assert harmonise([*habit, blank], 5, 0.75)[-1] == blank
    part = Span(id="T1", start=2, end=6, label="AdverseEffect", text="vere")
    beside = Span(id="T2", start=7, end=12, label="AdverseEffect", text="cough")
    way = Document(id="w", text="severe cough", spans=[part, beside])
    assert harmonise([*habit, way], 5, 0.75)[-1] == way


WORDS = st.sampled_from(["a", "B", "oral", "rash", "(", ")", ",", "好", "-"])


@st.composite
def documents(draw):
    words = draw(st.lists(WORDS, min_size=1, max_size=8))
    text = "".join(word + draw(st.sampled_from([" ", "  ", ""])) for word in words)
    marks = {}
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        marks[start, end, draw(st.sampled_from(["Drug", "AdverseEffect"]))] = None
    drugs = [mark for mark in marks if mark[2] == "Drug"]
    links = {("ADE", drug, mark): None for drug in drugs for mark in marks if mark[2] != "Drug"}
    spans, relations = number_annotations(text, marks, links)
    return Document(id="d", text=text, spans=spans, relations=relations)


def overlapping(document):
    """Return how many characters have more than one span of a label on them."""
    drawn = [(span.label, at) for span in document.spans for at in range(span.start, span.end)]
    return len(drawn) - len(set(drawn))


@given(st.lists(documents(), min_size=1, max_size=6), st.sampled_from([1, 2]))
def test_any_silver_stays_sound(silver, least):
    for before, after in zip(silver, harmonise(silver, least, 0.6), strict=True):
        assert Document.from_json(after.to_json()) == after
        assert {(one.label, one.text.strip() != "") for one in after.spans} == {
            (one.label, one.text.strip() != "") for one in before.spans
        }
        assert bool(after.relations) == bool(before.relations)
        assert overlapping(after) <= overlapping(before)
        marks = [(one.start, one.end, one.label) for one in after.spans]
        assert len(set(marks)) == len(marks)


@given(st.lists(documents(), max_size=6))
def test_without_enough_observations_nothing_moves(silver):
    assert harmonise(silver, 1000, 0.6) == silver


@pytest.mark.parametrize("text", ["oral ‹gold›, ", "‹oral gold› "])
def test_a_long_text_with_many_spans(text):
    long = marked("l", text * 4_000)
    started = time.perf_counter()
    assert len(harmonise([long], 1, 0.75)[0].spans) == 4_000
    assert time.perf_counter() - started < 5

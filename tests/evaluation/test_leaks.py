"""The leak rate, by letters and digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import EvaluationError
from decoct.evaluation.leaks import leak_rate
from decoct.records import Document, Span


def document(text, *places, id="d", source="gold"):
    spans = [
        Span(id=str(number), start=start, end=end, label=label, text=text[start:end])
        for number, (label, start, end) in enumerate(places)
    ]
    return Document(id=id, text=text, source=source, spans=spans)


TEXT = "Mr. Tobin Harrow, 04/12, well"


def test_half_a_name_is_half_a_leak():
    gold = document(TEXT, ("NAME", 4, 16), ("DATE", 18, 23))
    found = document(TEXT, ("PERSON", 4, 9), ("X", 17, 29))
    leaks = leak_rate([gold], [found])
    assert (leaks.leaked.n, leaks.leaked.n_of) == (6, 15)  # harrow, out of two names and a date
    assert leaks.labels["NAME"].rate.value == pytest.approx(6 / 11)
    assert (leaks.labels["DATE"].n, leaks.labels["DATE"].n_of) == (0, 4)
    assert (leaks.over_masked.n, leaks.over_masked.n_of) == (4, 6)  # well, out of Mr and well
    assert (leaks.n_leaky, leaks.n_with_phi) == (1, 1)
    assert "6 of" not in leaks.headline
    assert leaks.headline.startswith(
        "leak rate 40.0 [40.0, 40.0] % of 15 PHI characters, in 1 of 1"
    )


def test_a_character_of_two_spans_counts_once():
    gold = document(TEXT, ("NAME", 4, 16), ("NAME", 10, 16), ("PLACE", 10, 16))
    leaks = leak_rate([gold], [document(TEXT)])
    assert (leaks.leaked.n, leaks.leaked.n_of) == (11, 11)
    assert {label: share.n_of for label, share in leaks.labels.items()} == {"NAME": 11, "PLACE": 6}


def test_fragments_cover_only_themselves():
    whole = Span(id="0", start=4, end=23, label="NAME", text="Tobin 04/12",
                 fragments=((4, 9), (18, 23)))  # fmt: skip
    gold = Document(id="d", text=TEXT, spans=[whole])
    assert leak_rate([gold], [document(TEXT)]).leaked.n_of == 9
    found = leak_rate([document(TEXT, ("NAME", 4, 16))], [gold])
    assert (found.leaked.n, found.over_masked.n) == (6, 4)


def test_no_prediction_leaks_all_and_no_phi_leaks_nothing():
    gold = [document(TEXT, ("NAME", 4, 16), id="a"), document("Well.", id="b")]
    leaks = leak_rate(gold, [document("Well.", id="b"), document("x", id="c")])
    assert (leaks.missing, leaks.unknown) == (("a",), ("c",))
    assert leaks.leaked.rate.value == 1.0
    none = leak_rate(gold[1:], [])
    assert (none.leaked.rate.value, none.documents.value, none.labels) == (0.0, 0.0, {})


def test_other_labels_and_names_of_labels():
    gold = document(TEXT, ("PATIENT", 4, 16), ("Drug", 25, 29))
    found = document(TEXT, ("Drug", 4, 16))
    leaks = leak_rate([gold], [found], keep_labels={"Drug"}, canonical=str.lower)
    assert list(leaks.labels) == ["patient"]
    assert (leaks.leaked.n, leaks.over_masked.n) == (11, 0)


def test_texts_that_differ_are_an_error_that_quotes_none():
    with pytest.raises(EvaluationError, match="'d'") as caught:
        leak_rate([document(TEXT)], [document(TEXT.replace("Tobin", "Edda"))])
    assert "Tobin" not in str(caught.value)
    assert "Edda" not in str(caught.value)
    with pytest.raises(EvaluationError):
        leak_rate([], [])


@st.composite
def pairs(draw):
    made = []
    for number in range(draw(st.integers(1, 5))):
        text = draw(st.text(alphabet="ab1 -王", min_size=2, max_size=30))
        sides = []
        for _ in range(2):
            places = draw(
                st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, len(text) - 2),
                                   st.integers(1, 9)), max_size=4)
            )  # fmt: skip
            marks = [(label, at, min(len(text), at + n)) for label, at, n in places]
            sides.append(document(text, *marks, id=str(number)))
        made.append(sides)
    return made


@given(pairs())
def test_shares_are_shares(sides):
    gold, predicted = (list(side) for side in zip(*sides, strict=True))
    leaks = leak_rate(gold, predicted, n_resamples=50)
    for share in (leaks.leaked, leaks.over_masked, *leaks.labels.values()):
        assert 0 <= share.n <= share.n_of
        assert 0 <= share.rate.low <= share.rate.high <= 1
        # a percentile bootstrap of few documents need not hold the value itself
        assert share.rate.value == (share.n / share.n_of if share.n_of else 0)
    assert leaks.n_leaky <= leaks.n_with_phi <= len(gold)
    assert leak_rate(gold, gold, n_resamples=5).leaked.n == 0
    assert leak_rate(gold, gold, n_resamples=5).over_masked.n == 0
    assert leak_rate(predicted[::-1], gold, n_resamples=5) == leak_rate(
        predicted, gold[::-1], n_resamples=5
    )
    assert leaks.to_dict()["headline"] == leaks.headline
    assert len(leaks.rows()) == 2 + len(leaks.labels)

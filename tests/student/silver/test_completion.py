"""Steps between silver and training: what they mark, and what they leave alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.records import Document, Relation, Span
from decoct.student.silver import SilverSettings, prepare, unknown_subjects
from decoct.student.silver.completion import complete_subjects
from decoct.tasks.ade import plugin as ade


def document(id: str, text: str, *drugs: str, effect: str = "") -> Document:
    """A text in which the first place of each of these strings is marked."""
    spans = [
        Span(id=f"T{n}", start=at, end=at + len(name), label=label, text=name)
        for n, (name, label) in enumerate(
            [*((drug, "Drug") for drug in drugs), *([(effect, "AdverseEffect")] if effect else [])]
        )
        for at in [text.index(name)]
    ]
    relations = [Relation(label="ADE", subject="T0", object=spans[-1].id)] if effect else []
    return Document(id=id, text=text, source="silver", spans=spans, relations=relations)


def added(done: Document) -> list[str]:
    unknown = unknown_subjects(done)
    return [span.text for span in done.spans if span.id in unknown]


def test_a_subject_of_one_document_is_one_in_the_others():
    silver = [
        document("a", "Rash after gold.", "gold", effect="Rash"),
        document("b", "Gold, given with iron; GOLD-induced fever.", "iron"),
        document("c", "A golden rule, and marigold."),
    ]
    first, second, third = complete_subjects(silver, "Drug", 0.0)
    assert first == silver[0]
    assert added(second) == ["Gold", "GOLD"]
    assert [span.label for span in second.spans] == ["Drug"] * 3
    assert second.spans[0] == silver[1].spans[0]
    assert second.relations == ()
    assert third == silver[2]
    assert Document.from_json(second.to_json()) == second


def test_what_is_seldom_named_where_it_occurs_is_left_alone():
    silver = [document("a", "Rash after smoke.", "smoke", effect="Rash")]
    silver += [document(str(n), "There was smoke.") for n in range(4)]
    assert [added(done) for done in complete_subjects(silver, "Drug", 0.2)] == [[]] + 4 * [
        ["smoke"]
    ]
    assert complete_subjects(silver, "Drug", 0.21) == silver


def test_the_longest_is_marked_and_nothing_that_touches_an_annotation():
    silver = [
        document("a", "interferon alfa and interferon", "interferon alfa", "interferon"),
        document("b", "interferon  alfa", effect=""),
        document("c", "interferon toxicity", effect="interferon toxicity"),
    ]
    silver[2] = silver[2].model_copy(update={"relations": ()})
    done = complete_subjects(silver, "Drug", 0.0)
    assert added(done[0]) == ["interferon"] or added(done[0]) == []
    assert added(done[1]) == ["interferon  alfa"]
    assert added(done[2]) == []


def test_ids_are_not_taken_twice():
    silver = [
        document("a", "Rash after gold.", "gold", effect="Rash"),
        Document(
            id="b",
            text="iron, gold",
            spans=[Span(id="S1", start=0, end=4, label="Drug", text="iron")],
        ),
    ]
    done = complete_subjects(silver, "Drug", 0.0)[1]
    assert [span.id for span in done.spans] == ["S1", "S2"]
    assert unknown_subjects(done) == {"S2"}


def test_a_step_that_is_off_is_not_taken():
    silver = [document("a", "gold", "gold"), document("b", "gold")]
    assert prepare(silver, ade, SilverSettings(complete_subjects=False)).documents == tuple(silver)
    done = prepare(silver, ade, SilverSettings(complete_subjects=True))
    assert done.counts == {"completed_subjects": 1}
    assert added(done.documents[1]) == ["gold"]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@given(texts=st.lists(st.text("ab -.好", min_size=1, max_size=20), min_size=1, max_size=5))
def test_any_text_keeps_its_annotations_and_gets_none_that_overlap(texts, share):
    silver = [document(str(n), text, *(text.split()[:1])) for n, text in enumerate(texts)]
    for before, after in zip(silver, complete_subjects(silver, "Drug", share), strict=True):
        assert after.spans[: len(before.spans)] == before.spans
        assert Document.from_json(after.to_json()) == after
        places = sorted((span.start, span.end) for span in after.spans)
        assert all(first[1] <= second[0] for first, second in pairwise(places))

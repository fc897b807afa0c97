"""What is drawn beside gold: right, missed, invented."""

from __future__ import annotations

import pytest

import decoct
from decoct.errors import EvaluationError, Faults, FormatError
from decoct.recipes.view import compare_with_gold, view_file
from decoct.records import Document, Link, Relation, Span
from fakes import pictures
from fakes.commands import write_documents, write_lines
from fakes.drugs import corpus

TEXT = "Aspirin gave rash and fever."


def verdicts(shown) -> dict[str, str]:
    return {span.text: shown.spans[span.id] for span in shown.document.spans}


def relation_verdicts(shown) -> dict[tuple[str, str], str]:
    pairs = [(subject.text, target.text) for _, subject, target in shown.document.pairs()]
    return dict(zip(pairs, shown.relations, strict=True))


def test_each_annotation_is_right_missed_or_invented() -> None:
    gold = pictures.related("d", TEXT, [("Aspirin", "rash"), ("Aspirin", "rash and fever")])
    predicted = pictures.related("d", TEXT, [("Aspirin", "rash"), ("Aspirin", "fever")])
    (shown,) = compare_with_gold([gold], [predicted], Faults())
    assert verdicts(shown) == {
        "Aspirin": "right",
        "rash": "right",
        "fever": "invented",
        "rash and fever": "missed",
    }
    assert relation_verdicts(shown) == {
        ("Aspirin", "rash"): "right",
        ("Aspirin", "fever"): "invented",
        ("Aspirin", "rash and fever"): "missed",
    }
    assert shown.document.span("T1").confidence == 0.93, "the system's, not gold's"


def test_it_agrees_with_the_scores() -> None:
    gold = corpus(40, seed=3)
    # the relations of every third are gone, and every fourth has those of another document
    predicted = [
        document.model_copy(update={"relations": ()}) if number % 3 == 0 else document
        for number, document in enumerate(gold)
    ]
    shown = compare_with_gold(gold, predicted, Faults())
    found = [verdict for one in shown for verdict in one.relations]
    scored = decoct.evaluate(gold, predicted).relations["strict", "offsets"]
    assert found.count("right") == round(scored.recall.value * scored.n_gold)
    assert found.count("missed") == scored.n_gold - found.count("right")
    assert found.count("missed") > 0
    assert "invented" not in found


def test_gold_against_itself_is_right() -> None:
    documents = [pictures.paragraph(), pictures.torn(), pictures.chinese()]
    for shown in compare_with_gold(documents, documents, Faults()):
        assert {*shown.spans.values(), *shown.relations} == {"right"}
        assert shown.links == {}


@pytest.mark.parametrize(
    ("gold", "predicted", "differs"),
    [
        (Link(id="C1"), Link(id="C2"), True),
        (Link(id="C1", also=("C2",)), Link(id="C2"), False),
        (Link(id=None), Link(id="C2"), True),
        (Link(id="C1"), Link(id=None), True),
        (Link(id=None), Link(id=None), False),
        (Link(id="C1"), None, False),
        (None, Link(id="C1"), False),
    ],
)
def test_a_link_differs_where_both_sides_have_one(gold, predicted, differs) -> None:
    def document(link):
        return Document(
            id="d",
            text="rash",
            spans=[Span(id="T1", start=0, end=4, label="M", text="rash", link=link)],
        )

    (shown,) = compare_with_gold([document(gold)], [document(predicted)], Faults())
    assert shown.links == ({"T1": gold} if differs else {})
    assert ("gold_link" in shown.to_dict()["spans"][0]) == differs


def test_ids_of_the_two_sides_do_not_collide() -> None:
    gold = Document(
        id="d",
        text=TEXT,
        spans=[
            Span(id="T1", start=13, end=17, label="Effect", text="rash"),
            Span(id="T2", start=0, end=7, label="Drug", text="Aspirin"),
        ],
        relations=[Relation(label="ADE", subject="T2", object="T1")],
    )
    predicted = Document(
        id="d", text=TEXT, spans=[Span(id="T1", start=0, end=7, label="Drug", text="Aspirin")]
    )
    (shown,) = compare_with_gold([gold], [predicted], Faults())
    assert verdicts(shown) == {"Aspirin": "right", "rash": "missed"}
    assert relation_verdicts(shown) == {("Aspirin", "rash"): "missed"}


def test_documents_of_one_side_are_counted(tmp_path) -> None:
    a, b, c = (Document(id=id_, text=TEXT) for id_ in "abc")
    faults = Faults()
    made = view_file(
        write_documents(tmp_path / "pred.jsonl", [a, b]),
        tmp_path / "view.html",
        write_documents(tmp_path / "gold.jsonl", [c, a]),
        faults=faults,
    )
    assert faults.counts == {"no_prediction": 1, "not_in_gold": 1}
    assert made.n_documents == 2
    page = (tmp_path / "view.html").read_text("utf-8")
    assert page.index('"id":"c"') < page.index('"id":"a"'), "in gold's order"


def test_classes_are_compared(tmp_path) -> None:
    gold = [Document(id=str(n), text="x", label="yes") for n in range(3)]
    predicted = [one.model_copy(update={"label": "no"}) for one in gold[:1]] + gold[1:]
    made = view_file(
        write_documents(tmp_path / "pred.jsonl", predicted),
        tmp_path / "view.html",
        write_documents(tmp_path / "gold.jsonl", gold),
    )
    assert made.to_dict()["verdicts"] == {"classes": {"wrong": 1, "right": 2}}


def test_other_texts_and_empty_files_are_errors(tmp_path) -> None:
    with pytest.raises(EvaluationError, match="differ from character"):
        decoct.show(Document(id="d", text="a"), Document(id="d", text="b"))
    empty = write_lines(tmp_path / "none.jsonl", ["{}"])
    with pytest.raises(FormatError, match="no line of it"):
        view_file(empty, tmp_path / "view.html")
    assert not (tmp_path / "view.html").exists()

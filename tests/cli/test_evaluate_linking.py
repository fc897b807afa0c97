"""`decoct evaluate` on links: found without being asked, with a ceiling, apart for unseen ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from decoct.recipes.evaluate import compare_linking, evaluate_linking, what_to_score
from decoct.records import Document, Relation
from fakes.commands import invoke, ok, read_documents, write_documents
from fakes.linked import link, mention, text_with

GOLD = [
    mention("m.tsv:2", "sore knees", link("K")),
    mention("m.tsv:3", "wobbly", link("W")),
    mention("m.tsv:4", "my dog", link("NIL")),
]
TABLE = "mention\tconcept_id\nsore knees\tK\nwobbly\tW\nmy dog\tNIL\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "m.tsv").write_text(TABLE)
    (tmp_path / "learnt.tsv").write_text("mention\tconcept_id\nSORE KNEES\tK\n")
    write_documents(
        tmp_path / "a.jsonl",
        [
            mention("m.tsv:2", "sore knees", link("K", candidates="KW")),
            mention("m.tsv:3", "wobbly", link("K", candidates="KW")),
            mention("m.tsv:4", "my dog", link("NIL", candidates="K")),
        ],
    )
    write_documents(tmp_path / "b.jsonl", [mention(one.id, one.text, link("X")) for one in GOLD])
    return tmp_path


def test_links_are_scored_where_both_sides_have_them(files: Path) -> None:
    arguments = ("evaluate", "--gold", files / "m.tsv", "--pred", files / "a.jsonl", "--seed", 7)
    made = ok(*arguments)
    shown = made.stdout
    assert shown.index("recall@2") < shown.index("Acc@1")
    assert "strict F1" not in shown, "the mentions are given"
    wanted = evaluate_linking(GOLD, read_documents(files / "a.jsonl"), seed=7)
    assert f"a.jsonl: {wanted.all.signature}" in shown
    assert ok(*arguments, "--json").json == {"linking": wanted.to_dict()}


def test_unseen_mentions_a_second_system_and_a_report(files: Path) -> None:
    pytest.importorskip("matplotlib")
    report = files / "report.html"
    arguments = ("evaluate", "--gold", files / "m.tsv", "--pred", files / "a.jsonl")
    arguments += ("--compare", files / "b.jsonl", "--labelled", files / "learnt.tsv")
    made = ok(*arguments, "--report", report)
    assert made.stdout.count("unseen mentions") >= 2
    assert made.stdout.count("LinkingComparison(") == 2
    a, b = read_documents(files / "a.jsonl"), read_documents(files / "b.jsonl")
    learnt = [mention("x", "SORE KNEES", link("K"))]
    found = ok(*arguments, "--json").json["linking"]["comparison"]
    for group in ("all", "unseen mentions"):
        wanted = compare_linking(GOLD, a, b, labelled=learnt, group=group)
        assert found[group] == wanted.to_dict()
    page = report.read_text()
    assert "<h2>Wrong links</h2>" in page
    assert page.count("<svg") == 1


def test_what_is_asked_for_is_scored(files: Path) -> None:
    arguments = ("evaluate", "--gold", files / "m.tsv", "--pred", files / "a.jsonl", "--json")
    assert "linking" not in ok(*arguments, "--metric", "extraction").json
    assert list(ok(*arguments, "--metric", "linking").json) == ["linking"]


def test_a_chain_is_scored_end_to_end(tmp_path: Path) -> None:
    text = "Sore knees after zorafen."
    gold = text_with("1", text, ("Sore knees", link("K"), "Effect"), ("zorafen", link("Z"), "Drug"))
    gold = gold.model_copy(update={"relations": (Relation(label="A", subject="T1", object="T0"),)})
    found = text_with("1", text, ("knees", link("K"), "Effect"), ("zorafen", link("Z"), "Drug"))
    write_documents(tmp_path / "gold.jsonl", [gold])
    write_documents(tmp_path / "pred.jsonl", [found])
    made = ok("evaluate", "--gold", tmp_path / "gold.jsonl", "--pred", tmp_path / "pred.jsonl")
    assert "span (lenient) and entity" in made.stdout
    assert "strict F1" in made.stdout
    both = ok(
        *("evaluate", "--gold", tmp_path / "gold.jsonl", "--pred", tmp_path / "pred.jsonl"),
        "--json",
    ).json
    assert both["linking"]["end_to_end"]["strict"]["f1"]["value"] == 0.5
    assert both["linking"]["end_to_end"]["lenient"]["f1"]["value"] == 1
    assert both["relations"]


def test_ids_that_an_index_has_merged_are_alike(files: Path) -> None:
    kb = files / "kb.tsv"
    kb.write_text("id\tname\talt_ids\nK2\tknee pain\tK|Q\n", encoding="utf-8")
    ok("index", "--kb", kb, "--out", files / "index")
    write_documents(files / "gold.jsonl", [mention("1", "sore knees", link("K"))])
    write_documents(files / "pred.jsonl", [mention("1", "sore knees", link("K2"))])
    write_documents(files / "other.jsonl", [mention("1", "sore knees", link("Q"))])
    arguments = ["evaluate", "--gold", files / "gold.jsonl", "--pred", files / "pred.jsonl"]
    arguments += ["--compare", files / "other.jsonl", "--labelled", files / "other.jsonl", "--json"]

    def score(*more: object) -> tuple[float, float, list[str]]:
        found = ok(*arguments, *more).json["linking"]
        groups, compared = found["groups"], found["comparison"]["all"]
        return (
            groups["all"]["accuracy"]["1"]["value"],
            compared["accuracy_b"],
            [name for name in groups if name == "unseen concepts"],
        )

    assert score() == (0, 0, ["unseen concepts"])
    assert score("--index", files / "index") == (1, 1, [])


def test_other_labels_do_not_matter_to_links(tmp_path: Path) -> None:
    text = "Sore knees."
    write_documents(
        tmp_path / "gold.jsonl", [text_with("1", text, ("Sore knees", link("K"), "Modifier"))]
    )
    write_documents(
        tmp_path / "pred.jsonl", [text_with("1", text, ("Sore knees", link("K"), "Disease"))]
    )
    arguments = ("evaluate", "--gold", tmp_path / "gold.jsonl", "--pred", tmp_path / "pred.jsonl")
    found = ok(*arguments, "--json").json
    assert list(found) == ["linking"]
    assert found["linking"]["groups"]["all"]["accuracy"]["1"]["value"] == 1


def test_what_does_not_go_together_is_refused(files: Path) -> None:
    gold, pred = files / "m.tsv", files / "a.jsonl"
    write_documents(files / "bare.jsonl", [mention("m.tsv:2", "sore knees", None)])
    bare = files / "bare.jsonl"
    learnt = ("--labelled", files / "learnt.tsv")
    for arguments, message in (
        (("--pred", bare, *learnt), "--labelled: is about links, and none"),
        (("--pred", pred, *learnt, "--metric", "extraction"), "and none are scored"),
        (("--pred", pred, "--labelled", bare), "no span has a link"),
        (("--pred", pred, *learnt, "--report", files / "learnt.tsv"), "written over"),
        (("--folds", "2", *learnt), "--labelled: --folds scores students"),
        (("--pred", bare, "--index", files), "--index: is about links, and none are scored"),
        (("--pred", pred, "--index", files), "holds no index"),
    ):
        assert message in invoke("evaluate", "--gold", gold, *arguments).error
    made = invoke("evaluate", "--gold", bare, "--pred", pred, "--metric", "linking")
    assert "no gold span has a link" in made.error


def test_missing_documents_are_counted(files: Path) -> None:
    write_documents(files / "part.jsonl", read_documents(files / "a.jsonl")[:2])
    made = invoke("evaluate", "--gold", files / "m.tsv", "--pred", files / "part.jsonl")
    assert made.code == 3
    assert "m.tsv:4: in gold, no prediction" in made.stderr


def test_what_there_is_to_score() -> None:
    bare = [document.bare() for document in GOLD]
    wanted = what_to_score(GOLD, GOLD)
    assert (wanted.extraction, wanted.linking) == (False, True)
    wanted = what_to_score(GOLD, bare)
    assert (wanted.extraction, wanted.linking) == (True, False)
    part = [Document(id=GOLD[0].id, text=GOLD[0].text), *GOLD[1:]]
    assert what_to_score(GOLD, part).extraction
    assert what_to_score(GOLD, part, "linking") == what_to_score(GOLD, GOLD)

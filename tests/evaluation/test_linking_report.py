"""Links for people: tables, the ceiling's chart, and wrong links with their candidates."""

from __future__ import annotations

import sys

import pytest

from decoct.evaluation.chart import draw_ceiling
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.linking import evaluate_linking
from decoct.evaluation.linking_errors import Entry, find_link_errors
from decoct.evaluation.linking_report import (
    END_TO_END_HEADER,
    LinkingSection,
    end_to_end_rows,
    linking_header,
    linking_rows,
)
from decoct.evaluation.report import write_report
from fakes.linked import NIL, link, mention, text_with

HOSTILE = "<script>alert(1)</script> & $x$"
LONG = "a " * 60
GOLD = [
    text_with("1", f"{LONG}sore knees{LONG}", ("sore knees", link("K"), "M")),
    mention("2", "knees hurt", link("K")),
    mention("3", "knees ache", link("K")),
    mention("4", HOSTILE, link("W", "V")),
    mention("5", "my dog", link(NIL)),
    mention("6", "fine", link("F")),
]
PREDICTED = [
    text_with("1", GOLD[0].text, ("sore knees", link("W", candidates="WK"), "M")),
    mention("2", "knees hurt", link("W", candidates="WXYZUK")),
    mention("3", "knees ache", link("W", candidates="WX")),
    mention("4", HOSTILE, link(NIL, candidates="XV")),
    mention("6", "fine", link("F", candidates="FK")),
]


def test_confusions_come_worst_first():
    errors = find_link_errors(GOLD, PREDICTED)
    assert errors.n_wrong == 5
    worst = errors.confusions[0]
    assert worst.gold == (Entry("K", "name of K"),)
    assert worst.predicted == (Entry("W", "name of W"),)
    assert (worst.n, worst.surfaces) == (3, ("knees ache", "knees hurt", "sore knees"))
    nil = next(one for one in errors.confusions if one.predicted == (Entry(None),))
    assert nil.gold == (Entry("V", "name of V"), Entry("W", "name of W"))
    missed = next(one for one in errors.confusions if not one.predicted)
    assert missed.gold == (Entry(None),)


def test_wrong_links_say_where_the_right_one_is():
    wrong = {one.document_id: one for one in find_link_errors(GOLD, PREDICTED).wrong}
    assert list(wrong) == ["1", "2", "3", "4", "5"]
    assert {id_: one.retrieved for id_, one in wrong.items()} == {
        "1": 2, "2": 6, "3": 0, "4": 2, "5": 0,
    }  # fmt: skip
    assert len(wrong["2"].candidates) == 5
    assert wrong["1"].before == "…" + LONG[-80:]
    assert wrong["1"].after == LONG[:80] + "…"
    assert (wrong["2"].before, wrong["2"].mention, wrong["2"].after) == ("", "knees hurt", "")


def test_a_choice_of_wrong_links_is_always_the_same():
    chosen = find_link_errors(GOLD, PREDICTED, n_wrong=2, n_confusions=1)
    assert (len(chosen.wrong), len(chosen.confusions), chosen.n_wrong) == (2, 1, 5)
    again = find_link_errors(GOLD[::-1], PREDICTED[::-1], n_wrong=2, n_confusions=1)
    assert chosen == again


def test_the_ceiling_stands_above_accuracy():
    metrics = evaluate_linking(GOLD, PREDICTED, labelled=GOLD[1:2], n_resamples=20)
    assert linking_header(metrics) == (
        "", "all", "seen mentions", "unseen mentions", "unseen concepts",
    )  # fmt: skip
    rows = linking_rows(metrics)
    assert {len(row) for row in rows} == {5}
    names = [row[0] for row in rows]
    assert names.index("recall@6") < names.index("Acc@1") < names.index("Acc@5")
    cells = {row[0]: row[1:] for row in rows}
    assert cells["mentions"] == ("6", "1", "5", "2")
    assert cells["missed"] == ("1", "0", "1", "0")
    assert cells["NIL predicted"] == ("1", "0", "1", "1")
    assert cells["NIL F1"][1] == "-"
    assert cells["recall@1"][0].startswith("20.0 [")
    assert {len(row) for row in end_to_end_rows(metrics)} == {len(END_TO_END_HEADER)}


def test_rows_that_say_nothing_are_left_out():
    gold = [mention("1", "sore knees", link("K"))]
    names = [row[0] for row in linking_rows(evaluate_linking(gold, gold, n_resamples=5))]
    assert names == ["mentions", "Acc@1", "MRR", "Acc@1, macro by concept"]


def section(name="links <i>"):
    metrics = evaluate_linking(GOLD, PREDICTED, labelled=GOLD[1:2], n_resamples=20)
    return LinkingSection({name: metrics}, {name: find_link_errors(GOLD, PREDICTED)})


@pytest.mark.parametrize("with_matplotlib", [True, False])
def test_a_report_of_links_alone(tmp_path, monkeypatch, with_matplotlib):
    if with_matplotlib:
        pytest.importorskip("matplotlib")
    else:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    made = section()
    path = tmp_path / "report.html"
    write_report(path, "T", {}, {}, linking=made)
    page = path.read_text(encoding="utf-8")
    assert page.count("<svg") == with_matplotlib
    assert ("No chart: " in page) != with_matplotlib
    assert "<script" not in page
    assert "links <i>" not in page
    assert "<h2>F1</h2>" not in page
    assert "<h2>Spans</h2>" not in page
    metrics = made.systems["links <i>"]
    for one in (*metrics.groups.values(), *metrics.end_to_end.values()):
        assert one.signature in page
    assert "the right one is candidate 6" in page
    assert "not among the candidates" in page
    assert "name of W <small>W</small>" in page
    assert "<td>3</td>" in page


def test_one_page_for_both(tmp_path):
    pytest.importorskip("matplotlib")
    made = section()
    systems = {"s": evaluate(GOLD, PREDICTED, n_resamples=5)}
    write_report(tmp_path / "r.html", "T", systems, {}, linking=made)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert page.index("<h2>Links</h2>") < page.index("<h2>F1</h2>") < page.index("<h2>Signatures")
    write_report(tmp_path / "again.html", "T", systems, {}, linking=made)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_the_chart_marks_accuracy_in_each_panel():
    pytest.importorskip("matplotlib")
    metrics = section().systems["links <i>"]
    svg = draw_ceiling({"a": metrics, "b": metrics})
    assert svg.startswith("<svg")
    assert svg.count("stroke-dasharray") >= 4  # all and unseen mentions, twice
    assert "unseen mentions" in svg
    bare = evaluate_linking(GOLD[:1], GOLD[:1], n_resamples=5)
    assert draw_ceiling({"a": bare}) is None

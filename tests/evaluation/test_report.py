from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from decoct.errors import MissingExtraError
from decoct.evaluation.calibration import expected_calibration_error
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.report import TABLE_HEADER, table_rows, write_report
from decoct.records import Document

HOSTILE = "<script>alert(1)</script> & $x$ \"quoted\" 'too'"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Balance(HTMLParser):
    """Collects tags and text, and fails on a tag that is not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(path: Path) -> Balance:
    parser = Balance()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture
def gold(build):
    text = f"Rash after aspirin. {HOSTILE}"
    return [
        build(text, [("Drug", "aspirin"), ("Effect", "Rash")], [(0, 1)], id=f"{n}<i>")
        for n in range(4)
    ]


@pytest.fixture
def predicted(gold, build):
    claim = ("ADE", "<img src=x onerror=alert(1)>", "bleeding")
    wrong = build(
        gold[0].text, [("Drug", "aspirin"), ("Drug", "<script>")], id="0<i>", ungrounded=[claim]
    )
    return [wrong, *gold[1:]]


def test_one_page_that_loads_nothing_and_escapes_everything(tmp_path, gold, predicted):
    pytest.importorskip("matplotlib")
    metrics = evaluate(gold, predicted, n_resamples=50)
    path = tmp_path / "report.html"
    write_report(
        path,
        f"Title {HOSTILE}",
        {f"system {HOSTILE}": metrics, "中文": metrics},
        {f"key {HOSTILE}": f"value {HOSTILE}"},
        zip(gold, predicted, strict=True),
    )
    page = path.read_text(encoding="utf-8")
    parser = parse(path)
    assert not {"script", "img", "link", "i", "iframe"} & set(parser.tags)
    assert parser.tags.count("svg") == 1
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", page)
    assert "prefers-color-scheme: dark" in page
    text = "".join(parser.text)
    assert f"Title {HOSTILE}" in text
    assert "not in the text" in text
    assert metrics.strict.signature in text
    assert metrics.negatives is None
    assert "no such document" in text


@pytest.mark.parametrize("with_matplotlib", [True, False])
def test_confidences_get_a_plot_a_caption_and_a_table(tmp_path, gold, monkeypatch, with_matplotlib):
    if with_matplotlib:
        pytest.importorskip("matplotlib")
    else:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    metrics = evaluate(gold, gold, n_resamples=50)
    found = expected_calibration_error([0.9, 0.8, 0.4], [True, False, False])
    systems = {f"system {HOSTILE}": metrics, "silent": metrics}
    path = tmp_path / "report.html"
    write_report(path, "T", systems, {}, calibrations={f"system {HOSTILE}": found})
    parser = parse(path)
    assert parser.tags.count("svg") == (2 if with_matplotlib else 0)
    assert not {"script", "img"} & set(parser.tags)
    page, text = path.read_text(encoding="utf-8"), "".join(parser.text)
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", page)
    table = page[page.index(">Brier</th>") : page.index("<h2>Spans</h2>")]
    assert f"<td>3</td><td>{found.ece.percent}</td><td>{found.brier!r}</td>" in table
    assert "silent" not in table
    assert ("a confidence can be taken at its word" in text) == with_matplotlib
    assert "is right where it overlaps" in text
    assert text.count(found.signature) == 1
    assert ("No chart" in text) != with_matplotlib


def test_without_confidences_there_is_no_word_of_them(tmp_path, gold):
    metrics = {"s": evaluate(gold, gold, n_resamples=5)}
    for name, calibrations in (("a.html", None), ("b.html", {})):
        write_report(tmp_path / name, "T", metrics, {}, calibrations=calibrations)
        text = "".join(parse(tmp_path / name).text)
        assert "How sure" not in text
        assert "Brier" not in text


def test_one_input_one_page(tmp_path, gold, predicted):
    pages = []
    for name in ("a.html", "b.html"):
        metrics = evaluate(gold, predicted, n_resamples=50)
        write_report(tmp_path / name, "T", {"s": metrics}, {}, zip(gold, predicted, strict=True))
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def test_without_matplotlib_the_page_says_how_to_get_the_chart(tmp_path, gold, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    write_report(tmp_path / "r.html", "T", {"s": evaluate(gold, gold, n_resamples=5)}, {})
    assert "svg" not in parse(tmp_path / "r.html").tags
    assert "pip install 'decoct[report]'" in "".join(parse(tmp_path / "r.html").text)


def test_without_jinja2_the_error_says_how_to_get_it(tmp_path, gold, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"jinja2: pip install 'decoct\[report\]'"):
        write_report(tmp_path / "r.html", "T", {"s": evaluate(gold, gold, n_resamples=5)}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_of_spans_has_no_section_on_relations(tmp_path, build):
    gold = [build("Call Ann.", [("NAME", "Ann")])]
    write_report(tmp_path / "r.html", "T", {"s": evaluate(gold, gold, n_resamples=5)}, {})
    text = "".join(parse(tmp_path / "r.html").text)
    assert "without a gold relation" not in text
    assert "relations:strict" not in text
    assert "spans:strict" in text


def test_a_lone_surrogate_does_not_stop_a_report(tmp_path, build):
    gold = [build("\ud800 aspirin", [("Drug", "aspirin")])]
    predicted = [Document(id="d1", text="\ud800 aspirin")]
    metrics = evaluate(gold, predicted, n_resamples=5)
    write_report(tmp_path / "r.html", "T", {"s": metrics}, {}, zip(gold, predicted, strict=True))
    assert "? <mark" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_table_rows(gold, predicted):
    rows = table_rows(evaluate(gold, predicted, n_resamples=50))
    assert {len(row) for row in rows} == {len(TABLE_HEADER)}
    # Pairs: 4 gold; 3 right and 1 ungrounded predicted: P = R = F1 = 75.
    assert rows[0][:4] == ("relations, strict, by offsets", "75.0", "75.0", "75.0")
    assert rows[0][5:] == ("4", "4")
    assert [row[0].split(",")[0] for row in rows[::4]] == ["relations", "spans", "Drug", "Effect"]


def test_table_rows_leave_out_what_the_corpus_has_not(build):
    gold = [build("Call Ann.", [("NAME", "Ann")])]
    rows = table_rows(evaluate(gold, gold, n_resamples=5))
    assert [row[0] for row in rows][::2] == [
        "spans, strict, by offsets",
        "spans, strict, by surface",
    ]

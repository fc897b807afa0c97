"""`decoct evaluate` on confidences: a line, a key and a plot where there are any, else nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from decoct.recipes.evaluate import relation_calibration
from decoct.records import Document, Span
from fakes.commands import ok, read_documents, write_documents

LINE = re.compile(
    r"^calibration: ECE [\d.]+ \[[\d.]+, [\d.]+\], Brier 0\.\d{4} \[0\.\d{4}, 0\.\d{4}\], "
    r"calibration:relations:lenient\|by:offsets\|bins:10\|n:\d+\|gold:[0-9a-f]{8}\|seed:7\|\S+$",
    re.MULTILINE,
)


@pytest.fixture
def predicted(tmp_path: Path, student: Path, data: Path) -> Path:
    out = tmp_path / "predicted.jsonl"
    ok("extract", "--student", student, "--in", data / "gold.jsonl", "--out", out)
    return out


def test_a_line_a_key_and_a_plot(tmp_path: Path, data: Path, predicted: Path) -> None:
    pytest.importorskip("matplotlib")
    gold, report = data / "gold.jsonl", tmp_path / "report.html"
    arguments = ("evaluate", "--gold", gold, "--pred", predicted, "--seed", 7)
    made = ok(*arguments, "--report", report)
    assert len(LINE.findall(made.stdout)) == 1
    wanted = relation_calibration(read_documents(gold), read_documents(predicted), seed=7)
    assert wanted is not None
    assert wanted.signature in made.stdout
    assert ok(*arguments, "--json").json["calibration"] == wanted.to_dict()
    page = report.read_text()
    assert page.count("<svg") == 2
    assert wanted.ece.percent in page
    assert "taken at its word" in page
    assert wanted.signature in page


def test_a_student_is_held_against_gold_in_the_same_way(
    data: Path, predicted: Path, student: Path
) -> None:
    by_file, by_student = (
        ok("evaluate", "--gold", data / "gold.jsonl", *source, "--json").json["calibration"]
        for source in (("--pred", predicted), ("--student", student))
    )
    assert by_file == by_student


def test_of_two_systems_each_that_has_confidences_gets_a_line(data: Path, predicted: Path) -> None:
    gold = data / "gold.jsonl"
    made = ok("evaluate", "--gold", gold, "--pred", gold, "--compare", predicted)
    lines = [line for line in made.stdout.splitlines() if "calibration:" in line]
    assert len(lines) == 1
    assert lines[0].startswith("predicted.jsonl: calibration: ECE ")


def test_without_confidences_there_is_nothing(tmp_path: Path, data: Path) -> None:
    gold, report = data / "gold.jsonl", tmp_path / "report.html"
    made = ok("evaluate", "--gold", gold, "--pred", gold, "--report", report)
    assert "calibration" not in made.stdout
    assert "calibration" not in report.read_text()
    assert "calibration" not in ok("evaluate", "--gold", gold, "--pred", gold, "--json").json


def test_what_is_left_of_protected_health_information_is_said(tmp_path: Path) -> None:
    text = "Ada Moore was seen in Elmhurst."
    places = [("NAME", "Ada Moore"), ("GEOGRAPHIC_LOCATION", "Elmhurst")]
    spans = [
        Span(id=f"T{n}", label=label, text=s, start=text.index(s), end=text.index(s) + len(s))
        for n, (label, s) in enumerate(places)
    ]
    gold = Document(id="d", text=text, source="gold", spans=spans)
    found = gold.model_copy(update={"source": "predicted", "spans": gold.spans[:1]})
    write_documents(tmp_path / "gold.jsonl", [gold])
    write_documents(tmp_path / "pred.jsonl", [found])
    files = ("--gold", tmp_path / "gold.jsonl", "--pred", tmp_path / "pred.jsonl")
    leaked = ok("evaluate", *files, "--json").json["leaks"]["leaked"]
    assert (leaked["n"], leaked["n_of"]) == (8, 16)
    shown = ok("evaluate", *files).stdout
    assert "leak rate 50.0" in shown
    assert "over-masked" in shown

"""The documented forms of the commands, from native corpus to scores."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fakes.commands import (
    SCRIPT,
    answer,
    environment,
    invoke,
    make_encoder,
    ok,
    read_documents,
    script,
    start,
    write_documents,
    write_lines,
)
from fakes.drugs import corpus

POSITIVES = [
    "101|Zorafen caused rash in two of them.|rash|115|119|Zorafen|100|107",
    "101|Zorafen caused rash in two of them.|rash in two|115|126|Zorafen|100|107",
    "102|Belimab was followed by a dry cough.|dry cough|26|35|Belimab|0|7",
    "103|Then came fever, after kutazole.|fever|60|65|kutazole|73|81",
]
NEGATIVES = ["104 NEG Mevofen was given for vertigo.", "104 NEG Nothing happened after zorazole."]


@pytest.fixture
def ade(tmp_path: Path) -> Path:
    write_lines(tmp_path / "ade" / "DRUG-AE.rel", POSITIVES)
    write_lines(tmp_path / "ade" / "ADE-NEG.txt", NEGATIVES)
    return tmp_path / "ade"


def test_the_chain_through_the_script(tmp_path: Path, data: Path, encoder: Path, ade: Path) -> None:
    """Convert, label, distill, extract and evaluate, each a process of its own."""
    gold = tmp_path / "gold.jsonl"
    made = script("convert", "--from", "ade_corpus", "--in", ade, "--out", gold)
    assert made.code == 0, made
    assert "5 documents (2 without a relation), 7 spans, 4 relations" in made.stdout
    first = read_documents(gold)[0]
    assert {(a.text, b.text) for _, a, b in first.pairs()} == {
        ("Zorafen", "rash"),
        ("Zorafen", "rash in two"),
    }

    silver = tmp_path / "silver.jsonl"
    made = script(
        *("label", "--in", data / "unlabeled.jsonl", "--out", silver, "--task", "ade"),
        *("--teacher", f"scripted:{data / 'script.jsonl'}"),
    )
    assert made.code == 0, made
    assert "60 of 60 documents labelled, 60 relations, 0 stated ones not in the text" in made.stdout
    assert (tmp_path / "teacher.sqlite").is_file()

    student = tmp_path / "student"
    made = script(
        *("distill", "--silver", silver, "--out", student, "--task", "ade", "--encoder", encoder),
        *("--epochs", "1", "--json"),
    )
    assert made.code == 0, made
    assert made.json["student"] == str(student)
    assert made.json["training"]["best_epoch"] == 1
    assert "epoch 1: loss" in made.stderr
    assert sorted(path.name for path in student.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]

    made = script(
        "extract", "--student", student, "--in", "-", stdin="Zorafen caused rash.\n\nFever.\n"
    )
    assert made.code == 0, made
    found = [json.loads(line) for line in made.stdout.splitlines()]
    assert [document["id"] for document in found] == ["stdin:1", "stdin:3"]

    made = script("evaluate", "--gold", gold, "--student", student, "--json")
    assert made.code == 0, made
    assert made.json["n_documents"] == 5


@pytest.mark.parametrize("to_stdout", [False, True])
def test_extract_reads_jsonl_text_and_standard_input_alike(
    tmp_path: Path, student: Path, data: Path, to_stdout: bool
) -> None:
    def extract(source: object, stdin: str | None = None) -> list[str]:
        out = tmp_path / "predicted.jsonl"
        made = ok(
            "extract",
            "--student",
            student,
            "--in",
            source,
            *(() if to_stdout else ("--out", out)),
            stdin=stdin,
        )
        lines = made.stdout if to_stdout else out.read_text()
        found = [json.loads(line) for line in lines.splitlines()]
        return [
            json.dumps([document["text"], document["spans"], document["relations"]])
            for document in found
        ]

    documents = read_documents(data / "gold.jsonl")
    text = write_lines(tmp_path / "gold.txt", (document.text for document in documents))
    expected = extract(data / "gold.jsonl")
    assert len(expected) == 20
    assert sum('"ADE"' in line for line in expected) > 10, "the tiny student has learnt nothing"
    assert extract(text) == expected
    assert extract("-", stdin=text.read_text()) == expected


def test_extract_shows_a_table(student: Path) -> None:
    made = ok(
        *("extract", "--student", student, "--in", "-", "--format", "table"),
        stdin="zorafen caused rash .\nNothing :pill: [bold]here[/bold] .\n",
    )
    assert "zorafen" in made.stdout
    assert "rash" in made.stdout
    assert "stdin:2" in made.stdout
    assert "confidence" in made.stdout


def test_a_table_shows_text_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """No markup and no emoji codes are read out of a document's text."""
    from decoct.cli.screen import Screen, show_table

    show_table("", ("document", "subject"), [("d:pill:1", "[bold]:pill:[/bold]")])
    Screen().note("a:pill:b [red]")
    shown = capsys.readouterr()
    assert "d:pill:1" in shown.out
    assert "[bold]:pill:[/bold]" in shown.out
    assert shown.err == "a:pill:b [red]\n"


def test_extract_to_a_file_can_also_show_a_table(tmp_path: Path, student: Path, data: Path) -> None:
    out = tmp_path / "predicted.jsonl"
    made = ok(
        "extract",
        "--student",
        student,
        "--in",
        data / "gold.jsonl",
        "--out",
        out,
        "--format",
        "table",
    )
    assert len(read_documents(out)) == 20
    assert "confidence" in made.stdout
    assert "20 documents" in made.stderr


def test_extract_with_given_subjects(tmp_path: Path, student: Path, data: Path) -> None:
    out = tmp_path / "predicted.jsonl"
    ok(
        "extract",
        "--student",
        student,
        "--in",
        data / "gold.jsonl",
        "--out",
        out,
        "--given-subjects",
    )
    for gold, predicted in zip(
        read_documents(data / "gold.jsonl"), read_documents(out), strict=True
    ):
        drugs = [
            {(s.start, s.end) for s in d.spans if s.label == "Drug"} for d in (gold, predicted)
        ]
        assert drugs[0] == drugs[1]


def test_convert_positives_only(tmp_path: Path, ade: Path) -> None:
    made = ok(
        *(
            "convert",
            "--from",
            "ade_corpus",
            "--in",
            ade,
            "--out",
            tmp_path / "g.jsonl",
            "--positives-only",
        ),
        "--json",
    )
    assert made.json == {
        "n_documents": 3,
        "n_negative": 0,
        "n_spans": 7,
        "n_relations": 4,
        "n_skipped": 0,
    }


def test_label_by_rules(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.txt", ["Phenytoin-induced hepatitis.", "It rained."])
    out = tmp_path / "silver.jsonl"
    made = ok("label", "--in", source, "--out", out, "--teacher", "rules", "--json")
    assert made.json["n_silver"] == 2
    first, second = read_documents(out)
    assert [(a.text, b.text) for _, a, b in first.pairs()] == [("Phenytoin", "hepatitis")]
    assert first.source == "silver"
    assert first.meta["backend"] == "rules"
    assert second.spans == ()
    again = ok("label", "--in", source, "--out", out, "--teacher", "rules", "--json")
    assert again.json["n_cached"] == 2


def test_label_by_replay(tmp_path: Path) -> None:
    documents = corpus(5)
    recording = [
        {
            "text": documents[0].text,
            "content": answer(documents[0]),
            "model": "gpt-x",
            "usage": {"prompt_tokens": 7},
        },
        {"id": documents[1].id, "content": answer(documents[1])},
        {"text": documents[2].text, "content": "{", "finish_reason": "length"},
        {
            "text": documents[3].text,
            "content": '{"events": [{"drug": "zorafen", "effect": "gout"}]}',
        },
    ]
    write_lines(tmp_path / "recorded.jsonl", map(json.dumps, recording))
    source = write_documents(tmp_path / "in.jsonl", [document.bare() for document in documents])
    out = tmp_path / "silver.jsonl"
    made = invoke(
        "label",
        "--in",
        source,
        "--out",
        out,
        "--teacher",
        f"replay:{tmp_path / 'recorded.jsonl'}",
        "--json",
    )
    assert made.code == 3, made
    assert made.json["refusals"] == {"truncated": 1, "no_recorded_answer": 1}
    assert made.json["prompt_tokens"] == 7
    silver = read_documents(out)
    assert [document.id for document in silver] == ["d0", "d1", "d3"]
    assert silver[0].pairs()[0][1].text == documents[0].pairs()[0][1].text
    assert silver[2].meta["ungrounded"][0]["object"] == "gout"
    assert "skipped: d2: truncated" in made.stderr
    assert "skipped: d4: no_recorded_answer" in made.stderr
    assert "2 items skipped" in made.stderr


def test_evaluate_predictions(tmp_path: Path, student: Path, data: Path) -> None:
    gold, predicted = data / "gold.jsonl", tmp_path / "predicted.jsonl"
    ok("extract", "--student", student, "--in", gold, "--out", predicted)
    made = ok("evaluate", "--gold", gold, "--pred", predicted)
    assert "predicted.jsonl" in made.stdout
    assert "seed:13" in made.stdout.replace("\n", "")
    scores = ok("evaluate", "--gold", gold, "--pred", predicted, "--json").json
    by_student = ok("evaluate", "--gold", gold, "--student", student, "--json").json
    assert scores == by_student
    perfect = ok("evaluate", "--gold", gold, "--pred", gold, "--json").json
    assert perfect["relations"]["offsets"]["strict"]["f1"]["value"] == 1.0


def test_evaluate_with_given_subjects_comparison_and_report(
    tmp_path: Path, student: Path, data: Path
) -> None:
    gold, report = data / "gold.jsonl", tmp_path / "deep" / "report.html"
    made = ok(
        *("evaluate", "--gold", gold, "--student", student, "--given-subjects"),
        *("--compare", gold, "--report", report, "--json"),
    )
    assert made.json["comparison"]
    assert made.json["spans"]["offsets"]["strict"]["recall"]["value"] > 0
    page = report.read_text()
    assert "student" in page
    assert "gold.jsonl" in page
    made = ok("evaluate", "--gold", gold, "--student", student, "--compare", gold)
    assert "student" in made.stdout
    assert "gold.jsonl" in made.stdout


def test_two_systems_of_the_same_file_name_are_both_shown(tmp_path: Path, data: Path) -> None:
    gold = data / "gold.jsonl"
    documents = read_documents(gold)
    for name, kept in (("a", documents), ("b", [document.bare() for document in documents])):
        write_documents(tmp_path / name / "predicted.jsonl", kept)
    report = tmp_path / "report.html"
    made = ok(
        *("evaluate", "--gold", gold, "--pred", tmp_path / "a" / "predicted.jsonl"),
        *("--compare", tmp_path / "b" / "predicted.jsonl", "--report", report),
    )
    assert "a/predicted.jsonl: relations" in made.stdout
    assert "b/predicted.jsonl: relations" in made.stdout
    assert "a/predicted.jsonl" in report.read_text()
    assert "b/predicted.jsonl" in report.read_text()


def test_a_reader_who_leaves_is_no_error(tmp_path: Path, student: Path, data: Path) -> None:
    """`decoct extract ... | head -1`, with more output than a pipe holds."""
    many = write_lines(tmp_path / "many.txt", ["zorafen caused rash ."] * 400)
    process = start("extract", "--student", student, "--in", many)
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["id"] == "many.txt:1"
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert stderr == ""


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["--version"]])
def test_a_full_standard_output_is_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        made = script(*arguments, stdout=full)
    assert made.code == 1
    assert "Traceback" not in made.stderr
    assert "No space left on device" in made.stderr
    assert len(made.stderr.splitlines()) == 1, made


def test_json_survives_a_terminal_of_another_encoding(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "é.txt", ["Phenytoin-induced hépatitis."])
    made = subprocess.run(
        [SCRIPT, "label", "--in", source, "--out", tmp_path / "é.jsonl", "--teacher", "rules"],
        env={**environment(), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made
    assert "é.jsonl: 1 of 1 documents" in made.stdout.decode("utf-8")


def test_the_encoder_of_a_student_is_not_the_student(tmp_path: Path, student: Path) -> None:
    """A second tiny encoder of another seed is not needed to tell them apart: the card is."""
    made = invoke("extract", "--student", make_encoder(tmp_path / "e"), "--in", "-", stdin="x\n")
    assert "is not a student" in made.error

"""`decoct run` of tasks that are declared in a file: classes, and spans without relations."""

import json

import pytest

from fakes.commands import invoke, make_encoder, ok, read_documents, write_documents, write_lines
from fakes.drugs import corpus
from fakes.encoders import save_encoder
from fakes.labelled import texts

TASK = """
name = "course"
positive = "better"
[labels]
better = "the patient got better"
worse = "the patient got worse"
"""
RUN = """
name = "classes"
task = "course.toml"
[label]
documents = "unlabeled.jsonl"
teacher = "scripted:script.jsonl"
[distill]
encoder = "tiny"
epochs = 6
learning_rate = 3e-3
batch_size = 8
device = "cpu"
freeze_embeddings = false
[evaluate]
gold = "gold.jsonl"
gold_train = "gold.jsonl"
[extract]
documents = "unlabeled.jsonl"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    at = tmp_path_factory.mktemp("classes")
    silver, gold = texts(60), texts(20, seed=1, prefix="g")
    (at / "course.toml").write_text(TASK, encoding="utf-8")
    (at / "run.toml").write_text(RUN, encoding="utf-8")
    write_documents(at / "unlabeled.jsonl", [one.bare() for one in silver])
    gold = [one.model_copy(update={"source": "gold"}) for one in gold]
    write_documents(at / "gold.jsonl", gold)
    answers = [
        {"text": one.text, "content": json.dumps({"label": one.label, "certainty": "h"})}
        for one in [*silver, *gold]
    ]
    write_lines(at / "script.jsonl", map(json.dumps, answers))
    save_encoder(at / "tiny", "bert", [one.text for one in [*silver, *gold]])
    return at


def test_a_task_of_classes(folder):
    made = ok("run", folder / "run.toml", "--json", "-q").json
    systems = made["systems"]
    assert set(systems) == {"teacher", "student", "supervised"}
    assert systems["teacher"]["accuracy"]["value"] == 1.0
    assert systems["student"]["accuracy"]["value"] > 0.8
    at = folder / "runs" / "classes"
    assert json.loads((at / "metrics.json").read_text("utf-8")) == systems
    report = (at / "report.html").read_text("utf-8")
    assert "better" in report
    silver = read_documents(at / "label" / "silver.jsonl")
    assert {one.meta["confidence"] for one in silver} == {0.9}
    predicted = read_documents(at / "extract" / "predicted.jsonl")
    assert {one.label for one in predicted} == {"better", "worse"}
    again = ok("run", folder / "run.toml", "-q")
    assert "accuracy" in again.stdout
    assert "student" in again.stdout


def test_settings_are_those_of_the_task_s_student(folder):
    wrong = RUN.replace('device = "cpu"', 'window_poolin = "max"')
    (folder / "wrong.toml").write_text(wrong, encoding="utf-8")
    assert "did you mean 'window_pooling'" in invoke("run", folder / "wrong.toml").error
    wrong = RUN.replace('"course.toml"', '"gone.toml"')
    (folder / "wrong.toml").write_text(wrong, encoding="utf-8")
    assert "gone.toml: can't be read" in invoke("run", folder / "wrong.toml").error


def test_a_task_of_spans_alone(folder, tmp_path):
    silver, gold = corpus(60), corpus(20, seed=1, prefix="g")
    bare = [one.model_copy(update={"relations": (), "source": "gold"}) for one in gold]
    (tmp_path / "names.toml").write_text('name = "names"\n[entities]\nDrug = "a drug"\n', "utf-8")
    run = RUN.replace("course.toml", "names.toml").replace('name = "classes"', 'name = "names"')
    (tmp_path / "run.toml").write_text(run, encoding="utf-8")
    write_documents(tmp_path / "unlabeled.jsonl", [one.bare() for one in silver])
    write_documents(tmp_path / "gold.jsonl", bare)
    answers = {}
    for one in [*silver, *gold]:
        drugs = dict.fromkeys(span.text for span in one.spans if span.label == "Drug")
        said = {"spans": [{"label": "Drug", "text": text} for text in drugs]}
        answers[one.text] = json.dumps({"text": one.text, "content": json.dumps(said)})
    write_lines(tmp_path / "script.jsonl", answers.values())
    make_encoder(tmp_path / "tiny")
    made = ok("run", tmp_path / "run.toml", "--json", "-q").json
    assert made["systems"]["student"]["spans"]
    assert (tmp_path / "runs" / "names" / "report.html").is_file()

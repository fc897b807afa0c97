"""The road of linking by its commands: index, rerank, link, evaluate; and the whole by `run`."""

import json
import shutil

import pytest

from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.records import Document, Relation, Span
from fakes.commands import invoke, ok
from recipes.test_rerank import ENTITIES, patients

TEST = patients(1, 100)[60:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A knowledge base, 60 labelled mentions, a linker of them."""
    at = tmp_path_factory.mktemp("linking")
    rows = [f"{entity.id}\t{entity.name}" for entity in ENTITIES]
    (at / "kb.tsv").write_text("\n".join(["id\tname", *rows]) + "\n", encoding="utf-8")
    write_jsonl(at / "gold.jsonl", patients(1, 100)[:60])
    gold = [one.model_copy(update={"source": "gold"}) for one in TEST]
    write_jsonl(at / "test.jsonl", gold)
    ok("index", "--kb", at / "kb.tsv", "--out", at / "index", "-q")
    made = ok(
        *("rerank", "--index", at / "index", "--gold", at / "gold.jsonl"),
        *("--out", at / "linker", "--json", "-q"),
    )
    assert made.json["choices"] + made.json["out_of_reach"] == 60
    return at


def test_files_in_files_out(folder, tmp_path):
    out = tmp_path / "linked.jsonl"
    mentions = [one.bare() for one in TEST]
    spans = [one.spans[0].model_copy(update={"link": None}) for one in TEST]
    asked = [m.model_copy(update={"spans": (s,)}) for m, s in zip(mentions, spans, strict=True)]
    write_jsonl(tmp_path / "asked.jsonl", asked)
    made = ok(
        *("link", "--linker", folder / "linker", "--in", tmp_path / "asked.jsonl"),
        *("--out", out, "--json", "-q"),
    )
    assert (made.json["n_documents"], made.json["n_mentions"]) == (40, 40)
    scored = ok("evaluate", "--gold", folder / "test.jsonl", "--pred", out, "--json").json
    right = sum(
        a.spans[0].link.id == b.spans[0].link.id for a, b in zip(read(out), TEST, strict=True)
    )
    assert right / 40 > 0.8
    assert f"{right / 40:.4f}"[:5] in json.dumps(scored)


def test_what_extract_writes_is_linked(folder, tmp_path):
    text = "Since zorafen she had an ache in the knee and hip puffiness."
    places = [
        ("Drug", "zorafen"),
        ("AdverseEffect", "ache in the knee"),
        ("AdverseEffect", "hip puffiness"),
    ]
    spans = [
        Span(id=f"T{n}", label=label, text=s, start=text.index(s), end=text.index(s) + len(s))
        for n, (label, s) in enumerate(places)
    ]
    relations = [Relation(label="ADE", subject="T0", object=f"T{n}") for n in (1, 2)]
    write_jsonl(
        tmp_path / "pred.jsonl",
        [Document(id="d", text=text, source="predicted", spans=spans, relations=relations)],
    )
    out = tmp_path / "linked.jsonl"
    ok(
        *("link", "--linker", folder / "linker", "--in", tmp_path / "pred.jsonl", "--out", out),
        *("--label", "AdverseEffect", "-q"),
    )
    (linked,) = read(out)
    assert [span.link and span.link.id for span in linked.spans] == [
        None,
        "knee-pain",
        "hip-swelling",
    ]
    assert linked.relations == tuple(relations)


def test_a_mention_on_the_command_line(folder):
    made = ok(
        *("link", "--linker", folder / "linker", "--mention", "ache in the knee"),
        *("--mention", "hip puffiness", "-q"),
    )
    found = [json.loads(line) for line in made.stdout.splitlines()]
    assert [one["spans"][0]["link"]["id"] for one in found] == ["knee-pain", "hip-swelling"]
    table = ok(
        *("link", "--linker", folder / "linker", "--mention", "ache in the knee"),
        *("--format", "table", "-q"),
    )
    assert "pain of knee" in table.stdout
    sure = ok(
        *("link", "--linker", folder / "linker", "--mention", "zzz", "--min-confidence", "0.999"),
    )
    assert json.loads(sure.stdout)["spans"][0]["link"].get("id") is None


def test_an_index_alone_links_too(folder):
    made = ok("link", "--linker", folder / "index", "--mention", "pain of knee")
    assert json.loads(made.stdout)["spans"][0]["link"]["id"] == "knee-pain"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--linker", "{linker}"], "either --in FILE or --mention TEXT"),
        (["--linker", "{linker}", "--mention", "x", "--out", "o.jsonl"], "--out goes with --in"),
        (["--linker", "{gone}", "--mention", "x"], "gone"),
    ],
)
def test_what_can_not_be_linked(folder, tmp_path, arguments, message):
    places = {"linker": folder / "linker", "gone": tmp_path / "gone"}
    assert message in invoke("link", *(one.format(**places) for one in arguments)).error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "featurs"], "did you mean 'features'"),
        (["--option", "penaltee=3"], "did you mean 'penalty'"),
        ([], "--gold"),
    ],
)
def test_what_can_not_be_learnt(folder, tmp_path, arguments, message):
    gold = ["--gold", folder / "gold.jsonl"] if arguments else []
    made = invoke(
        *("rerank", "--index", folder / "index", "--out", tmp_path / "linker", "-q"),
        *gold,
        *arguments,
    )
    assert message in made.error


RUN = """
name = "small"
runs = "runs"
[index]
kb = "kb.tsv"
[learn]
gold = "gold.jsonl"
[rerank]
kind = "features"
[evaluate]
gold = "test.jsonl"
[link]
documents = "test.jsonl"
"""


def test_the_whole_by_one_file(folder, tmp_path):
    for name in ("kb.tsv", "gold.jsonl", "test.jsonl"):
        shutil.copy(folder / name, tmp_path / name)
    (tmp_path / "run.toml").write_text(RUN, encoding="utf-8")
    first = ok("run", tmp_path / "run.toml", "-q")
    at = tmp_path / "runs" / "small"
    assert (at / "manifest.json").is_file()
    metrics = json.loads((at / "metrics.json").read_text("utf-8"))
    assert set(metrics) >= {"retriever", "linker"}
    assert "recall@" in first.stdout
    assert (at / "report.html").stat().st_size > 1000
    before = (at / "metrics.json").read_bytes()
    again = ok("run", tmp_path / "run.toml", "-q", "--json").json
    assert len(again["skipped"]) >= 3
    assert (at / "metrics.json").read_bytes() == before
    (tmp_path / "run.toml").write_text(RUN.replace("kind =", "knd ="), encoding="utf-8")
    assert "did you mean 'kind'" in invoke("run", tmp_path / "run.toml").error

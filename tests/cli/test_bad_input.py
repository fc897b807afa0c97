"""Bad input: one line that says what, where and the way out; or skipped, named and counted."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakes.commands import (
    Result,
    invoke,
    make_encoder,
    ok,
    read_documents,
    write_documents,
    write_lines,
)

LONG = "Phenytoin-induced hepatitis. " * 6900
TRICKY = {
    "emoji": "💊💊 Phenytoin-induced 🤢 hepatitis 👩‍⚕️.",
    "combining": "Phenytoi\u0301n gave nau\u0308sea; phenytoin-induced hepatitis.",
    "nul": "Phenytoin\u0000-induced hepatitis.\u0000",
    "word": "Phenytoin",
    "empty": "",
    "spaces": " \t ",
    "separators": "Phenytoin-induced\u2028hepatitis.\u0085x\x0cy",
    "chinese": "患者服用阿莫西林后出现皮疹。",
    "rtl": "\u202ephenytoin-induced hepatitis\u202c",
    "crlf": "Phenytoin-induced\r\nhepatitis.\r\n",
    "long": LONG,
}


@contextmanager
def disk_of(n_bytes: int) -> Iterator[None]:
    """Make every write past a file's first bytes fail, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def label(source: object, out: Path, teacher: str = "rules", **options: object) -> Result:
    more = [
        part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)
    ]
    return invoke("label", "--in", source, "--out", out, "--teacher", teacher, *more)


# Whole files


@pytest.mark.parametrize("command", ["convert", "label", "distill", "extract", "evaluate", "run"])
def test_a_missing_file_is_named(command: str, tmp_path: Path, student: Path, data: Path) -> None:
    missing, out = tmp_path / "no" / "such.jsonl", tmp_path / "out.jsonl"
    arguments: dict[str, tuple[object, ...]] = {
        "convert": ("--from", "jsonl", "--in", missing, "--out", out),
        "label": ("--in", missing, "--out", out, "--teacher", "rules"),
        "distill": ("--silver", missing, "--out", tmp_path / "student"),
        "extract": ("--student", student, "--in", missing, "--out", out),
        "evaluate": ("--gold", missing, "--pred", data / "gold.jsonl"),
        "run": (missing,),
    }
    error = invoke(command, *arguments[command]).error
    assert str(missing) in error
    assert "No such file" in error
    assert not out.exists()
    assert (
        str(missing) in invoke("evaluate", "--gold", data / "gold.jsonl", "--pred", missing).error
    )
    assert str(missing) in invoke("extract", "--student", student, "--in", missing).error


@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_said_to_be_empty(content: bytes, tmp_path: Path, student: Path) -> None:
    empty, out = tmp_path / "empty.jsonl", tmp_path / "out.jsonl"
    empty.write_bytes(content)
    for made in (
        label(empty, out),
        invoke("convert", "--from", "jsonl", "--in", empty, "--out", out),
        invoke("distill", "--silver", empty, "--out", tmp_path / "s"),
        invoke("extract", "--student", student, "--in", empty, "--out", out),
        invoke("extract", "--student", student, "--in", empty),
        invoke("evaluate", "--gold", empty, "--pred", empty),
        label("-", out),
    ):
        assert "is empty" in made.error
    assert not out.exists()


def test_a_file_of_bad_lines_alone_fails_and_shows_one(tmp_path: Path, student: Path) -> None:
    bad, out = (
        write_lines(tmp_path / "bad.jsonl", ["nonsense", '{"id": 1}']),
        tmp_path / "out.jsonl",
    )
    for made in (
        label(bad, out),
        invoke("convert", "--from", "jsonl", "--in", bad, "--out", out),
        invoke("extract", "--student", student, "--in", bad, "--out", out),
    ):
        assert "no line of it could be read" in made.error
        assert "bad.jsonl:2" in made.error


def test_a_folder_in_place_of_a_file(tmp_path: Path, data: Path) -> None:
    assert "Is a directory" in label(tmp_path, tmp_path / "out.jsonl").error
    (tmp_path / "deep" / "folder.jsonl").mkdir(parents=True)
    made = label(data / "unlabeled.jsonl", tmp_path / "deep" / "folder.jsonl")
    assert "is a folder" in made.error
    assert not (tmp_path / "deep" / "teacher.sqlite").exists(), "it was asked in vain"


# Single lines


def test_bad_lines_are_skipped_named_and_counted(tmp_path: Path) -> None:
    good = {"id": "ok", "text": "Phenytoin-induced hepatitis."}
    drug = {"id": "T1", "start": 0, "end": 9, "label": "Drug", "text": "Phenytoin"}
    lines = [
        json.dumps(good),
        "not json",
        json.dumps({**good, "id": "off", "spans": [{**drug, "start": 1, "end": 10}]}),
        json.dumps({**good, "id": "past", "spans": [{**drug, "end": 99}]}),
        json.dumps({**good, "id": "extra", "colour": 1}),
        json.dumps(good),
        "[]",
        json.dumps({**good, "id": "lone", "text": "\ud800"}),
        '{"id": "ok2", "text": "Fine."}',
    ]
    source, out = write_lines(tmp_path / "mixed.jsonl", lines), tmp_path / "out.jsonl"
    source.write_bytes(source.read_bytes() + b'{"id": "x", "text": "\xff"}\n')
    for made in (
        label(source, out),
        invoke("convert", "--from", "jsonl", "--in", source, "--out", out),
    ):
        assert made.code == 3, made
        assert [document.id for document in read_documents(out)] == ["ok", "ok2"]
        assert "8 items skipped (7 bad_line, 1 duplicate_id)" in made.stderr
        for number in (2, 3, 4, 5, 7, 8, 10):
            assert f"skipped: {source}:{number}: " in made.stderr
        assert "'ok'" in made.stderr
        assert all(
            line.startswith(("skipped: ", "decoct: done")) for line in made.stderr.splitlines()
        ), made


def test_an_id_with_a_line_break_stays_on_its_line(tmp_path: Path) -> None:
    twice = json.dumps({"id": "a\nb", "text": "x"})
    made = label(write_lines(tmp_path / "in.jsonl", [twice, twice]), tmp_path / "out.jsonl")
    assert made.code == 3
    assert len(made.stderr.splitlines()) == 2, made


def test_many_faults_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", ['{"id": "1", "text": "x"}', *["bad"] * 1500])
    made = label(source, tmp_path / "out.jsonl")
    assert made.code == 3
    assert "... and 1490 more" in made.stderr
    assert "1500 items skipped" in made.stderr
    quiet = invoke(
        "label", "--in", source, "--out", tmp_path / "o.jsonl", "--teacher", "rules", "-q", "--json"
    )
    assert quiet.code == 3
    assert quiet.json["n_documents"] == 1
    assert quiet.stderr == "decoct: done, 1500 items skipped (1500 bad_line)\n"


@pytest.mark.slow
def test_tricky_texts_go_through_every_command_unchanged(
    tmp_path: Path, student: Path, encoder: Path
) -> None:
    source = write_lines(
        tmp_path / "in.jsonl",
        (json.dumps({"id": id_, "text": text}) for id_, text in TRICKY.items()),
    )
    silver, predicted = tmp_path / "silver.jsonl", tmp_path / "predicted.jsonl"
    assert label(source, silver).code == 0
    ok("extract", "--student", student, "--in", source, "--out", predicted)
    for out in (silver, predicted):
        assert {document.id: document.text for document in read_documents(out)} == TRICKY
    found = {d.id: {(a.text, b.text) for _, a, b in d.pairs()} for d in read_documents(silver)}
    assert found["emoji"] or found["crlf"]
    assert found["long"] == {("Phenytoin", "hepatitis")}
    ok("evaluate", "--gold", silver, "--pred", predicted, "--json")
    short = [document for document in read_documents(silver) if document.id != "long"]
    made = ok(
        *("distill", "--silver", write_documents(tmp_path / "s.jsonl", short)),
        *("--out", tmp_path / "student", "--encoder", encoder, "--epochs", "1", "-q", "--json"),
    )
    assert made.json["silver"]["documents"] == len(TRICKY) - 1


def test_crlf_files_read_as_others(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_bytes(b"\xef\xbb\xbfPhenytoin-induced hepatitis.\r\n\r\nSecond.\r\n")
    out = tmp_path / "out.jsonl"
    assert label(source, out).code == 0
    assert [(d.id, d.text) for d in read_documents(out)] == [
        ("in.txt:1", "Phenytoin-induced hepatitis."),
        ("in.txt:3", "Second."),
    ]


# Teachers


def test_a_teacher_without_an_answer_is_counted(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.txt", ["One.", "Two.", "Three."])
    script = write_lines(
        tmp_path / "script.jsonl",
        [
            json.dumps({"text": "One.", "content": '{"drugs": ["Zorafen"], "events": []}'}),
            json.dumps({"text": "Two.", "content": "I'd rather not say."}),
        ],
    )
    out = tmp_path / "out.jsonl"
    made = label(source, out, f"scripted:{script}", log=tmp_path / "deep" / "log.sqlite")
    assert made.code == 3
    assert [document.id for document in read_documents(out)] == ["in.txt:1"]
    assert "in.txt:2: invalid_answer" in made.stderr
    assert "in.txt:3: not_scripted" in made.stderr
    assert "rather not" not in made.stderr, "an answer's words may quote the document"


@pytest.mark.parametrize(
    ("teacher", "said"),
    [
        ("rulez", "did you mean 'rules'?"),
        ("opena:gpt", "did you mean 'openai'?"),
        ("", "there are: batch, openai, replay, rules, scripted"),
        ("rules:x", "takes no argument"),
        ("replay", "replay:FILE"),
        ("replay:nowhere.jsonl", "nowhere.jsonl"),
        ("scripted:nowhere.jsonl", "nowhere.jsonl"),
        ("openai", "names no model"),
        ("batch", "names no model"),
        ("openai:gpt", "OPENAI_API_KEY"),
    ],
)
def test_a_wrong_teacher(teacher: str, said: str, tmp_path: Path, data: Path) -> None:
    if teacher in ("openai", "batch"):
        error = label(
            data / "unlabeled.jsonl",
            tmp_path / "o.jsonl",
            teacher,
            base_url="http://127.0.0.1:9/v1",
        ).error
    else:
        error = label(data / "unlabeled.jsonl", tmp_path / "o.jsonl", teacher).error
    assert said in error
    assert list(tmp_path.iterdir()) == []


def test_wrong_teacher_options(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-key-1234567890")
    source, out = data / "unlabeled.jsonl", tmp_path / "o.jsonl"
    url = "http://127.0.0.1:9/v1"
    assert "temperature" in label(source, out, "openai:x", base_url=url, temperature="warm").error
    assert "base_url" in label(source, out, "openai:x", base_url="ftp://x").error
    assert (
        "loopback"
        in invoke(
            *("label", "--in", source, "--out", out, "--teacher", "openai:x", "--contains-phi"),
            *("--base-url", "https://example.com/v1"),
        ).error
    )
    (tmp_path / "log").mkdir()
    assert "call log can't be opened" in label(source, out, log=tmp_path / "log").error


# Names


def test_unknown_names_show_the_nearest(tmp_path: Path, data: Path) -> None:
    source, out = data / "unlabeled.jsonl", tmp_path / "o.jsonl"
    assert "did you mean 'ade'?" in label(source, out, task="adde").error
    assert (
        "did you mean 'ade_corpus'?"
        in invoke("convert", "--from", "ade_corpsu", "--in", source, "--out", out).error
    )
    assert (
        "did you mean 'ade'?"
        in invoke(
            "distill", "--silver", data / "silver.jsonl", "--out", tmp_path / "s", "--task", "adde"
        ).error
    )


# Encoders and students


def test_wrong_encoders(tmp_path: Path, data: Path) -> None:
    def distill(encoder: object) -> str:
        return invoke(
            *("distill", "--silver", data / "silver.jsonl", "--out", tmp_path / "student"),
            *("--encoder", encoder),
        ).error

    assert "'nonsuch' can't be loaded" in distill("nonsuch")
    assert "no config.json" in distill(data)
    broken = make_encoder(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"\0" * 64)
    assert "can't be loaded" in distill(broken)
    assert not (tmp_path / "student" / "config.json").exists()


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--epochs", "0", "epochs"),
        ("--dev-share", "1", "dev_share"),
        ("--precision", "fp8", "precision"),
        ("--learning-rate", "nan", "learning_rate"),
        ("--device", "abacus", "abacus"),
    ],
)
def test_wrong_settings(
    flag: str, value: str, said: str, tmp_path: Path, data: Path, encoder: Path
) -> None:
    made = invoke(
        *(
            "distill",
            "--silver",
            data / "silver.jsonl",
            "--out",
            tmp_path / "s",
            "--encoder",
            encoder,
        ),
        *(flag, value),
    )
    assert said in made.error


def test_too_little_to_learn_from(tmp_path: Path, data: Path, encoder: Path) -> None:
    one = write_documents(tmp_path / "one.jsonl", read_documents(data / "silver.jsonl")[:1])
    for silver in (one, data / "unlabeled.jsonl"):
        made = invoke("distill", "--silver", silver, "--out", tmp_path / "s", "--encoder", encoder)
        assert "too few to learn from" in made.error


def test_folders_that_are_no_student(
    tmp_path: Path, student: Path, data: Path, encoder: Path
) -> None:
    def extract(folder: object, *more: object) -> str:
        return invoke("extract", "--student", folder, "--in", data / "gold.jsonl", *more).error

    assert "is not a student" in extract(encoder)
    assert "no config.json" in extract(data)
    assert "no such student folder" in extract(tmp_path / "nowhere")
    assert "is a student of task 'ade', not 'phi'" in extract(student, "--task", "phi")
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (broken / name).write_bytes((student / name).read_bytes())
    (broken / "model.safetensors").write_bytes((student / "model.safetensors").read_bytes()[:-100])
    assert "model.safetensors: can't be read" in extract(broken)
    (broken / "config.json").write_text("{")
    assert "is not a student" in extract(broken)


@pytest.mark.parametrize(
    "config", ["{}", "[]", '{"decoct": {"task": "phi"}}', '{"decoct": 3}', "{"]
)
def test_distill_does_not_write_over_another_model(
    config: str, tmp_path: Path, data: Path, encoder: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(config)
    made = invoke(
        "distill", "--silver", data / "silver.jsonl", "--out", folder, "--encoder", encoder
    )
    assert str(folder) in made.error
    assert (folder / "config.json").read_text() == config


# Evaluate


def test_evaluate_takes_one_system(data: Path, student: Path) -> None:
    gold = data / "gold.jsonl"
    assert "either --pred FILE or --student FOLDER" in invoke("evaluate", "--gold", gold).error
    both = invoke("evaluate", "--gold", gold, "--pred", gold, "--student", student)
    assert "either --pred FILE or --student FOLDER" in both.error
    lone = invoke("evaluate", "--gold", gold, "--pred", gold, "--given-subjects")
    assert "--given-subjects goes with --student" in lone.error


def test_gold_of_another_task(tmp_path: Path, data: Path, student: Path) -> None:
    other = [
        document.model_copy(
            update={
                "spans": tuple(
                    s.model_copy(update={"label": f"Gene{s.label}"}) for s in document.spans
                )
            }
        )
        for document in read_documents(data / "gold.jsonl")
    ]
    gold = write_documents(tmp_path / "genes.jsonl", other)
    assert "another task" in invoke("evaluate", "--gold", gold, "--student", student).error
    assert "another task" in invoke("evaluate", "--gold", gold, "--pred", data / "gold.jsonl").error
    bare = invoke("evaluate", "--gold", data / "unlabeled.jsonl", "--pred", data / "gold.jsonl")
    assert "gold is needed" in bare.error


def test_predictions_on_another_text(tmp_path: Path, data: Path) -> None:
    documents = read_documents(data / "gold.jsonl")
    changed = documents[3].model_copy(update={"text": documents[3].text + " "})
    predicted = write_documents(tmp_path / "p.jsonl", [*documents[:3], changed])
    error = invoke("evaluate", "--gold", data / "gold.jsonl", "--pred", predicted).error
    assert "'g3'" in error
    assert "texts differ from character" in error


def test_missing_and_unknown_predictions_are_named(tmp_path: Path, data: Path) -> None:
    documents = read_documents(data / "gold.jsonl")
    stranger = documents[0].model_copy(update={"id": "stranger"})
    predicted = write_documents(tmp_path / "p.jsonl", [*documents[1:], stranger])
    made = invoke("evaluate", "--gold", data / "gold.jsonl", "--pred", predicted, "--json")
    assert made.code == 3
    assert made.json["missing"] == ["g0"]
    assert made.json["unknown"] == ["stranger"]
    assert "2 items skipped (1 no_prediction, 1 not_in_gold)" in made.stderr


# Writing


def test_an_output_that_can_not_be_written(
    tmp_path: Path, data: Path, student: Path, encoder: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    below, gold = file / "deep" / "o.jsonl", data / "gold.jsonl"
    for made in (
        invoke("convert", "--from", "jsonl", "--in", gold, "--out", below),
        label(data / "unlabeled.jsonl", below),
        label(data / "unlabeled.jsonl", tmp_path / "o.jsonl", log=below),
        invoke("distill", "--silver", data / "silver.jsonl", "--out", file, "--encoder", encoder),
        invoke("distill", "--silver", data / "silver.jsonl", "--out", below, "--encoder", encoder),
        invoke("extract", "--student", student, "--in", gold, "--out", below),
        invoke("evaluate", "--gold", gold, "--student", student, "--report", below),
    ):
        assert str(file) in made.error
    assert file.read_text() == "mine"


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, data: Path, student: Path) -> None:
    source, out = data / "unlabeled.jsonl", tmp_path / "out.jsonl"
    out.write_text("before\n")
    with disk_of(4096):
        failed = [
            invoke("convert", "--from", "jsonl", "--in", source, "--out", out),
            label(source, out, f"scripted:{data / 'script.jsonl'}"),
            invoke("extract", "--student", student, "--in", source, "--out", out, "-q"),
            invoke(
                "distill",
                "--silver",
                data / "silver.jsonl",
                "--out",
                tmp_path / "s",
                "-q",
                "--encoder",
                student,
                "--epochs",
                "1",
            ),
        ]
    for made in failed:
        assert str(tmp_path) in made.error
    assert out.read_text() == "before\n"
    ok("extract", "--student", student, "--in", source, "--out", out)
    whole = out.read_bytes()
    ok("extract", "--student", student, "--in", source, "--out", tmp_path / "fresh.jsonl")
    assert (tmp_path / "fresh.jsonl").read_bytes() == whole, "what the full disk left was mixed in"
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize("name", ["silver.jsonl.gz", "silver.txt", "silver", "-"])
def test_an_output_that_could_not_be_read_again_is_refused(
    name: str, tmp_path: Path, data: Path, student: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ".jsonl" in label(data / "unlabeled.jsonl", Path(name)).error
    made = invoke("extract", "--student", student, "--in", data / "gold.jsonl", "--out", name)
    assert ".jsonl" in made.error
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over_its_own_source(tmp_path: Path, data: Path, student: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_bytes((data / "gold.jsonl").read_bytes())
    (tmp_path / "link.jsonl").symlink_to(mine)
    for made in (
        label(mine, mine),
        label(mine, tmp_path / "link.jsonl"),
        invoke("convert", "--from", "jsonl", "--in", mine, "--out", mine),
        invoke("extract", "--student", student, "--in", mine, "--out", mine),
        invoke("evaluate", "--gold", mine, "--pred", mine, "--report", mine),
    ):
        assert "would be written over" in made.error
    assert mine.read_bytes() == (data / "gold.jsonl").read_bytes()

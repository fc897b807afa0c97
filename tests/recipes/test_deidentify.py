"""De-identification of files: by document and by patient, resumed, with a student, and silent."""

import json

import pytest

from decoct.errors import ConfigError, Faults, FormatError
from decoct.formats.base import STANDARD_INPUT
from decoct.formats.jsonl import write_jsonl
from decoct.privacy import DeidentifySettings, Labels
from decoct.progress import Silent
from decoct.recipes.deidentify import deidentify_file
from decoct.records import Document, Span

KEY = b"a key for tests only"
PEOPLE = ["Tobin Harrow", "Edda Prewitt", "Ulla Menk", "Jorrit Vane"]


def note(number):
    name = PEOPLE[number % 4]
    given_name, surname = name.split()
    text = f"{name} came on 03/{number + 1:02}/2019. Dr. {surname} and {given_name} took zorafen."
    at = text.index("03/")
    spans = [
        Span(id="T1", start=0, end=len(name), label="NAME", text=name),
        Span(id="T2", start=at, end=at + 10, label="DATE", text=text[at : at + 10]),
    ]
    meta = {"patient_id": f"p{number % 4}", "site": "B"}
    return Document(id=f"n{number}", text=text, spans=spans, meta=meta)


NOTES = [note(number) for number in range(12)]


class Finder:
    """Marks "zorafen" as a name, as a student might that has learnt little."""

    fingerprint = "finder"

    def __init__(self):
        self.n_asked = 0

    def extract(self, documents):
        for document in documents:
            self.n_asked += 1
            start = document.text.find("zorafen")
            found = (
                [Span(id="T1", start=start, end=start + 7, label="PERSON", text="zorafen")]
                if start >= 0
                else []
            )
            yield Document(id=document.id, text=document.text, source="predicted", spans=found)


class Interrupting(Silent):
    def __init__(self, after):
        self.after = after

    def track(self, items, total, title):
        for number, item in enumerate(items):
            if title == "deidentify" and number == self.after:
                raise KeyboardInterrupt
            yield item


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    write_jsonl(path, NOTES)
    return path


def read(path):
    return [Document.from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(source, out, **options):
    return deidentify_file(source, out, **{"key": KEY, **options})


def test_each_document_for_itself(source, tmp_path):
    out = tmp_path / "sub" / "out.jsonl"
    told = run(source, out)
    clean = read(out)
    assert [one.id for one in clean] == [one.id for one in NOTES]
    assert told.n_documents == 12
    assert told.counts == {"NAME": 36, "DATE": 12}
    assert told.origins == {"span": 24, "sweep": 24}
    assert told.left.total() == 0
    assert told.n_patients is None
    assert all(one.text.endswith(" took zorafen.") and one.meta == {} for one in clean)
    first_names = {one.text.split()[0] for one in (clean[0], clean[4], clean[8])}
    assert len(first_names) > 1  # one patient, three documents


def test_by_patient(source, tmp_path):
    out = tmp_path / "out.jsonl"
    told = run(source, out, by="patient_id")
    clean = read(out)
    assert told.n_patients == 4
    names = [" ".join(one.text.split()[:2]) for one in clean]
    assert names[:4] * 3 == names
    assert len(set(names)) == 4
    days = [int(one.text.split("/")[1]) for one in clean]
    assert (days[4] - days[0]) % 30 in (4, 5, 3, 2)  # a month's length may lie between


def test_a_name_of_a_patient_goes_also_where_another_document_marks_it(tmp_path):
    marked = NOTES[0]
    bare = Document(id="late", text="Call Harrow, not Prewitt.", meta={"patient_id": "p0"})
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_jsonl(source, [bare, marked])
    run(source, out, by="patient_id", settings=DeidentifySettings(how="tag"))
    assert read(out)[0].text == "Call [NAME], not Prewitt."
    run(source, out, settings=DeidentifySettings(how="tag"))
    assert read(out)[0].text == bare.text


@pytest.mark.parametrize("by", [None, "patient_id"])
@pytest.mark.parametrize("after", [0, 1, 7])
def test_an_interrupted_run_ends_as_the_uninterrupted_one(source, tmp_path, by, after):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    settings = DeidentifySettings(how="tag", number_tags=True)
    told = run(source, whole, by=by, settings=settings)
    with pytest.raises(KeyboardInterrupt):
        run(source, out, by=by, settings=settings, progress=Interrupting(after))
    assert not out.exists()
    again = run(source, out, by=by, settings=settings)
    assert out.read_bytes() == whole.read_bytes()
    assert again.n_resumed == after
    assert {**again.to_dict(), "n_resumed": 0} == told.to_dict()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.jsonl", "out.jsonl", "whole.jsonl",
    ]  # fmt: skip


def test_another_key_or_setting_or_no_key_begins_again(source, tmp_path):
    out = tmp_path / "out.jsonl"
    for options in ({}, {"key": KEY + b"!"}, {"labels": Labels.of({}, ["DATE"])}, {"key": None}):
        with pytest.raises(KeyboardInterrupt):
            run(source, out, progress=Interrupting(5), **options)
        part = tmp_path / "out.jsonl.part"
        assert len(part.read_text().splitlines()) == 5
    assert run(source, out, key=None).n_resumed == 0


def test_the_key_is_nowhere(source, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.jsonl", progress=Interrupting(5))
    run(source, tmp_path / "other.jsonl")
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path != source)
    assert KEY not in written
    assert KEY.hex().encode() not in written


@pytest.mark.parametrize("by", [None, "patient_id"])
def test_with_a_student(source, tmp_path, by):
    out, student = tmp_path / "out.jsonl", Finder()
    settings = DeidentifySettings(how="tag")
    told = run(source, out, student=student, by=by, settings=settings)
    assert all(one.text.endswith(" took [NAME].") for one in read(out))
    assert told.counts["NAME"] == 48
    assert student.n_asked == 12  # once, also where the file is read twice
    faults = Faults()
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "b.jsonl", student=student, by=by, progress=Interrupting(5))
    again = run(source, tmp_path / "b.jsonl", student=student, by=by, faults=faults)
    assert again.n_documents == 12
    assert again.n_resumed == 5
    assert dict(faults.counts) == ({} if by else {"not_searched_again": 1})


def test_what_is_left_is_named_without_its_words(source, tmp_path):
    faults = Faults()
    told = run(
        source, tmp_path / "out.jsonl", faults=faults, settings=DeidentifySettings(sweep=False)
    )
    assert told.left == {"NAME": 24}
    assert faults.counts == {"left": 24}
    said = "\n".join(map(str, faults.kept))
    assert "document 'n0': NAME is left in text " in said
    assert not any(word in said for name in PEOPLE for word in name.split())


def test_an_id_that_holds_phi_is_not_said(tmp_path):
    source = tmp_path / "in.jsonl"
    write_jsonl(source, [NOTES[0].model_copy(update={"id": "harrow-1"})])
    faults = Faults()
    run(source, tmp_path / "out.jsonl", faults=faults)
    assert [str(fault) for fault in faults.kept] == ["document 1: NAME is left in id"]


def test_lines_that_cannot_be_read_are_named_without_their_words(source, tmp_path):
    bad = NOTES[0].model_dump(mode="json")
    bad["id"] = "bad"
    bad["spans"][0]["text"] = "Somebody Secret"
    lines = source.read_text().splitlines()
    lines[3:3] = [json.dumps(bad), "Tobin Harrow, not JSON", lines[0]]
    source.write_text("\n".join(lines))
    for by in (None, "patient_id"):
        faults = Faults()
        told = run(source, tmp_path / "out.jsonl", faults=faults, by=by)
        assert told.n_documents == 12
        assert faults.counts == {"bad_line": 2, "duplicate_id": 1}
        said = "\n".join(map(str, faults.kept))
        assert "Harrow" not in said
        assert "Secret" not in said
        assert ":4: " in said
        assert "its id is on line 1 already" in said


@pytest.mark.parametrize("content", ["", "\n", "Tobin Harrow: not JSON\n"])
def test_a_source_without_documents(tmp_path, content):
    source = tmp_path / "in.jsonl"
    source.write_text(content)
    with pytest.raises(FormatError) as caught:
        run(source, tmp_path / "out.jsonl")
    assert "Harrow" not in str(caught.value)
    assert not (tmp_path / "out.jsonl").exists()


def test_patients_need_a_file(tmp_path):
    with pytest.raises(ConfigError, match="standard input"):
        run(STANDARD_INPUT, tmp_path / "out.jsonl", by="patient_id")

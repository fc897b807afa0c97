"""Extraction to a file: whole or resumable, in order, whatever interrupts it."""

import contextlib
import errno
import io
import json

import pytest

from decoct import store
from decoct.errors import ArtifactError, Faults, FormatError, StoreError
from decoct.formats.base import STANDARD_INPUT
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Silent
from decoct.recipes import extract as under_test
from decoct.recipes.extract import Extracted, count, extract, extract_file, load_student
from decoct.records import Document
from decoct.student import predict
from fakes.drugs import corpus

CHUNK = 8
DOCUMENTS = [
    Document(id=f"e{n}", text=(document.text + " ") * (n % 3 + 1))
    for n, document in enumerate(corpus(30, seed=4))
]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(predict, "CHUNK_DOCUMENTS", CHUNK)
    monkeypatch.setattr(under_test, "CHUNK_DOCUMENTS", CHUNK)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    write_jsonl(path, DOCUMENTS)
    return path


@pytest.fixture
def whole(student, source, tmp_path):
    """The bytes that an uninterrupted run writes."""
    out = tmp_path / "whole.jsonl"
    extract_file(student, source, out)
    return out.read_bytes()


class Interrupting(Silent):
    def __init__(self, after):
        self.after = after

    def track(self, items, total, title):
        for number, item in enumerate(items):
            if number == self.after and title == "extract":
                raise KeyboardInterrupt
            yield item


def files(folder):
    return {path.name for path in folder.iterdir()}


def test_the_file_holds_every_document_in_order(student, source, tmp_path):
    out = tmp_path / "sub" / "out.jsonl"
    told = extract_file(student, source, out)
    found = [Document.from_json(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(d.id, d.text) for d in found] == [(d.id, d.text) for d in DOCUMENTS]
    assert all(document.source == "predicted" for document in found)
    assert found == list(extract(student, source, Faults()))
    n_relations = sum(len(document.relations) for document in found)
    assert n_relations > 10
    assert told == Extracted(len(DOCUMENTS), 0, n_relations)
    assert told.to_dict() == {"n_documents": 30, "n_resumed": 0, "n_relations": n_relations}
    assert files(out.parent) == {"out.jsonl"}


@pytest.mark.parametrize("after", [0, 1, CHUNK - 1, CHUNK, CHUNK + 3, 29])
def test_an_interrupted_extraction_ends_as_the_uninterrupted_one(
    student, source, whole, tmp_path, after
):
    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        extract_file(student, source, out, progress=Interrupting(after))
    assert not out.exists()
    told = extract_file(student, source, out)
    assert (told.n_documents, told.n_resumed) == (len(DOCUMENTS), after)
    assert out.read_bytes() == whole
    assert not [name for name in files(tmp_path) if "part" in name]


def test_a_resumed_run_makes_the_batches_of_the_uninterrupted_one(
    student, source, tmp_path, monkeypatch
):
    """So that the last digits are the same too, on hardware where they hang on the batch."""
    seen = []
    network = type(student._reader.network)
    encode = network.encode
    monkeypatch.setattr(
        network, "encode", lambda self, b: seen.append(b.input_ids.tobytes()) or encode(self, b)
    )
    extract_file(student, source, tmp_path / "whole.jsonl")
    expected = seen[1:]
    with pytest.raises(KeyboardInterrupt):
        extract_file(student, source, tmp_path / "out.jsonl", progress=Interrupting(CHUNK + 3))
    seen.clear()
    extract_file(student, source, tmp_path / "out.jsonl")
    assert seen == expected


def test_twice_interrupted(student, source, whole, tmp_path):
    out = tmp_path / "out.jsonl"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            extract_file(student, source, out, progress=Interrupting(5))
    assert extract_file(student, source, out).n_resumed == 10
    assert out.read_bytes() == whole


def test_a_broken_last_line_is_made_again(student, source, whole, tmp_path):
    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        extract_file(student, source, out, progress=Interrupting(5))
    part = tmp_path / "out.jsonl.part"
    part.write_bytes(part.read_bytes()[:-20])
    assert extract_file(student, source, out).n_resumed == 4
    assert out.read_bytes() == whole


def test_a_part_of_other_input_or_settings_is_not_gone_on_with(student, source, tmp_path):
    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        extract_file(student, source, out, progress=Interrupting(5))
    with pytest.raises(KeyboardInterrupt):
        extract_file(student, source, out, given_subjects=True, progress=Interrupting(5))
    write_jsonl(source, DOCUMENTS[:20])
    assert extract_file(student, source, out, given_subjects=True).n_resumed == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 20


def test_lines_that_cannot_be_read_are_faults_also_after_a_resumption(student, source, tmp_path):
    lines = source.read_text(encoding="utf-8").splitlines()
    lines[2:2] = ["not json"]
    lines[20:20] = ["{}"]
    source.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        extract_file(student, source, out, progress=Interrupting(CHUNK + 1))
    faults = Faults()
    told = extract_file(student, source, out, faults=faults)
    assert told.n_documents == len(DOCUMENTS)
    assert faults.counts == {"bad_line": 2}


@pytest.mark.parametrize("n_lines", [3, 11])
def test_a_full_disk_is_an_error_and_the_part_is_kept(
    student, source, whole, tmp_path, monkeypatch, n_lines
):
    class Full(io.TextIOWrapper):
        """A file on a disk with room for some lines."""

        left = n_lines

        def write(self, line):
            if not self.left:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.left -= 1
            return super().write(line)

    real = under_test.resumable_lines
    path_open = store.Path.open

    def opening(self, mode="r", *args, **options):
        if self.name.endswith(".part") and mode in ("w", "a"):
            return Full(path_open(self, mode + "b"), encoding="utf-8", newline="\n")
        return path_open(self, mode, *args, **options)

    @contextlib.contextmanager
    def on_a_full_disk(path, fingerprint):
        with monkeypatch.context() as patch:
            patch.setattr(store.Path, "open", opening)
            with real(path, fingerprint) as found:
                yield found

    out = tmp_path / "out.jsonl"
    monkeypatch.setattr(under_test, "resumable_lines", on_a_full_disk)
    with pytest.raises(StoreError, match="No space left") as caught:
        extract_file(student, source, out)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert len((tmp_path / "out.jsonl.part").read_text(encoding="utf-8").splitlines()) == n_lines

    monkeypatch.setattr(under_test, "resumable_lines", real)
    assert extract_file(student, source, out).n_resumed == n_lines
    assert out.read_bytes() == whole


def test_dev_full(student, source, tmp_path):
    (tmp_path / "out.jsonl.part").symlink_to("/dev/full")
    with pytest.raises(StoreError, match="No space left"):
        extract_file(student, source, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_an_out_that_cannot_be_written(student, source, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError):
        extract_file(student, source, tmp_path / "file" / "out.jsonl")


def test_standard_input_is_never_resumed(student, source, tmp_path, monkeypatch):
    lines = [document.text for document in DOCUMENTS]

    class Input:
        buffer = None

    out = tmp_path / "out.jsonl"
    for progress in (Interrupting(5), None):
        Input.buffer = io.BytesIO("\n".join(lines).encode())
        monkeypatch.setattr("sys.stdin", Input)
        with pytest.raises(KeyboardInterrupt) if progress else contextlib.nullcontext():
            told = extract_file(student, under_test.STANDARD_INPUT, out, progress=progress)
    assert (told.n_documents, told.n_resumed) == (30, 0)
    assert [json.loads(line)["text"] for line in out.read_text().splitlines()] == lines


@pytest.mark.parametrize("content", ["", "\n\n", "not json\n"])
def test_a_source_without_documents_is_an_error(student, tmp_path, content):
    source = tmp_path / "in.jsonl"
    source.write_text(content)
    with pytest.raises(FormatError):
        extract_file(student, source, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_given_subjects(student, tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    documents = corpus(10, seed=4)
    write_jsonl(source, documents)
    extract_file(student, source, out, given_subjects=True)
    for document, line in zip(documents, out.read_text().splitlines(), strict=True):
        found = Document.from_json(line)
        assert subjects(found) == subjects(document)


def subjects(document):
    return [(span.start, span.end) for span in document.spans if span.label == "Drug"]


def test_load_student(student_folder, student):
    assert load_student(student_folder, "ade", "cpu").fingerprint == student.fingerprint
    assert load_student(str(student_folder), device="cpu").card.task == "ade"
    for other in ("phi", "no-such-task"):
        with pytest.raises(ArtifactError, match=f"task 'ade', not '{other}'") as caught:
            load_student(student_folder, other, "cpu")
        assert "\n" not in str(caught.value)
    with pytest.raises(ArtifactError, match="no such student folder"):
        load_student("/nowhere", device="cpu")


class Watching(Silent):
    """Remembers how many documents it was told there are."""

    def track(self, items, total, title):
        self.total = total
        yield from super().track(items, total, title)


def test_how_many_are_left_is_said(student, tmp_path):
    source, watching = tmp_path / "in.jsonl", Watching()
    lines = [f'{{"id": "{n}", "text": "Rash."}}' for n in range(CHUNK + 9)]
    source.write_text("\n".join([*lines, "no JSON", ""]))
    with pytest.raises(KeyboardInterrupt):
        extract_file(student, source, tmp_path / "out.jsonl", progress=Interrupting(CHUNK + 4))
    extract_file(student, source, tmp_path / "out.jsonl", faults=Faults(), progress=watching)
    assert watching.total == 6  # the line that can not be read too
    assert count(STANDARD_INPUT, Silent()) is None

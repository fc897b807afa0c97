"""What every line-wise format owes: each bad line named by file and line, the rest read."""

import gzip
import io
import sys

import pytest

import decoct
from decoct.errors import Faults, FormatError, StoreError
from decoct.formats.base import (
    STANDARD_INPUT,
    guess_format,
    read_documents,
    read_lines,
    unique,
)
from decoct.records import Document


def lines(path) -> tuple[list[tuple[int, str]], Faults]:
    faults = Faults()
    return list(read_lines(path, faults)), faults


@pytest.fixture
def write(tmp_path):
    def put(content: bytes, name: str = "f.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a\nb\n", [(1, "a"), (2, "b")]),
        (b"a\r\nb\r\n", [(1, "a"), (2, "b")]),
        (b"a\n\n  \n\r\nb", [(1, "a"), (5, "b")]),
        ("a\n\u3000\u00a0\nb".encode(), [(1, "a"), (3, "b")]),
        (b"\xef\xbb\xbfa\n", [(1, "a")]),
        (b"\xef\xbb\xbf\na\n", [(2, "a")]),
        (b"a\0b\n", [(1, "a\0b")]),
        ("a\u2028b\x85c\x0bd\re\n".encode(), [(1, "a\u2028b\x85c\x0bd\re")]),
        ("a\n\ufeffb".encode(), [(1, "a"), (2, "\ufeffb")]),
        (b" a \n", [(1, " a ")]),
    ],
)
def test_lines(write, content, found):
    for path in (write(content), write(gzip.compress(content), "f.txt.gz")):
        assert lines(path) == (found, Faults())


def test_a_line_that_is_not_utf_8_is_named(write):
    path = write(b"a\n\xff\xfe\nb\xed\xa0\x80\nc\n")
    found, faults = lines(path)
    assert found == [(1, "a"), (4, "c")]
    assert faults.counts == {"bad_line": 2}
    assert [fault.where for fault in faults.kept] == [f"{path}:2", f"{path}:3"]
    assert str(faults.kept[1]) == f"{path}:3: not UTF-8 at byte 1"


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_an_empty_file(write, content):
    for path in (write(content), write(gzip.compress(content), "f.gz")):
        with pytest.raises(FormatError, match="is empty; one document a line"):
            lines(path)


def test_what_can_not_be_opened(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "none", tmp_path, tmp_path / "file" / "below", tmp_path / "none.gz"):
        with pytest.raises(StoreError, match=r"can't be read: \w") as caught:
            lines(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


WHOLE = gzip.compress(b"".join(b"line %d\n" % n for n in range(50_000)), mtime=0)
BROKEN = {
    "cut off": WHOLE[:-500],
    "no gzip": b"line 1\nline 2\n",
    "garbage within": WHOLE[:400] + b"\xff" * 400 + WHOLE[800:],
    "wrong checksum": WHOLE[:-8] + b"\0" * 8,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_gzip(write, content):
    path = write(content, "f.gz")
    with pytest.raises(StoreError, match=r"f\.gz: can't be read: .") as caught:
        lines(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("a.jsonl", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.json", "jsonl"),
        ("A.JSONL.GZ", "jsonl"),
        ("DRUG-AE.rel", "ade_corpus"),
        ("a.txt", "text"),
        ("a.v1.2.txt.gz", "text"),
        ("a", "text"),
        ("jsonl", "text"),
        ("-", "text"),
        ("a.csv", "mentions"),
        ("a.tsv.gz", "mentions"),
        ("train_dev.PubTator", "pubtator"),
        ("a.xml", "text"),
    ],
)
def test_the_format_is_guessed_by_the_ending(tmp_path, name, format_name):
    assert guess_format(tmp_path / name) == format_name


def test_each_id_once(tmp_path):
    faults = Faults()
    made = [Document(id=id_, text=str(n)) for n, id_ in enumerate("aba")]
    assert [document.text for document in unique(made, tmp_path, faults)] == ["0", "1"]
    assert faults.counts == {"duplicate_id": 1}


def test_standard_input_is_read_and_left_open(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(b"One.\nTwo.\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stream)
    found = decoct.read("-")
    assert [(document.id, document.text) for document in found] == [
        ("stdin:1", "One."),
        ("stdin:2", "Two."),
    ]
    assert not stream.closed


def test_the_named_format_wins(write):
    path = write(b'{"id": "a", "text": "b"}\n')
    assert decoct.read(path)[0].text.startswith("{")
    assert decoct.read(path, format="jsonl")[0].text == "b"


def test_read_fails_where_read_documents_goes_on(write):
    path = write(b'{"id": "a", "text": "b"}\nnonsense\n[]\n', "f.jsonl")
    with pytest.raises(FormatError, match=r"f\.jsonl:2: .*\(2 such lines\)"):
        decoct.read(path)
    faults = Faults()
    assert [document.id for document in read_documents(path, faults)] == ["a"]
    assert faults.n == 2


@pytest.mark.parametrize(
    ("piped", "ids"),
    [
        (b'{"id": "d1", "text": "One."}\n', ["d1"]),
        (b' \n{"id": "d1", "text": "One."}\n', ["d1"]),
        (b"{rash} after aspirin\n", ["stdin:1"]),
        (b"One.\n", ["stdin:1"]),
    ],
)
def test_jsonl_on_standard_input_is_known_by_how_it_begins(monkeypatch, piped, ids):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(piped)))
    monkeypatch.setattr(sys, "stdin", stream)
    assert [document.id for document in read_documents(STANDARD_INPUT, Faults())] == ids

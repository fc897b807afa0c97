"""JSONL: what is written is read, what is wrong is named, nothing half is left."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import Faults, RecordError, StoreError
from decoct.formats.jsonl import checked_line, plugin, write_jsonl
from decoct.records import Document, Span

CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from('\0\r\n\u2028\u2029\x85\ufeff💊\u0301阿"\\'),
)
TEXTS = st.text(CHARACTERS, min_size=1, max_size=40)


def line(**changes) -> str:
    data = {"id": "d1", "text": "Rash after gold.", **changes}
    return json.dumps(data)


def span(start: int, end: int, text: str) -> dict:
    return {"id": "T1", "start": start, "end": end, "label": "Drug", "text": text}


@given(st.lists(TEXTS, min_size=1, max_size=6, unique=True))
def test_what_is_written_is_read(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("jsonl") / "f.jsonl"
    documents = [
        Document(
            id=text,
            text=text,
            spans=[Span(id="T1", start=0, end=len(text), label="X", text=text)],
            meta={text: text},
        )
        for text in texts
    ]
    assert write_jsonl(path, documents) == len(documents)
    faults = Faults()
    assert list(plugin.read(path, faults)) == documents
    assert not faults
    zipped = path.with_suffix(".jsonl.gz")
    zipped.write_bytes(gzip.compress(path.read_bytes().replace(b"\n", b"\r\n")))
    assert list(plugin.read(zipped, faults)) == documents


BAD = {
    "nonsense": "not JSON at all",
    "cut": line()[:-5],
    "a list": "[]",
    "no text": '{"id": "d2"}',
    "unknown key": line(id="d2", labels=[]),
    "wrong offsets": line(id="d2", spans=[span(0, 4, "gold")]),
    "out of the text": line(id="d2", spans=[span(11, 99, "gold.")]),
    "dangling": line(id="d2", relations=[{"label": "ADE", "subject": "T1", "object": "T2"}]),
    "lone surrogate": '{"id": "d2", "text": "\\ud800"}',
    "raw control character": '{"id": "d2", "text": "a\0b"}',
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_and_the_rest_read(tmp_path, bad):
    path = tmp_path / "f.jsonl"
    good = [line(id="d0", spans=[span(11, 15, "gold")]), line(id="d9")]
    path.write_text(f"{good[0]}\n\n{bad}\n{good[1]}", encoding="utf-8")
    faults = Faults()
    assert [document.id for document in plugin.read(path, faults)] == ["d0", "d9"]
    assert faults.counts == {"bad_line": 1}
    assert faults.kept[0].where == f"{path}:3"
    assert "\n" not in str(faults.kept[0])


def test_an_id_again_is_named_by_its_line(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text(f"{line()}\n{line(id='d2')}\n{line(text='other')}\n")
    faults = Faults()
    assert [document.text for document in plugin.read(path, faults)] == ["Rash after gold."] * 2
    assert faults.counts == {"duplicate_id": 1}
    assert str(faults.kept[0]) == f"{path}:3: id 'd1' is on line 1 already"


def test_a_long_line(tmp_path):
    path = tmp_path / "f.jsonl"
    text = "阿 " * 100_000 + "gold"
    made = Document(id="d", text=text, spans=[Span(**span(200_000, 200_004, "gold"))])
    write_jsonl(path, [made])
    assert list(plugin.read(path, Faults())) == [made]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.jsonl"
    good = Document(id="d", text="gold")
    write_jsonl(path, [good])
    wrong = good.model_copy(update={"spans": (Span(**span(0, 4, "iron")),)})
    for documents in ([good, wrong], [good, Document(id="e", text="\ud800")]):
        with pytest.raises(RecordError):
            write_jsonl(path, documents)
        assert list(plugin.read(path, Faults())) == [good]
        assert [each.name for each in tmp_path.iterdir()] == ["f.jsonl"]
    with pytest.raises(StoreError, match="can't be written"):
        write_jsonl(path / "below", [good])


def test_a_line_is_checked_once_more():
    good = Document(id="d", text="gold")
    assert checked_line(good) == good.to_json() + "\n"
    with pytest.raises(RecordError, match="T1"):
        checked_line(good.model_copy(update={"spans": (Span(**span(0, 4, "iron")),)}))

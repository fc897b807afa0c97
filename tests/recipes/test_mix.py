"""Mixing files: what is put to the vote, and what is not."""

import pytest

from decoct.errors import ConfigError, Faults, FormatError, RegistryError, StoreError
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Silent
from decoct.recipes.mix import mix_file
from decoct.records import Document
from decoct.student.silver.mix import mix
from decoct.student.silver.settings import MixSettings
from decoct.tasks.base import get_task
from fakes.drugs import corpus

A = corpus(10)


def without(document):
    return document.model_copy(update={"spans": (), "relations": ()})


B = [*A[:4], *map(without, A[4:8]), *corpus(12)[10:]]


@pytest.fixture
def write(tmp_path):
    def go(name, documents):
        write_jsonl(tmp_path / name, documents)
        return tmp_path / name

    return go


def test_files_are_mixed_as_documents_are(write, tmp_path):
    out = tmp_path / "out.jsonl"
    settings = MixSettings(min_share=0.6)
    made = mix_file([write("a.jsonl", A), write("b.jsonl", B)], out, "ade", settings)
    expected = mix([A, B], get_task("ade"), settings)
    assert read(out) == list(expected.documents)
    assert [document.id for document in read(out)] == [f"d{number}" for number in range(12)]
    assert made.counts == expected.counts
    assert made.n_labelled == (10, 10)
    assert made.to_dict()["votes"]["labelled_by_one"] == 4
    related = sum(len(document.relations) for document in read(out))
    assert related == made.n_relations == made.to_dict()["n_relations"]
    assert made.to_dict()["votes"]["outvoted"] == sum(len(one.relations) for one in A[4:8])


def test_the_share_decides(write, tmp_path):
    files = [write(f"{name}.jsonl", one) for name, one in (("a", A), ("b", B), ("c", B))]
    out = tmp_path / "out.jsonl"
    found = [
        mix_file(files, out, settings=MixSettings(min_share=share)).n_relations
        for share in (0.3, 0.5)
    ]
    assert found[0] > found[1]


def test_what_can_not_be_put_to_the_vote_is_named(write, tmp_path):
    changed = Document(id="d0", text="Another text.", source="silver")
    bare = A[1].bare()
    unsound = A[2].model_copy(update={"meta": {"ungrounded": [{"label": "ADE"}]}})
    b = write(
        "b.jsonl", [changed, bare, unsound, *A[3:], Document(id="x", text="X", source="silver")]
    )
    with b.open("a") as handle:
        handle.write("not json\n")
    faults = Faults()
    out = tmp_path / "out.jsonl"
    made = mix_file([write("a.jsonl", A), b], out, faults=faults)
    assert faults.counts == {"other_text": 1, "not_annotated": 1, "bad_line": 2}
    assert all(str(b) in fault.where for fault in faults.kept)
    assert {fault.where.split("'")[1] for fault in faults.kept if "'" in fault.where} == {
        *("d0", "d1", "d2")
    }
    assert made.n_labelled == (10, 8)
    assert made.counts["labelled_by_one"] == 4
    assert read(out)[0].text == A[0].text, "the first file's"
    assert read(out)[-1].id == "x", "silver that says there is nothing"


def test_a_vote_takes_two(write, tmp_path):
    a, out = write("a.jsonl", A), tmp_path / "out.jsonl"
    for sources, why in (([], "0 file"), ([a], "1 file"), ([a, a], "named twice")):
        with pytest.raises(ConfigError, match=why):
            mix_file(sources, out)
    with pytest.raises(StoreError, match=r"none\.jsonl"):
        mix_file([a, tmp_path / "none.jsonl"], out)
    with pytest.raises(FormatError, match="no line of it"):
        mix_file([a, write("b.jsonl", [A[0].bare()])], out)
    with pytest.raises(RegistryError, match="did you mean 'ade'"):
        mix_file([a, write("b.jsonl", B)], out, "adee")
    assert not out.exists()


def test_an_interrupted_mix_leaves_what_was_there(write, tmp_path):
    class Interrupting(Silent):
        def track(self, items, total, title):
            if "b.jsonl" in title:
                raise KeyboardInterrupt
            yield from items

    out = write("out.jsonl", A[:1])
    with pytest.raises(KeyboardInterrupt):
        mix_file([write("a.jsonl", A), write("b.jsonl", B)], out, progress=Interrupting())
    assert read(out) == A[:1]

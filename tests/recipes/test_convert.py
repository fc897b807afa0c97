"""`convert`: a corpus in, JSONL out, what was skipped counted."""

import pytest

import decoct
from decoct.errors import Faults, FormatError, RegistryError, StoreError
from decoct.recipes.convert import Converted, convert

ROW = "1|Gold: rash.|rash|106|110|Gold|100|104"


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "ade"
    folder.mkdir()
    (folder / "DRUG-AE.rel").write_text(f"{ROW}\nnonsense\n{ROW.replace('106', '107')}\n")
    (folder / "ADE-NEG.txt").write_text("2 NEG Nothing.\n")
    return folder


def test_what_is_written(tmp_path, corpus):
    faults = Faults()
    faults.add("before", "not of this conversion", "x")
    out = tmp_path / "out" / "gold.jsonl"
    made = convert(corpus, out, "ade_corpus", faults=faults)
    assert made == Converted(2, 1, 2, 1, 2)
    assert made.to_dict()["n_skipped"] == 2
    assert faults.counts == {"x": 1, "bad_line": 1, "bad_offsets": 1}
    assert [document.id for document in decoct.read(out)] == ["1:100", "2:neg1"]
    positives = convert(corpus, out, "ade_corpus", positives_only=True)
    assert (positives.n_documents, positives.n_negative) == (1, 0)


def test_its_own_form_comes_out_the_same(tmp_path, corpus):
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    convert(corpus, first, "ade_corpus")
    convert(first, second, "jsonl")
    assert first.read_bytes() == second.read_bytes()


def test_what_can_not_be_converted_leaves_nothing(tmp_path, corpus):
    out = tmp_path / "out.jsonl"
    (tmp_path / "bad.jsonl").write_text("nonsense\n")
    with pytest.raises(FormatError, match=r"bad\.jsonl"):
        convert(tmp_path / "bad.jsonl", out, "jsonl")
    with pytest.raises(StoreError, match="can't be read"):
        convert(tmp_path / "none.jsonl", out, "jsonl")
    with pytest.raises(RegistryError, match="did you mean 'ade_corpus'"):
        convert(corpus, out, "ade-corpus")
    with pytest.raises(StoreError, match="can't be written"):
        convert(corpus, tmp_path / "bad.jsonl" / "out.jsonl", "ade_corpus")
    (corpus / "ADE-NEG.txt").unlink()
    with pytest.raises(FormatError, match="--positives-only"):
        convert(corpus, out, "ade_corpus")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ade", "bad.jsonl"]

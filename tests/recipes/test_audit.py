"""`audit`: what is drawn, in which order, and what two files have in common."""

from __future__ import annotations

from collections import Counter

import pytest

from decoct.errors import ConfigError, EvaluationError, Faults, FormatError
from decoct.recipes.audit import agreement, sample
from fakes.commands import read_documents, write_documents, write_lines
from fakes.drugs import corpus


def with_doubt(document, meta=(), **confidences):
    """Give a document's first relation or span a confidence, and the whole some meta."""
    changed = {"meta": dict(meta)}
    for field, confidence in confidences.items():
        first, *rest = getattr(document, field)
        changed[field] = (first.model_copy(update={"confidence": confidence}), *rest)
    return document.model_copy(update=changed)


@pytest.fixture
def silver(tmp_path):
    return write_documents(tmp_path / "silver.jsonl", corpus(50))


def ids(path):
    return [document.id for document in read_documents(path)]


def test_random_is_seeded_and_shuffled(tmp_path, silver):
    out = tmp_path / "sample.jsonl"
    drawn = sample(silver, out, 10)
    assert (drawn.n_documents, drawn.n_drawn, drawn.n_at_random) == (50, 10, 10)
    first = ids(out)
    assert len(set(first)) == 10
    assert first != sorted(first, key=lambda id: int(id[1:]))
    sample(silver, out, 10)
    assert ids(out) == first
    sample(silver, out, 10, seed=14)
    assert ids(out) != first
    originals = {document.id: document for document in corpus(50)}
    assert all(originals[document.id] == document for document in read_documents(out))
    assert {document.source for document in read_documents(out)} == {"silver"}


def test_the_order_of_the_file_changes_nothing(tmp_path, silver):
    out, again = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    sample(silver, out, 10)
    backwards = write_documents(tmp_path / "backwards.jsonl", corpus(50)[::-1])
    sample(backwards, again, 10)
    assert out.read_bytes() == again.read_bytes()
    sample(silver, again, 20)
    assert set(ids(out)) < set(ids(again))


@pytest.mark.slow
def test_every_document_is_as_likely(tmp_path):
    silver = write_documents(tmp_path / "silver.jsonl", corpus(8))
    seen = Counter()
    for seed in range(400):
        sample(silver, tmp_path / "out.jsonl", 2, seed=seed)
        seen.update(ids(tmp_path / "out.jsonl"))
    assert len(seen) == 8
    assert all(60 <= n <= 140 for n in seen.values()), seen


def test_more_than_there_are(tmp_path, silver):
    drawn = sample(silver, tmp_path / "out.jsonl", 99)
    assert drawn.n_drawn == drawn.n_documents == 50
    assert sorted(ids(tmp_path / "out.jsonl")) == sorted(f"d{n}" for n in range(50))


def test_doubt(tmp_path):
    documents = corpus(20)
    claim = {"label": "ADE", "subject": "x", "object": "y"}
    documents[3] = with_doubt(documents[3], {"confidence": 0.9}, relations=0.2)
    documents[7] = with_doubt(documents[7], {"confidence": 0.8}, spans=0.5)
    documents[5] = with_doubt(documents[5], {"confidence": 0.7}, spans=0.5)
    documents[9] = with_doubt(documents[9], {"confidence": 0.6})  # what was voted for is nothing
    documents[2] = with_doubt(documents[2], {"confidence": None, "ungrounded": [claim, claim]})
    documents[4] = with_doubt(documents[4], {"ungrounded": [claim]})
    documents[6] = with_doubt(documents[6], {"confidence": "high", "ungrounded": "none"})
    silver = write_documents(tmp_path / "silver.jsonl", documents)
    order = ["d3", "d5", "d7", "d9", "d2", "d4"]
    for n in range(1, 7):
        drawn = sample(silver, tmp_path / "out.jsonl", n, by="doubt")
        assert sorted(ids(tmp_path / "out.jsonl")) == sorted(order[:n])
        assert drawn.n_at_random == 0
    drawn = sample(silver, tmp_path / "out.jsonl", 9, by="doubt")
    assert drawn.n_at_random == 3
    assert set(order) < set(ids(tmp_path / "out.jsonl"))


def test_doubt_without_any_confidence_is_random(tmp_path, silver):
    by_doubt, by_lot = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    assert sample(silver, by_doubt, 10, by="doubt").n_at_random == 10
    sample(silver, by_lot, 10)
    assert by_doubt.read_bytes() == by_lot.read_bytes()


def test_only_silver_is_drawn(tmp_path):
    gold = [one.model_copy(update={"source": "gold"}) for one in corpus(3, prefix="g")]
    mixed = write_documents(tmp_path / "mixed.jsonl", [*gold, *corpus(4)])
    drawn = sample(mixed, tmp_path / "out.jsonl", 10)
    assert (drawn.n_drawn, drawn.n_not_silver) == (4, 3)
    only_gold = write_documents(tmp_path / "gold.jsonl", gold)
    with pytest.raises(FormatError, match="no document of source silver"):
        sample(only_gold, tmp_path / "none.jsonl", 10)
    assert not (tmp_path / "none.jsonl").exists()
    with pytest.raises(ConfigError, match="at least one"):
        sample(mixed, tmp_path / "none.jsonl", 0)


def test_bad_lines_are_counted(tmp_path):
    lines = ["nonsense", *(document.to_json() for document in corpus(3))]
    faults = Faults()
    source = write_lines(tmp_path / "silver.jsonl", lines)
    assert sample(source, tmp_path / "out.jsonl", 10, faults=faults).n_drawn == 3
    assert faults.counts == {"bad_line": 1}


def test_agreement_of_files(tmp_path):
    a = write_documents(tmp_path / "a.jsonl", corpus(8))
    b = write_documents(tmp_path / "b.jsonl", corpus(10)[1:])
    faults = Faults()
    measured = agreement(a, b, label="ADE", faults=faults)
    assert measured.n_documents == 7
    assert measured.words.value.value == 1
    assert faults.counts == {"only_in_a": 1, "only_in_b": 2}
    assert str(faults.kept[0]).startswith("d0: only in ")


def test_files_of_two_tasks(tmp_path):
    documents = corpus(4)
    others = [
        document.model_copy(
            update={
                "spans": tuple(span.model_copy(update={"label": "Gene"}) for span in document.spans)
            }
        )
        for document in documents
    ]
    a, b = (write_documents(tmp_path / f"{n}.jsonl", d) for n, d in enumerate((documents, others)))
    with pytest.raises(EvaluationError, match="another task"):
        agreement(a, b)

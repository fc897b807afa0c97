"""Examples of linking: people's links, each mention once, with a name or with candidates."""

import json

import pytest

from decoct.errors import ConfigError, StoreError
from decoct.records import Candidate, Link
from decoct.tasks.base import Example
from decoct.teacher.judging.candidates import CandidateSource
from decoct.teacher.judging.gold import read_gold_examples
from decoct.teacher.judging.settings import JudgeSettings
from fakes.judged import ENTITIES, FakeIndex, in_context, mention

NAMES = {entity.id: entity for entity in ENTITIES}


def gold(text, entity_id, name=None, document_id="d", candidates=()):
    document = mention(text, document_id)
    link = Link(id=entity_id, name=name, candidates=candidates)
    spans = (document.spans[0].model_copy(update={"link": link}),)
    return document.model_copy(update={"source": "gold", "spans": spans})


def written(path, *documents):
    path.write_text("".join(f"{document.to_json()}\n" for document in documents))
    return path


def read(path, lookup=NAMES.__getitem__, index=None, **settings):
    asked = JudgeSettings(**settings)
    source = CandidateSource(asked.example_candidates or asked.k, index and index.search)
    return read_gold_examples(path, asked, source, lookup)


def test_pairs_out_of_a_table(tmp_path):
    path = tmp_path / "gold.tsv"
    path.write_text("concept_id\tmention\nS1\tnodding off\nS5\twicked back\n\tno link\n-1\tgreen\n")
    assert read(path) == (
        Example("nodding off", {"choice": "Drowsy"}),
        Example("wicked back", {"choice": "Back pain"}),
        Example("green", {"choice": 0}),
    )


def test_each_mention_once_the_first_time(tmp_path):
    path = written(
        tmp_path / "gold.jsonl",
        gold("nodding off", "S1", document_id="a"),
        gold("nodding  off", "S4", document_id="b"),
        gold("bushed", "S4", document_id="c"),
    )
    assert [example.answer["choice"] for example in read(path)] == ["Drowsy", "Tired"]


def test_a_name_is_the_link_s_or_a_candidate_s_or_the_knowledge_base_s(tmp_path):
    candidate = Candidate(id="S4", name="its candidate")
    path = written(
        tmp_path / "gold.jsonl",
        gold("one", "S4", "its own", "a", (candidate,)),
        gold("two", "S4", None, "b", (candidate,)),
        gold("three", "S4", None, "c"),
    )
    names = [example.answer["choice"] for example in read(path)]
    assert names == ["its own", "its candidate", "Tired"]


def test_with_candidates_it_is_the_whole_question(tmp_path):
    path = written(
        tmp_path / "gold.jsonl",
        gold("sore back", "S5", document_id="a"),
        gold("green hair", None, document_id="b"),
        gold("zzz", "S6", document_id="c"),
    )
    first, nil, far = read(path, index=FakeIndex(), example_candidates=3)
    assert (first.text, first.answer) == ("sore back", {"choice": 1})
    assert first.question.splitlines()[:2] == [
        'Mention: "sore back"',
        "1. Back pain | also: Sore back; Backache",
    ]
    assert first.question.endswith("\n0. none of these")
    assert nil.answer == {"choice": 0}
    assert nil.question
    assert far == Example("zzz", {"choice": "右乳腺恶性肿瘤"}), "not among its candidates"


def test_shuffled_the_number_is_that_of_the_order_shown(tmp_path):
    path = written(tmp_path / "gold.jsonl", gold("sore back", "S5"))
    numbers = set()
    for seed in range(8):
        (example,) = read(
            path, index=FakeIndex(), example_candidates=5, shuffle=True, seed=seed, aliases=0
        )
        number = example.answer["choice"]
        assert f"\n{number}. Back pain\n" in example.question
        numbers.add(number)
    assert len(numbers) > 2


def test_all_mentions_of_a_document_in_their_context(tmp_path):
    document = in_context("Was nodding off, and a wicked back.", "nodding off", "wicked back")
    spans = tuple(
        span.model_copy(update={"link": Link(id=id_)})
        for span, id_ in zip(document.spans, ("S1", "S5"), strict=True)
    )
    path = written(tmp_path / "gold.jsonl", document.model_copy(update={"spans": spans}))
    found = read(path, index=FakeIndex(), example_candidates=6)
    assert [example.text for example in found] == ["nodding off", "wicked back"]
    assert 'Context: "Was nodding off, and a [[wicked back]]."' in found[1].question


def test_only_the_labels_that_are_judged(tmp_path):
    document = gold("nodding off", "S1")
    path = written(tmp_path / "gold.jsonl", document)
    assert len(read(path, labels=("Mention",))) == 1
    with pytest.raises(ConfigError, match="no mention in it is linked"):
        read(path, labels=("Drug",))


def test_nil_is_only_what_somebody_decided(tmp_path):
    document = gold("nodding off", None)
    for source in ("gold", "silver"):
        decided = document.model_copy(update={"source": source})
        assert read(written(tmp_path / "a.jsonl", decided)) == (
            Example("nodding off", {"choice": 0}),
        )
    for source in (None, "predicted"):
        open_still = document.model_copy(update={"source": source})
        with pytest.raises(ConfigError, match="no mention in it is linked"):
            read(written(tmp_path / "a.jsonl", open_still))


def test_what_is_wrong_is_named(tmp_path):
    path = tmp_path / "gold.jsonl"
    written(path, *(gold(f"m{n}", f"X{n}", document_id=f"d{n}") for n in range(7)))
    with pytest.raises(ConfigError, match=r"^examples .*l: d0#T1: its entry has no name") as told:
        read(path)
    assert str(told.value).endswith("; and 2 more such")
    with pytest.raises(ConfigError, match="has no name"):
        read(path, lookup=None)
    path.write_text("no JSON\n")
    with pytest.raises(ConfigError, match=r"gold\.jsonl:1"):
        read(path)
    path.write_text("")
    with pytest.raises(ConfigError, match=r"is empty.*; examples are documents with linked"):
        read(path)
    path.write_text(json.dumps({"id": "a", "text": "nodding off"}) + "\n")
    with pytest.raises(ConfigError, match="no mention in it is linked"):
        read(path)
    with pytest.raises(StoreError, match="none"):
        read(tmp_path / "none.tsv")

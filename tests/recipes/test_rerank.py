"""Teach, rerank, link: from a knowledge base and a few labels to links, by lexical means alone."""

from __future__ import annotations

import random

import numpy as np
import pytest

from decoct.errors import ConfigError, Faults
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.kb.base import Entity, Query
from decoct.linker.linker import Linker
from decoct.linker.settings import LinkerSettings
from decoct.recipes.link import link_file, link_mentions, load_linker
from decoct.recipes.rerank import read_ranker_settings, rerank_file
from decoct.recipes.teach import teach
from decoct.records import Document, Link, Span
from decoct.reranker.choices import choices_of
from decoct.reranker.settings import RankerSettings
from decoct.retriever.index import Index
from decoct.retriever.settings import IndexSettings
from decoct.store import sha256_file, sha256_json, write_json

SITES = ("knee", "hip", "back", "neck", "wrist", "ankle", "elbow", "shoulder", "foot", "hand")
WORDS = {"pain": "ache", "swelling": "puffiness", "numbness": "tingling"}
ENTITIES = [
    Entity(id=f"{site}-{sign}", name=f"{sign} of {site}") for site in SITES for sign in WORDS
]
LEXICAL = IndexSettings(retrievers=("ngram", "bm25"))


def mention(text, entity=None, **more):
    link = Link(id=entity, **more) if entity else None
    span = Span(id="T1", start=0, end=len(text), label="Mention", text=text, link=link)
    return Document(id=text, text=text, spans=(span,))


def patients(seed, n):
    """What patients say: the site, and another word for the sign."""
    rng = random.Random(seed)
    ways = (
        "my {site} {word}",
        "{word} in the {site}",
        "{site} {word} at night",
        "bad {site} {word}",
    )
    made = {}
    while len(made) < n:
        site, sign = rng.choice(SITES), rng.choice(list(WORDS))
        text = rng.choice(ways).format(site=site, word=WORDS[sign])
        made[text] = mention(text, f"{site}-{sign}")
    return list(made.values())


@pytest.fixture
def files(tmp_path):
    everything = patients(1, 100)
    for name, part in (("gold", everything[:40]), ("test", everything[60:])):
        write_jsonl(tmp_path / f"{name}.jsonl", part)
    silver = [mention(one.text, one.spans[0].link.id, confidence=0.9) for one in everything[40:60]]
    write_jsonl(tmp_path / "silver.jsonl", silver)
    return tmp_path


def accuracy(linker, test):
    found = list(linker.link_documents(test))
    return sum(
        one.spans[0].link.id == right.spans[0].link.id
        for one, right in zip(found, test, strict=True)
    ) / len(test)


def test_a_reranker_learns_what_the_index_does_not_know(files):
    index = Index.build(ENTITIES, files / "index", LEXICAL)
    made = rerank_file(
        files / "index",
        files / "linker",
        gold=files / "gold.jsonl",
        silver=files / "silver.jsonl",
        settings=RankerSettings(kind="features"),
    )
    test = list(read(files / "test.jsonl"))
    assert made.counts["choices"] + made.counts["out_of_reach"] == 60
    before = accuracy(Linker(index), test)
    after = accuracy(made.linker, test)
    assert before < 0.6
    assert after > before + 0.3
    again = Linker.load(files / "linker")
    assert accuracy(again, test) == after
    assert again.link("ache in the knee").id == "knee-pain"
    assert [one.id for one in again.link(["ache in the knee", "hip puffiness"])] == [
        "knee-pain",
        "hip-swelling",
    ]


@pytest.mark.slow
def test_taught_mentions_are_names_and_keep_lists_as_if_not_taught(files):
    made = teach(
        ENTITIES,
        files / "taught",
        LEXICAL,
        gold=files / "gold.jsonl",
        silver=files / "silver.jsonl",
    )
    assert made.to_dict() == {
        "n_gold": 40,
        "n_silver": 20,
        "n_aliases": 60,
        "n_sure": 0,
        "n_nil": 0,
    }
    gold = list(read(files / "gold.jsonl"))
    assert accuracy(Linker(made.index), gold) == 1.0  # each is a name now
    kept = {one.text: one.spans[0].link.candidates for one in read(files / "taught/lists.jsonl")}
    assert len(kept) == 60
    assert not any(kept[one.text][0].alias == one.text for one in gold)
    reranked = rerank_file(files / "taught", files / "linker", gold=files / "gold.jsonl")
    assert accuracy(reranked.linker, list(read(files / "test.jsonl"))) > 0.6


def test_unknown_entities_are_named_merged_ones_found_and_nil_counted(files):
    merged = Entity(id="knee-pain", name="pain of knee", alternatives=("gonalgia",))
    entities = [merged, *(one for one in ENTITIES if one.id != merged.id)]
    unsaid = mention("no such thing").spans[0].model_copy(update={"link": Link()})
    nil = Document(id="nil", text="no such thing", spans=(unsaid,))
    odd = [mention("x y z", "gone"), mention("knee ache", "gonalgia"), nil]
    write_jsonl(files / "odd.jsonl", odd)
    faults = Faults()
    gold = files / "odd.jsonl"
    made = teach(entities, files / "taught", LEXICAL, gold=gold, n_parts=0, faults=faults)
    assert (made.n_gold, made.n_nil) == (1, 1)
    assert made.index.search([Query("knee ache")], 1)[0][0].id == "knee-pain"
    said = ["x y z#T1: linked to gone, which the knowledge base does not have"]
    assert [str(fault) for fault in faults.kept] == said
    faults = Faults()
    settings = RankerSettings(folds=0)
    ranked = rerank_file(
        files / "taught", files / "linker", gold=gold, settings=settings, faults=faults
    )
    assert (ranked.counts["choices"], ranked.counts["out_of_reach"]) == (2, 0)
    assert [str(fault) for fault in faults.kept] == said
    write_jsonl(files / "none.jsonl", [mention("x y z")])
    with pytest.raises(ConfigError, match="no mention with an entity to learn from"):
        teach(ENTITIES, files / "other", LEXICAL, gold=files / "none.jsonl")


def test_a_file_is_linked_and_goes_on_where_it_was(files):
    Index.build(ENTITIES, files / "index", LEXICAL)
    linker = load_linker(files / "index", keep=2)
    made = link_file(linker, files / "test.jsonl", files / "linked.jsonl")
    assert (made.n_documents, made.n_mentions, made.n_resumed) == (40, 40, 0)
    whole = (files / "linked.jsonl").read_text("utf-8")
    assert all(len(one.spans[0].link.candidates) == 2 for one in read(files / "linked.jsonl"))

    lines = whole.splitlines(keepends=True)
    (files / "linked.jsonl").unlink()
    fingerprint = sha256_json([sha256_file(files / "test.jsonl"), linker.fingerprint])
    write_json(files / "linked.jsonl.part.json", {"fingerprint": fingerprint})
    (files / "linked.jsonl.part").write_text("".join(lines[:7]) + lines[7][:20], "utf-8")
    resumed = link_file(linker, files / "test.jsonl", files / "linked.jsonl")
    assert resumed.n_resumed == 7
    assert (files / "linked.jsonl").read_text("utf-8") == whole


def test_links_of_spans_that_are_not_asked_for_go(files):
    Index.build(ENTITIES, files / "index", LEXICAL)
    spans = (
        Span(id="T1", start=0, end=4, label="Site", text="knee", link=Link(id="gold")),
        Span(id="T2", start=5, end=9, label="Sign", text="pain", link=Link(id="gold")),
    )
    linker = load_linker(files / "index", labels=("Sign",))
    (found,) = linker.link_documents([Document(id="d", text="knee pain", spans=spans)])
    assert found.spans[0].link is None
    assert found.spans[1].link.id != "gold"
    assert found.source == "predicted"


def test_abbreviations_are_looked_up_by_their_long_form(files):
    known = [Entity(id="C1", name="rheumatoid arthritis"), Entity(id="C2", name="RAS")]
    Index.build(known, files / "ra", LEXICAL)
    text = "Patients with rheumatoid arthritis (RA) were seen. RA is chronic."
    span = Span(id="T1", start=51, end=53, label="Disease", text="RA")
    document = Document(id="d", text=text, spans=(span,))
    for wanted, expected in ((True, "C1"), (False, "C2")):
        linker = load_linker(files / "ra", abbreviations=wanted)
        assert next(linker.link_documents([document])).spans[0].link.id == expected


def test_odd_mentions_are_linked_or_nil_but_never_fail(files):
    Index.build(ENTITIES, files / "index", LEXICAL)
    made = rerank_file(
        files / "index", files / "linker", gold=files / "gold.jsonl", settings=RankerSettings()
    )
    odd = ["?!", "x" * 10_000, "knee " * 2_000, "𝛼𝛽", "۝", " "]
    for linker in (made.linker, Linker(made.linker.index)):
        assert len(linker.link(odd)) == len(odd)
        assert [one.text for one in link_mentions(linker, ["", "knee pain"])] == ["knee pain"]


class SaysNil:
    """A ranker for which NIL is likeliest: 0.6 against 0.4 for all candidates."""

    def log_probs(self, questions, lookup):
        return [
            np.log([*[0.4 / max(1, len(one.candidates))] * len(one.candidates), 0.6])
            for one in questions
        ]


def test_without_nil_the_best_candidate_is_taken(files):
    """NIL's share of the probability goes to the candidates."""
    index = Index.build(ENTITIES, files / "index", LEXICAL)
    usual = Linker(index, SaysNil(), LinkerSettings(keep=50)).link("knee ache")
    assert (usual.id, usual.confidence) == (None, pytest.approx(0.6))
    made = Linker(index, SaysNil(), LinkerSettings(keep=50, nil=False)).link("knee ache")
    assert made.id == usual.candidates[0].id
    assert sum(one.score for one in made.candidates) == pytest.approx(1, abs=1e-4)
    assert Linker(index, SaysNil(), LinkerSettings(nil=False)).link("?!").id is None
    with pytest.raises(ValueError, match="min_confidence: makes mentions NIL"):
        LinkerSettings(nil=False, min_confidence=0.5)


def test_min_confidence_makes_nil(files):
    Index.build(ENTITIES, files / "index", LEXICAL)
    rerank_file(files / "index", files / "linker", gold=files / "gold.jsonl")
    sure = load_linker(files / "linker").link("knee ache")
    assert sure.id
    nil = load_linker(files / "linker", min_confidence=0.9999).link("knee ache")
    assert nil.id is None
    assert nil.candidates[0].id == sure.id


def test_what_rerank_refuses(files):
    with pytest.raises(ConfigError, match="give --silver, --gold or both"):
        rerank_file(files / "index", files / "out")
    with pytest.raises(ConfigError, match="write it as name=value"):
        read_ranker_settings(None, {}, ["epochs"])
    settings = read_ranker_settings(None, {"kind": "features"}, ["a=3", "b=x y"])
    assert settings.options == {"a": 3, "b": "x y"}


def test_abbreviations_are_learnt_by_what_they_stand_for(tmp_path):
    text = "Shoulder swelling (SS) is common, and SS lasts."
    span = Span(
        id="T1", start=38, end=40, label="Mention", text="SS", link=Link(id="shoulder-swelling")
    )
    taught = [Document(id="1", text=text, spans=(span,)), mention("knee ache", "knee-pain")]
    write_jsonl(tmp_path / "gold.jsonl", taught)
    made = teach(ENTITIES, tmp_path / "index", LEXICAL, gold=tmp_path / "gold.jsonl", n_parts=2)
    assert "SS" not in made.index.entity("shoulder-swelling").names
    linker = Linker(made.index)
    found = choices_of(taught, made.index.search, 5, mentions=linker.mentions).found
    assert [one.question.query.text for one in found] == ["Shoulder swelling", "knee ache"]
    as_written = Linker(made.index, settings=LinkerSettings(abbreviations=False))
    assert [query.text for _, query in as_written.mentions(taught[0])] == ["SS"]

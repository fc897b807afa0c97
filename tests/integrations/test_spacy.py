"""The spaCy component: what it fills, in several processes and after disk."""

import shutil

import pytest

pytest.importorskip("spacy")
pytest.importorskip("torch")

import spacy
from spacy.tokens import Doc, DocBin

import decoct
from decoct.errors import ArtifactError, ConfigError
from fakes.drugs import DRUGS, EFFECTS, corpus

TEXTS = [document.text for document in corpus(40, seed=8)]


@pytest.fixture
def nlp(student_folder):
    made = spacy.blank("en")
    made.add_pipe("decoct", config={"student": str(student_folder), "engine": "torch"})
    return made


def relations(doc):
    return [
        (one.label, one.subject.text, one.subject.start_char, one.object.text)
        for one in doc._.relations
    ]


def expected(student, text):
    return [
        (relation.label, subject.text, subject.start, target.text)
        for relation, subject, target in student.extract(text).pairs()
    ]


def test_what_it_fills(nlp, student):
    assert any(expected(student, text) for text in TEXTS)
    for text in TEXTS:
        doc, found = nlp(text), student.extract(text)
        assert doc.text == text
        assert {(span.start_char, span.end_char, span.label_) for span in doc.spans["decoct"]} == {
            (span.start, span.end, span.label) for span in found.spans
        }
        assert relations(doc) == expected(student, text)
        assert {span.label_ for span in doc.ents} <= {"Drug", "AdverseEffect"}
        for relation in doc._.relations:
            assert 0 <= relation.confidence <= 1


def test_many_at_a_time_is_the_same_as_one_by_one(nlp):
    together = [relations(doc) for doc in nlp.pipe(TEXTS, batch_size=7)]
    assert together == [relations(nlp(text)) for text in TEXTS]
    assert [doc.text for doc in nlp.pipe(["", " ", "\n"])] == ["", " ", "\n"]


def test_two_processes(nlp):
    alone = [relations(doc) for doc in nlp.pipe(TEXTS)]
    shared = [relations(doc) for doc in nlp.pipe(TEXTS, n_process=2, batch_size=10)]
    assert shared == alone


def test_to_disk_and_back_without_the_folder_it_came_from(student_folder, tmp_path):
    mine = shutil.copytree(student_folder, tmp_path / "mine")
    nlp = spacy.blank("en")
    nlp.add_pipe("decoct", config={"student": str(mine), "spans_key": "ade"})
    before = [relations(doc) for doc in nlp.pipe(TEXTS)]
    nlp.to_disk(tmp_path / "pipeline")
    shutil.rmtree(mine)
    loaded = spacy.load(tmp_path / "pipeline")
    docs = list(loaded.pipe(TEXTS))
    assert [relations(doc) for doc in docs] == before
    assert all("ade" in doc.spans for doc in docs)


def test_a_linker_behind_it(student_folder, index, tmp_path):
    nlp = spacy.blank("en")
    config = {"student": str(student_folder), "linker": str(index)}
    nlp.add_pipe("decoct", config=config)
    doc = next(doc for doc in nlp.pipe(TEXTS) if doc._.relations)
    names = [*DRUGS, *EFFECTS]
    for span in doc.spans["decoct"]:
        assert names[int(span.kb_id_.removeprefix("C"))].lower() == span.text.lower()
    assert [ent.kb_id_ for ent in doc.ents] == [span.kb_id_ for span in sorted(doc.spans["decoct"])]
    assert doc._.relations[0].subject.kb_id_.startswith("C")
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")(doc.text)
    assert [span.kb_id_ for span in again.ents] == [span.kb_id_ for span in doc.ents]


def test_relations_survive_bytes(nlp):
    doc = next(doc for doc in nlp.pipe(TEXTS) if doc._.relations)
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert relations(again) == relations(doc)


def test_a_docbin_of_them_is_read_with_its_relations(nlp, student, tmp_path):
    docs = list(nlp.pipe(TEXTS[:10]))
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "a.spacy")
    found = list(decoct.read(tmp_path / "a.spacy"))
    assert len({document.id for document in found}) == 10
    for document, text in zip(found, TEXTS, strict=False):
        assert document.text == text
        assert document.spans == student.extract(text).spans
        assert document.relations == student.extract(text).relations


def test_entities_that_are_there_stay(student_folder):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "MINE", "pattern": [{"LOWER": DRUGS[0].lower()}]}])
    nlp.add_pipe("decoct", config={"student": str(student_folder)})
    doc = nlp(f"{DRUGS[0]} caused {EFFECTS[0]}.")
    assert next((ent.text, ent.label_) for ent in doc.ents) == (DRUGS[0], "MINE")
    bare = spacy.blank("en")
    bare.add_pipe("decoct", config={"student": str(student_folder), "set_ents": False})
    assert not bare(doc.text).ents


def test_what_is_refused(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("decoct", config={"student": str(tmp_path / "nowhere")})  # loaded when needed
    with pytest.raises(ArtifactError, match="no such student folder"):
        nlp("Text.")
    with pytest.raises(ConfigError, match="no such folder"):
        nlp.to_disk(tmp_path / "pipeline")

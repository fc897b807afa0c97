"""Called as a pipeline of transformers' is, it says what the student says."""

import decoct
from fakes.drugs import corpus

TEXTS = [document.text for document in corpus(8, seed=9)]


def test_answers_have_that_librarys_names(student_folder, student):
    pipe = decoct.pipeline(student_folder)
    for text in TEXTS:
        answer, found = pipe(text), student.extract(text)
        assert [
            (one["entity_group"], one["word"], one["start"], one["end"], one["score"])
            for one in answer["entities"]
        ] == [(one.label, one.text, one.start, one.end, one.confidence) for one in found.spans]
        assert [
            (one["label"], one["subject"], one["object"], one["score"])
            for one in answer["relations"]
        ] == [(one.label, one.subject, one.object, one.confidence) for one in found.relations]
    assert any(pipe(text)["relations"] for text in TEXTS)


def test_one_many_and_a_stream(student_folder):
    pipe = decoct.pipeline(student_folder)
    several = pipe(TEXTS)
    assert isinstance(several, list)
    assert len(several) == len(TEXTS)
    streamed = pipe(text for text in TEXTS)
    assert not isinstance(streamed, list)
    assert list(streamed) == several


def test_entities_are_linked(student_folder, index):
    pipe = decoct.pipeline(student_folder, linker=index)
    entities = [one for text in TEXTS for one in pipe(text)["entities"]]
    assert any(one["entity"] and one["name"].lower() == one["word"].lower() for one in entities)

"""Documents are taken as they are needed, and come out whole and in order."""

from decoct.errors import Faults
from decoct.records import Document
from decoct.tasks.choice import NIL
from decoct.teacher.judging.candidates import CandidateSource
from decoct.teacher.judging.questions import Questioner
from decoct.teacher.judging.settings import JudgeSettings
from decoct.teacher.judging.stream import JudgingPass
from decoct.teacher.outcome import Outcome
from fakes.judged import FakeIndex, in_context, mention

META = {"backend": "b", "model": "m", "prompt_hash": "h", "confidence": 0.5}


def going(documents, index=None, recorded=None):
    search = index.search if index else FakeIndex().search
    source = CandidateSource(3, search, recorded)
    return JudgingPass(documents, Questioner(JudgeSettings(), source), Faults())


def answered(question, label):
    silver = Document(id=question.id, text=question.text, source="silver", label=label, meta=META)
    return Outcome(question.id, silver=silver)


def test_documents_are_taken_as_they_are_needed():
    taken, index = [], FakeIndex()

    def stream():
        for number in range(5000):
            taken.append(number)
            yield mention("bushed", f"d{number}")

    one = going(stream(), index)
    n_open = 0
    for number, question in enumerate(one.questions()):
        assert question.id == f"d{number}#T1"
        assert len(taken) < number + 300
        assert one.take(answered(question, "S4")).id == f"d{number}"
        n_open = max(n_open, len(one._open))
    assert (number, n_open) == (4999, 0)
    assert index.n_searches < 50
    assert one.summary.n_judged == one.summary.n_written == 5000


def test_a_document_comes_out_when_its_last_mention_is_judged():
    text = "Nodding off with a wicked back."
    documents = [
        in_context(text, "Nodding off", "wicked back", document_id="a"),
        Document(id="none", text="Nothing here."),
        mention("bushed", "b"),
    ]
    one = going(documents)
    first, second, third = one.questions()
    assert [question.id for question in (first, second, third)] == ["a#T1", "a#T2", "b#T1"]
    assert one.take(answered(first, NIL)) is None
    made = one.take(answered(second, "S5"))
    assert made.id == "a"
    assert [span.link.id for span in made.spans] == [None, "S5"]
    assert one.take(Outcome("b#T1", refusal="content_filter")) is None
    summary = one.summary
    assert (summary.n_documents, summary.n_mentions, summary.n_written) == (3, 3, 1)
    assert (summary.n_judged, summary.n_nil) == (2, 1)


def test_a_question_carries_what_it_must_not_lose():
    (question,) = going(
        [mention("bushed").model_copy(update={"meta": {"contains_phi": True, "x": 1}})]
    ).questions()
    assert question.meta.keys() == {"choice", "contains_phi"}
    assert question.text == "bushed"


def test_a_recording_is_asked_about_what_has_no_candidates():
    empty = FakeIndex(())
    assert list(going([mention("bushed")], empty).questions()) == []
    (question,) = going([mention("bushed")], empty, recorded=lambda _: None).questions()
    assert question.meta["choice"]["options"] == []

"""Where candidates come from: a recording's own before all, an index's, a link's."""

from decoct.kb.base import queries_of
from decoct.records import Candidate, Link
from decoct.teacher.judging.candidates import CandidateSource, Found
from fakes.judged import FakeIndex, mentions


def asked(*texts):
    return [pair for document in mentions(*texts) for pair in queries_of(document)]


def linked(text, *ids):
    ((span, query),) = asked(text)
    candidates = tuple(Candidate(id=id_, name=f"name {id_}") for id_ in ids)
    return span.model_copy(update={"link": Link(candidates=candidates)}), query


def ids(found):
    return [[candidate.id for candidate in one.candidates] for one in found]


def test_an_index_is_searched_once_for_all():
    index = FakeIndex()
    found = CandidateSource(3, index.search).find(asked("sore back", "eye pain", "bushed"))
    assert [one[0] for one in ids(found)] == ["S5", "S2", "S5"]
    assert {len(one) for one in ids(found)} == {3}
    assert index.n_searches == 1
    assert not any(one.recorded for one in found)


def test_an_index_goes_before_links():
    index = FakeIndex()
    (found,) = CandidateSource(2, index.search).find([linked("sore back", "x", "y")])
    assert "x" not in ids([found])[0]


def test_links_where_there_is_no_index():
    source = CandidateSource(2)
    pairs = [linked("a", "x", "y", "x", "z"), linked("b"), *asked("c")]
    assert ids(source.find(pairs)) == [["x", "y"], [], []]


RECORDED = {
    "sore back": tuple(Candidate(id=id_, name=f"as {id_} was") for id_ in ("S4", "S5", "gone")),
    "nothing": (),
}


def test_a_recording_goes_before_all_and_keeps_its_order():
    index = FakeIndex()
    source = CandidateSource(1, index.search, RECORDED.get)
    first, second, third = source.find([*asked("sore back"), *asked("nothing"), *asked("eye pain")])
    assert ids([first]) == [["S4", "S5", "gone"]]
    assert first.candidates[1].name == "as S5 was"
    assert first.candidates[1].scores == {"letters": 1.0}
    assert first.candidates[1].score == 1.0
    assert first.candidates[0].score < 1
    assert (first.candidates[2].score, first.candidates[2].scores) == (None, {})
    assert second == Found((), True)
    assert (len(third.candidates), third.recorded) == (1, False)


def test_a_recording_needs_no_index():
    (found,) = CandidateSource(1, None, RECORDED.get).find(asked("sore back"))
    assert found == Found(RECORDED["sore back"], True)

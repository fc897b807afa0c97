"""Labels by ids of another release: merged ones are followed, unknown ones named."""

import pytest

from decoct.errors import Faults
from decoct.kb.base import Entity
from decoct.kb.links import known_links, main_ids, renamed
from decoct.kb.store import EntityStore
from decoct.records import Candidate, Document, Link, Span

ENTITIES = [
    Entity(id="C2", name="myocardial infarction", alternatives=("C1", "C3")),
    Entity(id="C3", name="angina", alternatives=("C0",)),
]


def document(*links):
    spans = (
        Span(id=f"T{n}", start=0, end=2, label="Mention", text="MI", link=link)
        for n, link in enumerate(links, start=1)
    )
    return Document(id="d", text="MI", spans=tuple(spans))


@pytest.fixture(params=["dict", "store"])
def main_id(request, tmp_path):
    if request.param == "dict":
        return main_ids(ENTITIES).get
    return EntityStore.write(tmp_path / "kb", ENTITIES, {}).main_id


def test_an_entity_goes_by_its_other_ids_but_not_by_anothers_own(main_id):
    assert [main_id(id_) for id_ in ("C0", "C1", "C2", "C3", "C4")] == [
        "C3",
        "C2",
        "C2",
        "C3",
        None,
    ]


def test_unknown_ids_stay_in_what_is_scored(main_id):
    given = document(
        Link(
            id="C1",
            also=("C2", "C0"),
            name="heart attack",
            confidence=0.5,
            candidates=(Candidate(id="C1", name="MI"), Candidate(id="C9", name="?")),
        ),
        Link(id="C9", also=("C1",)),
        Link(),
        None,
    )
    links = [span.link for span in renamed(given, main_id).spans]
    assert links == [
        Link(
            id="C2",
            also=("C3",),
            name="heart attack",
            confidence=0.5,
            candidates=(Candidate(id="C2", name="MI"), Candidate(id="C9", name="?")),
        ),
        Link(id="C9", also=("C2",)),
        Link(),
        None,
    ]


def test_unknown_ids_are_not_learnt_from_and_named(main_id):
    faults = Faults()
    given = document(Link(id="C9", also=("C1",)), Link(id="C9", also=("C8",)), Link(), None)
    (found,) = known_links([given], main_id, faults)
    assert [span.link for span in found.spans] == [Link(id="C2"), None, Link(), None]
    assert [str(fault) for fault in faults.kept] == [
        "d#T2: linked to C9, which the knowledge base does not have"
    ]
    assert faults.counts == {"unknown_id": 1}

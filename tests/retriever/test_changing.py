"""Adding and removing: what is found then is what an index built anew would find."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.errors import RecordError, StoreError
from decoct.kb.base import Entity
from decoct.kb.folder import locked
from decoct.retriever.changing import MAX_SEGMENTS
from decoct.retriever.index import Index
from decoct.retriever.settings import DenseSettings, IndexSettings
from fakes.named import made_up, named

NAME = st.lists(
    st.sampled_from(["heart", "attack", "failure", "renal", "acute", "chronic", "肾", "心衰"]),
    min_size=1,
    max_size=3,
).map(" ".join)
ENTITY = st.builds(
    Entity,
    id=st.sampled_from([f"E{number}" for number in range(9)]),
    name=NAME,
    aliases=st.lists(NAME, max_size=2).map(tuple),
)
CHANGE = st.tuples(
    st.lists(ENTITY, max_size=3, unique_by=lambda entity: entity.id),
    st.lists(st.integers(0, 8), max_size=2, unique=True),
    st.booleans(),
)
ASKED = ["acute heart failure", "renal", "chronic attack of the heart", "肾衰", "hart"]


def whole(index, asked=ASKED):
    """What is found: for each mention, entity -> similarities."""
    return [
        {one.id: {kind: one.scores[kind] for kind in index.settings.kinds} for one in candidates}
        for candidates in index.search(asked, k=1000)
    ]


def same(one, other, tolerance=1e-5):
    for found, expected in zip(one, other, strict=True):
        assert found.keys() == expected.keys()
        for id_, scores in expected.items():
            assert found[id_] == pytest.approx(scores, rel=tolerance, abs=tolerance), id_


def apply(index, entities, changes):
    """Change an index, and a dict of entities likewise."""
    for added, removed, compacted in changes:
        ids = [f"E{number}" for number in removed if f"E{number}" in entities]
        left = entities.keys() - set(ids)
        if left or added:
            index.change(added, ids)
            for id_ in ids:
                entities.pop(id_)
            for entity in added:
                entities.pop(entity.id, None)
                entities[entity.id] = entity
        if compacted:
            index.compact()


@pytest.mark.slow
@settings(max_examples=8)
@given(
    st.lists(ENTITY, min_size=1, max_size=6, unique_by=lambda entity: entity.id),
    st.lists(CHANGE, max_size=4),
)
def test_a_changed_index_is_as_one_built_anew(tmp_path_factory, first, changes):
    folder = tmp_path_factory.mktemp("changed")
    index = Index.build(first, folder / "changed")
    entities = {entity.id: entity for entity in first}
    apply(index, entities, changes)
    fresh = Index.build(entities.values(), folder / "fresh")
    same(whole(index), whole(fresh))
    same(whole(Index.open(index.folder)), whole(fresh))
    assert (index.n_entities, index.n_names) == (fresh.n_entities, fresh.n_names)
    assert {entity.id: entity for entity in index.store} == entities


def test_a_changed_index_of_vectors_is_as_one_built_anew(tiny_encoder, tmp_path):
    dense = DenseSettings(encoder=str(tiny_encoder), device="cpu", precision="fp32")
    every = IndexSettings(dense=dense)
    first, more = made_up(30), made_up(12, seed=5, prefix="M")
    index = Index.build(first, tmp_path / "changed", every)
    index.add([*more, Entity(id="E3", name="another name")])
    index.remove(["E1", "M2", "E29"])
    left = [e for e in first if e.id not in ("E1", "E3", "E29")]
    left += [e for e in more if e.id != "M2"] + [Entity(id="E3", name="another name")]
    fresh = Index.build(left, tmp_path / "fresh", every)
    asked = [name for entity in (*first, *more) for name in entity.names][::5]
    same(whole(index, asked), whole(fresh, asked), 2e-3)
    index.compact()
    same(whole(index, asked), whole(fresh, asked), 2e-3)
    assert index.card.segments == (2,)


def test_no_name_is_read_anew(tiny_encoder, tmp_path):
    """Vectors of an added name are made; those that were there are the same bytes."""
    settings = IndexSettings(retrievers=("dense",), dense=DenseSettings(encoder=str(tiny_encoder)))
    index = Index.build(made_up(5), tmp_path / "index", settings)
    before = {path: path.stat().st_mtime_ns for path in index.folder.rglob("vectors.npy")}
    index.add([Entity(id="X", name="baco")])
    after = {path: path.stat().st_mtime_ns for path in index.folder.rglob("vectors.npy")}
    assert before.items() <= after.items()
    assert len(after) == 2


def test_many_small_changes_become_one_segment(tmp_path):
    index = Index.build(made_up(20), tmp_path / "index")
    for number in range(MAX_SEGMENTS + 3):
        index.add([Entity(id=f"X{number}", name=f"added name {number}")])
    assert len(index.card.segments) <= MAX_SEGMENTS
    assert [index.search([f"added name {n}"], k=1)[0][0].id for n in range(MAX_SEGMENTS + 3)] == [
        f"X{n}" for n in range(MAX_SEGMENTS + 3)
    ]
    folders = sorted(path.name for path in (index.folder / "segments").iterdir())
    assert folders == sorted(map(str, index.card.segments)), "what is no longer named is swept"


def test_files_of_older_generations_are_swept(tmp_path):
    index = Index.build(named(), tmp_path / "index")
    index.remove(["C1"])
    index.remove(["C2"])
    kept = sorted(path.name for path in (index.folder / "segments/0/ngram").glob("weights.*"))
    assert kept == ["weights.2.npy"]


def test_what_can_not_be_removed(tmp_path):
    index = Index.build(named(), tmp_path / "index")
    before = index.card
    with pytest.raises(RecordError, match="has no entity 'C99'; nothing was changed"):
        index.remove(["C1", "C99"])
    with pytest.raises(RecordError, match="no entity would be left"):
        index.remove([entity.id for entity in named()])
    index.change()
    assert Index.open(index.folder).card == before == index.card


def test_an_id_that_is_added_twice_is_one_entity(tmp_path):
    index = Index.build(named(), tmp_path / "index")
    index.add([Entity(id="X", name="lumbago"), Entity(id="X", name="low back pain")])
    assert index.entity("X").names == ("lumbago", "low back pain")
    assert index.n_entities == 9


def test_who_has_it_open_goes_on_with_what_it_was(tmp_path):
    index = Index.build(named(), tmp_path / "index")
    reader = Index.open(index.folder)
    expected = reader.search(["heart attack", "糖尿病"])
    index.change([Entity(id="X", name="heart attack")], ["C1"])
    index.compact()
    assert reader.search(["heart attack", "糖尿病"]) == expected
    assert reader.entity("C1").name == "Myocardial infarction"
    assert "C1" not in [one.id for one in Index.open(index.folder).search(["heart attack"])[0]]


def test_one_at_a_time_changes_it(tmp_path):
    index = Index.build(named(), tmp_path / "index")
    (index.folder / ".lock").touch()
    with locked(index.folder / ".lock"):
        with pytest.raises(StoreError, match="is being changed by another"):
            index.remove(["C1"])
        assert Index.open(index.folder).n_entities == 8
    index.remove(["C1"])
    assert index.n_entities == 7


@pytest.mark.parametrize("done", [False, True])
def test_a_change_that_was_broken_off(tmp_path, done):
    """Before the knowledge base is changed nothing has happened; after it, all."""
    index = Index.build(named(), tmp_path / "index")
    before = shutil.copytree(index.folder, tmp_path / "before")
    index.change([Entity(id="X", name="lumbago")], ["C1"])
    torn = shutil.copytree(index.folder, tmp_path / "torn")
    shutil.move(torn / "config.json", torn / "config.next.json")
    shutil.copy(before / "config.json", torn / "config.json")
    for path in before.rglob("*.0.npy"):
        if path.parent.name in ("ngram", "bm25"):
            shutil.copy(path, torn / path.relative_to(before))
    if not done:
        shutil.rmtree(torn / "kb")
        shutil.copytree(before / "kb", torn / "kb")
    opened = Index.open(torn)
    same(whole(opened), whole(index if done else Index.open(before)))
    opened.add([Entity(id="Y", name="sciatica")])
    assert ("X" in opened.store) == done
    assert opened.search(["sciatica"], k=1)[0][0].id == "Y"
    assert not (torn / "config.next.json").exists()


KILLED = """
import os, signal, sys
from decoct.kb.base import Entity
from decoct.retriever.index import Index

def entities():
    for number in range(100_000):
        if number == 500:
            print("begun", flush=True)
            signal.pause()
        yield Entity(id=f"E{number}", name=f"name {number}")

Index.build(entities(), sys.argv[1])
"""


def test_a_killed_build_leaves_nothing_that_opens_and_the_next_one_sweeps(tmp_path):
    folder = tmp_path / "index"
    command = [sys.executable, "-c", KILLED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert not folder.exists()
        with pytest.raises(StoreError, match="is being changed by another"):
            Index.build(named(), folder)
        os.kill(process.pid, signal.SIGKILL)
    assert not folder.exists()
    left = list(tmp_path.iterdir())
    assert [path.name for path in left] == [".index.building"]
    started = time.monotonic()
    assert Index.build(named(), folder).n_entities == 8
    assert list(tmp_path.iterdir()) == [folder]
    assert time.monotonic() - started < 60
